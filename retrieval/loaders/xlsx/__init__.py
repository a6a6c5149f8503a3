"""XLSX: sheets as sections, their tables with header rows, values as the sheet shows them."""

from retrieval.loaders.xlsx.workbook import load

__all__ = ["load"]
