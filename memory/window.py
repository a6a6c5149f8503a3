"""What fits into a prompt: token budget over system text, question, facts, summary and newest turns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memory.errors import NotConfigured
from memory.records import Record

Count = Callable[[str], int]
"""Tokens of a text."""

SHARE = 0.3
"""Of the room beside system text and question: what facts may take, and again the summary, when turns compete."""
LONGEST_TURN = 0.4
"""Of the room for turns: what is longer has its middle cut out, so that one paste does not push out all others."""
LEAST_QUESTION = 16
"""Tokens of a question without which asking makes no sense."""
CUT = "\n…\n"


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

    @property
    def memory(self) -> str:
        """Facts and summary as one text: a line per fact, an empty line, the summary."""
        return memory_text(self.facts, self.summary)


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
    room = limit - reserve
    fixed = count(system) + overhead if system else 0
    if room < fixed + LEAST_QUESTION + overhead:
        raise NotConfigured(
            f"The model reads {limit} tokens: with {reserve} kept for the answer and {fixed} for the instructions, "
            f"no question fits.",
            "Choose a model with a longer context, or set a shorter answer.",
        )
    budget = _Budget(count, overhead, room - fixed)
    asked = budget.question(question, memory_text(facts, summary))
    wanted = budget.of_turns(turns) if asked == question else 0
    kept_facts, kept_summary = budget.memory(facts, summary, wanted)
    kept, shortened = budget.turns(turns)
    return Window(
        system=system,
        question=asked,
        facts=kept_facts,
        summary=kept_summary,
        turns=kept,
        tokens=room - budget.free,
        room=room,
        left=len(turns) - len(kept),
        shortened=shortened,
        facts_left=len(facts) - len(kept_facts),
        summary_cut=kept_summary != summary,
        question_tokens=count(question),
        question_cut=asked != question,
    )


def memory_text(facts: Sequence[str], summary: str) -> str:
    """A line per fact, an empty line, the summary; "" when there is nothing."""
    lines = "\n".join(f"- {fact}" for fact in facts)
    return f"{lines}\n\n{summary}" if lines and summary else lines or summary


def shorten(text: str, tokens: int, count: Count) -> str:
    """`text`, or its beginning (two thirds) and end with a mark between; at most `tokens`, "" when nothing fits."""
    if count(text) <= tokens:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count(_ends(text, middle)) <= tokens:
            low = middle
        else:
            high = middle - 1
    return _ends(text, low) if low else ""


def _ends(text: str, characters: int) -> str:
    head = (characters * 2 + 2) // 3
    tail = characters - head
    return text[:head].rstrip() + CUT + (text[-tail:].lstrip() if tail else "")


class _Budget:
    """Tokens that are still free, spent in order of importance."""

    def __init__(self, count: Count, overhead: int, free: int) -> None:
        self.count = count
        self.overhead = overhead
        self.free = free

    def cost(self, text: str) -> int:
        """A text as a message of its own; nothing costs nothing."""
        return self.count(text) + self.overhead if text else 0

    def of_turns(self, turns: Sequence[tuple[str, str]]) -> int:
        """What all turns would take, as far as it matters: counting stops when they no longer fit."""
        total = 0
        for _, text in reversed(turns):
            total += self.count(text) + self.overhead
            if total > self.free:
                break
        return total

    def question(self, question: str, memory: str) -> str:
        """The question whole if it fits; else its ends, beside a small share for what is remembered."""
        if self.count(question) + self.overhead > self.free:
            beside = min(self.cost(memory), self.free // 4)
            question = shorten(question, self.free - self.overhead - beside, self.count)
        self.free -= self.count(question) + self.overhead
        return question

    def memory(self, facts: Sequence[str], summary: str, wanted: int) -> tuple[tuple[str, ...], str]:
        """As many facts as their share holds, then the summary; more than the share when turns leave it over."""
        spare = max(0, self.free - wanted)
        share = int(self.free * SHARE)
        kept: list[str] = []
        for fact in facts:
            if self.cost(memory_text([*kept, fact], "")) <= min(self.free, max(share, spare)):
                kept.append(fact)
        used = self.cost(memory_text(kept, ""))
        allowed = min(self.free, max(used + share, spare))
        whole = summary
        while summary and self.cost(memory_text(kept, summary)) > allowed:
            over = self.cost(memory_text(kept, summary)) - allowed
            summary = shorten(whole, self.count(summary) - over, self.count)
        self.free -= self.cost(memory_text(kept, summary))
        return tuple(kept), summary

    def turns(self, turns: Sequence[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], int]:
        """The newest turns that fit, beginning with a question; how many of them were shortened."""
        longest = int(self.free * LONGEST_TURN) - self.overhead
        crowded = self.of_turns(turns) > self.free
        kept: list[tuple[str, str, int, bool]] = []
        for role, text in reversed(turns):
            cut = crowded and self.count(text) > longest
            shown = shorten(text, longest, self.count) if cut else text
            cost = self.count(shown) + self.overhead
            if cost > self.free or (cut and not shown):
                break
            self.free -= cost
            kept.append((role, shown, cost, cut))
        while kept and kept[-1][0] != "user":
            self.free += kept.pop()[2]
        return tuple((role, text) for role, text, _, _ in reversed(kept)), sum(cut for *_, cut in kept)
