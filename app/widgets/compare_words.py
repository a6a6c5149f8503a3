"""Words that the parts of the compare page share: names of arms, the language of verdicts."""

from __future__ import annotations

from app import state


def arm_name(arm: str) -> str:
    """An arm's name in words; the name of a further adapter or model stands behind it."""
    from finetune.evaluation.words import short

    t = state.text()
    kind, _, which = arm.partition("@")
    name = t(f"compare.arm_{kind}") if t.has(f"compare.arm_{kind}") else kind
    return f"{name} · {short(which)}" if which else name


def language() -> str:
    """The language of verdicts and reports."""
    return "zh-Hant" if state.language().startswith("zh") else "en"
