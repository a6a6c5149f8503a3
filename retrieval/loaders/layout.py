"""Puts stored text and blocks together so that every offset is right by construction. Knows no format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from retrieval.loaders.cleaning import Cleaner
from retrieval.loaders.structure import refined
from retrieval.records import Block, BlockKind, Note, Parsed, Span


class Item(NamedTuple):
    """A list item."""

    text: str
    mark: str = "•"
    """The bullet or number in front of it."""
    depth: int = 1


class Layout:
    """Grows a document block by block; blocks are parted by an empty line."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self.blocks: list[Block] = []
        self.notes: list[Note] = []
        self.clean = Cleaner()

    @property
    def size(self) -> int:
        """Characters so far."""
        return self._size

    def heading(self, text: str, level: int, *, page: int | None = None) -> None:
        """A heading on one line; nothing when it is blank."""
        line = " ".join(self.clean(text).split())
        if line:
            self._open()
            start = self._size
            self._put(line)
            self._close("heading", start, level=min(max(level, 1), 6), page=page)

    def paragraph(self, text: str, *, page: int | None = None, kind: BlockKind = "paragraph") -> None:
        """A paragraph or code; nothing when it is blank."""
        body = self.clean(text).strip("\n") if kind == "code" else self.clean(text).strip()
        if body.strip():
            self._open()
            start = self._size
            self._put(body)
            self._close(kind, start, page=page)

    def items(self, entries: Iterable[Item], *, page: int | None = None) -> None:
        """A list: one line per item, indented by its depth."""
        kept = [(item, body) for item in entries if (body := self.clean(item.text).strip())]
        if not kept:
            return
        self._open()
        start, rows = self._size, []
        for number, (item, body) in enumerate(kept):
            self._put("\n" if number else "")
            self._put("  " * (item.depth - 1) + (f"{item.mark} " if item.mark else ""))
            rows.append((self._put(body),))
        self._close("list", start, level=min(i.depth for i, _ in kept), page=page, rows=tuple(rows))

    def table(self, rows: Sequence[Sequence[str]], *, header: bool, page: int | None = None) -> None:
        """A table as a Markdown pipe table, its first row the column names where `header`; empty rows are left out.

        A line break inside a cell is kept: it belongs to the cell's span.
        """
        wide = max((len(row) for row in rows), default=0)
        filled = [[self.clean(c).strip() for c in row] + [""] * (wide - len(row)) for row in rows]
        filled = [row for row in filled if any(row)]
        if not filled:
            return
        self._open()
        start, spans = self._size, []
        for number, row in enumerate(filled):
            self._put("\n" if number else "")
            spans.append(self._row(row))
            if header and number == 0:
                self._put("\n|" + " --- |" * wide)
        names = tuple(" ".join(s.text.split()) for s in spans[0]) if header else ()
        self._close("table", start, page=page, header=names, rows=tuple(spans[1:] if header else spans))

    def keyvalue(self, pairs: Iterable[tuple[str, str]], *, page: int | None = None) -> None:
        """Lines `key: value`; pairs without a value are left out."""
        kept = [(k, v) for a, b in pairs if (k := " ".join(self.clean(a).split())) and (v := self.clean(b).strip())]
        if not kept:
            return
        self._open()
        start, rows = self._size, []
        for number, (key, value) in enumerate(kept):
            self._put("\n" if number else "")
            left = self._put(key)
            self._put(": ")
            rows.append((left, self._put(value)))
        self._close("keyvalue", start, page=page, rows=tuple(rows))

    def qa(self, question: str, answer: str, *, page: int | None = None) -> None:
        """A question on one line and its answer below; nothing when either is blank."""
        asked, told = " ".join(self.clean(question).split()), self.clean(answer).strip()
        if asked and told:
            self._open()
            start = self._size
            left = self._put(asked)
            self._put("\n")
            rows = ((left, self._put(told)),)
            self._close("qa", start, page=page, rows=rows)

    def slice(self, start: int, end: int) -> str:
        """What stands there so far."""
        return "".join(self._parts)[start:end]

    def note(self, kind: str, count: int = 1, detail: str = "") -> None:
        """Say something about the file; a count of 0 says nothing."""
        if count:
            self.notes.append(Note(kind=kind, count=count, detail=detail))

    def finish(self, name: str, family: str, *, title: str = "", **more: object) -> Parsed:
        """The document, with what the blocks say together (lead-ins, questions and answers) worked out."""
        text = "".join(self._parts)
        notes = (*self.notes, *self.clean.notes())
        title = " ".join(Cleaner()(title).split())
        return Parsed.model_validate(
            {"name": name, "format": family, "text": text, "title": title, "notes": notes, **more}
            | {"blocks": refined(text, self.blocks)}
        )

    def _row(self, cells: list[str]) -> tuple[Span, ...]:
        self._put("|")
        spans = []
        for cell in cells:
            self._put(" ")
            spans.append(self._put(cell))
            self._put(" |" if cell else "|")
        return tuple(spans)

    def _open(self) -> None:
        if self._size:
            self._put("\n\n")

    def _close(self, kind: BlockKind, start: int, **more: object) -> None:
        self.blocks.append(Block.model_validate({"kind": kind, "start": start, "end": self._size, **more}))

    def _put(self, text: str) -> Span:
        start = self._size
        self._parts.append(text)
        self._size += len(text)
        return Span(start=start, end=self._size, text=text)
