"""Facts of tables, key–value lines and question–answer pairs. Finds which column names a row; asks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.records import Fact
from memory.records import digest
from retrieval.records import Block, Section, Span

EMPTY = frozenset({"", "-", "–", "—", "n/a", "none", "無", "无", "－", "/"})
"""Cells that say nothing; they are no answers."""
ANYTHING = frozenset(
    ["any", "all", "every", "each", "both", "either", "各", "各種", "全部", "不限", "皆可", "均可", "任何"]
)
"""Cells that leave nothing out: nobody says them when naming the row."""
_CODE = re.compile(
    r"(?=[A-Za-z\d/_-]*\d)[A-Za-z]{0,5}[A-Z\d]{0,6}(?:[-_/][A-Z\d]{1,6}){0,2}|[A-Z]{2,5}(?:[-_/][A-Z\d]{1,6}){1,2}"
)
_BARE = re.compile(r"[\d\s.,–~-]+(?:(?:to|or|and|至|到)\s?[\d.,]+|or more|and over|以上|以下)?|[<>≤≥]\s?\d+")


def cells(section: Section, block: Block) -> Iterator[Fact]:
    """Every cell that says something about what its row is called, and the name of a row behind its code."""
    naming = naming_columns(block)
    names = [_name(row, naming, _header(block, naming[0])) for row in block.rows]
    short = [_name(row, naming, _header(block, naming[0]), skipped=ANYTHING) for row in block.rows]
    for row, full, said in zip(block.rows, names, short, strict=True):
        name = said if said and short.count(said) == 1 else full
        if not name:
            continue
        for column, cell in enumerate(row):
            header = _header(block, column)
            if (column in naming and column == naming[-1]) or not header or cell.text.strip().lower() in EMPTY:
                continue
            if column in naming and len(naming) > 1 and not _CODE.fullmatch(row[naming[0]].text.strip()):
                continue
            yield _fact(
                section, "cell", cell, row, (name if column not in naming else _rest(row, naming, column), header)
            )


def naming_columns(block: Block) -> list[int]:
    """The columns that together tell rows apart and read like a name: the first one, more where it repeats.

    A first column of codes is followed by the column that says what the code means.
    """
    rows = [row for row in block.rows if row]
    if not rows:
        return []
    width = max(map(len, rows))
    naming = [0]
    coded = all(_CODE.fullmatch(row[0].text.strip()) for row in rows)
    if coded and width > 2:
        naming.append(1)
    while len(naming) < min(width - 1, 3) and not _unique(rows, naming[1:] if coded and len(naming) > 1 else naming):
        naming.append(naming[-1] + 1)
    return naming


def _unique(rows: list[tuple[Span, ...]], columns: list[int]) -> bool:
    keys = [tuple(row[c].text.strip().lower() for c in columns if c < len(row)) for row in rows]
    return len(set(keys)) == len(keys)


def _name(row: tuple[Span, ...], naming: list[int], header: str, *, skipped: frozenset[str] = frozenset()) -> str:
    """What a row is called: its naming cells without a code in front, codes only where there is nothing else.

    A bare number or range is called by its column: "people 2 to 3".
    """
    parts = [" ".join(row[c].text.split()) for c in naming if c < len(row)]
    spoken = [part for part in parts if part.lower() not in EMPTY | skipped and not _CODE.fullmatch(part)]
    name = ", ".join(spoken or [part for part in parts if part])
    return f"{header} {name}".strip() if _BARE.fullmatch(name) else name


def _rest(row: tuple[Span, ...], naming: list[int], column: int) -> str:
    others = [" ".join(row[c].text.split()) for c in naming if c != column and c < len(row)]
    return ", ".join(part for part in others if part.lower() not in EMPTY | ANYTHING) or ", ".join(others)


def _header(block: Block, column: int) -> str:
    return " ".join(block.header[column].split()) if column < len(block.header) else ""


def entries(section: Section, block: Block) -> Iterator[Fact]:
    """The value of each key, the answer of each question."""
    for row in block.rows:
        if len(row) < 2 or row[-1].text.strip().lower() in EMPTY:
            continue
        key = " ".join(row[0].text.split()).strip(" :：")
        about = key if block.kind == "qa" else (section.heading_path[-1] if section.heading_path else "")
        yield _fact(section, block.kind, row[-1], row, (about, "" if block.kind == "qa" else key))


def _fact(section: Section, kind: str, cell: Span, row: tuple[Span, ...], named: tuple[str, str]) -> Fact:
    """A fact whose value is the cell without blanks at its ends."""
    raw = section.text[cell.start - section.start : cell.end - section.start]
    value = raw.strip()
    start = cell.start + len(raw) - len(raw.lstrip())
    first, last = row[0].start, row[-1].end
    about, attribute = named
    return Fact(
        id=digest(section.id, kind, value, about, attribute, str(start - section.start)),
        section_id=section.id,
        kind=kind,
        about=about,
        attribute=attribute,
        start=start,
        end=start + len(value),
        value=value,
        statement=section.text[first - section.start : last - section.start],
        statement_start=first,
        statement_end=last,
        language=section.language,
    )
