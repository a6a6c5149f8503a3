"""What fits into a prompt: token budget over system text, question, facts, summary and newest turns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memory.records import Record

Count = Callable[[str], int]
"""Tokens of a text."""


class Window(Record):
    """What goes into the prompt, and what had to stay out."""

    system: str
    question: str
    """Whole, or its beginning and end when it is too long by itself."""
    facts: tuple[str, ...]
    summary: str
    turns: tuple[tuple[str, str], ...]
    """(role, text), oldest first, beginning with a question."""
    tokens: int
    """Of everything above, with the overhead per message."""
    room: int
    """limit - reserve: `tokens` never exceeds it."""
    left: int
    """How many of the oldest turns are not in the prompt: fold `turns[:left]` into the summary."""
    shortened: int = 0
    """How many of the kept turns had their middle cut out."""
    facts_left: int = 0
    summary_cut: bool = False
    question_tokens: int = 0
    """Tokens of the question as asked."""
    question_cut: bool = False
    """The question alone is longer than the prompt may be: tell the user that only its ends were read."""


def fit(
    question: str,
    turns: Sequence[tuple[str, str]] = (),
    *,
    count: Count,
    limit: int,
    reserve: int,
    system: str = "",
    facts: Sequence[str] = (),
    summary: str = "",
    overhead: int = 8,
) -> Window:
    """Pack a prompt of at most `limit - reserve` tokens.

    System text and question always; then facts in the given order, the summary, and the newest turns.
    `overhead` is what the chat template adds per message. Subtract the evidence from `limit` beforehand.
    NotConfigured when the system text alone does not fit.
    """
    raise NotImplementedError
