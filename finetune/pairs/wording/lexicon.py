"""Everyday English: other words, registers and persons. Rewrites phrases; never touches numbers or names."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from finetune.pairs.tagging import english
from finetune.pairs.words import words
from memory.records import digest

_KEEP = re.compile(r"\d|[A-Z]{2,}")


@lru_cache(maxsize=2)
def load(name: str) -> dict[str, Any]:
    """The word lists of one language."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def pick(options: list[str], seed: str) -> str:
    """One of the options, the same one for the same seed."""
    return options[int(digest(seed, length=8), 16) % len(options)]


def request(seed: str) -> str:
    """ "Can you tell me" and its kin."""
    return pick(load("english")["requests"], seed + "r")


def opener(seed: str) -> str:
    """ "Quick question:" and its kin."""
    return pick(load("english")["openers"], seed + "o")


def situation(topic: str, seed: str) -> str:
    """A sentence that says where the question comes from."""
    mine = f"It's about {lower(topic)}." if topic else ""
    return pick([*load("english")["situations"], mine, mine], seed + "s") or "One thing I'd like to know."


@lru_cache(maxsize=1)
def _synonyms() -> tuple[re.Pattern[str], dict[str, list[str]]]:
    table = load("english")["synonyms"]
    keys = sorted(table, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, keys))})\b", re.IGNORECASE), table


_VERBAL = words(
    "sign signs costs cost pay leave close open end start begin ring book return charge phone clean "
    "cancel supply contact repair replace"
)


def reworded(text: str, seed: str, most: int = 2) -> str:
    """`text` with up to `most` words said otherwise; which ones depends on the seed."""
    pattern, table = _synonyms()
    places = [m for m in pattern.finditer(text) if _fits(text, m)]
    chosen = sorted(places, key=lambda m: digest(seed, m[0], str(m.start())))[:most]
    for match in sorted(chosen, key=lambda m: -m.start()):
        other = pick(table[match[0].lower()], seed)
        if " " in other and re.match(r"\s[a-z]", text[match.end() :]) and _modifies(text, match):
            continue
        text = text[: match.start()] + (_capital(other) if match[0][0].isupper() else other) + text[match.end() :]
    return text


def _modifies(text: str, match: re.Match[str]) -> bool:
    """Whether the word says which: an "expired value" is no "run out value"."""
    found = english(text)
    place = next((n for n, w in enumerate(found) if w.start == match.start()), len(found))
    return place + 1 < len(found) and found[place].tag in {"JJ", "VBN", "VBD"} and found[place + 1].tag.startswith("NN")


def strongly_reworded(text: str) -> str:
    """Every word that can be said otherwise, said otherwise."""
    return reworded(text, "strong", most=20)


def _fits(text: str, match: re.Match[str]) -> bool:
    """Not inside a name, and words that are noun and verb only where the tagger agrees with the list's sense."""
    if match[0][0].isupper() and match.start() > 0:
        return False
    low = match[0].lower()
    found = english(text)
    place = next((n for n, w in enumerate(found) if w.start == match.start()), None)
    if place is None:
        return False
    tag, after = found[place].tag, found[place + 1].tag if place + 1 < len(found) and " " not in match[0] else ""
    if tag.startswith("NN") and after.startswith("NN"):
        return False  # A "submit button" is no button that is handed in.
    if tag == "VBN" and after in {"NN", "NNS", "VB"}:
        return False  # A "paid break" is no break that is settled.
    if low == "cost" and re.search(r"\b(?:do|does|did|to|will|would|can|may|must)\b[^,]*$", text[: match.start()]):
        return False  # The tagger takes the verb of "does each injection cost" for a noun.
    if low not in _VERBAL:
        return True
    noun_sense = {"leave", "charge", "cost"}
    return tag.startswith("NN") if low in noun_sense else tag.startswith("VB")


_FLIPS = {
    "we": "you", "us": "you", "our": "your", "ours": "yours", "ourselves": "yourselves",
    "you": "I", "your": "my", "yours": "mine", "yourself": "myself",
}  # fmt: skip
_FLIP = re.compile(r"\b(?:we|us|our|ours|ourselves|you|your|yours|yourself)\b", re.IGNORECASE)


