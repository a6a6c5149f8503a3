"""The clause of an English sentence around a span: where it begins, its subject, its verb and what follows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from finetune.pairs.tagging import Word, english
from finetune.pairs.wording.shape import FINITE, doubtful
from finetune.pairs.words import words

_BREAKS = frozenset({";", ":", "—", "(", ")", "-"})
_CONJUNCTIONS = words("and but so or yet while whereas because although though since")
_NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS"})


class Clause(NamedTuple):
    """`left + value + right` is the clause as it may be said; offsets are gone."""

    left: str
    value: str
    right: str
    lead: str = ""
    """An adverbial or condition in front ("On Sundays", "If it rains"), already cut from `left`."""
    subject: str = ""
    """Empty for an imperative or when it cannot be told."""
    verb: str = ""
    """The finite verb before the value; empty when there is none."""
    tag: str = ""
    doubtful: bool = False
    """Another finite verb follows that nothing joins: the tagger erred."""
    rest: str = ""
    """What stands between verb and value."""
    imperative: bool = False


def clause(sentence: str, start: int, end: int) -> Clause:
    """The clause that holds `sentence[start:end]`."""
    words = english(sentence)
    first, last = _bounds(words, start, end)
    inside = [w for w in words if first <= w.start < last]
    left, right = sentence[first:start], sentence[end:last].rstrip(" .,;:!?…—-")
    lead, left, inside = _without_lead(left, inside, start)
    before = [w for w in inside if w.end <= start]
    left = left.lstrip(" ,")
    verb = next((i for i, w in enumerate(before) if w.tag in FINITE and i > 0), None)
    value = sentence[start:end]
    if verb is None:
        imperative = bool(before) and before[0].tag in {"VB", "VBP"} and before[0].text.lower() != "please"
        return Clause(left, value, right, lead, imperative=imperative)
    place = before[verb]
    origin = before[0].start
    return Clause(
        left,
        value,
        right,
        lead,
        subject=sentence[origin : place.start].strip(),
        verb=place.text,
        tag=place.tag,
        doubtful=doubtful(words, next(n for n, w in enumerate(words) if w.start == place.start)),
        rest=sentence[place.end : start].strip(),
    )


def _bounds(words: tuple[Word, ...], start: int, end: int) -> tuple[int, int]:
    """Where the clause begins and ends: at a break, or at a conjunction or comma with a verb on both sides."""
    first, last = (words[0].start, words[-1].end) if words else (0, end)
    for number, word in enumerate(words):
        if word.end <= start and _separates(words, number):
            first = words[number + 1].start if number + 1 < len(words) else word.end
            if word.text.lower() in _CONJUNCTIONS and word.text.lower() in {"because", "although", "since", "while"}:
                first = words[number + 1].start
        elif word.start >= end and (_separates(words, number) or _aside(words, number)):
            last = word.start
            break
    return first, last


def _separates(words: tuple[Word, ...], number: int) -> bool:
    word = words[number]
    if word.text in _BREAKS and not (word.text == "-" and number and words[number - 1].end == word.start):
        return True
    low = word.text.lower()
    if low not in _CONJUNCTIONS and word.text != ",":
        return False
    following = _until_break(words, number + 1)
    if word.text == "," and following and following[0].text.lower() in _CONJUNCTIONS:
        following = following[1:]
    return _has_subject_and_verb(following) and any(w.tag in FINITE for w in words[:number])


def _aside(words: tuple[Word, ...], number: int) -> bool:
    """A comma before a relative clause or an afterthought, which the question does without."""
    return (
        words[number].text == ","
        and number + 1 < len(words)
        and words[number + 1].text.lower()
        in {"who", "which", "whose", "where", "though", "but", "not", "so", "as", "because"}
    )


def _until_break(words: tuple[Word, ...], number: int) -> list[Word]:
    found: list[Word] = []
    for word in words[number:]:
        if (
            word.text in _BREAKS
            or (word.text == "," and found)
            or (found and word.text.lower() in _CONJUNCTIONS - {"or", "and"})
        ):
            break
        found.append(word)
    return found


def _has_subject_and_verb(words: list[Word]) -> bool:
    """Whether a finite verb stands behind a noun or pronoun near the beginning."""
    for number, word in enumerate(words[:9]):
        if word.tag in FINITE:
            return number > 0 and any(w.tag in _NOUNS or w.tag in {"PRP", "DT", "CD", "WP"} for w in words[:number])
    return False


def _without_lead(left: str, inside: list[Word], start: int) -> tuple[str, str, list[Word]]:
    """Take "On Sundays", "If it rains," or "Outside these hours," off the front."""
    if not inside or inside[0].tag not in {"IN", "TO", "WRB", "RB"} or inside[0].start >= start:
        return "", left, inside
    end = lead_end(inside)
    if not end or inside[end - 1].end > start or end >= len(inside):
        return "", left, inside
    origin = inside[0].start
    cut = inside[end].start - origin
    lead = left[:cut].strip(" ,") if cut <= len(left) else ""
    return (lead, left[cut:], inside[end:]) if lead else ("", left, inside)


def lead_end(inside: Sequence[Word]) -> int:
    """Number of words of the opening adverbial, 0 when it cannot be told."""
    comma = next((n for n, w in enumerate(inside) if w.text == ","), None)
    if comma is not None and any(w.tag in FINITE or w.tag == "VB" for w in inside[comma + 1 :]):
        return comma + 1
    if inside[0].tag == "RB" or inside[0].text.lower() in {"if", "when", "once", "unless", "while", "as"}:
        return 0
    nouns = False
    for number, word in enumerate(inside[1:], 1):
        if nouns and word.tag in {"DT", "PRP", "PRP$"}:
            return number
        if word.tag in FINITE:
            return 0
        nouns = nouns or word.tag in _NOUNS or word.tag == "CD"
    return 0
