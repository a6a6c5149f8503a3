"""Lines of a text with their offsets, and what has been learned about them while reading down. Plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """A line without the blanks around it."""

    number: int
    start: int
    end: int
    indent: int
    """Columns of blanks in front; a tab counts as four, a wide blank as two."""
    text: str


@dataclass
class Reading:
    """A text on its way through the recognisers."""

    text: str
    lines: list[Line]
    styles: list[str] = field(default_factory=list)
    """Ways of marking headings, in the order they first came: their nesting."""

    def paragraph_end(self, index: int, *, until: Callable[[Line], bool]) -> int:
        """The first line from `index` that is empty or where `until` holds."""
        while index < len(self.lines) and self.lines[index].text and not until(self.lines[index]):
            index += 1
        return index

    def last(self, index: int) -> int:
        """Back over empty lines: one past the last line with text before `index`."""
        while index > 0 and not self.lines[index - 1].text:
            index -= 1
        return index

    def size(self, start: int, end: int) -> int:
        """Characters from line `start` up to line `end`."""
        return self.lines[min(end, len(self.lines)) - 1].end - self.lines[start].start

    def blank(self, index: int) -> bool:
        """Whether there is no text on that line, or no such line."""
        return not 0 <= index < len(self.lines) or not self.lines[index].text

    def following(self, index: int) -> Line | None:
        """The next line with text after `index`."""
        return next((line for line in self.lines[index + 1 : index + 40] if line.text), None)

    def before(self, index: int) -> Line | None:
        """The last line with text before `index`."""
        return next((line for line in reversed(self.lines[max(index - 40, 0) : index]) if line.text), None)

    def level(self, style: str) -> int:
        """The nesting of a heading style, from 1; a style that was not seen before nests deepest."""
        if style not in self.styles:
            self.styles.append(style)
        return self.styles.index(style) + 1


def lines_of(text: str, start: int, end: int) -> list[Line]:
    """The lines of `text[start:end]`."""
    found, at = [], start
    for number, raw in enumerate(text[start:end].split("\n")):
        lead = raw[: len(raw) - len(raw.lstrip())]
        stripped = raw.strip()
        indent = sum(4 if c == "\t" else 2 if c == "\u3000" else 1 for c in lead)
        first = at + (len(lead) if stripped else 0)
        found.append(Line(number, first, first + len(stripped), indent, stripped))
        at += len(raw) + 1
    return found
