"""Headers, footers and page numbers that come back on page after page: kept once, or dropped, and counted. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from retrieval.loaders.pdf.order import Row, rows
from retrieval.loaders.pdf.page import Page

_MARGIN = 0.12
"""Share of a page's height at its top and bottom where they stand."""
_OUTER = 0.2
_FEWEST = 3
_NUMBER = re.compile(
    r"[-–—|\s]*(?:page|p\.|頁|第)?\s*(?:\d{1,4}|[ivxlc]{1,6})\s*(?:頁)?(?:\s*(?:of|/|／|共)\s*\d{1,4}\s*頁?)?[-–—|\s]*",
    re.I,
)


_ENDS = re.compile(r"^(\d{1,4})(?!\d)|(?<!\d)(\d{1,4})$")


class Body(NamedTuple):
    """A page without what comes back."""

    rows: list[Row]
    dropped: int


def bodies(pages: Sequence[Page]) -> list[Body]:
    """The rows of each page that are its own, or that come back and stand here for the first time."""
    by_page = [rows(page.pieces) for page in pages]
    again = _repeated(pages, by_page)
    counted = _counting(pages, by_page)
    seen: set[str] = set()
    found = []
    for page, lines in zip(pages, by_page, strict=True):
        kept, dropped = [], 0
        for row in lines:
            key = _key(row)
            if _outer(page, row, lines) and _counts(page, row, counted):
                dropped += 1
            elif not _marginal(page, row):
                kept.append(row)
            elif _NUMBER.fullmatch(row.text) or (key in again and key in seen):
                dropped += 1
            else:
                seen.add(key)
                kept.append(row)
        found.append(Body(kept, dropped))
    return found


def _repeated(pages: Sequence[Page], by_page: Sequence[list[Row]]) -> set[str]:
    """Keys of rows that stand at the same height in the margins of three pages or more."""
    heights: dict[str, list[float]] = defaultdict(list)
    for page, lines in zip(pages, by_page, strict=True):
        for row in lines:
            if _marginal(page, row):
                heights[_key(row)].append(row.top)
    # Of two pages both must have it.
    fewest = min(_FEWEST, max(len(pages), 2))
    return {
        key
        for key, tops in heights.items()
        if len(tops) >= fewest and sum(abs(t - sorted(tops)[len(tops) // 2]) < 6 for t in tops) >= fewest
    }


def _counting(pages: Sequence[Page], by_page: Sequence[list[Row]]) -> dict[int, int]:
    """{place: offset} of the places where, on three pages or more, the outermost line carries the page's number."""
    offsets: dict[int, list[int]] = defaultdict(list)
    for page, lines in zip(pages, by_page, strict=True):
        for row in lines:
            if _outer(page, row, lines):
                offsets[_place(row)] += [number - page.number for number in _numbers(row)]
    usual = {place: Counter(found).most_common(1)[0] for place, found in offsets.items() if found}
    return {place: offset for place, (offset, times) in usual.items() if times >= _FEWEST}


def _counts(page: Page, row: Row, counted: dict[int, int]) -> bool:
    """Whether a line stands where page numbers stand, and carries this page's."""
    offset = counted.get(_place(row))
    return offset is not None and page.number + offset in _numbers(row)


def _numbers(row: Row) -> list[int]:
    """The numbers that a line begins and ends with."""
    return [int(a or b) for a, b in _ENDS.findall(row.text)]


def _outer(page: Page, row: Row, lines: list[Row]) -> bool:
    """Whether it is the page's first or last line, in its margin; a bare number may stand further in."""
    share = _OUTER if _NUMBER.fullmatch(row.text) else _MARGIN
    if row is lines[0]:
        return row.bottom < share * page.height
    return row is lines[-1] and row.top > (1 - share) * page.height


def _place(row: Row) -> int:
    """Height on the page, roughly."""
    return round(row.top / 4)


def _key(row: Row) -> str:
    return re.sub(r"\d+", "#", re.sub(r"\s+", "", row.text)).lower()


def _marginal(page: Page, row: Row) -> bool:
    return row.bottom < _MARGIN * page.height or row.top > (1 - _MARGIN) * page.height
