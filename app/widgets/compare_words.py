"""Words that the parts of the compare page share: names of arms, the language of verdicts."""

from __future__ import annotations

from app import state


def arm_name(arm: str) -> str:
    """An arm's name in words; the name of a further adapter or model stands behind it."""
    from finetune.evaluation.report import label

    return label(arm, language())


def language() -> str:
    """The language of verdicts and reports."""
    return "zh-Hant" if state.language().startswith("zh") else "en"
