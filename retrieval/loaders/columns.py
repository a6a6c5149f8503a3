"""Tables inside plain text: pipes, tabs, and columns lined up with blanks. Cells keep their offsets. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from retrieval.loaders.reading import Line, Reading
from retrieval.loaders.structure import span
from retrieval.records import Block, Span

_BORDER = re.compile(r"\|?\s*:?-{2,}:?\s*(?:[|+]\s*:?-{2,}:?\s*)*\|?|[+|][-=+|\s]{3,}")
_GAP = re.compile(r"\S+(?:[ \u3000]\S+)*")
_NUMERIC = re.compile(r"[-−–+]?[$€£¥NTUSD ]*\d[\d,.:/%\s-]*\w{0,3}")

Row = tuple[Span, ...]


def pipe_table(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """Lines with two or more pipes, or one above a border."""
    rows: list[Row] = []
    end, border = index, 0
    while end < len(reading.lines) and (text := reading.lines[end].text):
        if _BORDER.fullmatch(text) and ("|" in text or "+" in text):
            border = border or len(rows)
        elif text.count("|") >= 2 or ("|" in text and (rows or _border_below(reading, end))):
            rows.append(pipe_cells(reading.text, reading.lines[end]))
        else:
            break
        end += 1
    if len(rows) < 2:
        return None
    return [_block(reading, index, end, rows, header=border == 1)], end


def pipe_cells(text: str, line: Line) -> Row:
    """The cells of a line between its pipes; a pipe behind a backslash or inside `code` parts nothing."""
    cuts, code, escaped = [], False, False
    for offset, character in enumerate(line.text):
        if character == "`" and not escaped:
            code = not code
        elif character == "|" and not escaped and not (code and "`" in line.text[offset:]):
            cuts.append(line.start + offset)
        escaped = character == "\\" and not escaped
    edges = [line.start - 1, *cuts, line.end]
    cells = [span(text, a + 1, b) for a, b in itertools.pairwise(edges)]
    first = 1 if line.text.startswith("|") else 0
    last = len(cells) - 1 if line.text.endswith("|") and len(cells) > 1 else len(cells)
    return tuple(cells[first:last])


def tab_table(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """Two or more lines with the same number of tabs."""

    def cells(line: Line) -> Row:
        found, at = [], line.start
        for part in line.text.split("\t"):
            found.append(span(reading.text, at, at + len(part)))
            at += len(part) + 1
        return tuple(found)

    return _regular(reading, index, cells, fewest_rows=2, fewest_columns=2)


def column_table(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """Three or more lines of as many columns, parted by two or more blanks, that begin at the same places."""

    def cells(line: Line) -> Row:
        return tuple(span(reading.text, line.start + m.start(), line.start + m.end()) for m in _GAP.finditer(line.text))

    if "  " not in reading.lines[index].text and "\u3000\u3000" not in reading.lines[index].text:
        return None
    found = _regular(reading, index, cells, fewest_rows=3, fewest_columns=3)
    return found if found and _aligned(reading, index, found[1], cells) else None


def _aligned(reading: Reading, start: int, end: int, cells: Callable[[Line], Row]) -> bool:
    """Whether the columns begin, or end, at about the same place on most lines."""
    lines = [line for line in reading.lines[start:end] if len(cells(line)) > 1]
    wide = len(cells(lines[0]))
    for column in range(1, wide):
        firsts = [cells(line)[column].start - line.start for line in lines]
        lasts = [cells(line)[column].end - line.start for line in lines]
        if min(max(firsts) - min(firsts), max(lasts) - min(lasts)) > 6:
            return False
    return True


def _border_below(reading: Reading, index: int) -> bool:
    below = reading.lines[index + 1].text if index + 1 < len(reading.lines) else ""
    return "|" in below and bool(_BORDER.fullmatch(below))


def _regular(
    reading: Reading, index: int, cells: Callable[[Line], Row], *, fewest_rows: int, fewest_columns: int
) -> tuple[list[Block], int] | None:
    first = cells(reading.lines[index])
    if len(first) < fewest_columns:
        return None
    rows: list[Row] = []
    end, border = index, False
    while end < len(reading.lines) and reading.lines[end].text:
        if re.fullmatch(r"[-=─\s]{3,}", reading.lines[end].text):
            border = border or len(rows) == 1
        elif len(row := cells(reading.lines[end])) == len(first):
            rows.append(row)
        else:
            return None
        end += 1
    if len(rows) < fewest_rows:
        return None
    header = border or headed([[c.text for c in row] for row in rows])
    return [_block(reading, index, end, rows, header=header)], end


def _block(reading: Reading, start: int, end: int, rows: list[Row], *, header: bool) -> Block:
    names = tuple(" ".join(c.text.split()) for c in rows[0]) if header else ()
    wide = max(len(row) for row in rows)
    names += ("",) * (wide - len(names)) if header else ()
    last = reading.lines[end - 1].end
    body = tuple(rows[1:] if header else rows)
    return Block(kind="table", start=reading.lines[start].start, end=last, header=names, rows=body)


def headed(rows: list[list[str]]) -> bool:
    """Whether the first of these rows names the columns: no numbers in it, no repeats, and it is unlike the rest.

    Where all columns hold words, the first row is taken for names when its cells are short and none comes again below.
    """
    if len(rows) < 2:
        return False
    names, body = [c.strip() for c in rows[0]], rows[1:]
    given = [n for n in names if n]
    if not given or any(_NUMERIC.fullmatch(n) for n in given) or len(set(given)) < len(given):
        return False
    if len(given) < len(names) - 1:
        return False
    for column, name in enumerate(names):
        values = [row[column].strip() for row in body if column < len(row) and row[column].strip()]
        if name and values and sum(bool(_NUMERIC.fullmatch(v)) for v in values) >= 0.6 * len(values):
            return True
    below = {c.strip() for row in body for c in row}
    longest = max(map(len, given))
    return longest <= 40 and not below & set(given) and not any(re.search(r"\d", n) for n in given)
