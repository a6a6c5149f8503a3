"""Tables with rulings: lines → grids → cells, merged ones included. Pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from retrieval.loaders.pdf.glyphs import joined
from retrieval.loaders.pdf.page import Box, Piece, Rule

_NEAR = 3.0
_MOST_RULES = 4000


class Grid(NamedTuple):
    """A ruled table: its place, and the text of its cells by row."""

    box: Box
    cells: list[list[str]]


def grids(rules: Sequence[Rule], pieces: Sequence[Piece]) -> list[Grid]:
    """The tables that rulings draw around pieces, from top to bottom; a frame around text is none."""
    found = []
    for group in _touching([r for r in rules if max(r.x1 - r.x0, r.y1 - r.y0) >= 4][:_MOST_RULES]):
        grid = _grid(group, pieces)
        if grid:
            found.append(grid)
    return sorted(found, key=lambda g: (g.box.y0, g.box.x0))


def _touching(rules: list[Rule]) -> list[list[Rule]]:
    """Rules in groups that touch or cross each other."""
    owner = list(range(len(rules)))

    def root(index: int) -> int:
        while owner[index] != index:
            owner[index] = owner[owner[index]]
            index = owner[index]
        return index

    order = sorted(range(len(rules)), key=lambda i: rules[i].y0)
    open_: list[int] = []
    for index in order:
        open_ = [o for o in open_ if rules[o].y1 >= rules[index].y0 - _NEAR]
        for other in open_:
            if _meet(rules[index], rules[other]):
                owner[root(index)] = root(other)
        open_.append(index)
    groups: dict[int, list[Rule]] = {}
    for index, rule in enumerate(rules):
        groups.setdefault(root(index), []).append(rule)
    return list(groups.values())


def _meet(a: Rule, b: Rule) -> bool:
    return a.x0 <= b.x1 + _NEAR and b.x0 <= a.x1 + _NEAR and a.y0 <= b.y1 + _NEAR and b.y0 <= a.y1 + _NEAR


def _grid(rules: list[Rule], pieces: Sequence[Piece]) -> Grid | None:
    xs = _places([r.x0 for r in rules if not r.level])
    ys = _places([r.y0 for r in rules if r.level])
    if not xs or not ys:
        return None
    # Tables without outer sides: the level lines say how far they reach.
    levels = [r for r in rules if r.level]
    xs = _places([*xs, min(r.x0 for r in levels), max(r.x1 for r in levels)])
    uprights = [r for r in rules if not r.level]
    ys = _places([*ys, min(r.y0 for r in uprights), max(r.y1 for r in uprights)])
    if len(xs) < 2 or len(ys) < 2 or (len(xs) - 1) * (len(ys) - 1) < 2:
        return None
    box = Box(xs[0], ys[0], xs[-1], ys[-1])
    inside = [p for p in pieces if box.holds((p.x0 + p.x1) / 2, (p.top + p.bottom) / 2)]
    cells = _filled(_owners(rules, xs, ys), xs, ys, inside)
    rows = [row for row in cells if any(row)]
    rows = _without_empty_columns(rows)
    return Grid(box, rows) if len(rows) >= 2 and len(rows[0]) >= 2 else None


def _places(values: list[float]) -> list[float]:
    """Values that are near each other as one, in order."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _NEAR:
            found.append(value)
    return found


def _owners(rules: list[Rule], xs: list[float], ys: list[float]) -> dict[tuple[int, int], tuple[int, int]]:
    """For each (row, column) of the grid the first one of the merged cell that it belongs to."""
    uprights = [r for r in rules if not r.level]
    levels = [r for r in rules if r.level]
    owners: dict[tuple[int, int], tuple[int, int]] = {}
    for row, (top, bottom) in enumerate(pairwise(ys)):
        for column, (left, right) in enumerate(pairwise(xs)):
            owners[row, column] = (row, column)
            middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
            if column and not any(abs(r.x0 - left) <= _NEAR and r.y0 <= middle_y <= r.y1 for r in uprights):
                owners[row, column] = owners[row, column - 1]
            elif row and not any(abs(r.y0 - top) <= _NEAR and r.x0 <= middle_x <= r.x1 for r in levels):
                owners[row, column] = owners[row - 1, column]
    return owners


def _filled(
    owners: dict[tuple[int, int], tuple[int, int]], xs: list[float], ys: list[float], pieces: list[Piece]
) -> list[list[str]]:
    """The text of each cell. A cell merged downwards says its text in each row; one merged sideways says it once."""
    held: dict[tuple[int, int], list[Piece]] = {}
    for piece in pieces:
        row = _index(ys, (piece.top + piece.bottom) / 2)
        column = _index(xs, (piece.x0 + piece.x1) / 2)
        held.setdefault(owners[row, column], []).append(piece)
    table = []
    for row in range(len(ys) - 1):
        line = []
        for column in range(len(xs) - 1):
            owner = owners[row, column]
            line.append(_words(held.get(owner, [])) if owner[1] == column else "")
        table.append(line)
    return table


def _index(places: list[float], value: float) -> int:
    return max(0, min(sum(p <= value for p in places) - 1, len(places) - 2))


def _words(pieces: list[Piece]) -> str:
    """The cell's lines joined."""
    from retrieval.loaders.pdf.order import rows
    from retrieval.loaders.pdf.prose import glued

    return glued([joined(list(row.segments)).text for row in rows(pieces)]) if pieces else ""


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows)] if rows else []
    return [[row[i] for i in kept] for row in rows]
