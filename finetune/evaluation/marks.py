"""Marks of one answer against its reference. Pure text in, numbers out; knows no models and no arms.

The primary mark is containment as whole tokens without a contradicting second value. ROUGE, F1 and embedding similarity
stand beside it because the field reports them; none of them is ever the gate.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from finetune.evaluation.whole import HAN, stands_in
from memory.records import Record
from retrieval.quantities import quantities

TOKENIZER = "one CJK character or one run of letters or digits per token, NFKC, lower case"
"""Named beside every ROUGE and F1 number."""

_CJK = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}\U00020000-\U0003ffff]|[^\W_{_CJK}]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_GAP = re.compile(rf"(?<=\d)\s+(?=[{_CJK}])|(?<=[{_CJK}])\s+(?=\d)")
_VALUE = re.compile(
    rf"(?P<before>[£$€¥]|nt\$)?\s*(?<![0-9a-z.])(?P<number>\d+(?:[.:]\d+)*)\s*(?P<unit>%|°c|[a-z]+|[{_CJK}])?"
)
_UNITS = """% °c minute hour day week month year second km m cm mm kg g litre l ml metre pound euro dollar point
元 天 日 月 週 年 時 分 秒 次 人 公 個 小 張 杯 本 件 點 坪 度 歲 名 位 頁 樓 折"""
_MEASURES = frozenset(_UNITS.split())
_HAN_UNITS = "".join(unit for unit in _MEASURES if "\u4e00" <= unit <= "\u9fff")
_SHORT = {"min": "minute", "hr": "hour", "hrs": "hour", "mins": "minute"}


class Marks(Record):
    """Everything measured on one answer. Shares and scores are between 0 and 1."""

    correct: bool
    contradicted: bool
    """It holds the reference and a second value of the same kind."""
    exact: bool
    f1: float
    """Tokens of TOKENIZER, as a bag."""
    f1_characters: float = 0.0
    """Characters, as a bag, blanks and marks left out: kinder to inflected words. 0 where it was not kept yet."""
    rouge1: float
    rouge2: float
    rouge_l: float
    length: int
    """Tokens of TOKENIZER."""
    drift: int
    """Simplified-only characters in an answer that should be Traditional."""


def fold(text: str) -> str:
    """NFKC, lower case, 臺→台, no thousands separators, no blank between a digit and a Chinese character."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("臺", "台").replace("’", "'")
    return _GAP.sub("", _THOUSANDS.sub("", folded))


def tokens(text: str) -> list[str]:
    """Tokens for F1 and ROUGE; see TOKENIZER."""
    return _TOKEN.findall(fold(text))


def contains(answer: str, reference: str) -> bool:
    """Whether `reference` stands in `answer` as whole tokens: no "3" in "13" or "3.80", no 十天 in 六十天."""
    wanted = fold(reference).strip().strip(".。")
    return bool(wanted) and stands_in(wanted, fold(answer))


def correct(
    answer: str, reference: str, accept: Sequence[str] = (), *, kind: str = "lookup", question: str = ""
) -> bool:
    """The primary mark: the reference or an accepted variant stands in it, and no contradicting second value."""
    found = holds(answer, reference, accept, kind=kind)
    return found and (kind == "list" or not contradicted(answer, (reference, *accept), question=question))


def holds(text: str, reference: str, accept: Sequence[str] = (), *, kind: str = "lookup") -> bool:
    """Whether the reference or an accepted variant stands in a text: of a list every item, in any order."""
    variants = (reference, *accept)
    if kind == "list":
        return any(all(contains(text, item) for item in _items(v)) for v in variants)
    return any(contains(text, v) for v in variants)


def contradicted(answer: str, variants: Sequence[str], *, question: str = "") -> bool:
    """Whether the answer states another value with the unit of a reference that is a single value.

    Values that the question itself names are not a second answer.
    """
    known = {value for text in (*variants, question) for value in _values(text)}
    units = {unit for text in variants for unit, _ in _values(text)[:1] if len(_values(text)) == 1 and unit}
    return any(unit in units for unit, number in _values(answer) if (unit, number) not in known)


