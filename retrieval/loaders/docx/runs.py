"""Runs of a Word paragraph → text, without what nobody can see. Knows letters, not blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from retrieval.loaders.docx.names import child, number, on, tag, value
from retrieval.loaders.docx.styles import PLAIN, Style, Styles, colour

_SKIPPED = {"del", "moveFrom", "rPr", "pPr", "instrText", "delText", "fldChar", "proofErr", "bookmarkStart"}
_SMALLEST = 4
"""Half points up to which letters cannot be read."""


@dataclass
class Text:
    """The text of one paragraph, and what hangs on it."""

    parts: list[str] = field(default_factory=list)
    bold: int = 0
    """Letters that are bold."""
    sizes: Counter[int] = field(default_factory=Counter)
    footnotes: list[tuple[str, str]] = field(default_factory=list)
    """(kind, id) of the notes it refers to."""
    boxes: list[Any] = field(default_factory=list)
    """Contents of text boxes anchored here."""
    breaks: int = 0
    """Page breaks inside it."""

    @property
    def words(self) -> str:
        return "".join(self.parts).strip()

    @property
    def all_bold(self) -> bool:
        letters = sum(len(p.strip()) for p in self.parts)
        return letters > 0 and self.bold >= letters


class Runs:
    """Reads paragraphs of one document."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self.hidden = 0
        """Letters that nobody can see."""
        self.deleted = 0
        """Passages that tracked changes deleted."""
        self.numbers: dict[tuple[str, str], int] = {}
        """The number shown for each footnote, by (kind, id)."""

    def read(self, paragraph: Any, style: Style, *, shaded: bool) -> Text:
        """The text of a paragraph; `shaded` when it stands on a coloured ground, where white letters show."""
        text = Text()
        shaded = shaded or is_shaded(child(paragraph, "pPr"))
        self._children(paragraph, text, style, shaded)
        return text

    def _children(self, element: Any, text: Text, style: Style, shaded: bool) -> None:
        for inner in element:
            name = tag(inner)
            if name == "r":
                self._run(inner, text, style, shaded)
            elif name in ("del", "moveFrom"):
                self.deleted += 1
            elif name == "mc:AlternateContent":
                self._alternative(inner, text, style, shaded)
            elif name == "m:t":
                text.parts.append(inner.text or "")
            elif name == "txbxContent":
                text.boxes.append(inner)
            elif name not in _SKIPPED:
                self._children(inner, text, style, shaded)

    def _alternative(self, element: Any, text: Text, style: Style, shaded: bool) -> None:
        """The first of several ways to say the same."""
        options = [e for e in element if tag(e) in ("mc:Choice", "mc:Fallback")]
        if options:
            self._children(options[0], text, style, shaded)

    def _run(self, run: Any, text: Text, style: Style, shaded: bool) -> None:
        properties = child(run, "rPr")
        own = self._styles.get(value(properties, "rStyle")) if properties is not None else PLAIN
        before = len(text.parts)
        for inner in run:
            self._piece(inner, text, style, shaded)
        added = text.parts[before:]
        letters = sum(len(p.strip()) for p in added)
        if letters and self._unseen(properties, own, style, shaded):
            self.hidden += letters
            del text.parts[before:]
            return
        bold = own.bold or style.bold if child(properties, "b") is None else on(properties, "b")
        text.bold += letters if bold else 0
        text.sizes[number(value(properties, "sz")) or own.size or style.size or self._styles.size] += letters

    def _piece(self, element: Any, text: Text, style: Style, shaded: bool) -> None:
        name = tag(element)
        if name in ("t", "m:t"):
            text.parts.append(element.text or "")
        elif name in ("tab", "ptab"):
            text.parts.append("\t")
        elif name in ("br", "cr"):
            page = value(element, name="type") == "page"
            text.breaks += page
            text.parts.append("" if page else "\n")
        elif name == "lastRenderedPageBreak":
            text.breaks += 1
        elif name in ("noBreakHyphen", "sym"):
            text.parts.append("-" if name == "noBreakHyphen" else _symbol(value(element, name="char")))
        elif name in ("footnoteReference", "endnoteReference"):
            self._reference(element, name.removesuffix("Reference"), text)
        elif name not in _SKIPPED and len(element):
            self._children([element] if name == "mc:AlternateContent" else element, text, style, shaded)

    def _reference(self, element: Any, kind: str, text: Text) -> None:
        key = (kind, value(element, name="id") or "")
        self.numbers.setdefault(key, len(self.numbers) + 1)
        text.footnotes.append(key)
        text.parts.append(f"[{self.numbers[key]}]")

    def _unseen(self, properties: Any, own: Style, style: Style, shaded: bool) -> bool:
        if on(properties, "vanish") or own.hidden or (style.hidden and child(properties, "vanish") is None):
            return True
        size = number(value(properties, "sz")) if properties is not None else 0
        if 0 < (size or own.size) <= _SMALLEST:
            return True
        ink = colour(properties) or own.colour or style.colour
        return ink == "white" and not shaded and not is_shaded(properties)


def is_shaded(properties: Any | None) -> bool:
    """Whether properties give a ground on which white letters show."""
    if properties is None:
        return False
    fill = (value(properties, "shd", name="fill") or "auto").lower()
    themed = value(properties, "shd", name="themeFill")
    highlight = (value(properties, "highlight") or "none").lower()
    dark = fill not in ("auto", "ffffff", "clear") or (themed not in (None, "background1", "light1"))
    return dark or highlight not in ("none", "white")


def _symbol(code: str | None) -> str:
    try:
        return chr(int(code or "", 16))
    except (ValueError, OverflowError):
        return ""
