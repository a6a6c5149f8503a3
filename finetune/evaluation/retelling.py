"""A finished comparison told in a language, by the rule as it is now: the verdict is a pure function of the answers."""

from __future__ import annotations

from finetune.evaluation.comparison import decided
from finetune.evaluation.kept import Comparison
from finetune.evaluation.records import ArmAnswer, ComparisonCard
from finetune.evaluation.summary import numbers


def told(comparison: Comparison, language: str) -> ComparisonCard:
    """The card with its verdict in `language`.

    Either language is told anew: they never differ in more than words, also where an earlier version had another rule.
    """
    card = comparison.card()
    failed = {summary.arm: summary.failed for summary in card.summaries if summary.failed}
    by_arm: dict[str, list[ArmAnswer]] = {arm.name: [] for arm in card.arms if arm.name not in failed}
    for answer in comparison.answers():
        if answer.arm in by_arm:
            by_arm[answer.arm].append(answer)
    found = numbers(by_arm, card.settings)
    return card.model_copy(update={"verdict": decided(found, failed, language), "language": language})
