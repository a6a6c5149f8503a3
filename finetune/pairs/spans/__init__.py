"""Spans of a sentence that somebody may ask for: numbers with units, times, dates, amounts, names and noun phrases."""

from __future__ import annotations

import re
from typing import NamedTuple


class Span(NamedTuple):
    """`text[start:end]` of a sentence, and what sort of thing it is."""

    start: int
    end: int
    kind: str
    """amount, percent, time, date, number, code, name, quoted, phrase."""
    rank: int
    """0 is what people ask for first; noun phrases come last."""


RANKS = {
    "amount": 0, "time": 0, "date": 0, "number": 0, "percent": 0, "code": 0, "name": 1, "quoted": 1, "phrase": 2,
}  # fmt: skip


def spans(text: str, language: str, *, every: bool = False) -> list[Span]:
    """The spans of one sentence, best first, none inside another of the same or a better rank; `every`: all of them."""
    if language.startswith("zh"):
        from finetune.pairs.spans.chinese import found
    elif language == "en":
        from finetune.pairs.spans.english import found
    else:
        from finetune.pairs.spans.numbers import found
    candidates = [span for span in found(text) if not _piece(text, span)]
    return sorted(set(candidates), key=lambda s: (s.rank, s.start, -s.end)) if every else settle(candidates)


_JOINED_BEFORE = re.compile(r"(?:[_\\@#~/–-]|(?<!\d)\.)$")
_JOINED_AFTER = re.compile(r"[_\\@~]|[./–-]\w|['’](?:s\b|\s)")


def _piece(text: str, span: Span) -> bool:
    """Whether the span is a piece of something longer: an identifier, a file's name, half a range, whose it is."""
    if span.kind in {"quoted", "code"}:
        return False
    # A price by the night is a price.
    behind = text[span.end : span.end + 3].removeprefix("/" if span.kind == "amount" else "")
    return bool(_JOINED_BEFORE.search(text[max(span.start - 2, 0) : span.start]) or _JOINED_AFTER.match(behind))


def settle(candidates: list[Span]) -> list[Span]:
    """Longest of a kind wins; a typed span keeps its place inside a longer noun phrase."""
    kept: list[Span] = []
    for span in sorted(dict.fromkeys(candidates), key=lambda s: (s.rank, s.start - s.end, s.start)):
        if not any(_inside(span, other) and (other.rank <= span.rank) for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: (s.rank, s.start, -s.end))


def _inside(span: Span, other: Span) -> bool:
    """Whether they share characters in a way that makes one of them superfluous."""
    if span.rank == other.rank or other.rank < 2:
        return (
            span.start < other.end and other.start < span.end and (other.end - other.start) >= (span.end - span.start)
        )
    return span.start >= other.start and span.end <= other.end
