"""What a person chose to compare. Plain values; knows no objects and no files."""

from __future__ import annotations

from finetune.records import Question
from memory.records import Record

KIND = "compare"
ARMS = ("base", "rag", "tuned", "both", "oracle", "control", "control_both")
GROUNDED = ("rag", "both", "control_both")
ADAPTED = ("tuned", "both")
CONTROLS = ("control", "control_both")
MOST = 120
"""Questions that are asked unless more are wanted: enough to settle a difference of about fifteen points."""
ANSWER_TOKENS = 96
"""Longest answer of a local model in a comparison, the same for every arm. What is cut off is counted."""


class Wish(Record):
    """What to compare; empty fields follow what there is."""

    arms: tuple[str, ...] = ()
    """Names of ARMS, or KIND@NAME for a further adapter or model. Empty: what model and adapters allow."""
    model: str = ""
    adapter: str = ""
    """Of `tuned` and `both`. Empty: the newest of this knowledge base that goes with the model."""
    adapters: tuple[str, ...] = ()
    """Further adapters, each in every way of answering that the first one is asked in."""
    models: tuple[str, ...] = ()
    """Further models, each in every way of answering without an adapter."""
    control: str = ""
    """An adapter trained on other documents, as KNOWLEDGE BASE/ADAPTER. Empty: the newest that goes with the model."""
    dataset: str = ""
    """Whose test sets are asked; empty: the newest."""
    questions: tuple[Question, ...] = ()
    """Asked instead of a dataset's."""
    leaks: int = 0
    """How many of `questions` are known to stand in training rows."""
    left_out: int = 0
    """How many were left out where `questions` come from: their answer was longer than an answer can hold."""
    most: int = MOST
    """At most so many questions; 0: all."""
    judge: str = ""
    """Model that judges pairs of answers; empty: the setting's."""
    repeats: str = ""
    """The comparison that this one repeats."""
    language: str = "en"
    """Of verdict and report: en or zh-Hant."""


def names(wish: Wish, *, adapter: bool) -> tuple[str, ...]:
    """The arms that a wish means, further adapters and models spelled out. `adapter`: whether there is one."""
    chosen = wish.arms or (("base", "rag", "tuned", "both") if adapter else ("base", "rag"))
    further = [f"{arm}@{one}" for one in wish.adapters for arm in chosen if arm in ADAPTED]
    further += [f"{arm}@{one}" for one in wish.models for arm in chosen if arm in ("base", "rag")]
    return tuple(dict.fromkeys([*chosen, *further]))
