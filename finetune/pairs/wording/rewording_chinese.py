"""Chinese wordings of one question: words said otherwise, openers and requests around it, a search as people type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from finetune.pairs.tagging import chinese
from finetune.pairs.wording import Wording
from finetune.pairs.wording.lexicon import load, pick
from finetune.pairs.words import words as word_set
from memory.records import digest

STOPS = "，,；;。！!？?：:"
"""Where a clause ends."""

GOES_ON = word_set("以及 及 因為 因爲 因为 後來 后来 此外 並 並且 而 而且 且 也 就 再 則 才 又 但 但是 否則 所以 因此")


def short_topic(topic: str) -> str:
    """A heading without its number."""
    return (
        re.sub(
            r"^\s*(?:第?[一二三四五六七八九十百\d]+[章節条條]?[、.．)）]?|[（(][一二三四五六七八九十\d]+[)）])\s*",
            "",
            topic,
        )
        or topic
    )


def dressed(stem: str, topic: str, value: str) -> Iterator[Wording]:
    """The plain question and its rewordings, in an order that gives the most different ones first."""
    words = load("chinese")
    seed = stem + topic
    about = f"關於{topic}，" if topic and topic not in stem else ""
    tail = "" if stem.endswith(("嗎", "呢", "啊")) else pick(words["endings"], seed)
    yield Wording(f"{stem}？", "plain")
    yield Wording(f"{reworded(to_me(stem), seed + '2')}？", "me")
    yield Wording(f"{pick(words['openers'], seed)}{reworded(stem, seed + '3')}{tail}", "opener")
    yield Wording(f"{pick(words['situations'], seed)}{reworded(to_me(stem), seed + '4')}？", "situation")
    if about:
        yield Wording(f"{about}{reworded(stem, seed + '5')}？", "topic_first")
    yield Wording(f"{pick(words['requests'], seed)}{reworded(stem, seed + '6')}。", "request")
    yield Wording(f"{topic}，{to_me(reworded(stem, seed + '7'))}" if topic else f"{to_me(stem)}呀", "casual")
    yield Wording(
        f"{reworded(last_clause(stem), seed + '8')}？（{topic}）" if topic else f"{last_clause(stem)}？", "short"
    )
    yield Wording(f"有人知道{reworded(stem, seed + '9', 4)}嗎？", "embedded")
    yield Wording(f"我一直想弄清楚{reworded(to_me(stem), seed + 'w')}。", "wondering")
    yield Wording(f"有人問我{reworded(stem, seed + 'p', 3)}，該怎麼回答？", "passed_on")


def last_clause(stem: str) -> str:
    """The part of a question that asks."""
    parts = [p for p in re.split(rf"[{STOPS}]", stem) if p]
    first = next(iter(chinese(parts[-1])), None) if parts else None
    whole = (
        first is not None
        and len(parts[-1]) >= 5
        and first.text not in GOES_ON
        and first.tag[:1] in {"n", "t", "s", "j"}
    )
    return parts[-1] if whole else stem


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    keys = sorted(load("chinese")["synonyms"], key=len, reverse=True)
    return re.compile("|".join(keys))


def reworded(text: str, seed: str, most: int = 2) -> str:
    """`text` with up to `most` words said otherwise, at word boundaries only."""
    table = load("chinese")["synonyms"]
    starts = {w.start: w.end for w in chinese(text)}
    places = [m for m in _pattern().finditer(text) if starts.get(m.start()) is not None and m.end() in starts.values()]
    places = [m for m in places if text[m.end() : m.end() + 1] != "中"]  # 營業中 is one word, whatever 營業 may become.
    chosen = sorted(places, key=lambda m: digest(seed, m[0], str(m.start())))[:most]
    for match in sorted(chosen, key=lambda m: -m.start()):
        text = text[: match.start()] + pick(table[match[0]], seed) + text[match.end() :]
    return text


def strongly_reworded(text: str) -> str:
    """Every word that can be said otherwise, said otherwise."""
    return reworded(text, "strong", most=20)


def to_me(text: str) -> str:
    """The question as the person it concerns asks it; "the company's" becomes "yours"."""
    text = re.sub(r"^(?:我們|本公司|公司|本店|本校|我们)", "你們", text)
    return _people().sub("我", text, count=1)


@lru_cache(maxsize=1)
def _people() -> re.Pattern[str]:
    """A person in front that whoever asks may be."""
    people = "|".join(sorted(load("chinese")["people"], key=len, reverse=True))
    return re.compile(rf"^(?:所有|每位|每名|一般)?(?:{people})(?=[^的]|$)")


def keywords(text: str, wh: str, topic: str, most: int = 5) -> str:
    """A search as people type it: the telling words with blanks between, and what is wanted."""
    telling = [
        w.text
        for w in chinese(text)
        if w.tag[:1] in {"n", "v", "a", "t", "j", "l", "e"} and len(w.text) > 1 and w.tag not in {"vshi"}
    ]
    unique = list(dict.fromkeys(telling))[-most:]
    heads = [topic] if topic and len(topic) <= 10 and topic not in "".join(unique) else []
    return " ".join(dict.fromkeys([*heads, *(reworded(w, "k", 1) for w in unique), wh])).strip()
