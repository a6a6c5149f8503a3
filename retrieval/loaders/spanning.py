"""Merged cells: a table with spans → a plain grid, and its heading rows → one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from retrieval.loaders.columns import headed

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
                text = cell.text if step == 0 or (head is not None and number < head) else ""
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
    if head is None:
        return Grid(grid, headed(grid))
    if head == 0:
        return Grid(grid, headed(grid))
    names = []
    for column in range(wide):
        parts = list(dict.fromkeys(row[column] for row in grid[:head] if row[column]))
        names.append(" ".join(parts))
    return Grid([names, *grid[head:]], True)
