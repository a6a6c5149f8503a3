"""Automatic numbers of a Word document, counted as Word counts them: 1.2, (a), 第三條, 一、 and bullets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from retrieval.loaders.docx.names import child, number, tag, value

_HAN = "〇一二三四五六七八九"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_FORMAL = "零壹貳參肆伍陸柒捌玖"
_PLACE = re.compile(r"%(\d)")


class _Level(NamedTuple):
    form: str
    text: str
    start: int


class Numbering:
    """Counters of one document; ask once per numbered paragraph, in order."""

    def __init__(self, root: Any | None) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}
        self._counts: dict[str, dict[int, int]] = {}
        abstract: dict[str, dict[int, _Level]] = {}
        for element in root if root is not None else ():
            if tag(element) == "abstractNum":
                key = value(element, name="abstractNumId") or ""
                abstract[key] = {number(value(e, name="ilvl")): _level(e) for e in element if tag(e) == "lvl"}
        self._lists: dict[str, str] = {}
        for element in root if root is not None else ():
            if tag(element) == "num":
                key = value(element, name="numId") or ""
                self._lists[key] = value(element, "abstractNumId") or ""
                self._levels[key] = dict(abstract.get(self._lists[key], {})) | _overrides(element)
                if any(tag(e) == "lvlOverride" for e in element):
                    self._lists[key] = f"num {key}"

    def mark(self, place: tuple[str, int] | None) -> str | None:
        """The next number of a list; `•` for a bullet; None for a paragraph without one."""
        if place is None or place[0] in ("", "0"):
            return None
        key, depth = place
        levels = self._levels.get(key, {})
        level = levels.get(depth)
        if level is None:
            return "•" if key in self._levels else None
        if level.form in ("bullet", "none"):
            return "•" if level.form == "bullet" else ""
        counts = self._counts.setdefault(self._lists.get(key, key), {})
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [d for d in counts if d > depth]:
            del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            other = levels.get(at, level)
            return spelled(counts.get(at, other.start), other.form)

        return _PLACE.sub(shown, level.text).strip()


def _level(element: Any) -> _Level:
    return _Level(
        value(element, "numFmt") or "decimal", value(element, "lvlText") or "", number(value(element, "start"), 1)
    )


def _overrides(element: Any) -> dict[int, _Level]:
    found = {}
    for override in element:
        inner = child(override, "lvl") if tag(override) == "lvlOverride" else None
        if inner is not None:
            found[number(value(override, name="ilvl"))] = _level(inner)
    return found


def spelled(count: int, form: str) -> str:
    """A number in one of Word's forms; decimal where the form is not known."""
    return _FORMS.get(form, str)(count)


def letters(count: int) -> str:
    """a … z, aa, bb …"""
    return chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1) if count > 0 else str(count)


def roman(count: int) -> str:
    """i, ii, iii, iv …"""
    if not 0 < count < 4000:
        return str(count)
    found = ""
    for size, sign in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    ):
        found += sign * (count // size)
        count %= size
    return found


def han(count: int) -> str:
    """一 … 十, 十一 … 九十九, then 一百二十三."""
    if not 0 < count < 1000:
        return str(count)
    hundreds, tens, ones = count // 100, count // 10 % 10, count % 10
    found = f"{_HAN[hundreds]}百" if hundreds else ""
    if tens:
        found += ("" if tens == 1 and not hundreds else _HAN[tens]) + "十"
    elif hundreds and ones:
        found += "零"
    return found + (_HAN[ones] if ones else "")


def _formal(count: int) -> str:
    return han(count).translate(str.maketrans(_HAN[1:] + "十百", _FORMAL[1:] + "拾佰"))


def _circled(count: int) -> str:
    return chr(0x2460 + count - 1) if 1 <= count <= 20 else str(count)


_FORMS: dict[str, Callable[[int], str]] = {
    "lowerLetter": letters,
    "upperLetter": lambda n: letters(n).upper(),
    "lowerRoman": roman,
    "upperRoman": lambda n: roman(n).upper(),
    "chineseCounting": han,
    "chineseCountingThousand": han,
    "taiwaneseCounting": han,
    "taiwaneseCountingThousand": han,
    "japaneseCounting": han,
    "ideographDigital": han,
    "japaneseDigitalTenThousand": han,
    "ideographLegalTraditional": _formal,
    "chineseLegalSimplified": _formal,
    "ideographTraditional": lambda n: _STEMS[(n - 1) % 10],
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalZero": lambda n: f"{n:02d}",
}
