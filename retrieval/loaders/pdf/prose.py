"""Lines in reading order → headings, paragraphs, lists, keys and values. Knows sizes and gaps only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from retrieval.loaders.layout import Item, Layout
from retrieval.loaders.marks import ANSWER, QUESTION, key_value, mark, titular, width
from retrieval.loaders.pdf.page import Piece
from retrieval.sentences import CJK

_WIDE_END = re.compile(rf"[{CJK}\u3001-\u303f\uff00-\uffef]$")
_WIDE_START = re.compile(rf"[{CJK}\u3001-\u303f\uff00-\uffef]")
_ENDED = re.compile(r"[.。!！?？:：;；]['\"”’」』)）]*$")
_LEADER = re.compile(r"\s*(?:(?:\.\s?){4,}|…{2,}|(?:·\s?){4,})\s*")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NUMBERED_HEADINGS = {"part", "chapter", "section", "article", "annex", "formal", "han", "dotted", "number", "roman"}


class Line(NamedTuple):
    """One line on its way into the text."""

    text: str
    place: Piece
    page: int
    right: float
    """Right edge of the column it stands in."""
    fresh: bool
    """Whether it is the first of its column."""
    level: int
    """The heading level that its look gives; 0 for none."""


def glued(lines: Sequence[str], words: Iterable[str] = ()) -> str:
    """The lines as running text: hyphens of divided words taken out, no blank between Chinese characters."""
    return Glue(words).join(lines)


class Glue:
    """Joins lines, and counts the words it put together again."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = frozenset(w.lower() for w in words)
        self.mended = 0

    def join(self, lines: Sequence[str]) -> str:
        text = lines[0] if lines else ""
        for line in lines[1:]:
            text = self._joined(text, line)
        return text

    def _joined(self, left: str, right: str) -> str:
        if left.endswith(("-", "\u2010", "\u00ad")) and left[-2:-1].isalpha() and right[:1].islower():
            head = _WORD.findall(left[:-1])
            tail = _WORD.match(right)
            if head and tail and f"{head[-1]}-{tail[0]}".lower() in self._words:
                return left + right
            self.mended += 1
            return left[:-1] + right
        wide = _WIDE_END.search(left) and (_WIDE_START.match(right) or right[:1].isdecimal())
        wide = wide or (left[-1:].isdecimal() and _WIDE_START.match(right))
        return f"{left}{right}" if wide or not left or not right else f"{left} {right}"


