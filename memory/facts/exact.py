"""Tokens that must never change in retelling: codes, numbers, dates, addresses, names, quoted words. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_TOKEN = re.compile(r"https?://[^\s<>「」，。]+|[A-Za-z0-9À-ɏ][A-Za-z0-9À-ɏ_.,:/@%+'-]*")
_HAN_NUMBER = re.compile(
    r"[零〇一二兩两三四五六七八九十百千萬万億亿]+(?:點[零〇一二三四五六七八九]+)?(?=[年月日天週周時时分秒歲岁元塊块人個个次位名張张件台臺倍成條条章頁页樓楼號号公])"
)
_QUOTED = re.compile(r"「([^「」]{1,40})」|『([^『』]{1,40})』|“([^“”]{1,40})”|\"([^\"\n]{1,40})\"")
_OPENS_SENTENCE = re.compile(r"(?:^|[.!?。！？:：\n]\s*|[\"“「(（]\s*)$")
_COMMON = {"I", "I'm", "I'd", "I'll", "I've", "OK", "FAQ", "PDF"}


def tokens(text: str) -> list[str]:
    """Codes (TAINAN-7), numbers, dates, addresses, words in capitals and Chinese numbers, as written, in order."""
    found = [match.group().rstrip(".,:/'-+") for match in _TOKEN.finditer(text)]
    latin = [token for token in found if _is_exact(token)]
    return latin + [match.group() for match in _HAN_NUMBER.finditer(text)]


def codes(text: str) -> list[str]:
    """Only what looks like an identifier: letters with digits, or an address."""
    return [t for t in tokens(text) if "@" in t or "//" in t or (re.search(r"\d", t) and re.search(r"[A-Za-z]", t))]


def names(text: str) -> Iterator[str]:
    """Capitalised words that do not open a sentence."""
    for match in _TOKEN.finditer(text):
        word = match.group().rstrip(".,:/'-+")
        inside = not _OPENS_SENTENCE.search(text[: match.start()])
        if inside and len(word) > 1 and word[0].isupper() and word not in _COMMON:
            yield word.removesuffix("'s")


def quoted(text: str) -> list[str]:
    """Words in quotation marks."""
    return ["".join(groups) for groups in _QUOTED.findall(text)]


def is_exact(value: str) -> bool:
    """Whether a value holds a number, code, capitalised or Chinese name, address or quotation."""
    return bool(tokens(value)) or any(word[:1].isupper() for word in value.split()) or bool(quoted(value))


def shape(value: str) -> str:
    """The kind of a value: code, number, name or word; a correction has the shape of what it corrects."""
    found = tokens(value)
    if codes(value) or any(token.isupper() for token in found):
        return "code"
    if found:
        return "number"
    return "name" if any(word[:1].isupper() for word in value.split()) else "word"


def same(text: str) -> str:
    """Folded for comparing: width, case, and the commas of thousands."""
    return re.sub(r"(?<=\d),(?=\d{3})", "", unicodedata.normalize("NFKC", text)).casefold()


def _is_exact(token: str) -> bool:
    if token in _COMMON:
        return False
    return any(c.isdigit() for c in token) or "@" in token or "//" in token or (len(token) > 2 and token.isupper())
