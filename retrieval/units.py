"""A section → units: the smallest pieces that can be quoted. Pure; knows no embedder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from retrieval.records import Block, Section, Span, Unit
from retrieval.sentences import CJK, sentences

LONGEST = 600
"""Characters of a sentence or pair that is one unit; a Chinese character counts as two."""

Kind = Literal["sentence", "row", "item", "keyvalue", "qa", "heading"]
_Found = tuple[Kind, int, int, str]

_CLAUSE = re.compile(r"[，、；：。？！,;:)）」』]+\s*|\s+")
_STOPS = "。？！；，、」』）)"
_WIDE = re.compile(f"[{CJK}\u3000-\u303f\uff00-\uffef]")


def units(section: Section) -> list[Unit]:
    """The units of a section in reading order; `unit.text` is the stored text from `unit.start` to `unit.end`.

    A sentence (cut at a clause when it is very long), a table row as "column: cell; column: cell", a list item behind
    its lead-in, a key with its value, a question with its answer.
    """
    found: list[_Found] = []
    for block in section.blocks:
        found += _of_block(section, block)
    return [
        Unit(
            section_id=section.id,
            ordinal=ordinal,
            kind=kind,
            start=start,
            end=end,
            text=_slice(section, start, end),
            rendered=" ".join(rendered.split()) or _slice(section, start, end),
        )
        for ordinal, (kind, start, end, rendered) in enumerate(found)
    ]


def _of_block(section: Section, block: Block) -> Iterator[_Found]:
    match block.kind:
        case "heading":
            yield "heading", *_trimmed(section, block.start, block.end), section.heading
        case "code":
            yield from _code(section, block)
        case "table" | "list" | "keyvalue" | "qa" if any(block.rows):
            for row in filter(None, block.rows):
                yield from _of_row(section, block, row)
        case _:
            yield from _sentences(section, block.start, block.end)


def _of_row(section: Section, block: Block, row: tuple[Span, ...]) -> Iterator[_Found]:
    match block.kind:
        case "table":
            yield from _row(block.header, row)
        case "list":
            yield from _item(section, row, block.lead)
        case "keyvalue":
            yield "keyvalue", row[0].start, row[-1].end, ": ".join(cell.text.strip(" :：") for cell in row)
        case _:
            yield from _pair(section, row)


def _row(header: tuple[str, ...], row: tuple[Span, ...]) -> Iterator[_Found]:
    cells = [cell for cell in row if cell.text.strip()]
    if cells:
        rendered = "; ".join(
            f"{name.strip()}: {cell.text.strip()}" if name.strip() else cell.text.strip()
            for name, cell in zip((*header, *[""] * len(row)), row, strict=False)
            if cell.text.strip()
        )
        yield "row", cells[0].start, cells[-1].end, rendered


def _item(section: Section, row: tuple[Span, ...], lead: Span | None) -> Iterator[_Found]:
    """An item behind its lead-in; a long item gives its sentences, each behind the lead-in."""
    before = f"{lead.text} " if lead else ""
    start, end = row[0].start, row[-1].end
    if _width(_slice(section, start, end)) <= LONGEST:
        yield "item", start, end, before + _slice(section, start, end)
        return
    for kind, first, last, rendered in _sentences(section, start, end):
        yield kind, first, last, before + rendered


def _pair(section: Section, row: tuple[Span, ...]) -> Iterator[_Found]:
    """A pair whole; of a long one the sentences of its answer, since the question is in the heading path."""
    whole = " ".join(cell.text for cell in row)
    if _width(whole) <= LONGEST or len(row) < 2:
        yield "qa", row[0].start, row[-1].end, whole
    else:
        yield from _sentences(section, row[1].start, row[-1].end)


def _code(section: Section, block: Block) -> Iterator[_Found]:
    """Lines of code in groups that stay short."""
    start = end = block.start
    for line in _slice(section, block.start, block.end).splitlines(keepends=True):
        if end + len(line) - start > LONGEST and end > start:
            yield from _whole(section, start, end)
            start = end
        end += len(line)
    yield from _whole(section, start, min(end, block.end))


def _whole(section: Section, start: int, end: int) -> Iterator[_Found]:
    start, end = _trimmed(section, start, end)
    if end > start:
        yield "sentence", start, end, _slice(section, start, end)


def _sentences(section: Section, start: int, end: int) -> Iterator[_Found]:
    start, end = _trimmed(section, start, end)
    for first, last in sentences(_slice(section, start, end)):
        for a, b in clauses(_slice(section, start + first, start + last), LONGEST):
            yield from _whole(section, start + first + a, start + first + b)


def clauses(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Spans that tile `text`, none wider than `longest`, cut after a clause or a blank where there is one."""
    start = 0
    while (end := start + _fitting(text[start : start + longest + 1], longest)) < len(text):
        breaks = [m.end() for m in _CLAUSE.finditer(text, start + (end - start) // 2, end)]
        end = breaks[-1] if breaks else end
        while end < len(text) and text[end] in _STOPS:
            end += 1
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


def _fitting(text: str, width: int) -> int:
    """How many characters of `text` are at most `width` wide; at least one."""
    if 2 * len(text) <= width:
        return len(text)
    used = 0
    for index, character in enumerate(text):
        used += 2 if _WIDE.match(character) else 1
        if used > width:
            return max(index, 1)
    return len(text)


def _width(text: str) -> int:
    return len(text) + (0 if text.isascii() else len(_WIDE.findall(text)))


def _slice(section: Section, start: int, end: int) -> str:
    return section.text[max(start - section.start, 0) : max(end - section.start, 0)]


def _trimmed(section: Section, start: int, end: int) -> tuple[int, int]:
    """Within the section, without blanks at the ends."""
    start, end = max(start, section.start), min(end, section.end)
    raw = _slice(section, start, end)
    return start + len(raw) - len(raw.lstrip()), start + len(raw.rstrip()) if raw.strip() else start
