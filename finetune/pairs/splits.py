"""Who is trained and who is held out, by hash alone: the same for ever, whatever documents are added. Pure."""

from __future__ import annotations

from memory.records import digest
from retrieval.records import Section


def held_out(section: Section, share: float) -> bool:
    """Whether the whole group of sections under the same top heading of the document is kept for testing."""
    return fraction("section", *group(section)) < share


def group(section: Section) -> tuple[str, ...]:
    """Document name and the headings down to the second, what is held out together; the section itself without headings."""
    return (section.document, *section.heading_path[:2], *(() if len(section.heading_path) > 1 else (section.id,)))


def fraction(*parts: str) -> float:
    """A number from 0 to 1 that only depends on the parts."""
    return int(digest(*parts, length=12), 16) / 16**12
