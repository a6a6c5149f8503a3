"""DOCX: body, tables, lists, footnotes, text boxes, headers and footers, in the document's order."""

from retrieval.loaders.docx.document import load

__all__ = ["load"]
