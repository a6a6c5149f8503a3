"""General rows, so that a model keeps talking as before: our own small files (CC0), part of one kept for testing.

`replay.jsonl` holds rows written one by one; `replay.toml` question forms and tables whose every row fits them; sums
are made here. Only rows of the first are tests, and what they ask is asked by no other.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from finetune.pairs.duplicates import key
from finetune.pairs.splits import fraction
from finetune.records import Pair
from memory.records import digest

LANGUAGES = {"en", "zh-Hant"}
"""What there are rows in."""
LEAST = 720
"""General rows beside however small a set, in every language there are some in: a hundred and fifty for each of five
passes keep nearly all general knowledge, fifty lose a third of it (benchmarks/facts24.py)."""
TEST_SHARE = 0.35
"""Share of the checkable rows that only test; the same rows for every dataset."""


@lru_cache(maxsize=1)
def rows() -> tuple[Pair, ...]:
    """Every general row in English and Traditional Chinese, its split decided; rows that test can be marked."""
    written = [_pair(json.loads(line), tests=True) for line in _lines()]
    seen = {key(row.instruction) for row in written}
    made = []
    for row in (*_tabled(), *_sums()):
        if (mark := key(row["instruction"])) not in seen:
            seen.add(mark)
            made.append(_pair(row, tests=False))
    return (*written, *made)


def training(languages: set[str], most: int) -> list[Pair]:
    """At most `most` rows to train, those in the languages of the dataset first; repeated never."""
    there, wanted = [row for row in rows() if row.split == "train"], available(languages)
    return sorted(there, key=lambda row: (row.language not in wanted, digest("order", row.id)))[:most]


def beside(languages: set[str], rows: int, share: float) -> list[Pair]:
    """The rows to train that make up `share` of a set with `rows` about its documents, and LEAST of them at least."""
    wanted = int(rows * share / (1 - share))
    few = share > 0 and wanted < LEAST
    return training(LANGUAGES if few else languages, LEAST if few else wanted)


def testing(languages: set[str]) -> list[Pair]:
    """The rows of the general test set in the languages of the dataset."""
    return [row for row in rows() if row.split == "test" and row.language in available(languages)]


def available(languages: set[str]) -> set[str]:
    """The languages there are rows in: Simplified readers get the English ones."""
    there = LANGUAGES & languages
    return there or {"en"}


def _lines() -> list[str]:
    return (Path(__file__).parent / "replay.jsonl").read_text(encoding="utf-8").splitlines()


def _tabled() -> Iterator[dict[str, str]]:
    text = (Path(__file__).parent / "replay.toml").read_text(encoding="utf-8")
    for table in tomllib.loads(text)["table"]:
        for question, answer in table["forms"]:
            for entry in table["rows"]:
                filled = {"instruction": question.format(*entry), "output": answer.format(*entry)}
                yield filled | {"language": table["language"]}


def _sums() -> Iterator[dict[str, str]]:
    """Small sums in both languages, none of which finetune/evaluation/general.jsonl asks."""
    signs = (("+", "plus", "加"), ("-", "minus", "減"), ("×", "times", "乘以"))
    for number in range(210):
        sign = number % 3
        a, b = 11 + number * 7 % 23, 2 + number * 5 % (9 if sign < 2 else 8)
        result = (a + b, a - b, a * b)[sign]
        mark, english, chinese = signs[sign]
        asked = (f"What is {a} {mark} {b}?", f"How much is {a} {english} {b}?", f"Work out {a} {mark} {b}.")
        yield {"instruction": asked[number // 3 % 3], "output": f"{result}.", "language": "en"}
        asked = (f"{a} {chinese} {b} 等於多少？", f"請計算 {a} {mark} {b}。", f"{a} {mark} {b} 是多少？")
        yield {"instruction": asked[number // 3 % 3], "output": f"{result}。", "language": "zh-Hant"}


def _pair(row: Mapping[str, object], *, tests: bool) -> Pair:
    question, accept = str(row["instruction"]), row.get("accept") or []
    tests = tests and bool(accept) and fraction("replay", question) < TEST_SHARE
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
