"""Other numbers, days and names in the evidence and in its answers, so that a row is answered by reading, not by heart.

Knows texts only. A question's own words are never touched, so that what it asks for stays what it asked for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_CLASSES = (
    ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
    ["fifteen", "twenty", "thirty", "forty", "fifty", "sixty"],
    ["first", "second", "third", "fourth", "fifth", "sixth"],
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    ["January", "February", "March", "April", "May", "June"],
    ["July", "August", "September", "October", "November", "December"],
)
"""Words that may stand for each other."""
DRAWS = 8
"""So often another number or name is drawn until it is one that the evidence does not hold yet."""
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,2}:\d{2}|\d+)(?!\w)")
_NAME = re.compile(r"(?:(?:Dr|Mr|Mrs|Ms)\.? )?[A-Z][a-z'’-]+(?: [A-Z][a-z'’-]+){0,2}")


def changes(
    evidence: str, answers: Sequence[str], questions: Sequence[str], names: Sequence[str], rng: random.Random
) -> Callable[[str], str]:
    """What to make of any text of one block: numbers, days and names that `answers` hold become others, everywhere.

    What a question mentions stays, and so does what is no word of the evidence. `names` are what a name may become.
    """
    asked = "\n".join(questions)
    new: dict[str, str] = {}
    for answer in sorted(set(answers)):
        for old in _movable(answer):
            if old in new or _stands(old, asked) or not _stands(old, evidence):
                continue
            drawn = (_other(old, names, rng) for _ in range(DRAWS))
            fresh = (other for other in drawn if other and not _stands(other, evidence) and other not in new.values())
            if other := next(fresh, ""):
                new[old] = other
    if not new:
        return lambda text: text
    longest_first = sorted(new, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w\[])(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")
    return lambda text: pattern.sub(lambda match: new[match[0]], text)


def name(answer: str) -> bool:
    """Whether an answer is nothing but a name."""
    return bool(_NAME.fullmatch(answer)) and not any(answer in words for words in _CLASSES)


def _movable(answer: str) -> list[str]:
    if name(answer):
        return [answer]
    words = [word for words in _CLASSES for word in words if _stands(word, answer)]
    return [*_NUMBER.findall(answer), *words]


def _other(old: str, names: Sequence[str], rng: random.Random) -> str:
    if name(old):
        return rng.choice(names) if names else ""
    if _TIME.fullmatch(old):
        return f"{rng.randint(6, 22)}:{rng.randrange(0, 60, 5):02}"
    if old.isdigit():
        year = 1900 < int(old) < 2100
        low, high = (1950, 2026) if year else (max(2, 10 ** (len(old) - 1)), 10 ** len(old) - 1)
        return str(rng.randint(low, high))
    return rng.choice(next((words for words in _CLASSES if old in words), [""]))  # 3:75 is no time, and stays.


def _stands(part: str, text: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text))
