"""A parsed document → sections: heading path, text and offsets. Pure and deterministic; knows no embedder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from pathlib import PurePosixPath
from typing import NamedTuple

from memory.records import digest
from retrieval.records import Block, Language, Parsed, Section
from retrieval.sentences import sentences
from retrieval.tokens import fold, language

TARGET = {"en": 1000, "other": 1000, "zh-Hant": 400, "zh-Hans": 400}
"""Characters of a section where no heading says where one ends."""
LARGEST = 8
"""A section under a heading stays whole up to this many targets."""

_MARKUP = re.compile(r"^\s*#+\s*|\s*#+\s*$|\n\s*[=-]+\s*$")


class _Piece(NamedTuple):
    """A stretch of the document that no section boundary may cut."""

    start: int
    end: int
    block: Block
    """Cut down to the piece."""
    of: int
    """The number of the block in the document."""


class _Group(NamedTuple):
    """What stands under one heading path."""

    path: tuple[str, ...]
    pieces: list[_Piece]


def sections(parsed: Parsed, source: str, document_id: str) -> list[Section]:
    """The sections of a document in reading order; `section.text == parsed.text[section.start:section.end]`.

    A heading begins a section, however small. Each question–answer pair is one. Where there are no headings, and in
    very large sections, paragraphs and rows are grouped to about 1,000 characters (400 Chinese ones). A heading with
    nothing under it is a section of its own, so that nothing is lost.
    """
    spoken = language(parsed.text)
    blocks = parsed.blocks or _paragraphs(parsed.text)
    headed = any(b.kind == "heading" for b in blocks)
    title = parsed.title.strip() or ("" if headed else PurePosixPath(source).stem)
    found: list[Section] = []
    seen: dict[tuple[object, ...], int] = {}
    for group in _groups(parsed.text, blocks, title):
        target = TARGET[spoken] * (LARGEST if headed and len(group.path) > 1 else 1)
        for path, pieces in _cut(parsed.text, group, target, TARGET[spoken]):
            section = _section(parsed.text, path, pieces, spoken)
            shape = _shape(section)
            key = (path, section.text, shape)
            seen[key] = seen.get(key, 0) + 1
            identity = digest(source, *path, section.text, shape, str(seen[key]))
            found.append(
                section.model_copy(
                    update={"id": identity, "document_id": document_id, "document": source, "ordinal": len(found)}
                )
            )
    return found


def _groups(text: str, blocks: tuple[Block, ...], title: str) -> Iterator[_Group]:
    """Body blocks by heading path; a heading without a body or a child comes as a group of its own."""
    stack: list[tuple[int, str]] = []
    heading: Block | None = None
    body: list[_Piece] = []
    for number, block in enumerate(blocks):
        if block.kind != "heading":
            body += _pieces(text, block, number)
            continue
        if body or (heading and block.level <= heading.level):
            yield _Group(_path(title, stack), body or _alone(heading))
        level = block.level or 1
        stack = [*(s for s in stack if s[0] < level), (level, heading_text(text[block.start : block.end]))]
        heading, body = block, []
    if body or heading:
        yield _Group(_path(title, stack), body or _alone(heading))


def _alone(heading: Block | None) -> list[_Piece]:
    return [_Piece(heading.start, heading.end, heading, -1)] if heading else []


def heading_text(raw: str) -> str:
    """A heading without its markup, on one line."""
    return " ".join(_MARKUP.sub("", raw).split())


def _path(title: str, stack: list[tuple[int, str]]) -> tuple[str, ...]:
    """The title, then the headings, without saying the title twice."""
    path = [name for _, name in stack if name]
    if title and not (path and fold(path[0]) == fold(title)):
        path.insert(0, title)
    return tuple(path)


def _pieces(text: str, block: Block, number: int) -> list[_Piece]:
    """The block in pieces that may part: rows of tables, items of lists, pairs, sentences of a paragraph."""
    if block.kind == "paragraph":
        starts = [block.start + a for a, _ in sentences(text[block.start : block.end])]
    else:
        starts = [_line_start(text, block, row[0].start) for row in block.rows if row]
    cuts = [block.start, *sorted({s for s in starts[1:] if block.start < s < block.end}), block.end]
    rows = [row for row in block.rows if row]
    found = []
    for start, end in pairwise(cuts):
        inside = tuple(row for row in rows if start <= row[0].start < end)
        found.append(_Piece(start, end, block.model_copy(update={"start": start, "end": end, "rows": inside}), number))
    return found


def _line_start(text: str, block: Block, position: int) -> int:
    return max(block.start, text.rfind("\n", 0, position) + 1)


def _cut(text: str, group: _Group, largest: int, target: int) -> Iterator[tuple[tuple[str, ...], list[_Piece]]]:
    """The group's pieces in sections: pairs alone, the rest whole up to `largest`, else grouped to `target`."""
    run: list[_Piece] = []
    for piece in [*group.pieces, None]:
        if piece and piece.block.kind != "qa":
            run.append(piece)
            continue
        if run:
            whole = run[-1].end - run[0].start <= largest
            yield from ((group.path, part) for part in ([run] if whole else _grouped(run, target)))
            run = []
        if piece:
            question = piece.block.rows[0][0].text if piece.block.rows else ""
            yield (*group.path, " ".join(question.split())) if question.strip() else group.path, [piece]


