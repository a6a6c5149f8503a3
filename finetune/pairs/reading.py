"""Reading rows: questions in people's words about documents that are not the user's (CC0), so that an adapter reads on.

Rows with evidence of the user's own ask in our wordings, which share words with the line that answers them: alone they
teach a small model to answer where words agree and to refuse where they do not (docs/BENCHMARKS.md, The one click).
`reading.jsonl` is a part of what taught the reader; `python -m finetune.skills.make` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from finetune.pairs.replay import available
from finetune.records import Pair
from memory.records import digest

FILE = Path(__file__).parent / "reading.jsonl"
MOST = {"en": 1200, "zh-Hant": 300}
"""Rows that are shipped."""
LONGEST = 700
"""Characters of evidence: training is on users' machines."""
ASKED = 3
"""Questions about the same evidence, at most."""


@lru_cache(maxsize=1)
def rows() -> tuple[Pair, ...]:
    """Every reading row, those about the same evidence together."""
    return tuple(row for line in FILE.read_text(encoding="utf-8").splitlines() for row in _rows(json.loads(line)))


def beside(languages: set[str], most: int) -> list[Pair]:
    """At most `most` rows, those in the languages of the dataset first; repeated never."""
    wanted = available(languages)
    return sorted(rows(), key=lambda row: row.language not in wanted)[:most]


def lines(pairs: Iterable[Pair]) -> Iterator[str]:
    """The file's lines from rows that taught the reader: one line for each piece of evidence, in an order by hash."""
    asked: dict[tuple[str, str], dict[str, Pair]] = {}
    for pair in pairs:
        if pair.maker == "practice" and _fits(pair):
            asked.setdefault((pair.input, pair.language), {})[digest("asked", pair.instruction)] = pair
    left = dict(MOST)
    for (evidence, language), some in sorted(asked.items(), key=lambda item: digest("reading", *item[0])):
        chosen = [some[mark] for mark in sorted(some)][: min(ASKED, left.get(language, 0))]
        if chosen:
            left[language] -= len(chosen)
            turns = [[pair.instruction, pair.output] for pair in chosen]
            line = {"language": language, "evidence": evidence, "asked": turns}
            yield json.dumps(line, ensure_ascii=False) + "\n"


def _fits(pair: Pair) -> bool:
    answered = pair.kind == "refusal" or pair.output.endswith("]")  # It says where it read.
    return bool(pair.input) and len(pair.input) <= LONGEST and not pair.history and answered


def _rows(line: dict[str, object]) -> Iterator[Pair]:
    evidence, language = str(line["evidence"]), str(line["language"])
    for question, answer in line["asked"]:  # type: ignore[attr-defined]
        yield Pair(
            id=digest("reading", evidence, question),
            instruction=question,
            input=evidence,
            output=answer,
            kind="reading",
            maker="replay",
            family="reading",
            language=language,
        )
