"""What an English question word is for a span, and whether its preposition goes with it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from finetune.pairs.spans.numbers import LABEL
from finetune.pairs.tagging import english, ordinary
from finetune.pairs.words import words


class Asked(NamedTuple):
    """The question phrase, and what is left of the words in front of the span."""

    wh: str
    left: str
    preposition: str = ""
    """A preposition that goes to the front with the question phrase: "by", "within"."""
    noun: str = ""
    """A word for the thing asked, for keyword questions: price, time, number."""


_PREPOSITION = re.compile(
    r"\b(up to|at least|at most|no more than|no later than|no earlier than|more than|fewer than|less than|as far as|"
    r"for|in|on|at|by|within|until|till|from|after|before|over|under|about|around|every|to|of|with|per|between|during|"
    r"than|into|through|beyond|above|below|since|against|beside|behind|near|via|as)\s+(?:(?:the|a|an|only|about|just)\s+)?$",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"\b(seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|terms?|mins?)\b", re.IGNORECASE
)
_PLACES = words(
    "lane road street square house hall hospital office desk room quay bridge yard court library museum centre center "
    "station school building floor counter locker shed garden park pool gate pier kitchen cellar garage harbour bay "
    "island ridge crag depot store warehouse terminal hut barn tower mill wharf café cafe"
)
_PERSONS = words(
    "manager officer clerk nurse vet doctor warden secretary treasurer director head lead captain master purser mate "
    "engineer accountant caretaker supervisor instructor keeper team guest guests member members client clients owner "
    "owners visitor visitors passenger passengers staff employee employees people person child children parent parents "
    "adult adults resident residents customer customers student students volunteer volunteers crew skipper chair agent"
)
_TITLE = re.compile(r"^(?:Dr|Mr|Mrs|Ms|Prof|Captain|Nurse|Professor|Sister|Sir|Dame)\b")
PLURAL = re.compile(r"\w(?:s|people|children|men|women)$")


def asked(kind: str, value: str, left: str) -> Asked:
    """How to ask for `value`, which stands behind `left`."""
    match = _PREPOSITION.search(left)
    preposition = match[1].lower() if match else ""
    bare = left[: match.start()] if match else left
    maker = {
        "amount": _amount, "percent": _percent, "time": _time, "date": _date, "number": _number, "code": _code,
    }.get(kind, _thing)  # fmt: skip
    return maker(value, left, bare, preposition)


def _amount(value: str, left: str, bare: str, preposition: str) -> Asked:
    if preposition in {"for", "of", "at", "about", "around", ""}:
        return Asked("how much", bare if preposition in {"about", "around"} else left, noun="price")
    return Asked("how much", bare, preposition, "amount")


def _percent(value: str, left: str, bare: str, preposition: str) -> Asked:
    wh = "how many per cent off" if value.endswith("off") else "what percentage"
    return Asked(
        wh, bare if preposition else left, "" if preposition in {"of", "about", "at"} else preposition, "percentage"
    )


def _time(value: str, left: str, bare: str, preposition: str) -> Asked:
    if preposition in {"by", "until", "till", "from", "after", "before", "since"}:
        return Asked("what time", bare, preposition, "time")
    if preposition in {"between", "at", "in", "to"}:
        return Asked("what time" if preposition == "at" else "when", bare, noun="time")
    return Asked("when" if re.search(r"to|until|–|-|and", value) else "what time", left, noun="times")


def _date(value: str, left: str, bare: str, preposition: str) -> Asked:
    year = re.fullmatch(r"\d{4}", value)
    if preposition in {"by", "until", "till", "from", "after", "before", "since"}:
        return Asked("what year" if year else "what date", bare, preposition, "date")
    if preposition in {"in", "on", "at", "during", "every"}:
        return Asked("when", bare, noun="year" if year else "date")
    return Asked("when" if not re.search(r"day", value) else "which day", left, noun="date")


def _number(value: str, left: str, bare: str, preposition: str) -> Asked:
    label = re.match(rf"({LABEL})\s", value)
    if label:
        return Asked(f"which {label[1].lower()}", bare, preposition, label[1].lower())
    unit = _unit(value)
    if unit and not preposition and _IS.search(left):
        return Asked("what", left, noun=unit)
    if "°" in unit:
        return Asked("what temperature", bare if preposition else left, preposition, "temperature")
    if _DURATION.search(unit) and (preposition == "for" or (not preposition and _LASTS.search(left))):
        return Asked("how long", bare if preposition else left, noun="how long")
    if _DURATION.search(unit) and preposition in {"after", "within", "every", "in", "before"}:
        plural = unit if PLURAL.search(unit) else unit + "s"
        return Asked(f"how many {plural}", bare, "" if preposition == "every" else preposition, plural)
    if not unit and _IS.search(left):
        return Asked("what", left, noun="number")
    if not unit:
        return Asked(
            "what number" if preposition in {"at", "on", "to"} else "how many",
            bare if preposition else left,
            preposition,
            "number",
        )
    counted = PLURAL.search(unit) or len(unit) < 3 or unit in {"mph", "min"} or "°" in unit
    wh = f"how many {unit if counted else unit + 's'}"
    return Asked(wh, bare if preposition else left, preposition if preposition != "of" else "", unit)


_IS = re.compile(r"\b(?:is|are|was|were|be)(?:\s+[a-z]+ly)?\s+$")
_LASTS = re.compile(r"\b(?:takes?|took|lasts?|lasted|stays?|stayed|waits?|waited|continues?)(?:\s+[a-z]+ly)?\s+$")


def _unit(value: str) -> str:
    return re.sub(
        r"^[−\d.,\s–-]+|^(?:[a-z]+(?:teen|ty)|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
        r"|half a|a)[ -]+",
        "",
        value,
    ).strip(" -")


def _code(value: str, left: str, bare: str, preposition: str) -> Asked:
    if "@" in value or "://" in value:
        return Asked("what address", bare if preposition else left, preposition, "address")
    named = re.search(r"\b([a-z]{3,})\s+$", left)
    if named and english(named[1])[0].tag == "NN" and not _PREPOSITION.search(left):
        # "On form N-3": which form?
        before = left[: named.start()]
        match = _PREPOSITION.search(before)
        return Asked(
            f"which {named[1]}",
            before[: match.start()] if match else before,
            match[1].lower() if match else "",
            named[1],
        )
    if value.lower().startswith("ext"):
        return Asked("what extension", bare if preposition else left, preposition, "extension")
    wh = "what number" if re.fullmatch(r"[\d +-]+", value) else "which code"
    return Asked(wh, bare if preposition else left, preposition, wh.split()[1])


def _thing(value: str, left: str, bare: str, preposition: str) -> Asked:
    head = re.split(r"\s(?:of|in|for|at|on)\s", value)[0].split()[-1].lower()
    if _TITLE.match(value) or head in _PERSONS or _looks_like_a_person(value):
        return Asked("who", bare if preposition else left, preposition, "who")
    if head in _PLACES and preposition in {"in", "at", "to", "from", "behind", "beside", "near", "on", "into"}:
        return Asked("where", bare, "from" if preposition == "from" else "", "where")
    return Asked("what", bare if preposition else left, preposition, "")


def _looks_like_a_person(value: str) -> bool:
    words = value.split()
    return (
        len(words) in {2, 3}
        and all(w[:1].isupper() and w.isalpha() for w in words)
        and words[-1].lower() not in _PLACES
        and not any(w.isupper() for w in words)
        and not all(map(ordinary, words))
    )