_AGREEING = {"does": "do", "are": "am", "is": "am", "has": "have"}


@lru_cache(maxsize=1)
def _people() -> re.Pattern[str]:
    """A helping verb and a person that whoever asks may be: "may clients"."""
    people = "|".join(load("english")["people"]["words"].split())
    helper = r"(?:may|can|must|should|will|do|does|did|are|is|have|has)"
    subject = (
        rf"(?:(?:a|an|the|all|any|every|each)\s)?(?:(?:paying|new|regular|single|full|active|adult)\s)?(?:{people})"
    )
    return re.compile(rf"\b({helper})\s{subject}\b(?!['’]|\s(?:and|or)\b)", re.IGNORECASE)


def to_me(text: str) -> str:
    """The question as the person it concerns asks it: "may clients" becomes "may I", "our" becomes "your"."""
    flipped = _FLIP.sub(lambda m: _like(m[0], _FLIPS[m[0].lower()]), text)
    changed = _people().sub(lambda m: f"{_AGREEING.get(m[1].lower(), m[1])} I", flipped, count=1)
    if changed != flipped:
        changed = re.sub(r"\btheir\b", "my", re.sub(r"\bthemselves\b", "myself", changed))
    return re.sub(r"\bI (?:is|are)\b", "I am", changed)


def casual(text: str) -> str:
    """Lower case, no closing mark, a few words as they are typed in a hurry."""
    text = text.strip(" ?.")
    words = [w if _KEEP.search(w) else w.lower() for w in text.split(" ")]
    text = " ".join(words)
    for plain, quick in load("english")["casual"].items():
        text = re.sub(rf"\b{re.escape(plain)}\b", quick, text)
    return text.replace(" I ", " i ")


def lower(text: str) -> str:
    """`text` with a small first letter, unless its first word is a name, an abbreviation or "I"."""
    first = re.match(r"[A-Za-z'’]+", text)
    if not first or first[0] in {"I", "I'm"} or re.search(r"[A-Z]", first[0][1:]):
        return text
    words = english(text)
    second = text[first.end() :].lstrip()[:1]
    if (words and words[0].tag in {"NNP", "NNPS"} and second.isupper()) or _CALENDAR.fullmatch(first[0]):
        return text
    return text[0].lower() + text[1:]


_CALENDAR = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|January|February|April|June|July|August|September|October|November"
    r"|December"
)
_SMALL = re.compile(
    r"\b(?:the|a|an|of|to|in|on|at|for|by|with|and|or|is|are|was|were|be|been|may|can|must|will|should|that|which|it|"
    r"they|we|you|our|your|their|its|as|from|only|also|then|there|this|these|has|have|had|do|does|not|no|if|when|who|"
    r"whoever|but|so|than|any|all|after|before|under|over|up|out|into)\b|[^\w\s£$€%/°'-]",
    re.IGNORECASE,
)


def keywords(text: str, noun: str, topic: str, most: int = 6) -> str:
    """A search as people type it: the telling words, small ones left out, and a word for what is wanted."""
    telling = list(dict.fromkeys(w for w in _SMALL.sub(" ", f"{text}").lower().split() if len(w) > 1))
    heads = [w for w in _SMALL.sub(" ", topic).lower().split() if w not in telling][:2]
    return " ".join([*heads, *reworded(" ".join(telling[-most:]), "k", 3).split(), *noun.split()])


def shorter(text: str) -> str:
    """`text` without its last prepositional phrase, when enough is left to ask with."""
    cut = [
        m.start()
        for m in re.finditer(r"\s(?:in|on|at|for|with|during|by|under|behind|beside|from)\s(?:the|a|our|your)\s", text)
    ]
    return text[: cut[-1]] if cut and len(text[: cut[-1]].split()) >= 6 else text


def _like(model: str, other: str) -> str:
    return _capital(other) if model[0].isupper() else other


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
