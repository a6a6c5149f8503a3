"""A whole PDF: opened, read page by page, put in order, and what could not be read said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from retrieval.loaders.columns import headed
from retrieval.loaders.layout import Layout
from retrieval.loaders.metadata import flat
from retrieval.loaders.pdf.aligned import aligned
from retrieval.loaders.pdf.grid import Grid, grids
from retrieval.loaders.pdf.levels import level_grids
from retrieval.loaders.pdf.order import Region, regions
from retrieval.loaders.pdf.page import Page, Piece
from retrieval.loaders.pdf.prose import Glue, Line, Prose, heading_like
from retrieval.loaders.pdf.running import bodies
from retrieval.loaders.source import Source
from retrieval.records import Parsed

_FEW = 12
"""Characters up to which a page that is a picture counts as scanned: a stamp or a page number."""
_TABLE = "\x00table "
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+|[^\W\d_]{3,}")


def load(source: Source) -> Parsed:
    """The text of all pages. BadDocument of kind `password`, `damaged`, `no_text`; scanned pages are named."""
    from retrieval.loaders.pdf.opening import opened

    with opened(source) as pdf:
        pages = list(_pages(source, pdf))
        outline = _outline(pdf)
        told = pdf.get_metadata_dict(skip_empty=True)
        metadata = {k: v for k, v in told.items() if k in _KEPT and v not in _NOTHING}
    layout = Layout()
    _Writer(layout, pages, outline).write()
    _notes(layout, pages)
    title = metadata.get("Title", "")
    return layout.finish(
        source.name,
        "pdf",
        title=title if _telling(title, source.name) else _largest(layout),
        pages=len(pages),
        metadata=flat({k.lower(): v for k, v in metadata.items()}),
    )


_NOTHING = {"(unspecified)", "(anonymous)", "untitled"}
_KEPT = {"Title", "Author", "Subject", "Keywords", "CreationDate"}


def _pages(source: Source, pdf: Any) -> Iterator[Page]:
    """The pages as read; scanned ones through OCR when that was asked for."""
    from retrieval.loaders.pdf import glyphs
    from retrieval.loaders.pdf.drawing import Drawing

    for index in range(len(pdf)):
        handle = pdf[index]
        page = glyphs.read(handle, index + 1, Drawing(handle))
        if source.ocr and scanned(page):
            from retrieval.loaders.pdf.ocr import recognised

            page = recognised(handle, page, source)
        yield page
        handle.close()


def scanned(page: Page) -> bool:
    """Whether the page shows something but has no text."""
    return page.drawn and (not page.characters or (page.characters <= _FEW and page.images > 0.5))


def _outline(pdf: Any) -> dict[str, int]:
    """{folded heading: level} from the bookmarks."""
    found: dict[str, int] = {}
    for number, entry in enumerate(pdf.get_toc(max_depth=6)):
        if number > 5000:
            break
        found.setdefault(_folded(entry.get_title() or ""), entry.level + 1)
    found.pop("", None)
    return found


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


class _Writer:
    """Pages → layout."""

    def __init__(self, layout: Layout, pages: list[Page], outline: dict[str, int]) -> None:
        self._layout = layout
        self._pages = pages
        self._outline = outline
        self._bodies = bodies(pages)
        sizes: Counter[float] = Counter()
        for body in self._bodies:
            for row in body.rows:
                for piece in row.segments:
                    sizes[round(piece.size, 1)] += len(piece.text)
        self._body = sizes.most_common(1)[0][0] if sizes else 10.0
        self._sizes = self._heading_sizes()
        words = (w for b in self._bodies for r in b.rows for w in _WORD.findall(r.text))
        self._glue = Glue({w for w in words if "-" in w})

    def write(self) -> None:
        prose = Prose(self._layout, self._glue, self._usual_gap())
        for page, body in zip(self._pages, self._bodies, strict=True):
            self._page(prose, page, [s for row in body.rows for s in row.segments])
        prose.end()
        layout = self._layout
        dropped = sum(b.dropped for b in self._bodies)
        layout.note("running_lines", dropped, f"{dropped} repeated headers, footers and page numbers were left out.")
        mended = self._glue.mended
        layout.note("hyphenation", mended, f"{mended} words divided at a line's end were put together.")

    def _page(self, prose: Prose, page: Page, pieces: list[Piece]) -> None:
        tables = grids(page.rules, page.pieces)
        tables += [t for t in level_grids(page.rules, page.pieces) if not any(_overlap(t, other) for other in tables)]
        rest = [p for p in pieces if not any(t.box.holds((p.x0 + p.x1) / 2, (p.top + p.bottom) / 2) for t in tables)]
        found, columns = regions([*rest, *(_stand_in(n, t, self._body) for n, t in enumerate(tables))])
        page.columns = columns
        for region in found:
            self._region(prose, page, region, tables)
        if page.turned:
            prose.end()
            for text in page.turned:
                self._layout.paragraph(text, page=page.number)

    def _region(self, prose: Prose, page: Page, region: Region, tables: list[Grid]) -> None:
        right = max(s.x1 for row in region.rows for s in row.segments)
        index, fresh = 0, True
        while index < len(region.rows):
            row = region.rows[index]
            number = next((s.text for s in row.segments if s.text.startswith(_TABLE)), None)
            if number:
                self._table(prose, tables[int(number.removeprefix(_TABLE))].cells, page)
                rest = tuple(s for s in row.segments if not s.text.startswith(_TABLE))
                index += 1
                if not rest:
                    continue
                row = row._replace(segments=rest)
            elif table := aligned(region.rows, index):
                self._table(prose, table[0], page)
                index = table[1]
                continue
            else:
                index += 1
            place = _whole(row.segments)
            prose.line(Line(row.text, place, page.number, right, fresh, self._level(row.text, place)))
            fresh = False

    def _table(self, prose: Prose, cells: list[list[str]], page: Page) -> None:
        prose.table(cells, header=headed(cells) or (len(cells) > 2 and all(cells[0])), page=page.number)

    def _level(self, text: str, place: Piece) -> int:
        if not heading_like(text, place, self._body) and not self._marked(text, place):
            return 0
        known = self._outline.get(_folded(text))
        if known:
            return min(known, 6)
        size = round(place.size, 1)
        larger = [s for s in self._sizes if s >= size - 0.3]
        return min(max(len(larger), 1) if size >= 1.15 * self._body else len(self._sizes) + 1, 6)

    def _marked(self, text: str, place: Piece) -> bool:
        """Whether the bookmarks know this line as a heading."""
        return _folded(text) in self._outline and place.size >= 0.95 * self._body

    def _heading_sizes(self) -> list[float]:
        """Letter sizes of headings, largest first, sizes that are nearly alike once."""
        found: list[float] = []
        every = {
            round(s.size, 1)
            for body in self._bodies
            for row in body.rows
            for s in row.segments
            if s.size >= 1.15 * self._body and heading_like(row.text, s, self._body)
        }
        for size in sorted(every, reverse=True):
            if not found or found[-1] - size > 0.6:
                found.append(size)
        return found

    def _usual_gap(self) -> float:
        """The gap between the lines of a paragraph, in letter sizes."""
        gaps = []
        for body in self._bodies:
            for above, below in zip(body.rows, body.rows[1:], strict=False):
                gap = (below.top - above.bottom) / self._body
                if -0.6 < gap < 1.5 and abs(below.segments[0].size - self._body) < 0.6:
                    gaps.append(gap)
        return min(median(gaps), 0.9) if gaps else 0.3


def _stand_in(number: int, table: Grid, size: float) -> Piece:
    """A piece that holds a table's place while the page is put in order."""
    box = table.box
    return Piece(f"{_TABLE}{number}", box.x0, box.x1, box.y0, box.y1, box.y0 + 0.8 * size, size, False)


