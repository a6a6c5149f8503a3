"""Opening a PDF: passwords, damage, files that end too early. Maps PDFium's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from memory.errors import BadDocument
from retrieval.loaders.source import Source

_TAIL = 2048
_PASSWORD = 4


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """The document; an empty user password opens by itself. BadDocument of kind `password` or `damaged`."""
    import pypdfium2

    _check_whole(source)
    try:
        pdf = pypdfium2.PdfDocument(source.path, password=source.password or None)
    except pypdfium2.PdfiumError as error:
        raise _refused(source, error) from error
    try:
        if len(pdf) == 0:
            raise BadDocument(source.name, "the PDF is damaged: it has no pages.", _AGAIN)
        yield pdf
    except pypdfium2.PdfiumError as error:
        raise BadDocument(source.name, f"the PDF is damaged: {error}.", _AGAIN) from error
    finally:
        pdf.close()


_AGAIN = "Open it in a PDF reader, save it again and add that."


def _refused(source: Source, error: Exception) -> BadDocument:
    if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
        if source.password:
            return BadDocument(source.name, "the password does not open it.", kind="password")
        hint = "Give the password when adding it (--password), or save it without one."
        return BadDocument(source.name, "the PDF is password-protected.", hint, kind="password")
    return BadDocument(source.name, "the PDF is damaged and cannot be opened.", _AGAIN)


def _check_whole(source: Source) -> None:
    """A file that was cut off opens in PDFium, with pages missing and nothing said."""
    with source.path.open("rb") as file:
        file.seek(max(source.path.stat().st_size - _TAIL, 0))
        tail = file.read()
    if b"%%EOF" not in tail and b"startxref" not in tail:
        raise BadDocument(source.name, "the PDF is damaged: it ends too early.", _AGAIN)
