"""Styles of a Word document: which are headings, how deep, and what they make letters look like."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from retrieval.loaders.docx.names import child, number, on, tag, value

_HEADING = re.compile(r"(?i)(?:heading|標題|标题|überschrift|titre|título|titolo|kop|見出し|rubrik)\s*(\d)")
_TITLE = re.compile(r"(?i)(?:title|標題|标题|titel|título|titolo)$")
_CONTENTS = re.compile(r"(?i)(?:toc|目錄|目录|inhaltsverzeichnis|verzeichnis)\s*(?:\d|heading)?$")


class Style(NamedTuple):
    """A paragraph or character style with what it inherits."""

    level: int = 0
    """Heading level; 0 for none."""
    title: bool = False
    contents: bool = False
    """A line of the table of contents."""
    bold: bool = False
    size: int = 0
    """Half points; 0 when not said."""
    hidden: bool = False
    colour: str = ""
    numbering: tuple[str, int] | None = None
    """(numId, level)"""


PLAIN = Style()


class Styles:
    """The styles of one document by id."""

    def __init__(self, root: Any | None) -> None:
        self._elements: dict[str, Any] = {}
        self._found: dict[str, Style] = {}
        self.default_paragraph = ""
        self.size = 0
        """The document's own letter size in half points; 0 when not said."""
        for element in root if root is not None else ():
            if tag(element) == "style":
                name = value(element, name="styleId") or ""
                self._elements[name] = element
                if value(element, name="type") == "paragraph" and value(element, name="default") in ("1", "true"):
                    self.default_paragraph = name
            elif tag(element) == "docDefaults":
                self.size = number(value(element, "rPrDefault", "rPr", "sz"))

    def get(self, name: str | None) -> Style:
        """The style of that id, or the plain one."""
        return self._resolved(name, 0) if name else PLAIN

    def _resolved(self, name: str, depth: int) -> Style:
        if name in self._found:
            return self._found[name]
        element = self._elements.get(name)
        if element is None or depth > 12:
            return PLAIN
        base = value(element, "basedOn")
        style = _merged(element, self._resolved(base, depth + 1) if base else PLAIN)
        self._found[name] = style
        return style


def _merged(element: Any, base: Style) -> Style:
    name = value(element, "name") or ""
    match = _HEADING.match(name)
    outline = outline_level(child(element, "pPr"))
    text = child(element, "rPr")
    level = min(int(match[1]) or 1, 6) if match else outline if outline is not None else base.level
    return Style(
        level=level,
        title=bool(_TITLE.match(name)) or (base.title and not match),
        contents=bool(_CONTENTS.match(name)) or base.contents,
        bold=on(text, "b") if child(text, "b") is not None else base.bold,
        size=number(value(text, "sz")) or base.size,
        hidden=on(text, "vanish") or base.hidden,
        colour=colour(text) or base.colour,
        numbering=numbering(child(element, "pPr")) or base.numbering,
    )


def outline_level(properties: Any | None) -> int | None:
    """1 to 6 for an outline level, 0 for body text, None when not said."""
    found = value(properties, "outlineLvl") if properties is not None else None
    if found is None:
        return None
    level = number(found, 9)
    return min(level + 1, 6) if level < 9 else 0


def numbering(properties: Any | None) -> tuple[str, int] | None:
    """(numId, level) of paragraph properties."""
    inner = child(properties, "numPr") if properties is not None else None
    if inner is None:
        return None
    return value(inner, "numId") or "", number(value(inner, "ilvl"))


def colour(text: Any | None) -> str:
    """`white`, a hexadecimal colour, or nothing."""
    found = child(text, "color") if text is not None else None
    if found is None:
        return ""
    theme = value(found, name="themeColor") or ""
    shade = (value(found, name="themeShade") or "") + (value(found, name="themeTint") or "")
    if theme in ("background1", "light1") and not shade:
        return "white"
    hexadecimal = (value(found) or "").lower()
    return "white" if re.fullmatch(r"f[a-f]f[a-f]f[a-f]", hexadecimal) else hexadecimal
