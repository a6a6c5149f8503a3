"""One question asked with several amounts of evidence: the answer that the model is surest of is kept.

Knows models only by how sure they say they are; knows no prompt and no backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from memory.errors import BackendFailed
from retrieval.packing import Packed
from retrieval.reply import Reply, foreign, mapped

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


class Said(Protocol):
    """A finished answer."""

    @property
    def text(self) -> str:
        """Its words."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """Tokens that were read for it."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that were made."""
        ...

    @property
    def cut_off(self) -> bool:
        """The limit ended it, not the model."""
        ...

    @property
    def confidence(self) -> float | None:
        """Mean log-probability of its tokens, the end included; None when the model does not say."""
        ...

    @property
    def declined(self) -> float | None:
        """How likely the refusal was that it was asked not to begin with; None when the model does not say."""
        ...


class Sure(Protocol):
    """A model that says how sure it is of an answer."""

    def batch_answer(
        self,
        conversations: Sequence[Sequence[BaseMessage]],
        *,
        size: int = 8,
        refusals: Sequence[str] = (),
        most: int = 0,
        stopping: Callable[[], bool] | None = None,
    ) -> Sequence[Said]:
        """Answers in the given order, none beginning as its refusal does, of at most `most` tokens where that is given.

        BackendFailed when `stopping` ended it.
        """
        ...


LONGEST = 96
"""Tokens of one look's answer: who reads a few lines says a few words, or has lost the thread."""
RELUCTANT = 1.0
"""How much a refusal's chance counts against an answer, beside the mean log-probability of its tokens."""
DECLINED = 0.0
"""A question is declined from here on: see `reluctance` (docs/BENCHMARKS.md has the curve)."""
_SURE = 1e-4
"""Chances nearer to 0 or 1 than this say no more."""


def reluctance(chances: Sequence[float]) -> float:
    """How much speaks for declining: the mean log-odds of the refusal, from its chance with each amount of evidence."""
    odds = [math.log(chance / (1 - chance)) for chance in (min(max(one, _SURE), 1 - _SURE) for one in chances)]
    return sum(odds) / len(odds)


class Kept(NamedTuple):
    """What becomes of the answers to one question."""

    number: int
    """Which of them is kept."""
    text: str
    prompt_tokens: int
    """Read for all of them."""
    tokens: int
    cut_off: bool


def surest(said: Sequence[Said], refusal: str) -> Kept:
    """The answer to keep, or the refusal where the model would rather have declined.

    The first one when the model does not say how sure it is.
    """
    chances = [one.declined or 0.0 for one in said]
    told = all(one.declined is not None for one in said)
    declined = told and reluctance(chances) >= DECLINED
    speaking = [number for number, one in enumerate(said) if one.text.strip()] or list(range(len(said)))
    sure = [one.confidence for one in said]
    number = 0
    if None not in sure:
        number = max(speaking, key=lambda number: (sure[number] or 0.0) - RELUCTANT * chances[number])
    one = said[number]
    return Kept(
        number=number,
        text=refusal if declined else one.text,
        prompt_tokens=sum(each.prompt_tokens for each in said),
        tokens=one.tokens,
        cut_off=one.cut_off and not declined,
    )


def speak_surest(
    model: Sure,
    prompts: Sequence[tuple[Sequence[BaseMessage], Packed]],
    reply: Reply,
    *,
    refusal: str,
    stop: Callable[[], bool],
) -> Iterator[str]:
    """The surest answer to any of the prompts, or the refusal, in one piece; nothing when it was stopped before."""
    try:
        asked = [messages for messages, _ in prompts]
        said = model.batch_answer(asked, size=1, refusals=[refusal] * len(asked), most=LONGEST, stopping=stop)
    except BackendFailed:
        if not stop():
            raise
        reply.stopped = True
        return
    except foreign() as cause:
        raise mapped(cause) from cause
    kept = surest(said, refusal)
    reply.packed, reply.cut_off = prompts[kept.number][1], kept.cut_off
    reply.prompt_tokens, reply.answer_tokens = kept.prompt_tokens, kept.tokens
    yield kept.text
