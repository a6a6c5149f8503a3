"""One file on its way through a loader, and the way: checks, format, loader, checks."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from memory.errors import BadDocument
from retrieval.loaders.formats import MODULES, detect
from retrieval.loaders.limits import DEFAULT, MEGABYTE, Limits
from retrieval.records import Parsed


@dataclass(frozen=True)
class Source:
    """A file to read and how."""

    path: Path
    name: str
    limits: Limits = DEFAULT
    password: str | None = None
    encoding: str | None = None
    ocr: bool = False
    started: float = field(default_factory=monotonic)

    def bytes(self) -> bytes:
        """The whole file."""
        return self.path.read_bytes()

    @property
    def share_used(self) -> float:
        """How much of its time has gone, 0 to 1 and beyond: a loader may save work in time."""
        allowed = self.limits.ocr_seconds if self.ocr else self.limits.seconds
        return (monotonic() - self.started) / allowed


def load(source: Source) -> Parsed:
    """Read the file with the loader of its format; see `retrieval.loaders.read` for the errors."""
    _check_size(source)
    family = detect(source.path, source.name)
    parsed: Parsed = importlib.import_module(MODULES[family]).load(source)
    if not parsed.text.strip():
        reason = next((n.detail for n in parsed.notes if n.kind == "scanned_pages"), "there is no text in it.")
        hint = "Turn on OCR to read scanned pages." if reason != "there is no text in it." else ""
        raise BadDocument(source.name, reason, hint, kind="no_text" if hint else "empty")
    if len(parsed.text) > source.limits.characters:
        raise BadDocument(
            source.name,
            f"it has {len(parsed.text):,} characters of text; the limit is {source.limits.characters:,}.",
            "Split it, or raise the limit in the settings.",
            kind="too_large",
        )
    return parsed


def _check_size(source: Source) -> None:
    try:
        size = source.path.stat().st_size
        with source.path.open("rb"):
            pass
    except OSError as error:
        raise BadDocument(source.name, f"it cannot be opened: {error.strerror or error}.", kind="missing") from error
    if size == 0:
        raise BadDocument(source.name, "the file is empty (0 bytes).", kind="empty")
    if size > source.limits.size:
        raise BadDocument(
            source.name,
            f"it has {size / MEGABYTE:,.0f} MB; the limit is {source.limits.size / MEGABYTE:,.0f} MB.",
            "Split it, or raise the limit in the settings.",
            kind="too_large",
        )
