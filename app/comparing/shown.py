"""A finished comparison as the plain values that other programs rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from finetune.evaluation.records import ComparisonCard


def summary(card: ComparisonCard, folder: Path) -> dict[str, Any]:
    """What other programs rely on: arms, comparisons, verdict, report and answers."""
    arms = {
        s.arm: {
            "n": s.answerable.n,
            "correct": s.answerable.correct,
            "accuracy": s.answerable.share,
            "low": s.answerable.low,
            "high": s.answerable.high,
            "abstained": s.wrongly_abstained.correct,
            "unanswerable": {"n": s.unanswerable.n, "declined": s.unanswerable.correct},
            "at_hand": {"n": s.at_hand.n, "correct": s.at_hand.correct} if s.at_hand else None,
            "general": {"n": s.general.n, "correct": s.general.correct},
            "exact": s.exact,
            "f1": s.f1,
            "f1_characters": s.f1_characters,
            "rouge_l": s.rouge_l,
            "similarity": s.similarity,
            "seconds": s.seconds,
            "memory": s.memory,
            "tokens": s.prompt_tokens + s.answer_tokens,
            "buckets": {name: {"n": b.n, "correct": b.correct} for name, b in s.buckets.items()},
            "failed": s.failed,
        }
        for s in card.summaries
    }
    return {
        "comparison": card.id,
        "arms": arms,
        "adapters": {arm.name: arm.adapter for arm in card.arms if arm.adapter},
        "comparisons": [d.model_dump(mode="json") for d in card.differences],
        "further": [d.model_dump(mode="json") for d in card.further],
        "judge": card.judge.model_dump(mode="json") if card.judge else None,
        "verdict": card.verdict.model_dump(mode="json"),
        "economics": card.economics.model_dump(mode="json"),
        "report": str(folder / "report.html"),
        "answers": str(folder / "marked.jsonl"),
    }
