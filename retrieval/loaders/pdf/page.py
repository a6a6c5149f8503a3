"""What a page holds before its order is known. Plain values; points from the top left corner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Piece(NamedTuple):
    """Words on one line that belong together."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    base: float
    size: float
    """Of the letters, in points as seen."""
    bold: bool
    mono: bool = False
    """Letters of one width, as in code."""
    spaced: bool = False
    """Whether a blank was drawn in front of it."""

    @property
    def height(self) -> float:
        return self.bottom - self.top


class Rule(NamedTuple):
    """A straight line: level when `y0 == y1`, upright when `x0 == x1`."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def level(self) -> bool:
        return self.y0 == self.y1


class Box(NamedTuple):
    """A rectangle."""

    x0: float
    y0: float
    x1: float
    y1: float

    def holds(self, x: float, y: float) -> bool:
        """Whether the point is inside."""
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    @property
    def area(self) -> float:
        return max(self.x1 - self.x0, 0) * max(self.y1 - self.y0, 0)


@dataclass
class Page:
    """One page."""

    number: int
    width: float
    height: float
    pieces: list[Piece] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    """Text that runs another way than the page's, in drawing order."""
    rules: list[Rule] = field(default_factory=list)
    images: float = 0.0
    """Share of the page that pictures cover, at most 1."""
    drawn: bool = False
    """Whether anything at all is drawn on it."""
    hidden: int = 0
    """Characters that nobody can see."""
    unmapped: int = 0
    """Characters whose font does not say what they are."""
    columns: bool = False
    """Whether it was read in columns."""
    recognised: bool = False
    """Whether its text comes from OCR."""

    @property
    def characters(self) -> int:
        """Characters with a place on the page, blanks left out."""
        return sum(len(p.text.replace(" ", "")) for p in self.pieces) + sum(map(len, self.turned))
