"""PPTX: a section per slide with its title, bullets, tables, charts and speaker notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from retrieval.loaders import archive
from retrieval.loaders.archive import Archive
from retrieval.loaders.charts import chart_table
from retrieval.loaders.layout import Item, Layout
from retrieval.loaders.properties import properties
from retrieval.loaders.source import Source
from retrieval.loaders.spanning import Cell, tabulate
from retrieval.records import Parsed

_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_SMALLEST = 200
"""Hundredths of a point up to which letters cannot be read."""
_FRAME = {"dt", "ftr", "sldNum", "hdr", "sldImg"}
_TITLES = {"title", "ctrTitle"}


class _Line(NamedTuple):
    text: str
    level: int
    bullet: str
    """`none`, `char`, `number`, or empty for what the slide's design says."""


def load(source: Source) -> Parsed:
    """The slides in order; hidden ones are left out and counted."""
    with archive.opened(source) as file:
        main = file.main() or "ppt/presentation.xml"
        related = file.related(main)
        slides = [related.get(e.get(_ID) or "", ("", ""))[1] for e in file.xml(main).iter() if local(e) == "sldId"]
        layout = Layout()
        deck = _Deck(layout, file)
        hidden = []
        for number, path in enumerate((p for p in slides if p in file.names), 1):
            root = file.xml(path)
            if root.get("show") in ("0", "false"):
                hidden.append(str(number))
            else:
                deck.slide(root, path, number)
        layout.note("hidden_slides", len(hidden), f"Hidden slides were left out: {', '.join(hidden)}.")
        layout.note("hidden_text", deck.tiny, f"{deck.tiny} characters too small to read were left out.")
        metadata = properties(file)
        title = str(metadata.get("title", ""))
        title = deck.title if title.strip().lower() in ("", "powerpoint presentation", "powerpoint 簡報") else title
        return layout.finish(source.name, "pptx", title=title, pages=len(slides), metadata=metadata)


def local(element: Any) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


