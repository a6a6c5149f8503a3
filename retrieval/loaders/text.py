"""Plain text: decoded by evidence, stored as it stands, its structure found line by line."""

from __future__ import annotations

from retrieval.loaders.cleaning import Cleaner
from retrieval.loaders.encoding import decode
from retrieval.loaders.lines import blocks_of
from retrieval.loaders.source import Source
from retrieval.loaders.structure import refined
from retrieval.records import Block, Parsed


def load(source: Source) -> Parsed:
    """The text with blocks; its title is a heading on the first line."""
    decoded = decode(source.bytes(), name=source.name, encoding=source.encoding)
    clean = Cleaner()
    text = clean(decoded.text).rstrip()
    blocks = refined(text, blocks_of(text))
    return Parsed(
        name=source.name,
        format="txt",
        text=text,
        blocks=blocks,
        title=title_of(text, blocks),
        encoding=decoded.encoding,
        notes=(*decoded.notes, *clean.notes()),
    )


def title_of(text: str, blocks: tuple[Block, ...]) -> str:
    """The words of a heading that opens the document; else nothing."""
    if blocks and blocks[0].kind == "heading" and blocks[0].level == 1:
        return text[blocks[0].start : blocks[0].end]
    return ""
