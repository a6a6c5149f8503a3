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
_FEWEST = 3
_NUMBER = re.compile(
    r"[-–—|\s]*(?:page|p\.|頁|第)?\s*(?:\d{1,4}|[ivxlc]{1,6})\s*(?:頁)?(?:\s*(?:of|/|／|共)\s*\d{1,4}\s*頁?)?[-–—|\s]*",
    re.I,
)


_ENDS = re.compile(r"^(\d{1,4})\D|\D(\d{1,4})$")


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
            if not _marginal(page, row):
                kept.append(row)
            elif _NUMBER.fullmatch(row.text) or _carries_number(page, row, counted) or (key in again and key in seen):
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


def _counting(pages: Sequence[Page], by_page: Sequence[list[Row]]) -> set[tuple[int, int]]:
    """Places in the margins where, on three pages or more, a line carries the page's own number."""
    offsets: dict[tuple[int, int], list[int]] = defaultdict(list)
    for page, lines in zip(pages, by_page, strict=True):
        for row in lines:
            match = _ENDS.search(row.text) if _marginal(page, row) else None
            if match:
                offsets[_place(page, row)].append(int(match[1] or match[2]) - page.number)
    return {place for place, found in offsets.items() if Counter(found).most_common(1)[0][1] >= _FEWEST}


def _carries_number(page: Page, row: Row, counted: set[tuple[int, int]]) -> bool:
    """Whether a line stands where page numbers stand, and ends or begins with a number itself."""
    return _place(page, row) in counted and _ENDS.search(row.text) is not None


def _place(page: Page, row: Row) -> tuple[int, int]:
    """Height on the page, and on which of two facing pages."""
    return round(row.top / 4), page.number % 2


def _key(row: Row) -> str:
    return re.sub(r"\d+", "#", re.sub(r"\s+", "", row.text)).lower()


def _marginal(page: Page, row: Row) -> bool:
    return row.bottom < _MARGIN * page.height or row.top > (1 - _MARGIN) * page.height
