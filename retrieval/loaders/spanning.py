"""Merged cells: a table with spans → a plain grid, and its heading rows → one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from retrieval.loaders.columns import headed
from retrieval.loaders.layout import Layout

_MOST_CELLS = 2_000_000


class Cell(NamedTuple):
    """A cell as a file states it."""

    text: str
    wide: int = 1
    tall: int = 1


class Grid(NamedTuple):
    """A table without spans."""

    rows: list[list[str]]
    header: bool


def spread(rows: Sequence[Sequence[Cell]], *, head: int | None = None) -> Grid:
    """The grid. A cell merged downwards says its text in every row; one merged sideways says it once, but in every
    column of a heading. `head` is the number of heading rows when the file says so; else the first row is judged.
    """
    grid: list[list[str]] = []
    waiting: dict[int, tuple[str, int]] = {}
    for number, row in enumerate(rows):
        line: list[str] = []
        for cell in row:
            _fill(line, waiting)
            for step in range(cell.wide):
                text = cell.text if step == 0 or number < (head or (1 if len(row) > 1 else 0)) else ""
                if cell.tall > 1:
                    waiting[len(line)] = (text, cell.tall - 1)
                line.append(text)
        _fill(line, waiting)
        grid.append(line)
        if len(grid) * max(len(line), 1) > _MOST_CELLS:
            break
    return _with_header(grid, head)


def _fill(line: list[str], waiting: dict[int, tuple[str, int]]) -> None:
    """Cells that come down from the rows above."""
    while len(line) in waiting:
        column = len(line)
        text, left = waiting[column]
        line.append(text)
        if left > 1:
            waiting[column] = (text, left - 1)
        else:
            del waiting[column]


def _with_header(grid: list[list[str]], head: int | None) -> Grid:
    if not grid:
        return Grid([], False)
    wide = max(map(len, grid))
    grid = [row + [""] * (wide - len(row)) for row in grid]
    if not head:
        # A name that spans columns comes again in each; that is no reason against its being one.
        told_apart = [name + "'" * grid[0][:column].count(name) for column, name in enumerate(grid[0])]
        return Grid(grid, headed([told_apart, *grid[1:]]))
    names = []
    for column in range(wide):
        parts = list(dict.fromkeys(row[column] for row in grid[:head] if row[column]))
        names.append(" ".join(parts))
    return Grid([names, *grid[head:]], True)


def tabulate(layout: Layout, cells: Sequence[Sequence[Cell]], *, head: int | None, page: int | None = None) -> None:
    """Write a table; one of two columns without names for them, but with a short label in each row, as pairs."""
    grid = spread(cells, head=head)
    filled = [row for row in grid.rows if any(row)]
    wide = max((len(row) for row in filled), default=0)
    if wide == 1:
        for row in filled:
            layout.paragraph(row[0], page=page)
    elif wide == 2 and not head and _labelled(filled, named=grid.header):
        layout.keyvalue([(row[0].rstrip(":： "), row[1]) for row in filled], page=page)
    else:
        layout.table(filled, header=grid.header, page=page)


def _labelled(rows: list[list[str]], *, named: bool) -> bool:
    labels = [row[0].strip() for row in rows]
    if any(not label or len(label) > 40 for label in labels) or len(set(labels)) < len(labels):
        return False
    marked = sum(label.endswith((":", "：")) for label in labels)
    return marked > 0.5 * len(labels) or not named
