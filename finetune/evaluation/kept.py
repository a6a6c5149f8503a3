"""A comparison on disk: the plan that is written first, the answers appended, the card that is written last.

Knows neither how questions are asked nor how answers are marked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune.evaluation.arms import check_arms
from finetune.evaluation.records import ArmAnswer, ComparisonCard
from finetune.records import Arm, Question
from memory.errors import DocgraftError
from memory.records import digest, new_id, now
from memory.workspace import KnowledgeBaseFolder, read_lines, write_json


@dataclass(frozen=True)
class Costs:
    """What the economics need and the answers do not tell."""

    training_seconds: float = 0.0
    index_seconds: float = 0.0
    prices: tuple[float, float] | None = None
    """Money per million tokens in and out."""
    currency: str = ""


@dataclass(frozen=True)
class Plan:
    """What to compare. `settings` holds everything that decides the answers, and is stored with them."""

    kb: str
    arms: tuple[Arm, ...]
    questions: tuple[Question, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    """Questions that the base answers without documents."""
    costs: Costs = field(default_factory=Costs)
    versions: dict[str, str] = field(default_factory=dict)
    repeats: str = ""
    """The comparison that this one repeats: a repetition is asked anew even when nothing has changed."""

    @property
    def fingerprint(self) -> str:
        """Hash of arms, questions and settings: two comparisons with one fingerprint give the same answers."""
        parts = [a.model_dump_json(exclude={"called"}) for a in self.arms] + [
            q.model_dump_json() for q in self.questions
        ]
        return digest(*parts, json.dumps(self.settings, sort_keys=True, default=str), self.repeats, length=32)


class Comparison:
    """One comparison folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers_file = folder / "answers.jsonl"
        self.card_file = folder / "card.json"
        self.plan_file = folder / "plan.json"

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def complete(self) -> bool:
        """Whether the card is there."""
        return self.card_file.is_file()

    def card(self) -> ComparisonCard:
        """The finished card; DocgraftError while the comparison has not finished."""
        if not self.complete:
            raise DocgraftError(
                f"Comparison {self.id} has not finished.", "Run the same comparison again to resume it."
            )
        return ComparisonCard.model_validate_json(self.card_file.read_text(encoding="utf-8"))

    def answers(self) -> list[ArmAnswer]:
        """Every answer on disk, in the order given."""
        return [ArmAnswer.model_validate(row) for line in read_lines(self.answers_file) for row in line["answers"]]

    def plan(self) -> dict[str, Any]:
        """The plan as it was written: fingerprint, arms, settings, questions."""
        return dict(json.loads(self.plan_file.read_text(encoding="utf-8")))

    def questions(self) -> list[Question]:
        """The questions of the plan, so that a comparison can be repeated."""
        return [Question.model_validate(row) for row in self.plan()["questions"]]


def find(kb: KnowledgeBaseFolder, plan: Plan, *, finished: bool = False) -> Comparison:
    """The unfinished comparison with this very plan, to be resumed, or a new folder with the plan written.

    With `finished`, a finished one with this very plan is found as well.
    """
    check_arms(plan.arms)
    for folder in sorted(kb.comparisons.glob("*/")) if kb.comparisons.is_dir() else ():
        comparison = Comparison(folder)
        open_to = comparison.plan_file.is_file() and (finished or not comparison.complete)
        if open_to and _fingerprint(comparison) == plan.fingerprint:
            return comparison
    comparison = Comparison(kb.comparison(new_id()))
    write_json(
        comparison.plan_file,
        {
            "fingerprint": plan.fingerprint,
            "kb": plan.kb,
            "created": now(),
            "arms": [arm.model_dump(mode="json") for arm in plan.arms],
            "settings": plan.settings,
            "questions": [question.model_dump(mode="json") for question in plan.questions],
        },
    )
    return comparison


def every(kb: KnowledgeBaseFolder) -> list[Comparison]:
    """The comparisons of a knowledge base, newest first."""
    if not kb.comparisons.is_dir():
        return []
    return [Comparison(p) for p in sorted(kb.comparisons.iterdir(), reverse=True) if (p / "plan.json").is_file()]


def _fingerprint(comparison: Comparison) -> str:
    return str(comparison.plan().get("fingerprint"))
