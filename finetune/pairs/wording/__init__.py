"""A fact → questions in people's words, without a model: what is asked for never changes, only how it is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from finetune.records import Fact
from memory.han import has_han, is_han


class Wording(NamedTuple):
    """One way to ask for a fact."""

    question: str
    family: str
    """How it was made. Families in `HELD_OUT` are never trained on."""
    answer: str = ""
    """The answer when it is not the fact's value: a yes or no with the value, a reversed name, a whole sentence."""
    kind: str = "closed_book"
    """closed_book, reversed or list."""


HELD_OUT = ("keywords", "moved")
"""Question families that training never sees, fixed for all datasets: the first makes dev rows, the other test rows."""


LONGEST, LONGEST_TOPIC = 26, 9
"""Words of a question and of a heading in one, beyond which nobody speaks so."""
_NO_TOPIC = re.compile(r"^\s*[:–,，]\s*|\s*(?:\(\)|（）|–)(?=\s*[?.？。]?$)| I mean \.$")
ASKS = re.compile(
    r"(?:what|who|whom|whose|how|why|when|where|which|can|do|does|is|are|may|should|will)\b", re.IGNORECASE
)
_NUMBERED = re.compile(r"^\s*(?:[A-Z]?\d+(?:\.\d+)*[.):]?|[IVX]+[.)])\s+(?=\S)")


def wordings(fact: Fact, topic: str, *, unique: bool = True) -> list[Wording]:
    """Every wording of a fact, plainest first, each family at most a few times. `topic` is its heading, one line.

    `unique` says whether the value belongs to this fact alone in its table or list, so that it may be asked backwards.
    Empty when nothing sensible can be asked.
    """
    made = _made(fact, topic, unique)
    seen: set[str] = set()
    kept = []
    for wording in made:
        question = re.sub(r"\s+([,;:?!.])(?!\w)", r"\1", " ".join(wording.question.split()))
        question = re.sub(r"[,;:]+([?.])", r"\1", question)
        question = _NO_TOPIC.sub("", question)
        key = question.casefold().strip(" ?？.。")
        if key and key not in seen and _width(question) <= LONGEST:
            seen.add(key)
            kept.append(wording._replace(question=question))
    return kept


def askable(fact: Fact, topic: str) -> bool:
    """Whether any question can be asked about the fact."""
    return next(_made(fact, topic, True), None) is not None


def _made(fact: Fact, topic: str, unique: bool) -> Iterator[Wording]:
    if fact.language.startswith("zh"):
        from finetune.pairs.wording import chinese as maker
    else:
        from finetune.pairs.wording import english as maker  # type: ignore[no-redef]
    about = _tidy(fact.about) if fact.kind in {"list", "passage", "keyvalue"} else fact.about
    fact = fact.model_copy(update={"attribute": spoken(fact.attribute), "about": about})
    return maker.wordings(fact, _sayable(_tidy(spoken(topic)), fact.language), unique=unique)


def _tidy(heading: str) -> str:
    """A heading without its number and marks."""
    return _NUMBERED.sub("", re.sub(r"\s*[¶#]+\s*$|^#+\s*|[*_]{2}|\s*[:：]\s*$", "", heading.replace("\xa0", " ")))


def _sayable(topic: str, language: str) -> str:
    """The heading as it is said, not shouted; "" where nobody would say it: a sentence, or another language."""
    if topic.isupper() and topic.isascii() and (" " in topic or len(topic) > 5):
        topic = topic.capitalize()
    if ASKS.match(topic) or re.search(r"\w\(\d\w?\)", topic):
        return ""
    if language.startswith("zh"):
        # "fees" of fees.csv is the name of a file: nobody says it in Chinese.
        foreign = topic.isascii() and (len(topic.split()) > 3 or topic.islower())
    else:
        foreign = has_han(topic)
    return "" if foreign or _width(topic) > LONGEST_TOPIC else topic


def _width(text: str) -> int:
    """Words; two Chinese characters count as one."""
    return len(text.split()) + sum(map(is_han, text)) // 2


def spoken(name: str) -> str:
    """A column's or file's name as it is said: decision_time is "decision time", permits-and-fees has no hyphens."""
    if ("_" in name and " " not in name) or re.fullmatch(r"[a-z]+(?:-[a-z]+)+", name):
        return _CURRENCY.sub(lambda m: f" in {m[1].upper()}", " ".join(re.split(r"[_-]+", name)).strip())
    return name


_CURRENCY = re.compile(r"\s(ntd|twd|usd|eur|gbp|jpy|cny|hkd)$", re.IGNORECASE)
