"""Words that the parts of the compare page share: names of arms, the language of verdicts."""

from __future__ import annotations

from app import state


def arm_name(arm: str) -> str:
    """An arm's name in words; names that are not ours stay as they are."""
    t = state.text()
    return t(f"compare.arm_{arm}") if t.has(f"compare.arm_{arm}") else arm


def language() -> str:
    """The language of verdicts and reports."""
    return "zh-Hant" if state.language().startswith("zh") else "en"