def _grouped(pieces: list[_Piece], target: int) -> Iterator[list[_Piece]]:
    """Pieces in runs of equal size, about `target` characters, that end where a block ends when that is near."""
    whole = pieces[-1].end - pieces[0].start
    goal = whole / max(1, ceil(whole / target))
    run: list[_Piece] = []
    for index, piece in enumerate(pieces):
        run.append(piece)
        size = piece.end - run[0].start
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        if following is None:
            break
        ends_block = piece.of != following.of or piece.block.kind == "table"
        if size >= goal * 1.5 or (ends_block and size + (following.end - following.start) / 2 > goal):
            yield run
            run = []
    if run:
        yield run


def _section(text: str, path: tuple[str, ...], pieces: list[_Piece], spoken: Language) -> Section:
    start, end = pieces[0].start, pieces[-1].end
    raw = text[start:end]
    start, end = start + len(raw) - len(raw.lstrip()), end - (len(raw) - len(raw.rstrip()))
    body = text[start:end]
    own = language(body) if any(c.isalpha() for c in body) else spoken
    blocks = _joined(pieces)
    return Section(
        id="",
        document_id="",
        document="",
        ordinal=0,
        heading_path=path,
        start=start,
        end=max(start, end),
        text=body,
        language=spoken if own == "other" else own,
        pages=tuple(sorted({b.page for b in blocks if b.page is not None})),
        blocks=blocks,
    )


def _joined(pieces: list[_Piece]) -> tuple[Block, ...]:
    """The pieces of one block as one block again."""
    found: list[Block] = []
    last = -2
    for piece in pieces:
        if piece.of == last:
            found[-1] = found[-1].model_copy(update={"end": piece.end, "rows": found[-1].rows + piece.block.rows})
        else:
            found.append(piece.block)
        last = piece.of
    return tuple(found)


def _shape(section: Section) -> str:
    """Kinds and places of the blocks within the section: what its units depend on besides its text."""
    return " ".join(f"{b.kind}{b.start - section.start}+{len(b.rows)}{'|'.join(b.header)}" for b in section.blocks)


def _paragraphs(text: str) -> tuple[Block, ...]:
    """Paragraphs by blank lines, for a loader that found no structure."""
    return tuple(
        Block(kind="paragraph", start=m.start(), end=m.end()) for m in re.finditer(r"\S(?:.|\n(?!\s*\n))*", text)
    )
