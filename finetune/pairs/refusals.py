"""Questions that the documents do not answer: near ones about what is there, far ones about something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from finetune.pairs.splits import fraction
from finetune.pairs.wording.lexicon import load
from finetune.records import Fact
from retrieval.tokens import fold


def subject(fact: Fact) -> str:
    """What a question about something unsaid may name: a table's row, a key's owner; "" for other facts."""
    named = fact.kind in {"cell", "keyvalue"} and len(fact.about) <= 60 and not _NOTHING.fullmatch(fact.about.strip())
    return fact.about if named else ""


_NOTHING = re.compile(
    r".?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|week(?:day|end)s?|(?:星期|週|周|禮拜)[一二三四五六日天末]|平日|假日|[\W\d]+",
    re.IGNORECASE,
)
"""Rows that are no thing of which anything could be asked: a day, a letter, a number."""


def _has(text: str, word: str) -> bool:
    """Whether a word stands in a text, also in the plural: no hall in "shall", no parts in "departs"."""
    english = word.isascii() and word[0].isalpha()
    return bool(re.search(rf"\b{re.escape(word)}s?\b", text)) if english else word in text


def near(fact: Fact, section_text: str, found: str, *, seed: str) -> str:
    """A question about the fact's subject and a property that things of its section have, but neither this nor what a
    search `found` mentions; "" when none is sure."""
    name = subject(fact)
    if not name:
        return ""
    words = load("refusals_zh" if fact.language.startswith("zh") else "refusals_en")
    own, all_of_it = fold(section_text), fold(f"{section_text}\n{found}")
    absent = [
        entry
        for entry in words["properties"]
        if not any(cue in all_of_it for cue in entry["cues"])
        and ("about" not in entry or any(_has(own, word) for word in entry["about"]))
    ]
    if not absent:
        return ""
    chosen = absent[int(fraction(seed, fact.id) * len(absent))]
    question = chosen["question"].format(x=name)
    return _simplified(question) if fact.language == "zh-Hans" else str(question)


def far(language: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Questions from other walks of life, those left out whose telling words the documents know."""
    words = load("refusals_zh" if language.startswith("zh") else "refusals_en")
    for entry in words["far"]:
        if not any(known(word) for word in entry["cues"]):
            yield _simplified(entry["question"]) if language == "zh-Hans" else entry["question"]


def _simplified(text: str) -> str:
    from finetune.pairs.scripts import simplified

    return simplified(text)
