"""The general probe: 60 questions that have nothing to do with any document, each with a check that a program can do.

It shows what an adapter forgot. Its items are easy on purpose: a small base model must be able to lose something.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.evaluation.marks import contains, fold
from memory.records import Record


class GeneralItem(Record):
    """One question with its check; exactly one kind of check is set."""

    id: str
    language: str
    kind: str
    """arithmetic, knowledge, format, translation, refusal."""
    question: str
    check: dict[str, Any]
    """number: this number stands in the answer; any: one of these texts; any_count: at least n of these; start: it
    begins with one of these; pattern: a regular expression is found."""

    def passed(self, answer: str) -> bool:
        """Whether the answer passes the check."""
        text = fold(answer)
        (kind, wanted), *_ = self.check.items()
        if kind == "number":
            return contains(answer, wanted)
        if kind == "any":
            return any(_found(one, text) for one in wanted)
        if kind == "any_count":
            return sum(_found(one, text) for one in wanted[0]) >= wanted[1]
        if kind == "start":
            return any(text.lstrip(" \"'“「").startswith(fold(one)) for one in wanted)
        return re.search(wanted, answer) is not None


@functools.cache
def items() -> tuple[GeneralItem, ...]:
    """All items, in file order."""
    lines = Path(__file__).with_name("general.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(GeneralItem.model_validate(json.loads(line)) for line in lines)


def sample(count: int) -> Sequence[GeneralItem]:
    """`count` items spread evenly over the file, and so over kinds and languages; always the same ones."""
    every = items()
    if count >= len(every):
        return every
    return [every[round(i * len(every) / count)] for i in range(count)]


def _found(wanted: str, text: str) -> bool:
    """Whether a text stands in the folded answer; Latin only from a word's beginning: no cat in location."""
    folded = fold(wanted)
    return re.search(rf"(?<![a-z]){re.escape(folded)}" if folded[0].isascii() else re.escape(folded), text) is not None
