"""The order in which a page is read: pieces → lines → columns, one column after the other. Pure geometry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from retrieval.loaders.marks import width
from retrieval.loaders.pdf.aligned import numeric
from retrieval.loaders.pdf.glyphs import joined
from retrieval.loaders.pdf.page import Piece

_FEWEST = 3
"""Lines that each of two columns must have."""


class Row(NamedTuple):
    """What stands at one height, as segments with gaps between them."""

    top: float
    bottom: float
    segments: tuple[Piece, ...]

    @property
    def text(self) -> str:
        return " ".join(s.text for s in self.segments)


class Region(NamedTuple):
    """Rows to be read one after the other."""

    rows: tuple[Row, ...]


def regions(pieces: Sequence[Piece]) -> tuple[list[Region], bool]:
    """The regions of a page in reading order, and whether columns were found."""
    found = list(_split(rows(pieces), depth=0))
    return found, len(found) > 1


def rows(pieces: Sequence[Piece]) -> list[Row]:
    """The pieces by height, each row from left to right."""
    found: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: (p.base, p.x0)):
        home = next((r for r in reversed(found[-6:]) if _same_line(r, piece)), None)
        if home is None:
            found.append([piece])
        else:
            home.append(piece)
    return sorted((_row(r) for r in found), key=lambda r: (r.top + r.bottom) / 2)


def _same_line(row: list[Piece], piece: Piece) -> bool:
    """On one baseline, or raised or lowered beside bigger letters like a footnote's number."""
    biggest = max(row, key=lambda p: p.size)
    shift = abs(piece.base - biggest.base)
    if shift <= 0.25 * min(piece.size, biggest.size):
        return True
    small, big = sorted((piece, biggest), key=lambda p: p.size)
    near = any(abs(piece.x0 - p.x1) < 0.5 * big.size or abs(p.x0 - piece.x1) < 0.5 * big.size for p in row)
    return small.size < 0.85 * big.size and shift < 0.55 * big.size and near


def _row(pieces: list[Piece]) -> Row:
    segments: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: p.x0):
        last = segments[-1][-1] if segments else None
        if last and piece.x0 - max(p.x1 for p in segments[-1]) < 1.3 * max(last.size, piece.size):
            segments[-1].append(piece)
        else:
            segments.append([piece])
    whole = tuple(joined(s) for s in segments)
    return Row(min(s.top for s in whole), max(s.bottom for s in whole), whole)


def _split(lines: list[Row], depth: int) -> Iterator[Region]:
    """What is above two columns, the left one, the right one, what is below."""
    cut = _gutter(lines) if depth < 6 else None
    if cut is None:
        if lines:
            yield Region(tuple(lines))
        return
    first, last, x = cut
    yield from _split(lines[:first], depth + 1)
    for left in (True, False):
        half = [_side(row, x, left=left) for row in lines[first:last]]
        yield from _split([row for row in half if row.segments], depth + 1)
    yield from _split(lines[last:], depth + 1)


def _side(row: Row, x: float, *, left: bool) -> Row:
    kept = tuple(s for s in row.segments if (s.x0 < x) == left)
    return Row(min((s.top for s in kept), default=0), max((s.bottom for s in kept), default=0), kept)


def _gutter(lines: list[Row]) -> tuple[int, int, float] | None:
    """(first row, past-last row, x) of the tallest band that an upright gap parts into two columns of prose."""
    starts = Counter(round(s.x0) for row in lines for s in row.segments)
    best: tuple[float, tuple[int, int, float]] | None = None
    for start, times in starts.items():
        if times < _FEWEST:
            continue
        x = start - 1.0
        for first, last in _bands(lines, x):
            score = _score(lines[first:last], x)
            if score and (best is None or score > best[0]):
                best = score, (first, last, x)
    return best[1] if best else None


def _bands(lines: list[Row], x: float) -> Iterator[tuple[int, int]]:
    """Longest runs of rows that nothing crosses at x, from the first to the last row with text right of x."""
    run: list[int] = []
    for index in range(len(lines) + 1):
        clear = index < len(lines) and not any(s.x0 < x - 3 and s.x1 > x - 4 for s in lines[index].segments)
        if clear:
            run.append(index)
            continue
        sided = [i for i in run if any(s.x0 >= x for s in lines[i].segments)]
        if len(sided) >= _FEWEST:
            yield _with_left(lines, run, sided, x)
        run = []


def _with_left(lines: list[Row], run: list[int], sided: list[int], x: float) -> tuple[int, int]:
    """The band from its first to its last row on the right, and the left column's lines that go on below."""
    first, last = sided[0], sided[-1]
    pitch = median(
        [b.top - a.top for a, b in zip(lines[first:last], lines[first + 1 : last + 1], strict=False)] or [12]
    )
    column = [s for i in range(first, last + 1) for s in lines[i].segments if s.x0 < x]
    edge = min((s.x0 for s in column), default=0.0)
    size = median([s.size for s in column]) if column else 0
    for index in run:
        if index > last and index == last + 1 and lines[index].top - lines[last].top < 2.2 * pitch:
            segment = lines[index].segments[0]
            if abs(segment.x0 - edge) < 30 and abs(segment.size - size) < 1:
                last = index
    return first, last + 1


def _score(band: list[Row], x: float) -> float:
    """How many lines the smaller column has; 0 when these are no columns of prose."""
    left = [s for row in band for s in row.segments if s.x0 < x]
    right = [s for row in band for s in row.segments if s.x0 >= x]
    if min(len(left), len(right)) < _FEWEST or not (_prose(left) and _prose(right)):
        return 0
    if _tabular(band, x):
        return 0
    return min(len(left), len(right))


def _prose(segments: list[Piece]) -> bool:
    """Whether these could be the lines of a column: wide, mostly full, and no numbers."""
    widths = [s.x1 - s.x0 for s in segments]
    full = sum(w >= 0.55 * max(widths) for w in widths) >= 0.5 * len(widths)
    long = median(width(s.text) for s in segments) >= 10
    return full and long and sum(numeric(s.text) for s in segments) < 0.4 * len(segments)


def _tabular(band: list[Row], x: float) -> bool:
    """Whether the rows look like a table: three or more short cells on most of them, or a label before each text."""
    many = sum(len(row.segments) >= 3 for row in band)
    texts = [s.text for row in band for s in row.segments]
    if many > 0.5 * len(band) and median(width(t) for t in texts) < 24:
        return True
    labels = [row.segments[0].text for row in band if row.segments[0].x0 < x]
    return sum(t.endswith((":", "：")) for t in labels) > 0.5 * len(labels)
