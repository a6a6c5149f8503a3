"""A whole Word document: parts found, body walked, notes and boxes put where they belong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memory.errors import BadDocument
from retrieval.loaders import archive
from retrieval.loaders.archive import Archive
from retrieval.loaders.docx.names import child, number, on, tag, value
from retrieval.loaders.docx.numbering import Numbering
from retrieval.loaders.docx.outline import Paragraph, emit
from retrieval.loaders.docx.runs import Runs, Text, is_shaded
from retrieval.loaders.docx.styles import Styles, numbering, outline_level
from retrieval.loaders.layout import Layout
from retrieval.loaders.properties import properties
from retrieval.loaders.source import Source
from retrieval.loaders.spanning import Cell
from retrieval.records import Parsed


@dataclass
class Table:
    """A table of the body."""

    rows: list[list[Cell]]
    head: int
    """Rows that the file calls headings, or that alone are bold."""
    keys: bool
    """Whether the first column, and not the first row, holds names."""
    notes: list[str]
    page: int | None


Node = Paragraph | Table


def load(source: Source) -> Parsed:
    """The document in its own order, headers and footers first, once each."""
    with archive.opened(source) as file:
        body = _Body(source, file)
        layout = Layout()
        emit(layout, list(body.nodes()))
        runs = body.runs
        layout.note(
            "hidden_text", runs.hidden, f"{runs.hidden} hidden characters (white, tiny or hidden) were left out."
        )
        gone = f"{runs.deleted} deleted passages of tracked changes were left out; inserted ones were read."
        layout.note("tracked_changes", runs.deleted, gone)
        comments = body.comments
        layout.note("comments", comments, f"{comments} comments in the margin were left out.")
        layout.note("contents", body.contents, f"{body.contents} lines of the table of contents were left out.")
        metadata = properties(file)
        title = body.title or str(metadata.get("title", ""))
        return layout.finish(source.name, "docx", title=title, pages=body.pages, metadata=metadata)


class _Body:
    """Walks the parts of one document."""

    def __init__(self, source: Source, file: Archive) -> None:
        self._file = file
        self._main = file.main() or "word/document.xml"
        root = file.xml(self._main)
        self._root = child(root, "body")
        if self._root is None:
            raise BadDocument(source.name, "the file is damaged: it has no body.")
        self._parts = dict(file.related(self._main).values())
        self._styles = Styles(self._part("styles"))
        self._numbering = Numbering(self._part("numbering"))
        self.runs = Runs(self._styles)
        self._notes = {kind: self._note_elements(kind) for kind in ("footnote", "endnote")}
        self._page: int | None = 1 if any(tag(e) == "lastRenderedPageBreak" for e in root.iter()) else None
        self.contents = 0
        self.title = ""

    @property
    def pages(self) -> int:
        """Pages when the program that saved it left marks; else 0."""
        return self._page or 0

    @property
    def comments(self) -> int:
        root = self._part("comments")
        return sum(tag(e) == "comment" for e in root) if root is not None else 0

    def nodes(self) -> Iterator[Node]:
        """Headers and footers, then the body."""
        yield from self._margins()
        yield from self._walk(self._root, depth=0)

    def _part(self, kind: str) -> Any | None:
        return self._file.xml_if_there(self._parts.get(kind, ""))

    def _note_elements(self, kind: str) -> dict[str, Any]:
        root = self._part(f"{kind}s")
        return {value(e, name="id") or "": e for e in root if tag(e) == kind} if root is not None else {}

    def _margins(self) -> Iterator[Node]:
        """Lines of headers and footers that say something, each once."""
        seen: set[str] = set()
        for kind, path in sorted(self._file.related(self._main).values()):
            if kind not in ("header", "footer") or path not in self._file.names:
                continue
            for node in self._walk(self._file.xml(path), depth=0):
                text = node.text if isinstance(node, Paragraph) else " ".join(c.text for r in node.rows for c in r)
                if sum(c.isalpha() for c in text) > 3 and text not in seen:
                    seen.add(text)
                    yield Paragraph(text, margin=True)

    def _walk(self, element: Any, depth: int) -> Iterator[Node]:
        for inner in element:
            name = tag(inner)
            if name == "p":
                yield from self._paragraph(inner, shaded=False)
            elif name == "tbl":
                yield from self._table(inner, depth)
            elif name in ("del", "moveFrom"):
                self.runs.deleted += 1
            elif depth < 40 and name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "txbxContent"):
                yield from self._walk(inner, depth + 1)
            elif name == "mc:AlternateContent" and len(inner) and depth < 40:
                yield from self._walk(inner[0], depth + 1)

    def _paragraph(self, element: Any, *, shaded: bool) -> Iterator[Node]:
        properties_ = child(element, "pPr")
        name = value(properties_, "pStyle") if properties_ is not None else None
        style = self._styles.get(name or self._styles.default_paragraph)
        text = self.runs.read(element, style, shaded=shaded)
        if self._page is not None:
            self._page += text.breaks
        if style.contents:
            self.contents += bool(text.words)
            return
        outline = outline_level(properties_)
        place = numbering(properties_) or style.numbering
        mark = self._numbering.mark(place) if text.words else None
        if style.title and text.words and not self.title:
            self.title = " ".join(text.words.split())
        if text.words:
            yield Paragraph(
                text.words,
                level=style.level if outline is None else outline,
                title=style.title,
                mark=mark,
                depth=place[1] + 1 if place else 1,
                bold=text.all_bold,
                size=_size(text.sizes),
                page=self._page,
            )
        yield from self._hanging(text)

    def _hanging(self, text: Text) -> Iterator[Node]:
        """Footnotes and text boxes of a paragraph, behind it."""
        for line in self._footnotes(text):
            yield Paragraph(line, page=self._page, note=True)
        for box in text.boxes[:200]:
            yield from self._walk(box, depth=1)

    def _footnotes(self, text: Text) -> Iterator[str]:
        for kind, key in text.footnotes:
            element = self._notes[kind].pop(key, None)
            if element is not None:
                inner = [self.runs.read(p, self._styles.get(None), shaded=False).words for p in _paragraphs(element)]
                words = " ".join(w for w in inner if w)
                if words:
                    yield f"[{self.runs.numbers[kind, key]}] {words}"

    def _table(self, element: Any, depth: int) -> Iterator[Node]:
        reader = _TableReader(self, element, depth)
        table = reader.read()
        if max((len(row) for row in table.rows), default=0) > 1:
            yield table
        else:
            for row in table.rows:
                for cell in row:
                    for line in cell.text.split("\n"):
                        yield Paragraph(line, page=self._page)
            for note in table.notes:
                yield Paragraph(note, page=self._page, note=True)


class _TableReader:
    """Reads one table; tables inside its cells become text."""

    def __init__(self, body: _Body, element: Any, depth: int) -> None:
        self._body = body
        self._element = element
        self._depth = depth
        self._notes: list[str] = []
        self._bold: list[list[bool]] = []

    def read(self) -> Table:
        rows: list[list[Cell]] = []
        open_: dict[int, tuple[int, int]] = {}
        head = 0
        elements = [e for e in self._element.iter() if tag(e) == "tr" and _owner(e, "tbl") is self._element]
        for element in elements:
            if on(element, "trPr", "tblHeader") and head == len(rows):
                head += 1
            rows.append(self._row(element, rows, open_))
        bold_rows = [bool(r) and all(r) for r in self._bold]
        bold_first = [bool(r) and r[0] and not all(r) for r in self._bold]
        head = head or int(len(rows) > 1 and bold_rows[:1] == [True] and not all(bold_rows))
        keys = not head and len(rows) > 0 and all(bold_first) and all(len(r) == 2 for r in rows)
        page = self._body._page
        return Table(rows, head if head < len(rows) else 0, keys, self._notes, page)

    def _row(self, element: Any, rows: list[list[Cell]], open_: dict[int, tuple[int, int]]) -> list[Cell]:
        """The cells of a row; one that goes on from above makes that one taller instead."""
        line: list[Cell] = []
        bold: list[bool] = []
        column = number(value(element, "trPr", "gridBefore"))
        line += [Cell("")] * min(column, 50)
        for cell in (e for e in element.iter() if tag(e) == "tc" and _owner(e, "tr") is element):
            wide = min(max(number(value(cell, "tcPr", "gridSpan"), 1), 1), 100)
            merged = child(cell, "tcPr", "vMerge")
            if merged is not None and value(merged) != "restart" and column in open_:
                row, at = open_[column]
                rows[row][at] = rows[row][at]._replace(tall=rows[row][at].tall + 1)
            else:
                text, is_bold = self._cell(cell)
                open_.pop(column, None)
                if merged is not None:
                    open_[column] = (len(rows), len(line))
                line.append(Cell(text, wide))
                bold.append(is_bold)
            column += wide
        self._bold.append(bold)
        return line

    def _cell(self, element: Any) -> tuple[str, bool]:
        shaded = is_shaded(child(element, "tcPr")) or is_shaded(child(self._element, "tblPr")) or self._styled()
        lines, bold, letters = [], 0, 0
        for paragraph in _paragraphs(element):
            style = self._body._styles.get(value(paragraph, "pPr", "pStyle"))
            text = self._body.runs.read(paragraph, style, shaded=shaded)
            place = numbering(child(paragraph, "pPr")) or style.numbering
            mark = self._body._numbering.mark(place) if text.words else None
            self._notes += list(self._body._footnotes(text))
            if text.words:
                lines.append(f"{mark} {text.words}" if mark and mark != "•" else text.words)
                bold += text.all_bold
                letters += 1
            for box in text.boxes[:20]:
                lines += [self._body.runs.read(p, style, shaded=False).words for p in _paragraphs(box)]
        return "\n".join(line for line in lines if line), letters > 0 and bold == letters

    def _styled(self) -> bool:
        """Whether a table style may colour its rows: white letters are then taken for visible."""
        return value(self._element, "tblPr", "tblStyle") not in (None, "TableGrid", "TableNormal")


def _paragraphs(element: Any) -> list[Any]:
    return [e for e in element.iter() if tag(e) == "p" and not any(tag(a) in _BOXES for a in _between(e, element))]


_BOXES = {"txbxContent", "del"}


def _between(element: Any, outer: Any) -> Iterator[Any]:
    for ancestor in element.iterancestors():
        if ancestor is outer:
            return
        yield ancestor


def _owner(element: Any, name: str) -> Any | None:
    return next((a for a in element.iterancestors() if tag(a) == name), None)


def _size(sizes: Counter[int]) -> int:
    return sizes.most_common(1)[0][0] if sizes else 0
