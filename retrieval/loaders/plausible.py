"""How much a decoded text looks like writing: points per character. Knows scripts, not bytes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from memory.han import is_han

_MARKS = "，。、；：？！「」『』（）《》〈〉【】〔〕…—～·％／＋－×÷°℃＄￥○●◎※→←"
_QUOTES = "‘’“”–—…•€£¥©®°·§«»™½¼¾²³×±µº¡¿\xa0\u3000"
_LETTERS = "éèêëàâäáåãæçîïíìôöóòõøûùüúñßÉÈÊÀÂÄÁÅÆÇÎÏÍÔÖÓØÛÜÚÑœŒšžŽŠý"


def points(text: str) -> float:
    """The sum over all characters that are not plain ASCII; about +3 for the commonest, down to −6 for impossible ones.

    Lone accented letters between plain ones count for, runs of them against: that is what mojibake looks like.
    """
    return sum(map(_points, text)) + sum(map(_together, *_pairs(text)))


def _pairs(text: str) -> tuple[list[str], list[str]]:
    pairs = list(pairwise(text))
    return [a for a, _ in pairs], [b for _, b in pairs]


@lru_cache(maxsize=100_000)
def _points(character: str) -> float:
    code = ord(character)
    if code < 0x80:
        return 0.0 if code >= 0x20 or character in "\t\n\r\x0c" else -4.0
    if character in _MARKS or character in _QUOTES:
        return 2.5
    if is_han(character):
        return _han(character)
    if character in _LETTERS:
        return 1.5
    return _other(character, code)


def _han(character: str) -> float:
    if character in _frequent():
        return 3.0
    if character in _first_level():
        return 1.0
    return -0.5 if character in _second_level() else -1.5


def _other(character: str, code: int) -> float:
    if 0x3041 <= code <= 0x30FE or 0xAC00 <= code < 0xD7A4:
        return 2.0
    if 0xFF01 <= code <= 0xFF5E or 0x3105 <= code <= 0x312F:
        return 0.5
    if code == 0xFFFD or 0xE000 <= code <= 0xF8FF or 0x80 <= code < 0xA0:
        return -6.0
    if 0x100 <= code < 0x250 or 0x370 <= code < 0x530:
        return 1.0 if code < 0x250 else 0.0
    if 0x20000 <= code < 0x32000 or 0x1F300 <= code < 0x1FB00:
        return 0.0
    return -1.0 if unicodedata.category(character)[0] in "LNPS" else -3.0


@lru_cache(maxsize=100_000)
def _together(left: str, right: str) -> float:
    """What two neighbours say: accented Latin letters hardly ever come in runs or next to Chinese ones."""
    a, b = 0x80 <= ord(left) < 0x250, 0x80 <= ord(right) < 0x250
    if a and b:
        return -3.0
    if (a and ord(right) > 0x2E80) or (b and ord(left) > 0x2E80):
        return -2.0
    return 0.0


@lru_cache(maxsize=1)
def _frequent() -> frozenset[str]:
    """About 1,200 characters that make up most Chinese text, Traditional and Simplified."""
    return frozenset(Path(__file__).with_name("frequent.txt").read_text(encoding="utf-8").strip())


@lru_cache(maxsize=1)
def _first_level() -> frozenset[str]:
    """The commoner halves of Big5 and GB 2312: both standards put them first."""
    return _repertoire("big5", 0xA4, 0xC6) | _repertoire("gb2312", 0xB0, 0xD7)


@lru_cache(maxsize=1)
def _second_level() -> frozenset[str]:
    return _repertoire("big5", 0xC9, 0xF9) | _repertoire("gb2312", 0xD8, 0xF7)


def _repertoire(codec: str, first: int, last: int) -> frozenset[str]:
    pairs = (bytes((a, b)).decode(codec, "ignore") for a in range(first, last + 1) for b in range(0x40, 0xFF))
    return frozenset(c for pair in pairs for c in pair if is_han(c))