class Prose:
    """Collects lines and hands finished blocks to a layout."""

    def __init__(self, layout: Layout, glue: Glue, gap: float) -> None:
        self._layout = layout
        self._glue = glue
        self._gap = gap
        """The usual gap between two lines of a paragraph, in letter sizes."""
        self._heading: list[Line] = []
        self._lines: list[Line] = []
        self._items: list[list[Line]] = []
        self._code: list[Line] = []

    def line(self, line: Line) -> None:
        """Take the next line."""
        if line.level:
            self._take_heading(line)
            return
        if line.place.mono and not self._inside_prose(line):
            self._take_code(line)
            return
        self._end_code()
        self._end_heading()
        if _LEADER.search(line.text) or self._begins_item(line):
            self._end_paragraph()
            if self._items and self._other_list(line):
                self._end_list()
            self._items.append([line])
        elif self._items and self._goes_on(self._items[-1], line, hanging=True):
            self._items[-1].append(line)
        else:
            self._end_list()
            if self._lines and not self._goes_on(self._lines, line):
                self._end_paragraph()
            self._lines.append(line)

    def table(self, cells: list[list[str]], *, header: bool, page: int) -> None:
        """A table between the lines."""
        self.end()
        self._layout.table(cells, header=header, page=page)

    def end(self) -> None:
        """Finish what is open."""
        self._end_code()
        self._end_heading()
        self._end_list()
        self._end_paragraph()

    def _inside_prose(self, line: Line) -> bool:
        """Whether a line of code letters is rather a piece of running text."""
        return mark(line.text) is not None or key_value(line.text) is not None

    def _take_code(self, line: Line) -> None:
        self._end_heading()
        self._end_list()
        self._end_paragraph()
        last = self._code[-1] if self._code else None
        if last and (last.page != line.page or line.place.top - last.place.bottom > 2.5 * line.place.size):
            self._end_code()
        self._code.append(line)

    def _end_code(self) -> None:
        """Lines of code as they stand, indented by their place."""
        if self._code:
            lines, self._code = self._code, []
            left = min(line.place.x0 for line in lines)
            step = 0.6 * lines[0].place.size or 1
            body = "\n".join(" " * min(round((c.place.x0 - left) / step), 40) + c.text for c in lines)
            self._layout.paragraph(body, page=lines[0].page, kind="code")

    def _take_heading(self, line: Line) -> None:
        self._end_code()
        self._end_list()
        self._end_paragraph()
        last = self._heading[-1] if self._heading else None
        near = last and line.place.top - last.place.bottom < 0.8 * line.place.size and last.page == line.page
        alike = last and last.level == line.level and abs(last.place.size - line.place.size) < 0.6
        if not (near and alike and not mark(line.text)):
            self._end_heading()
        self._heading.append(line)

    def _end_heading(self) -> None:
        if self._heading:
            first = self._heading[0]
            self._layout.heading(self._glue.join([h.text for h in self._heading]), first.level, page=first.page)
            self._heading = []

    def _begins_item(self, line: Line) -> bool:
        here = mark(line.text)
        if not here or here.style in ("part", "chapter", "section", "article", "annex"):
            return False
        if here.style == "bullet" or self._items or not self._lines:
            return True
        # In the middle of a paragraph a line may begin with a number by chance.
        ended = _ENDED.search(self._lines[-1].text) is not None
        return ended or not self._goes_on(self._lines, line) or here.style in ("circled", "han_paren", "number_paren")

    def _other_list(self, line: Line) -> bool:
        first = mark(self._items[0][0].text)
        here = mark(line.text)
        return bool(first and here and first.style != here.style and line.place.x0 <= self._items[0][0].place.x0 + 2)

    def _goes_on(self, lines: list[Line], line: Line, *, hanging: bool = False) -> bool:
        """Whether `line` belongs to the paragraph or item that `lines` began."""
        last = lines[-1]
        if QUESTION.match(line.text) or ANSWER.match(line.text):
            return False
        if abs(last.place.size - line.place.size) > 1.2 or (
            last.place.bold != line.place.bold and _ENDED.search(last.text)
        ):
            return False
        if line.fresh or line.page != last.page:
            return self._flows_over(last, line)
        size = line.place.size
        if line.place.top - last.place.bottom > (self._gap + 0.45) * size:
            return False
        if key_value(last.text) and key_value(line.text):
            return True
        if hanging:
            return line.place.x0 > lines[0].place.x0 + 0.3 * size or not self._short(last)
        indent = line.place.x0 - last.place.x0
        if indent > 0.9 * size and len(lines) > 1:
            return False
        return not (self._short(last) and _ENDED.search(last.text))

    def _flows_over(self, last: Line, line: Line) -> bool:
        """Whether a text goes on in the next column or on the next page."""
        if _ENDED.search(last.text) or mark(line.text) or self._short(last):
            return False
        return line.text[:1].islower() or bool(_WIDE_END.search(last.text) and _WIDE_START.match(line.text))

    def _short(self, line: Line) -> bool:
        return line.place.x1 < line.right - 6 * line.place.size

    def _end_paragraph(self) -> None:
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        pairs = [key_value(line.text) for line in lines]
        page = lines[0].page
        if len(lines) > 1 and all(pairs):
            self._layout.keyvalue([(p["key"], p["value"]) for p in pairs if p], page=page)
        else:
            self._layout.paragraph(self._glue.join([line.text for line in lines]), page=page)

    def _end_list(self) -> None:
        if not self._items:
            return
        items, self._items = self._items, []
        if len(items) == 1 and self._lone_heading(items[0]):
            self._layout.heading(items[0][0].text, 6 if items[0][0].place.bold else 5, page=items[0][0].page)
            return
        self._layout.items([self._item(lines, items) for lines in items], page=items[0][0].page)

    def _lone_heading(self, lines: list[Line]) -> bool:
        """A single numbered line that could be a title: nothing to list."""
        here = mark(lines[0].text)
        known = here is not None and here.style in _NUMBERED_HEADINGS
        return known and len(lines) == 1 and titular(lines[0].text, 70) and not _LEADER.search(lines[0].text)

    def _item(self, lines: list[Line], items: list[list[Line]]) -> Item:
        text = self._glue.join([line.text for line in lines])
        text = _LEADER.sub(" … ", text)
        here = mark(text)
        lefts = sorted({round(i[0].place.x0 / 8) for i in items})
        depth = min(lefts.index(round(lines[0].place.x0 / 8)) + 1, 4)
        if not here:
            return Item(text, "", depth)
        return Item(text[here.end :], text[: here.end].strip(), depth)


def heading_like(text: str, place: Piece, body: float) -> bool:
    """Whether a line looks like a heading: larger letters, or bold ones that stand alone and do not make a sentence."""
    if not any(c.isalpha() for c in text) or _LEADER.search(text):
        return False
    if place.size >= 1.15 * body:
        return width(text) <= 200 and not (text.endswith((".", "。")) and width(text) > 60)
    return place.bold and place.size >= 0.95 * body and titular(text, 100)
