"""What neighbouring blocks say together: lead-ins of lists and tables, questions with their answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from retrieval.loaders.marks import ANSWER, QUESTION, introduces, width
from retrieval.records import Block, Span
from retrieval.sentences import sentences

LONGEST_ANSWER = 1600
"""Columns up to which what follows a question heading is its answer; more is a section of its own."""


def refined(text: str, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks with lead-ins filled in and question–answer pairs made of the paragraphs that spell them."""
    return tuple(_leads(text, list(_asked(text, list(_spelled(text, blocks))))))


def span(text: str, start: int, end: int) -> Span:
    """The span without the blanks around it."""
    raw = text[start:end]
    start += len(raw) - len(raw.lstrip())
    end = max(start, start + len(raw.strip()))
    return Span(start=start, end=end, text=text[start:end])


def _spelled(text: str, blocks: Sequence[Block]) -> Iterable[Block]:
    """Paragraphs `Q: …` and `A: …`, together or one after the other, as one block."""
    index = 0
    while index < len(blocks):
        block = blocks[index]
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        pair = _pair(text, block, following)
        if pair:
            yield pair
            index += 1 if pair.end == block.end else 2
        else:
            yield block
            index += 1


def _pair(text: str, block: Block, following: Block | None) -> Block | None:
    if block.kind not in ("paragraph", "heading") or not (asked := QUESTION.match(text, block.start, block.end)):
        return None
    for line in range(block.start, block.end):
        if text[line] == "\n" and (answer := ANSWER.match(text, line + 1, block.end)):
            return _qa(block, span(text, asked.end(), line), span(text, answer.end(), block.end))
    if following and following.kind == "paragraph":
        answer = ANSWER.match(text, following.start, following.end)
        if answer:
            return _qa(block, span(text, asked.end(), block.end), span(text, answer.end(), following.end))
    return None


def _qa(block: Block, question: Span, answer: Span) -> Block | None:
    if not question.text or not answer.text:
        return None
    return Block(kind="qa", start=block.start, end=answer.end, page=block.page, rows=((question, answer),))


def _asked(text: str, blocks: list[Block]) -> Iterable[Block]:
    """A heading that asks, with the short text under it and nothing else, as one block."""
    index = 0
    while index < len(blocks):
        block = blocks[index]
        body = _answer(text, blocks, index) if block.kind == "heading" else []
        if body:
            question = span(text, block.start, block.end)
            answer = span(text, body[0].start, body[-1].end)
            yield Block(kind="qa", start=block.start, end=answer.end, page=block.page, rows=((question, answer),))
        else:
            yield block
        index += 1 + len(body)


def _answer(text: str, blocks: list[Block], index: int) -> list[Block]:
    heading = blocks[index]
    if not _asks(text, heading):
        return []
    body: list[Block] = []
    for block in blocks[index + 1 :]:
        if block.kind == "heading":
            if block.level > heading.level and not _asks(text, block):
                return []
            break
        body.append(block)
    short = body and width(text[body[0].start : body[-1].end]) <= LONGEST_ANSWER
    return body if short and all(b.kind == "paragraph" for b in body) else []


def _asks(text: str, heading: Block) -> bool:
    return text[heading.start : heading.end].rstrip().endswith(("?", "？"))


def _leads(text: str, blocks: list[Block]) -> Iterable[Block]:
    for previous, block in zip([None, *blocks], blocks, strict=False):
        if block.kind in ("list", "table") and block.lead is None and previous and previous.kind == "paragraph":
            yield block.model_copy(update={"lead": _lead(text, previous, block.kind)})
        else:
            yield block


def _lead(text: str, before: Block, kind: str) -> Span | None:
    """The last sentence before, when it announces something, or is the only one and short, before a list."""
    found = sentences(text[before.start : before.end])
    if not found:
        return None
    first, last = found[-1]
    sentence = span(text, before.start + first, before.start + last)
    alone = kind == "list" and len(found) == 1 and width(sentence.text) <= 160
    return sentence if introduces(sentence.text) or alone else None
