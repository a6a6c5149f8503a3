"""Questions that the documents do not answer: near ones about what is there, far ones about something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finetune.pairs.splits import fraction
from finetune.pairs.wording.lexicon import load
from finetune.records import Fact
from retrieval.tokens import fold


def subject(fact: Fact) -> str:
    """What a question about something unsaid may name: a table's row, a key's owner; "" for other facts."""
    return fact.about if fact.kind in {"cell", "keyvalue"} and len(fact.about) <= 60 else ""


def near(fact: Fact, section_text: str, *, seed: str) -> str:
    """A question about the fact's subject and a property that its section never mentions; "" when none is sure."""
    name = subject(fact)
    if not name:
        return ""
    words = load("refusals_zh" if fact.language.startswith("zh") else "refusals_en")
    text = fold(section_text)
    absent = [entry for entry in words["properties"] if not any(cue in text for cue in entry["cues"])]
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
