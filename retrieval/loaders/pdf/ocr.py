"""Scanned pages → pieces, through tesseract (extra `ocr`). The only module that knows it."""

from __future__ import annotations

from statistics import median
from typing import Any

from memory.errors import BackendFailed, MissingExtra, NotConfigured
from retrieval.loaders.pdf.page import Page, Piece
from retrieval.loaders.source import Source

LANGUAGES = ("chi_tra", "eng")
_DOTS = 300
"""Dots per inch at which a page is drawn for reading."""
_LARGEST = 6000
_LEAST_SURE = 30
"""Per cent below which a word is taken for dirt."""
_INSTALL = (
    "Install it: apt-get install tesseract-ocr tesseract-ocr-chi-tra (macOS: brew install tesseract tesseract-lang)."
)


def recognised(handle: Any, page: Page, source: Source) -> Page:
    """The page with the words that OCR sees. MissingExtra or NotConfigured when something it needs is missing."""
    import pypdfium2

    tesseract = _tesseract()
    scale = min(_DOTS / 72, _LARGEST / max(page.width, page.height))
    image = handle.render(scale=scale, grayscale=True).to_pil()
    left = max(source.limits.ocr_seconds * (1 - source.share_used), 1)
    try:
        found = tesseract.image_to_data(
            image, lang="+".join(_languages(tesseract)), output_type=tesseract.Output.DICT, timeout=left
        )
    except (RuntimeError, tesseract.TesseractError, pypdfium2.PdfiumError) as error:
        raise BackendFailed(f"OCR failed on page {page.number} of {source.name}.", str(error)) from error
    page.pieces = [*page.pieces, *_pieces(found, scale)]
    page.recognised = any(page.pieces)
    return page


def _tesseract() -> Any:
    try:
        import pytesseract
    except ImportError as error:
        raise MissingExtra("pytesseract", "ocr") from error
    try:
        pytesseract.get_tesseract_version()
    except (pytesseract.TesseractNotFoundError, SystemExit) as error:
        raise NotConfigured("OCR needs the program tesseract, which is not installed.", _INSTALL) from error
    return pytesseract


def _languages(tesseract: Any) -> list[str]:
    there = set(tesseract.get_languages(config=""))
    found = [language for language in LANGUAGES if language in there]
    if not found:
        raise NotConfigured("tesseract has no data for English or Traditional Chinese.", _INSTALL)
    return found


def _pieces(found: dict[str, list[Any]], scale: float) -> list[Piece]:
    """Words with their places in points; all words of a line share its base and letter size."""
    lines: dict[tuple[int, int, int], list[int]] = {}
    for index, text in enumerate(found["text"]):
        if text.strip() and float(found["conf"][index]) >= _LEAST_SURE:
            key = (found["block_num"][index], found["par_num"][index], found["line_num"][index])
            lines.setdefault(key, []).append(index)
    heights = {key: median(found["height"][i] for i in words) for key, words in lines.items()}
    usual = median(heights.values()) if heights else 0
    pieces = []
    for key, words in lines.items():
        near = 0.7 * usual < heights[key] < 1.4 * usual
        size = (usual if near else heights[key]) / scale
        base = max(found["top"][i] + found["height"][i] for i in words) / scale
        for i in words:
            x0, top = found["left"][i] / scale, found["top"][i] / scale
            x1, bottom = x0 + found["width"][i] / scale, base
            pieces.append(Piece(found["text"][i].strip(), x0, x1, min(top, base - size), bottom, base, size, False))
    return pieces
