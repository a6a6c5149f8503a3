"""Reading bytes in this process, with every offset checked."""

from __future__ import annotations

import unicodedata

import pytest

from retrieval.loaders import parse
from retrieval.records import Parsed
from tests.loaders import files


def check(parsed: Parsed) -> Parsed:
    """Assert what the contract of Parsed promises, whatever the format."""
    text, last = parsed.text, 0
    assert unicodedata.is_normalized("NFC", text)
    assert not {"\r", "\x00", "\ufeff"} & set(text)
    for block in parsed.blocks:
        assert last <= block.start < block.end <= len(text), "blocks are in order, apart and inside the text"
        last = block.end
        assert (
            text[block.start : block.end].strip() == text[block.start : block.end].strip("\n") or block.kind == "code"
        )
        for span in [cell for row in block.rows for cell in row]:
            assert text[span.start : span.end] == span.text
            assert block.start <= span.start <= span.end <= block.end
        if block.lead:
            assert text[block.lead.start : block.lead.end] == block.lead.text
        if block.kind == "table":
            assert block.rows or block.header
            assert not block.header or all(len(row) <= len(block.header) for row in block.rows)
        if block.kind in ("keyvalue", "qa"):
            assert all(len(row) == 2 and row[0].text and row[1].text for row in block.rows)
        assert (block.kind == "heading") == (1 <= block.level <= 6) or block.kind == "list"
    for value in parsed.metadata.values():
        assert isinstance(value, str | int | float | bool) or all(isinstance(v, str) and v for v in value)
        assert value not in ("", [])
    assert all(note.count > 0 for note in parsed.notes)
    return parsed


@pytest.fixture
def read(tmp_path):
    """`read(name, bytes)`: the document, checked."""

    def reading(name: str, data: bytes | str, **options) -> Parsed:
        data = data.encode() if isinstance(data, str) else data
        return check(parse(files.save(tmp_path, "file", data), name=name, **options))

    return reading


def blocks(parsed: Parsed, kind: str) -> list[str]:
    """The texts of the blocks of a kind."""
    return [parsed.text[b.start : b.end] for b in parsed.blocks if b.kind == kind]


def cells(parsed: Parsed) -> list[list[str]]:
    """The cells of all tables, header first."""
    return [
        row
        for b in parsed.blocks
        if b.kind == "table"
        for row in ([list(b.header)] if b.header else []) + [[c.text for c in r] for r in b.rows]
    ]


def rows(parsed: Parsed, kind: str) -> list[list[str]]:
    """The rows of blocks of a kind as texts."""
    return [[c.text for c in row] for b in parsed.blocks if b.kind == kind for row in b.rows]


def kinds(parsed: Parsed) -> set[str]:
    """The kinds of its notes."""
    return {note.kind for note in parsed.notes}
