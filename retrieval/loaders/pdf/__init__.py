"""PDF: PDFium gives glyphs and rulings, this package gives them their order: columns, tables, headings, paragraphs."""

from retrieval.loaders.pdf.document import load

__all__ = ["load"]
