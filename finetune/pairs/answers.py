"""Accepted ways to write an answer: numbers in words, times on both clocks. For marking; never for training."""

from __future__ import annotations

import re

_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_HAN = "零一二三四五六七八九十"


def variants(value: str, language: str) -> tuple[str, ...]:
    """Other ways to write the value, without the value itself."""
    found: list[str] = []
    if language == "en":
        found += _counted(value) + _clocks(value)
        bare = re.sub(r"^(?:the|a|an|our|your|their)\s+", "", value, flags=re.IGNORECASE)
        found.append(bare)
    elif language.startswith("zh"):
        found += _han(value)
        found.append(re.sub(r"(?<=[\d\u3400-\u9fff])\s+(?=[\d\u3400-\u9fff])", "", value))
    return tuple(dict.fromkeys(v for v in found if v and v != value))


def _counted(value: str) -> list[str]:
    match = re.match(r"(\d+)(?=[ -][a-z])", value)
    if match and int(match[1]) < len(_WORDS):
        return [_WORDS[int(match[1])] + value[match.end() :]]
    match = re.match(rf"({'|'.join(_WORDS)})\b", value, re.IGNORECASE)
    return [str(_WORDS.index(match[1].lower())) + value[match.end() :]] if match else []


def _clocks(value: str) -> list[str]:
    match = re.fullmatch(r"(\d{1,2})[:.](\d{2})", value)
    if not match or int(match[1]) > 23:
        return []
    hour, minute = int(match[1]), match[2]
    half = "am" if hour < 12 else "pm"
    short = f"{(hour - 1) % 12 + 1}"
    return [f"{short}:{minute} {half}", *([f"{short} {half}"] if minute == "00" else [])]


def _han(value: str) -> list[str]:
    match = re.match(r"(\d{1,2})(?=[\u3400-\u9fff])", value)
    if match and 0 < int(match[1]) <= 10:
        return [_HAN[int(match[1])] + value[match.end() :]]
    return []
