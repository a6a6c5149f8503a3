"""What reading one file may cost, and what a fetched web page is. Plain values."""

from __future__ import annotations

from pydantic import Field

from memory.records import Record

MEGABYTE = 1024 * 1024


class Limits(Record):
    """The most that one file may cost. A file over a limit is refused with the limit's name, never cut quietly."""

    seconds: float = Field(default=120.0, gt=0)
    """Wall clock for reading one file; the child process is killed at the end of it."""
    ocr_seconds: float = Field(default=1800.0, gt=0)
    """The same, when scanned pages are recognised."""
    memory: int = Field(default=1024 * MEGABYTE, ge=64 * MEGABYTE)
    """Bytes that reading one file may add to the child process."""
    size: int = Field(default=200 * MEGABYTE, ge=1)
    """Bytes of the file."""
    characters: int = Field(default=8_000_000, ge=1)
    """Characters of text that one document may have."""
    inflated: int = Field(default=512 * MEGABYTE, ge=1)
    """Bytes that the entries of a DOCX, PPTX, XLSX or EPUB may have together once unpacked, by count, not by claim."""
    ratio: float = Field(default=60.0, gt=1)
    """How many times its packed size such a file may grow, above `small`."""
    small: int = Field(default=32 * MEGABYTE, ge=0)
    """Bytes unpacked up to which `ratio` does not matter."""
    entries: int = Field(default=10_000, ge=1)
    """Entries of such a file."""
    download: int = Field(default=25 * MEGABYTE, ge=1)
    """Bytes of a web page."""
    download_seconds: float = Field(default=30.0, gt=0)
    """Wall clock for fetching a web page, redirects included."""
    redirects: int = Field(default=5, ge=0)
    """Redirects that are followed, each checked like the first address."""


DEFAULT = Limits()
"""The limits of a reading that names none."""


class Fetched(Record):
    """What a web address gave."""

    data: bytes
    name: str
    """The address that answered at last, without its fragment."""
    content_type: str
    """Media type without parameters, lower case; empty when none was sent."""
    charset: str = ""
    """Character set of the Content-Type header; pass it to `read` as `encoding`."""
    suffix: str = ""
    """The suffix its content is read under: .html, .pdf …"""
