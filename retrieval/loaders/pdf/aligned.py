"""Tables without rulings: rows whose cells line up. Pure geometry."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from retrieval.loaders.marks import width
from retrieval.loaders.pdf.page import Piece

if TYPE_CHECKING:
    from retrieval.loaders.pdf.order import Row

_NUMBER = re.compile(r"[-−–+(]?\s*(?:[$€£¥%]|NT\$|US\$)?\s*\d[\d,.:/%\s–-]*\)?\s*[%°]?[A-Za-z]{0,4}")
_LEADER = re.compile(r"\s*(?:\.\s?){4,}\s*|…{2,}|(?:·\s?){4,}")


def numeric(text: str) -> bool:
    """Whether a cell is a number, an amount or a time."""
    return bool(_NUMBER.fullmatch(text.strip()))


def aligned(rows: Sequence[Row], index: int) -> tuple[list[list[str]], int] | None:
    """The cells of a table that begins at row `index`, and the row past it; None when there is none.

    Three rows or more, each with the same number of segments, that begin, end or centre on the same places. A row
    with fewer cells that sit in these columns goes on with the row above (a cell of several lines).
    """
    first = rows[index]
    wide = len(first.segments)
    if wide < 2 or _LEADER.search(first.text):
        return None
    edges = _columns(rows, index, wide)
    if edges is None:
        return None
    table: list[list[str]] = []
    at = index
    while at < len(rows) and (cells := _cells(rows[at], edges, wide)):
        if at > index and rows[at].top - rows[at - 1].bottom > 2.5 * first.segments[0].height:
            break
        if sum(map(bool, cells)) == wide or not table or not _continues(rows, at, cells):
            table.append(cells)
        else:
            table[-1] = [f"{a} {b}".strip() if b else a for a, b in zip(table[-1], cells, strict=True)]
        at += 1
    return (table, at) if len(table) >= 3 and _convincing(table) else None


def _columns(rows: Sequence[Row], index: int, wide: int) -> list[tuple[float, float]] | None:
    """Left and right edge of each column over the full rows near `index`."""
    full = [row for row in rows[index : index + 12] if len(row.segments) == wide]
    if len(full) < 3:
        return None
    edges = []
    for column in range(wide):
        cells = [row.segments[column] for row in full]
        if not _lined_up(cells):
            return None
        edges.append((min(c.x0 for c in cells), max(c.x1 for c in cells)))
    if any(a[1] > b[0] + 1 for a, b in itertools.pairwise(edges)):
        return None
    return edges


def _lined_up(cells: list[Piece]) -> bool:
    def spread(values: list[float]) -> float:
        middle = median(values)
        return sorted(abs(v - middle) for v in values)[int(0.8 * (len(values) - 1))]

    lefts = spread([c.x0 for c in cells])
    return min(lefts, spread([c.x1 for c in cells]), spread([(c.x0 + c.x1) / 2 for c in cells])) <= 3


def _cells(row: Row, edges: list[tuple[float, float]], wide: int) -> list[str] | None:
    """The row's segments by column; None when one fits no column."""
    if len(row.segments) > wide:
        return None
    cells = [""] * wide
    for segment in row.segments:
        homes = [i for i, (a, b) in enumerate(edges) if segment.x0 < b + 6 and segment.x1 > a - 6]
        if len(homes) != 1 or cells[homes[0]]:
            return None
        cells[homes[0]] = segment.text
    return cells if len(row.segments) >= 2 or (len(row.segments) == 1 and wide > 2 and not cells[0]) else None


def _continues(rows: Sequence[Row], at: int, cells: list[str]) -> bool:
    """Whether a row without its first cell stands closer to the one above than rows do."""
    return not cells[0] and rows[at].top - rows[at - 1].bottom < 0.6 * rows[at].segments[0].height


def _convincing(table: list[list[str]]) -> bool:
    """Short cells; two columns alone need numbers or short words on the right, or labels on the left."""
    if len(table[0]) > 2:
        return median(width(c) for row in table for c in row if c) < 40
    right = [row[1] for row in table if row[1]]
    labels = sum(row[0].endswith((":", "：")) for row in table)
    short = median(width(c) for c in right) <= 24
    return labels > 0.6 * len(table) or (short and sum(numeric(c) for c in right) >= 0.5 * len(right))