class _Deck:
    """Writes slides."""

    def __init__(self, layout: Layout, file: Archive) -> None:
        self._layout = layout
        self._file = file
        self.title = ""
        """The title of the first slide that has one."""
        self.tiny = 0

    def slide(self, root: Any, path: str, number: int) -> None:
        """One slide: its title as a heading, the rest in its own order, then the notes."""
        related = self._file.related(path)
        shapes = list(_shapes(root))
        title = next((s for s in shapes if _placeholder(s) in _TITLES), None)
        words = " ".join(line.text for line in self._lines(title)) if title is not None else ""
        self.title = self.title or words
        self._layout.heading(words or f"Slide {number}", 1 if words and number == 1 else 2, page=number)
        for shape in shapes:
            if shape is title or _placeholder(shape) in _FRAME:
                continue
            self._shape(shape, related, number)
        for kind, target in related.values():
            if kind == "notesSlide" and target in self._file.names:
                self._notes(self._file.xml(target), number)

    def _shape(self, shape: Any, related: dict[str, tuple[str, str]], number: int) -> None:
        if local(shape) == "graphicFrame":
            self._frame(shape, related, number)
        else:
            lines = [line for line in self._lines(shape) if line.text]
            body = _placeholder(shape) in ("body", "obj", "") and _placeholder(shape) is not None
            self._write(lines, number, bulleted=body and len(lines) > 1)

    def _write(self, lines: list[_Line], number: int, *, bulleted: bool) -> None:
        items: list[Item] = []
        count = 0
        for line in [*lines, None]:
            listed = line and (line.bullet in ("char", "number") or (bulleted and line.bullet != "none"))
            if line and listed:
                count = count + 1 if line.bullet == "number" else 0
                items.append(Item(line.text, f"{count}." if line.bullet == "number" else "•", line.level + 1))
                continue
            self._layout.items(items, page=number)
            items, count = [], 0
            if line:
                self._layout.paragraph(line.text, page=number)

    def _frame(self, shape: Any, related: dict[str, tuple[str, str]], number: int) -> None:
        """A table, a chart's numbers, or the words of a diagram."""
        for element in shape.iter():
            name = local(element)
            if name == "tbl":
                self._table(element, number)
                return
            if name == "chart" and (path := related.get(element.get(_ID) or "", ("", ""))[1]) in self._file.names:
                title, rows = chart_table(self._file.xml(path))
                self._layout.paragraph(title, page=number)
                self._layout.table(rows, header=True, page=number)
                return
            if name == "relIds":
                data = related.get(element.get(_ID.replace("}id", "}dm")) or "", ("", ""))[1]
                self._diagram(data, number)
                return

    def _diagram(self, path: str, number: int) -> None:
        root = self._file.xml_if_there(path)
        points = [e for e in root.iter() if local(e) == "pt"] if root is not None else []
        self._layout.items([Item(" ".join(line.text for line in self._lines(p))) for p in points], page=number)

    def _table(self, table: Any, number: int) -> None:
        rows = []
        for row in (e for e in table if local(e) == "tr"):
            line = []
            for cell in (e for e in row if local(e) == "tc"):
                if cell.get("hMerge") in ("1", "true") or cell.get("vMerge") in ("1", "true"):
                    continue
                text = "; ".join(line.text for line in self._lines(cell) if line.text)
                line.append(Cell(text, int(cell.get("gridSpan") or 1), int(cell.get("rowSpan") or 1)))
            rows.append(line)
        first = next((e.get("firstRow") for e in table if local(e) == "tblPr"), None)
        tabulate(self._layout, rows, head=1 if first in ("1", "true") and len(rows) > 1 else None, page=number)

    def _notes(self, root: Any, number: int) -> None:
        for shape in _shapes(root):
            if _placeholder(shape) == "body":
                words = "\n".join(line.text for line in self._lines(shape) if line.text)
                self._layout.paragraph(words, page=number)

    def _lines(self, shape: Any) -> list[_Line]:
        return [self._line(e) for e in shape.iter() if local(e) == "p" and e.tag.endswith("/drawingml/2006/main}p")]

    def _line(self, paragraph: Any) -> _Line:
        parts: list[str] = []
        level, bullet = 0, ""
        for element in paragraph:
            name = local(element)
            if name == "pPr":
                level = int(element.get("lvl") or 0)
                marks = {"buNone": "none", "buChar": "char", "buAutoNum": "number", "buBlip": "char"}
                bullet = next((marks[local(e)] for e in element if local(e) in marks), "")
            elif name == "br":
                parts.append("\n")
            elif name in ("r", "fld"):
                parts.append(self._run(element))
        return _Line("".join(parts).replace("\x0b", "\n").strip(), min(level, 8), bullet)

    def _run(self, run: Any) -> str:
        text = "".join(t.text or "" for t in run if local(t) == "t")
        size = next((e.get("sz") for e in run if local(e) == "rPr"), None)
        if size and size.isdecimal() and int(size) <= _SMALLEST:
            self.tiny += len(text.strip())
            return ""
        return text


def _shapes(root: Any) -> Iterator[Any]:
    """The shapes of a slide, those in groups too."""
    tree = next((e for e in root.iter() if local(e) == "spTree"), None)
    stack = list(tree) if tree is not None else []
    while stack:
        element = stack.pop(0)
        if local(element) == "grpSp":
            stack[:0] = list(element)
        elif local(element) == "AlternateContent" and len(element):
            stack[:0] = list(element[0])
        elif local(element) in ("sp", "graphicFrame", "cxnSp"):
            yield element


def _placeholder(shape: Any) -> str | None:
    """The kind of place that a shape fills; None when it fills none."""
    for element in shape.iter():
        if local(element) == "ph":
            return element.get("type") or "obj"
        if local(element) == "txBody":
            break
    return None
