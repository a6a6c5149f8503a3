"""Structure of plain text: headings, lists, tables, questions and answers, keys and values, by line. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from retrieval.loaders.columns import column_table, pipe_table, tab_table
from retrieval.loaders.headings import heading
from retrieval.loaders.marks import ANSWER, QUESTION, key_value, mark
from retrieval.loaders.reading import Line, Reading, lines_of
from retrieval.loaders.structure import span
from retrieval.records import Block


class _Recogniser(NamedTuple):
    name: str
    find: Callable[[Reading, int], tuple[list[Block], int] | None]


def blocks_of(text: str, start: int = 0, end: int | None = None) -> list[Block]:
    """The blocks of `text[start:end]` in order; they cover every character that is not blank or a ruler."""
    return list(_blocks(Reading(text, lines_of(text, start, len(text) if end is None else end))))


def _blocks(reading: Reading) -> Iterator[Block]:
    index = 0
    while index < len(reading.lines):
        if not reading.lines[index].text or _RULER.fullmatch(reading.lines[index].text):
            index += 1
            continue
        for recogniser in _RECOGNISERS:
            found = recogniser.find(reading, index)
            if found:
                blocks, index = found
                yield from blocks
                break


_RULER = re.compile(r"[-=_*~#─━═·.\s]{3,}")


def _question(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """A line `Q: …` with its answer: behind `A:`, or the lines that follow a question without one."""
    lines = reading.lines
    asked = QUESTION.match(lines[index].text)
    if not asked:
        return None
    answered = index + 1
    while answered < len(lines) and not _answers(lines, index, answered):
        if not lines[answered].text or QUESTION.match(lines[answered].text):
            return None
        answered += 1
    if answered >= len(lines) or not lines[answered].text:
        return None
    end = _answer_end(reading, answered)
    match = ANSWER.match(lines[answered].text)
    question = span(reading.text, lines[index].start + asked.end(), lines[answered - 1].end)
    answer = span(reading.text, lines[answered].start + (match.end() if match else 0), lines[end - 1].end)
    if not question.text or not answer.text:
        return None
    return [Block(kind="qa", start=lines[index].start, end=answer.end, rows=((question, answer),))], end


def _answers(lines: list[Line], index: int, at: int) -> bool:
    """Whether line `at` begins the answer of the question at `index`."""
    if ANSWER.match(lines[at].text):
        return True
    before = lines[at - 1].text
    return (
        bool(lines[at].text)
        and before.endswith(("?", "？"))
        and not any(ANSWER.match(line.text) for line in lines[at : at + 3] if line.text)
    )


def _answer_end(reading: Reading, start: int) -> int:
    """Past the answer: its paragraph, and later ones as long as another question follows them within a few lines."""
    end = reading.paragraph_end(start, until=lambda line: bool(QUESTION.match(line.text)))
    probe = end
    for _ in range(12):
        while probe < len(reading.lines) and not reading.lines[probe].text:
            probe += 1
        if probe >= len(reading.lines) or heading(reading, probe) or reading.size(start, probe) > 1500:
            return end
        if QUESTION.match(reading.lines[probe].text):
            return reading.last(probe) if probe > end else end
        probe = reading.paragraph_end(probe, until=lambda line: bool(QUESTION.match(line.text)))
    return end


def _listing(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """Lines that begin with bullets or numbers; an item goes on over indented lines and lines without a mark."""
    first = mark(reading.lines[index].text)
    if not first:
        return None
    rows, end, at = [], index, index
    while at < len(reading.lines):
        line = reading.lines[at]
        here = mark(line.text) if line.text else None
        if not here or (at > index and _other_list(reading, at, end)):
            break
        stop = reading.paragraph_end(at + 1, until=lambda later: bool(mark(later.text) or QUESTION.match(later.text)))
        rows.append((span(reading.text, line.start + here.end, reading.lines[stop - 1].end),))
        end = stop
        at = stop + 1 if stop < len(reading.lines) and not reading.lines[stop].text else stop
    block = Block(
        kind="list", start=reading.lines[index].start, end=reading.lines[end - 1].end, level=1, rows=tuple(rows)
    )
    return [block], end


def _other_list(reading: Reading, at: int, end: int) -> bool:
    """Whether a marked line after an empty one is rather a heading."""
    return at > end and heading(reading, at) is not None


def _keys(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """Two or more lines `key: value` in a row; a value may go on over indented lines."""
    rows, at = [], index
    while at < len(reading.lines) and (match := key_value(reading.lines[at].text)):
        line = reading.lines[at]
        stop = at + 1
        while stop < len(reading.lines) and reading.lines[stop].text and reading.lines[stop].indent > line.indent:
            stop += 1
        key = span(reading.text, line.start + match.start("key"), line.start + match.end("key"))
        rows.append((key, span(reading.text, line.start + match.start("value"), reading.lines[stop - 1].end)))
        at = stop
    if len(rows) < 2 or (at < len(reading.lines) and reading.lines[at].text and not mark(reading.lines[at].text)):
        return None
    start = reading.lines[index].start
    return [Block(kind="keyvalue", start=start, end=rows[-1][1].end, rows=tuple(rows))], at


def _paragraph(reading: Reading, index: int) -> tuple[list[Block], int]:
    """Lines up to an empty one, or to one that begins something else."""
    end = reading.paragraph_end(index + 1, until=lambda line: _begins(reading, line))
    lines = reading.lines
    return [Block(kind="paragraph", start=lines[index].start, end=lines[end - 1].end)], end


def _begins(reading: Reading, line: Line) -> bool:
    """Whether a line inside a paragraph begins a question, a list or a heading."""
    here = mark(line.text)
    if QUESTION.match(line.text):
        return True
    if not here or here.style in ("annex", "section", "article", "part", "chapter", "dotted"):
        return heading(reading, line.number) is not None
    following = reading.lines[line.number + 1 : line.number + 4]
    return here.style in ("bullet", "han", "formal", "circled", "han_paren") or any(
        (later := mark(f.text)) is not None and later.style == here.style for f in following
    )


def _headed(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    return heading(reading, index)


_RECOGNISERS = (
    _Recogniser("question", _question),
    _Recogniser("pipe table", pipe_table),
    _Recogniser("tab table", tab_table),
    _Recogniser("column table", column_table),
    _Recogniser("heading", _headed),
    _Recogniser("list", _listing),
    _Recogniser("keys", _keys),
    _Recogniser("paragraph", _paragraph),
)
