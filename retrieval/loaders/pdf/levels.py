"""Tables with level rulings only, above the head, below it and at the end: columns by the gaps that all lines share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from retrieval.loaders.pdf.grid import Grid
from retrieval.loaders.pdf.order import Row, rows
from retrieval.loaders.pdf.page import Box, Piece, Rule
from retrieval.loaders.pdf.prose import glued

_NEAR = 4.0
_NARROWEST = 60.0


def level_grids(rules: Sequence[Rule], pieces: Sequence[Piece]) -> list[Grid]:
    """The tables between three or more level rulings of one width; nothing where an upright ruling stands.

    Rulings of headers and footnotes have the same width as a table's often: bands of plain text end a table.
    """
    levels = sorted((r for r in rules if r.level and r.x1 - r.x0 >= _NARROWEST), key=lambda r: r.y0)
    found = []
    while levels:
        first = levels[0]
        group = [r for r in levels if abs(r.x0 - first.x0) <= _NEAR and abs(r.x1 - first.x1) <= _NEAR]
        levels = [r for r in levels if r not in group]
        for box, bands in _runs(first, _distinct([r.y0 for r in group]), pieces):
            crossed = any(not r.level and box.holds(r.x0, (r.y0 + r.y1) / 2) for r in rules)
            grid = None if crossed else _grid(box, bands)
            if grid:
                found.append(grid)
    return found


def _distinct(heights: list[float]) -> list[float]:
    found = heights[:1]
    for height in heights:
        if height - found[-1] > _NEAR:
            found.append(height)
    return found


def _runs(rule: Rule, heights: list[float], pieces: Sequence[Piece]) -> Iterator[tuple[Box, list[list[Row]]]]:
    """Neighbouring bands that look like parts of a table, two or more, with the place of all."""
    run: list[list[Row]] = []
    top = heights[0]
    for start, end in pairwise([*heights, heights[-1]]):
        inside = [p for p in pieces if start <= (p.top + p.bottom) / 2 < end and rule.x0 - 2 <= p.x0 <= rule.x1]
        lines = rows(inside)
        if lines and sum(len(line.segments) > 1 for line in lines) >= 0.3 * len(lines):
            top = top if run else start
            run.append(lines)
            continue
        if len(run) > 1:
            yield Box(rule.x0, top, rule.x1, start), run
        run = []


def _grid(box: Box, bands: list[list[Row]]) -> Grid | None:
    edges = _columns([s for band in bands for row in band if len(row.segments) > 1 for s in row.segments])
    if len(edges) < 2:
        return None
    # The lines above the first inner ruling name the columns together.
    head = [bands[0]] if len(bands[0]) <= 3 else _groups(bands[0], edges)
    table = [_cells(group, edges) for group in head]
    table += [_cells(group, edges) for band in bands[1:] for group in _groups(band, edges)]
    return Grid(box, table) if len(table) >= 3 else None


def _columns(pieces: list[Piece]) -> list[tuple[float, float]]:
    """Left and right edge of each column: where a gap goes through all lines."""
    if not pieces:
        return []
    least = max(p.size for p in pieces) * 0.7
    edges: list[tuple[float, float]] = []
    for piece in sorted(pieces, key=lambda p: p.x0):
        if edges and piece.x0 - edges[-1][1] < least:
            edges[-1] = edges[-1][0], max(edges[-1][1], piece.x1)
        else:
            edges.append((piece.x0, piece.x1))
    return edges


def _groups(lines: list[Row], edges: list[tuple[float, float]]) -> list[list[Row]]:
    """Lines that make one row: by a wider gap above it, or by its first cell."""
    if not lines:
        return []
    gaps = [b.top - a.bottom for a, b in pairwise(lines)]
    height = lines[0].segments[0].height
    parted = (min(gaps) + max(gaps)) / 2 if gaps and max(gaps) - min(gaps) > 0.25 * height else None
    groups = [[lines[0]]]
    for line, gap in zip(lines[1:], gaps, strict=True):
        begins = gap > parted if parted is not None else line.segments[0].x0 <= edges[0][1]
        if begins:
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups


def _cells(group: list[Row], edges: list[tuple[float, float]]) -> list[str]:
    lines: list[list[str]] = [[] for _ in edges]
    for row in group:
        for segment in row.segments:
            column = next((i for i, (_, right) in enumerate(edges) if segment.x0 <= right), len(edges) - 1)
            lines[column].append(segment.text)
    return [glued(cell) for cell in lines]