def f1(answer: str, reference: str) -> float:
    """Bag-of-tokens F1; 0 when either side is empty."""
    return _f1(Counter(tokens(answer)), Counter(tokens(reference)))


def f1_characters(answer: str, reference: str) -> float:
    """Bag-of-characters F1; 0 when either side is empty."""
    return _f1(Counter("".join(tokens(answer))), Counter("".join(tokens(reference))))


def rouge_n(answer: str, reference: str, n: int) -> float:
    """ROUGE-N F measure on TOKENIZER's tokens; 0 when either side is empty. Lin 2004."""
    return _f1(Counter(_grams(tokens(answer), n)), Counter(_grams(tokens(reference), n)))


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L F measure on TOKENIZER's tokens; 0 when either side is empty. Lin 2004."""
    a, b = tokens(answer), tokens(reference)
    if not a or not b:
        return 0.0
    common = _longest_common(a, b)
    return 2 * common / (len(a) + len(b))


def mark(
    answer: str,
    reference: str,
    accept: Sequence[str] = (),
    *,
    kind: str = "lookup",
    question: str = "",
    language: str = "en",
) -> Marks:
    """All marks of one answer; overlap scores take the best variant, as SQuAD does."""
    variants = (reference, *accept)
    return Marks(
        correct=correct(answer, reference, accept, kind=kind, question=question),
        contradicted=kind != "list"
        and any(contains(answer, v) for v in variants)
        and contradicted(answer, variants, question=question),
        exact=any(tokens(answer) == tokens(v) for v in variants),
        f1=max(f1(answer, v) for v in variants),
        f1_characters=max(f1_characters(answer, v) for v in variants),
        rouge1=max(rouge_n(answer, v, 1) for v in variants),
        rouge2=max(rouge_n(answer, v, 2) for v in variants),
        rouge_l=max(rouge_l(answer, v) for v in variants),
        length=len(tokens(answer)),
        drift=script_drift(answer) if language in {"zh-TW", "zh-Hant"} else 0,
    )


def script_drift(answer: str) -> int:
    """Characters that only Simplified Chinese writes, in an answer that should be Traditional."""
    from retrieval.tokens import language

    return sum(1 for character in answer if language(character) == "zh-Hans")


def _items(reference: str) -> list[str]:
    """The items of a list reference."""
    return [
        item for item in re.split(r"\s*[,;、，；]\s*(?:and\s+)?|\s+(?:and|or)\s+|[和與及]", reference) if item.strip()
    ]


def _values(text: str) -> list[tuple[str, str]]:
    """(unit, number) of each value with a unit, money sign or clock form; Chinese numerals count as their digits."""
    found = []
    for match in _VALUE.finditer(_digits(fold(text))):
        word = match["unit"] or ""
        unit = _SHORT.get(word, word if word in _MEASURES else word.removesuffix("s"))
        if ":" in match["number"]:
            found.append(("clock", match["number"]))
        elif match["before"] or unit in _MEASURES:
            found.append((match["before"] or unit, match["number"]))
    return found


def _digits(text: str) -> str:
    """`text` with Chinese numerals before a unit in digits; 一 alone (一個, 一次) is as often an article as a value."""

    def written(match: re.Match[str]) -> str:
        values = [key for quantity in quantities(match[0]) for key in quantity.keys if key.isdigit()]
        return values[0] if match[0] != "一" and len(values) == 1 else match[0]

    return re.sub(rf"[{HAN}]+(?=[{_HAN_UNITS}])", written, text)


def _grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _f1(a: Counter, b: Counter) -> float:
    common = sum((a & b).values())
    total = sum(a.values()) + sum(b.values())
    return 2 * common / total if total else 0.0


def _longest_common(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence, one row of the table at a time."""
    row = [0] * (len(b) + 1)
    for left in a:
        diagonal = 0
        for j, right in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if left == right else max(row[j], row[j - 1])
    return row[-1]
