"""Whether a text stands in another as whole tokens: no word and no number, however it is written, is found cut in two.

Works on folded text; knows nothing of answers and references.
"""

from __future__ import annotations

import re

HAN = "〇零一二兩两三四五六七八九十百千萬万億亿廿卅"
"""Characters that Chinese numerals are written with."""
_MORE = HAN + "幾几"
_SCALE = re.compile(r"[百千萬万億亿](?![克米瓦赫卡分])")
"""After digits: 3萬 is not 3; 3千克 is 3 of something."""
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = "one|two|three|four|five|six|seven|eight|nine|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
_HUNDREDS = "hundred|thousand|million|billion"
_OPENS = re.compile(rf"(?:{_ONES})(?![a-z])")
_TENS_OPEN = re.compile(rf"(?:{_TENS})(?![a-z])")
_TENS_BEFORE = re.compile(rf"(?<![a-z])(?:{_TENS})[\s-]+$")
_HUNDREDS_BEFORE = re.compile(rf"(?<![a-z])(?:{_HUNDREDS})[\s-]+(?:and\s+)?$")
_TENS_CLOSE = re.compile(rf"(?<![a-z])(?:{_TENS})$")
_NUMBER_CLOSES = re.compile(rf"(?<![a-z])(?:{_ONES}|{_TENS}|ten|eleven|twelve|[a-z]+teen)$")
_ONES_AFTER = re.compile(rf"[\s-]+(?:{_ONES})(?![a-z])")
_HUNDREDS_AFTER = re.compile(rf"[\s-]+(?:{_HUNDREDS})(?![a-z])")


def stands_in(wanted: str, text: str) -> bool:
    """Whether `wanted` stands somewhere in `text` as whole tokens; both folded, `wanted` not empty."""
    return any(
        not _cut_before(wanted, text[: found.start()]) and not _cut_after(wanted, text[found.end() :])
        for found in re.finditer(r"\s+".join(re.escape(part) for part in wanted.split()), text)
    )


def _cut_before(wanted: str, before: str) -> bool:
    """Whether what stands before belongs to the first token of `wanted`."""
    first = wanted[0]
    if first.isdigit():
        return re.search(r"\d[.:]?$", before) is not None
    if first in HAN:
        return before[-1:] != "" and (before[-1] in _MORE or before[-1].isdigit())
    if not (first.isascii() and first.isalnum()):
        return False
    if re.search(r"[a-z]$", before):
        return True
    if _OPENS.match(wanted):
        return bool(_TENS_BEFORE.search(before) or _HUNDREDS_BEFORE.search(before))
    return bool(_TENS_OPEN.match(wanted) and _HUNDREDS_BEFORE.search(before))


def _cut_after(wanted: str, after: str) -> bool:
    """Whether what stands behind belongs to the last token of `wanted`."""
    last = wanted[-1]
    if last.isdigit():
        return re.match(r"[.:]?\d", after) is not None or _SCALE.match(after) is not None
    if last in HAN:
        return after[:1] != "" and after[0] in _MORE
    if not (last.isascii() and last.isalnum()):
        return False
    if re.match(r"[a-z]", after):
        return True
    if _TENS_CLOSE.search(wanted) and _ONES_AFTER.match(after):
        return True
    return bool(_NUMBER_CLOSES.search(wanted) and _HUNDREDS_AFTER.match(after))
