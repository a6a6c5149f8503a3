"""Who is trained and who is held out, by hash alone: the same for ever, whatever documents are added. Pure."""

from __future__ import annotations

from memory.records import digest
from retrieval.records import Section


def held_out(section: Section, share: float) -> bool:
    """Whether everything under the section's headings in its document is kept for testing."""
    return fraction("section", *group(section)) < share


def group(section: Section) -> tuple[str, ...]:
    """Document name and heading path: sections that were cut from under the same heading are held out together.

    Where the only heading is the document's title, each section is its own group.
    """
    return (section.document, *section.heading_path, *(() if len(section.heading_path) > 1 else (section.id,)))


def fraction(*parts: str) -> float:
    """A number from 0 to 1 that only depends on the parts."""
    return int(digest(*parts, length=12), 16) / 16**12
