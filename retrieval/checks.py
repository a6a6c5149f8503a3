"""What an answer says, held against its passages: refusals, numbers, names and quotes. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.prompts import Passage
from retrieval.records import Mark


def refuses(text: str) -> bool:
    """Whether a model's answer says that the documents do not hold it, in English or Chinese, in any common wording."""
    raise NotImplementedError


def marks(answer: str, passages: Sequence[Passage], question: str = "") -> tuple[Mark, ...]:
    """Numbers, names and quotes of `answer` that stand neither in a passage nor in the question."""
    raise NotImplementedError
