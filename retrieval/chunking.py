"""Sections → chunks that fit an embedder by its own count. Pure and deterministic; `sections` and `units` live beside.

What is embedded is the heading path, a line break and the body; the limit holds for that whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from memory.records import digest
from retrieval.records import Chunk, Section
from retrieval.sections import sections
from retrieval.units import clauses, units

__all__ = ["Count", "chunks", "heading_within", "passage", "sections", "units"]

Count = Callable[[str], int]
"""Tokens of a text by an embedder's own tokenizer, special tokens included."""


_MARK = re.compile(r"[ \t|>*+•·#-]*(?:\w{1,3}[.)、）:：][ \t]*)?[ \t|>*+•·#-]*")


class _Atom(NamedTuple):
    """A stretch of a section's text that is cut only when it alone is too long."""

    start: int
    end: int
    header: str
    """The table header to repeat when a chunk begins here."""
    cost: int
    """Its tokens, special ones left out."""


def passage(heading: str, body: str) -> str:
    """What is embedded for a body under a heading path."""
    return f"{heading}\n{body}" if heading else body


def heading_within(path: Sequence[str], count: Count, limit: int) -> str:
    """The heading path in one line, without its first parts, then cut, where it would take more than half the limit."""
    for first in range(len(path)):
        heading = " > ".join(path[first:])
        if count(heading) <= limit // 2:
            return heading
    return path[-1][: _most(path[-1], count, limit // 2)] if path else ""


def chunks(section: Section, count: Count, limit: int) -> list[Chunk]:
    """The section in chunks of at most `limit` tokens, heading path included, of about equal size.

    Chunks tile the section: their verbatim parts joined give its text. Cuts fall between units (after a stop, between
    rows); inside a unit only when it alone is over the limit. A chunk that continues a table begins with its header.
    """
    heading = heading_within(section.heading_path, count, limit)
    whole = count(passage(heading, section.text))
    if whole <= limit and not any(block.kind == "table" for block in section.blocks):
        return [_chunk(section, 0, section.text, (0, len(section.text)), whole)]
    found: list[Chunk] = []
    atoms = _atoms(section, count)
    while atoms:
        taken = _fill(section.text, atoms, heading, count, limit)
        if not taken:
            atoms[:1] = _halves(section.text, atoms[0], count)
            continue
        body = _body(section.text, atoms[:taken])
        span = (atoms[0].start, atoms[taken - 1].end)
        found.append(_chunk(section, len(found), body, span, count(passage(heading, body))))
        del atoms[:taken]
    return found


def _fill(text: str, atoms: list[_Atom], heading: str, count: Count, limit: int) -> int:
    """How many of the atoms go into the next chunk; 0 when the first alone is too long."""
    room = limit - count(passage(heading, atoms[0].header))
    rest = sum(a.cost for a in atoms)
    goal = rest / max(1, ceil(rest / max(room, 1)))
    taken, used = 0, 0
    for atom in atoms:
        if taken and (used + atom.cost > room or used + atom.cost / 2 > goal):
            break
        taken, used = taken + 1, used + atom.cost
    while taken and count(passage(heading, _body(text, atoms[:taken]))) > limit:
        taken -= 1
    return taken


def _atoms(section: Section, count: Count) -> list[_Atom]:
    """The section's text cut where units begin, so that every stop and blank stays with what it ends."""
    tables = list(_tables(section))
    starts = {_mark_start(section.text, u.start - section.start) for u in units(section)}
    cuts = [0, *sorted(s for s in starts if 0 < s < len(section.text)), len(section.text)]
    special = count("")
    atoms = []
    for start, end in pairwise(cuts):
        header = next((t.header for t in tables if t.first <= start < t.end), "")
        atoms.append(_Atom(start, end, header, count(section.text[start:end]) - special))
    return atoms


class _Table(NamedTuple):
    first: int
    """Where the first row begins that does not see the header above it."""
    end: int
    header: str


def _tables(section: Section) -> Iterator[_Table]:
    """Where in the section's text a chunk that begins there lacks a table's header."""
    for block in section.blocks:
        rows = [row for row in block.rows if row]
        if block.kind == "table" and any(block.header) and rows:
            start = max(block.start - section.start, 0)
            first = _mark_start(section.text, rows[0][0].start - section.start)
            above = section.text[start:first].strip()
            yield _Table(first + 1 if above else first, block.end - section.start, _header_line(above, block.header))


def _mark_start(text: str, start: int) -> int:
    """Back to the line's start when only a bullet, number or border stands before `start`."""
    line = text.rfind("\n", 0, start) + 1
    return line if _MARK.fullmatch(text, line, start) else start


def _header_line(above: str, header: tuple[str, ...]) -> str:
    """The header as it stands in the text, when it does; a group of rows without it gets its column names."""
    line = above.split("\n", 1)[0].strip()
    return line if line and all(name.strip() in line for name in header) else " | ".join(header)


def _halves(text: str, atom: _Atom, count: Count) -> list[_Atom]:
    """The atom in two, at a clause or blank near the middle, else in the middle."""
    raw = text[atom.start : atom.end]
    if len(raw) < 2:
        raise ValueError("A single character does not fit the embedder's limit.")
    middle = next(clauses(raw, max(sum(1 if c.isascii() else 2 for c in raw) // 2, 1)))[1]
    middle = atom.start + (middle if middle < len(raw) else len(raw) // 2)
    special = count("")
    return [
        _Atom(atom.start, middle, atom.header, count(text[atom.start : middle]) - special),
        _Atom(middle, atom.end, atom.header, count(text[middle : atom.end]) - special),
    ]


def _body(text: str, atoms: list[_Atom]) -> str:
    body = text[atoms[0].start : atoms[-1].end]
    return f"{atoms[0].header}\n{body}" if atoms[0].header else body


def _chunk(section: Section, ordinal: int, body: str, span: tuple[int, int], tokens: int) -> Chunk:
    return Chunk(
        id=digest(section.id, str(ordinal), body),
        section_id=section.id,
        document_id=section.document_id,
        ordinal=ordinal,
        start=section.start + span[0],
        end=section.start + span[1],
        text=body,
        tokens=tokens,
    )


def _most(text: str, count: Count, limit: int) -> int:
    """The most characters of `text` that count at most `limit`."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= limit else (low, middle - 1)
    return low
