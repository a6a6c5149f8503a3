"""General rows, so that a model keeps talking as before: our own small file (CC0), part of it kept for testing."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from finetune.pairs.splits import fraction
from finetune.records import Pair
from memory.records import digest

TEST_SHARE = 0.35
"""Share of the checkable rows that only test; the same rows for every dataset."""


@lru_cache(maxsize=1)
def rows() -> tuple[Pair, ...]:
    """Every general row in English and Traditional Chinese, its split decided; rows that test can be marked."""
    return tuple(_pair(json.loads(line)) for line in _lines())


def training(languages: set[str], most: int) -> list[Pair]:
    """At most `most` rows to train, in the languages of the dataset when there are any; repeated never."""
    wanted = [row for row in rows() if row.split == "train" and row.language in _written(languages)]
    return sorted(wanted, key=lambda row: digest("order", row.id))[:most]


def testing(languages: set[str]) -> list[Pair]:
    """The rows of the general test set in the languages of the dataset."""
    return [row for row in rows() if row.split == "test" and row.language in _written(languages)]


def _written(languages: set[str]) -> set[str]:
    """The languages there are rows in: Simplified readers get the English ones."""
    there = {"en", "zh-Hant"} & languages
    return there or {"en"}


def _lines() -> list[str]:
    return (Path(__file__).parent / "replay.jsonl").read_text(encoding="utf-8").splitlines()


def _pair(row: dict[str, object]) -> Pair:
    question, accept = str(row["instruction"]), row.get("accept") or []
    tests = bool(accept) and fraction("replay", question) < TEST_SHARE
    return Pair(
        id=digest("replay", question),
        instruction=question,
        output=str(row["output"]),
        accept=tuple(accept),  # type: ignore[arg-type]
        kind="replay",
        maker="replay",
        family="replay",
        language=str(row["language"]),
        split="test" if tests else "train",
        test_set="general" if tests else None,
    )
