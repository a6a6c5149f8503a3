"""What decides a build of pairs. Field docstrings are the page's help texts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from finetune.records import Effort
from memory.records import Record
from retrieval.packing import SMALL, EvidencePlan


class PairSettings(Record):
    """Everything that decides which pairs are made; kept in the card."""

    forms: int = Field(8, ge=1, le=12)
    """Wordings of each fact that are trained on."""
    per_sentence: int = Field(4, ge=1, le=12)
    """Values of one sentence that are asked for, at most."""
    most_facts: int = Field(3000, ge=1)
    """Facts, at most: values first, sentences after. One small adapter does not hold many more."""
    held_out: float = Field(0.1, ge=0, le=0.5)
    """Share of sections that training never sees, to test what has not been learned."""
    context: float = Field(0.25, ge=0, le=0.9)
    """Share of the rows about documents that show evidence from the search, as the chat does."""
    refusals: float = Field(0.18, ge=0, le=0.9)
    """Share of the rows with evidence whose evidence does not hold the answer; they refuse."""
    near: float = Field(0.67, ge=0, le=1)
    """Share of the refusals that come from close by: the best passages but the right one."""
    replay: float = Field(0.25, ge=0, le=0.5)
    """Share of training rows about general things, so that the model keeps talking as before; at least 720 rows. Our
    own training deals them out over its passes."""
    reading: float = Field(3.0, ge=0, le=20)
    """Rows about documents that are not yours, in people's words, for each row with evidence from yours; so that the
    model keeps reading. Our own training deals them out over its passes."""
    balance: float = Field(0.02, gt=0, le=1)
    """Share of training rows that may give the same answer, at most (never fewer than 40)."""
    language: Literal["document", "en", "zh-Hant", "zh-Hans"] = "document"
    """Language of pairs that a model writes; by default that of the document."""
    search_within: int = Field(10, ge=1, le=50)
    """A question is kept when a search brings its section among so many first ones."""
    plan: EvidencePlan = SMALL
    """How evidence is shown in rows with context; the chat of a model that reads badly shows the
    best of the same lines."""
    mode: Literal["reword", "write"] = "reword"
    """With a model: reword the questions only, or also write pairs of its own (filtered harder)."""
    per_chunk: int = Field(3, ge=1, le=20)
    """Pairs that a model writes for one section, at most and exactly that when it can."""
    prompt: str = ""
    """Words added to the instructions of the model."""
    tries: int = Field(3, ge=1, le=10)
    """Calls for one request before it counts as failed."""
    seed: int = 0
    """Seed of every choice that is left to chance."""


def preset(effort: Effort) -> PairSettings:
    """What fits the effort dial: a few hundred rows for a try on a laptop, everything for a night or a GPU."""
    if effort == "quick":
        return PairSettings(forms=4, most_facts=60, context=0.06, per_sentence=3)
    if effort == "balanced":
        return PairSettings(forms=6, most_facts=600, context=0.15)
    return PairSettings()


class BuildProgress(Record):
    """How far a build is."""

    stage: Literal["facts", "pairs", "checks", "writing"]
    name: str = ""
    """The document being worked on."""
    done: int = 0
    total: int = 0
    """In sections for facts and pairs, in rows for checks and writing."""
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    """Requests to a model that gave nothing usable."""
    seconds_left: float | None = None
    """None until it can be estimated."""
