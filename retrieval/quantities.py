"""Numbers, times and ordinals made comparable: "5 pm" and 17:00, "seven" and 7, 二十 and 20. Knows no prompt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple


class Quantity(NamedTuple):
    """A number as it stands in a text."""

    start: int
    end: int
    keys: frozenset[str]
    """Canonical forms; two quantities agree when they share one."""


_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_RANKS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_WORDS = {word: value for value, word in enumerate(_UNITS.split())}
_TENS = {word: 10 * value for value, word in enumerate(_DECADES.split(), 2)}
_ORDINALS = {word: value for value, word in enumerate(_RANKS.split(), 1)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_NUMBER_WORD = "|".join([*_WORDS, *_TENS, *_ORDINALS, *_SCALES, "half", "dozen"])
_DIGITS = "〇零一二兩两三四五六七八九"
_HAN_VALUE = dict(zip(_DIGITS, (0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_HAN_SCALE = {"十": 10, "百": 100, "千": 1000, "萬": 10_000, "万": 10_000}
_HAN = rf"[{_DIGITS}十百千萬万]"

_PATTERN = re.compile(
    rf"""
    (?P<part>上午|早上|清晨|凌晨|中午|下午|傍晚|晚上|晚間|晚间)?\s*
    (?:(?P<hour>\d{{1,2}})\s*(?:[:：](?P<minute>\d{{2}})|[點点時时](?!間|间)(?:(?P<han_minute>\d{{1,2}})分|(?P<han_half>半))?)
       |(?P<han_hour>{_HAN}{{1,3}})[點点](?:(?P<han_minute2>{_HAN}{{1,3}})分|(?P<han_half2>半))?
       |(?P<bare_hour>\d{{1,2}})(?=\s*[ap]\.?m\b))
    \s*(?P<meridiem>[ap])?(?(meridiem)\.?m\b)
    |(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<ordinal>st|nd|rd|th)?
    |\b(?P<words>(?:{_NUMBER_WORD})(?:[\s-]+(?:and\s+)?(?:{_NUMBER_WORD}))*)\b
    |(?P<han>{_HAN}+)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def quantities(text: str) -> Iterator[Quantity]:
    """Every quantity of a text, left to right; offsets refer to `text` as given."""
    for match in _PATTERN.finditer(_narrow(text)):
        keys = _keys(match)
        if keys:
            start, end = match.span()
            said = text[start:end]
            start, end = start + len(said) - len(said.lstrip()), end - len(said) + len(said.rstrip())
            yield Quantity(start, end, keys)


def _narrow(text: str) -> str:
    """Full-width digits and marks made narrow, one character for one, so that offsets stay."""
    return "".join(n if len(n := unicodedata.normalize("NFKC", c)) == 1 else c for c in text)


def _keys(match: re.Match[str]) -> frozenset[str]:
    found = match.groupdict()
    if found["number"]:
        return frozenset({_number(found["number"].replace(",", ""))})
    if found["words"]:
        return frozenset({_number(str(value))} if (value := _spelled(found["words"])) is not None else ())
    if found["han"]:
        return frozenset({_number(str(value))} if (value := _chinese(found["han"])) is not None else ())
    return _time(found)


def _time(found: dict[str, str | None]) -> frozenset[str]:
    """A time of day as 24-hour HH:MM, and as the other half of the day's when nothing says which."""
    hour = int(found["hour"] or found["bare_hour"] or 0) if not found["han_hour"] else _chinese(found["han_hour"]) or 0
    if found["han_half"] or found["han_half2"]:
        minute = 30
    elif found["han_minute2"]:
        minute = _chinese(found["han_minute2"]) or 0
    else:
        minute = int(found["minute"] or found["han_minute"] or 0)
    part, meridiem = found["part"] or "", (found["meridiem"] or "").lower()
    if meridiem == "p" or part in {"下午", "傍晚", "晚上", "晚間", "晚间"}:
        hours = {hour % 12 + 12}
    elif meridiem == "a" or part in {"上午", "早上", "清晨", "凌晨"}:
        hours = {hour % 12}
    else:
        hours = {hour % 24} | ({hour + 12} if 1 <= hour < 12 else set())
    keys = {f"{h:02d}:{minute:02d}" for h in hours}
    return frozenset(keys | ({_number(str(hour))} if not minute else set()))


def _number(text: str) -> str:
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _spelled(text: str) -> float | int | None:
    total, current = 0, 0
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _SCALES:
            current = max(current, 1) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, current = total + current, 0
        elif word == "half":
            return 0.5 if not total + current else total + current
        elif word == "dozen":
            current = max(current, 1) * 12
        elif word != "and":
            current += _WORDS.get(word, _TENS.get(word, _ORDINALS.get(word, 0)))
    return total + current


def _chinese(text: str) -> int | None:
    """二十八 → 28, 一百零五 → 105, 一九五七 → 1957; None for a lone scale such as 萬."""
    if not any(c in _HAN_SCALE for c in text):
        return int("".join(str(_HAN_VALUE[c]) for c in text))
    if text in {"百", "千", "萬", "万"}:
        return None
    total, section, digit = 0, 0, 0
    for c in text:
        if c in _HAN_VALUE:
            digit = _HAN_VALUE[c]
        elif _HAN_SCALE[c] == 10_000:
            total, section, digit = (total + section + digit) * 10_000, 0, 0
        else:
            section, digit = section + (digit or 1) * _HAN_SCALE[c], 0
    return total + section + digit