def _overlap(a: Grid, b: Grid) -> bool:
    return a.box.x0 < b.box.x1 and b.box.x0 < a.box.x1 and a.box.y0 < b.box.y1 and b.box.y0 < a.box.y1


def _whole(segments: Sequence[Piece]) -> Piece:
    biggest = max(segments, key=lambda s: len(s.text) * s.size)
    return biggest._replace(
        x0=segments[0].x0,
        x1=max(s.x1 for s in segments),
        top=min(s.top for s in segments),
        bottom=max(s.bottom for s in segments),
        bold=all(s.bold for s in segments),
        mono=all(s.mono for s in segments),
    )


def _notes(layout: Layout, pages: list[Page]) -> None:
    gaps = [p.number for p in pages if scanned(p)]
    if gaps:
        have = sum(p.characters > 0 and not scanned(p) for p in pages)
        listed = ", ".join(map(str, gaps[:40])) + (" …" if len(gaps) > 40 else "")
        which = f"pages {listed} look scanned." if len(gaps) > 1 else f"page {listed} looks scanned."
        detail = f"{have} of {len(pages)} pages have text; {which}"
        layout.note("scanned_pages", len(gaps), detail)
    read = sum(p.recognised for p in pages)
    layout.note("ocr", read, f"{read} scanned pages were read by OCR; expect mistakes.")
    columns = sum(p.columns for p in pages)
    layout.note("columns", columns, f"{columns} pages have columns; they were read one column after the other.")
    hidden = sum(p.hidden for p in pages)
    layout.note("hidden_text", hidden, f"{hidden} invisible characters were left out.")
    unmapped = sum(p.unmapped for p in pages)
    layout.note("unmapped", unmapped, f"{unmapped} characters may be wrong: their font does not say what they are.")


def _telling(title: str, name: str) -> bool:
    """Whether a Title property says something: many programs put a file name or nothing there."""
    return bool(title.strip()) and not re.search(
        r"(?i)^(untitled|microsoft word|\W*$)|\.(docx?|html?|indd|odt|pdf|pptx?|rtf|tex|txt|xlsx?)$", title
    )


def _largest(layout: Layout) -> str:
    """The first heading when it is of the first level; else nothing."""
    first = next((b for b in layout.blocks if b.kind == "heading"), None)
    return layout.slice(first.start, first.end) if first and first.level == 1 and (first.page or 1) == 1 else ""
