"""Markdown: stored as it stands, blocks by markdown-it's line map; front matter becomes metadata as well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.loaders.cleaning import Cleaner
from retrieval.loaders.columns import pipe_cells
from retrieval.loaders.encoding import decode
from retrieval.loaders.lines import blocks_of
from retrieval.loaders.metadata import front_matter
from retrieval.loaders.reading import Line, lines_of
from retrieval.loaders.source import Source
from retrieval.loaders.structure import refined, span
from retrieval.records import Block, Note, Parsed, Span

if TYPE_CHECKING:
    from markdown_it.token import Token

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)
_HASHES = re.compile(r"#{1,6}[ \t]+(?P<words>.*?)(?:[ \t]+#+)?[ \t]*")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?")
_TAG = re.compile(r"<[^>]*>|&nbsp;")


def load(source: Source) -> Parsed:
    """The text with blocks, front matter as metadata; HTML comments are taken out and counted."""
    decoded = decode(source.bytes(), name=source.name, encoding=source.encoding)
    clean = Cleaner()
    text, comments = _without_comments(clean(decoded.text).rstrip())
    head = front_matter(text)
    blocks = refined(text, [*head.blocks, *_Markdown(text, head.end).blocks()])
    notes = [*decoded.notes, *clean.notes(), *head.notes]
    if comments:
        notes.append(Note(kind="hidden_text", count=comments, detail=f"{comments} hidden comments were left out."))
    return Parsed(
        name=source.name,
        format="md",
        text=text,
        blocks=blocks,
        title=str(head.metadata.get("title", "")) or _title(text, blocks),
        encoding=decoded.encoding,
        metadata=head.metadata,
        notes=tuple(notes),
    )


def _title(text: str, blocks: tuple[Block, ...]) -> str:
    """The only heading of the first level; else nothing."""
    top = [b for b in blocks if b.kind == "heading" and b.level == 1]
    return _TAG.sub("", text[top[0].start : top[0].end]).strip("*_` ") if len(top) == 1 else ""


def _without_comments(text: str) -> tuple[str, int]:
    """The text without HTML comments outside of code, and how many there were."""
    if "<!--" not in text:
        return text, 0
    code = [m.span() for m in _FENCE.finditer(text)]
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        if any(a <= match.start() < b for a, b in code):
            return match[0]
        count += 1
        return ""

    return _COMMENT.sub(replace, text), count


class _Markdown:
    """One document on its way from tokens to blocks."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._lines = lines_of(text, start, len(text))
        self._start = start

    def blocks(self) -> Iterator[Block]:
        from markdown_it import MarkdownIt

        parser = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table")
        tokens = parser.parse(self._text[self._start :])
        index = 0
        while index < len(tokens):
            token = tokens[index]
            end = _closing(tokens, index)
            if token.map:
                yield from self._block(token, tokens[index : end + 1])
            index = end + 1

    def _block(self, token: Token, inside: list[Token]) -> Iterator[Block]:
        first, last = self._range(token)
        if token.type == "heading_open":
            yield from self._heading(token, first)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield from self._list(inside)
        elif token.type == "blockquote_open":
            yield from self._quote(inside)
        elif token.type == "html_block" and not _TAG.sub("", self._between(first, last).text).strip():
            return
        else:
            yield from self._leaf(token, first, last)

    def _leaf(self, token: Token, first: int, last: int) -> Iterator[Block]:
        if token.type == "table_open":
            yield from self._table(first, last)
        elif token.type in ("fence", "code_block"):
            yield from self._plain("code", first, last)
        elif token.type == "html_block":
            yield from self._plain("paragraph", first, last)
        elif token.type == "paragraph_open":
            yield from self._paragraph(first, last)

    def _heading(self, token: Token, first: int) -> Iterator[Block]:
        line = self._lines[first]
        match = _HASHES.fullmatch(line.text)
        words = span(self._text, line.start + match.start("words"), line.start + match.end("words")) if match else None
        words = words or span(self._text, line.start, line.end)
        if words.text:
            yield Block(kind="heading", start=words.start, end=words.end, level=int(token.tag[1]))

    def _paragraph(self, first: int, last: int) -> Iterator[Block]:
        """A paragraph, or what its lines are by their own look: questions, keys and values, 「一、」 headings."""
        start, end = self._lines[first].start, self._lines[last - 1].end
        found = blocks_of(self._text, start, end)
        told = {b.kind for b in found} - {"paragraph", "heading"}
        if found and told and told <= {"qa", "keyvalue"}:
            yield from (
                b if b.kind != "heading" else b.model_copy(update={"kind": "paragraph", "level": 0}) for b in found
            )
        else:
            yield from self._plain("paragraph", first, last)

    def _plain(self, kind: str, first: int, last: int) -> Iterator[Block]:
        whole = self._between(first, last)
        if whole.text:
            yield Block.model_validate({"kind": kind, "start": whole.start, "end": whole.end})

    def _quote(self, inside: list[Token]) -> Iterator[Block]:
        """What a quotation holds, block by block; its marks stay in the text."""
        index = 1
        while index < len(inside) - 1:
            end = _closing(inside, index)
            if inside[index].map:
                yield from self._block(inside[index], inside[index : end + 1])
            index = end + 1

    def _list(self, inside: list[Token]) -> Iterator[Block]:
        """A list with its nested lists as one block: a row per item, without the items nested in it.

        A table or code inside an item ends the block and stands for itself.
        """
        rows: list[tuple[Span, ...]] = []
        line = -1
        for index, token in enumerate(inside):
            if token.type == "list_item_open" and token.map:
                first, last = self._range(token)
                line = first
                below = next((t for t in _children(inside, index) if t.type != "paragraph_open" and t.map), None)
                stop = self._range(below)[0] if below else last
                row = self._item(first, max(stop, first + 1))
                if row:
                    rows.append((row,))
            elif token.type in ("fence", "code_block", "table_open") and token.map:
                if rows and self._range(token)[0] <= line:
                    # It begins behind the item's mark and is its text already.
                    continue
                yield from self._rows(rows)
                rows = []
                yield from self._block(token, [])
        yield from self._rows(rows)

    def _rows(self, rows: list[tuple[Span, ...]]) -> Iterator[Block]:
        if rows:
            start = self._text.rfind("\n", 0, rows[0][0].start) + 1
            start += len(self._text[start : rows[0][0].start]) - len(self._text[start : rows[0][0].start].lstrip())
            yield Block(kind="list", start=start, end=rows[-1][0].end, level=1, rows=tuple(rows))

    def _item(self, first: int, last: int) -> Span | None:
        whole = self._between(first, last)
        text = whole.text
        while text.startswith(">"):
            text = text[1:].lstrip()
        match = _ITEM.match(text)
        start = whole.end - len(text) + (match.end() if match else 0)
        row = span(self._text, start, whole.end)
        return row if row.text.strip("-*+0123456789.) ") else None

    def _table(self, first: int, last: int) -> Iterator[Block]:
        lines = [line for line in self._lines[first:last] if line.text]
        rows = [pipe_cells(self._text, self._unquoted(line)) for line in lines]
        names = tuple(" ".join(cell.text.split()) for cell in rows[0])
        body = tuple(row[: len(names)] for row in rows[2:])
        yield Block(
            kind="table", start=lines[0].start, end=lines[-1].end, header=names if any(names) else (), rows=body
        )

    def _unquoted(self, line: Line) -> Line:
        text = line.text.lstrip("> ")
        return line._replace(start=line.end - len(text), text=text)

    def _between(self, first: int, last: int) -> Span:
        return span(self._text, self._lines[first].start, self._lines[max(last - 1, first)].end)

    def _range(self, token: Token) -> tuple[int, int]:
        """First and past-last line; a fence or list may claim the empty lines below it."""
        first, last = token.map or [0, 0]
        last = min(last, len(self._lines))
        while last > first + 1 and not self._lines[last - 1].text:
            last -= 1
        return first, max(last, first + 1)


def _closing(tokens: list[Token], index: int) -> int:
    """Where the token that opens at `index` closes; `index` when it opens nothing."""
    depth = 0
    for at in range(index, len(tokens)):
        depth += tokens[at].nesting
        if depth <= 0:
            return at
    return len(tokens) - 1


def _children(tokens: list[Token], index: int) -> Iterator[Token]:
    """The tokens directly inside the one that opens at `index`."""
    at, end = index + 1, _closing(tokens, index)
    while at < end:
        yield tokens[at]
        at = _closing(tokens, at) + 1
