"""What an answer says, held against its passages: refusals, numbers, names and quotes. Knows no model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from retrieval.fence import NUMBER
from retrieval.packing import Passage
from retrieval.quantities import quantities
from retrieval.records import Mark
from retrieval.refusal import refuses
from retrieval.tokens import CJK, fold

__all__ = ["marks", "refuses", "supported_share"]

_LIST_NUMBER = re.compile(r"(?m)^\s*(?:\d{1,2}[.)、]|[(（]\d{1,2}[)）])\s")
_QUOTE = re.compile(r"[\"“「『]([^\"”」』\n]{4,400})[\"”」』]")
_LATIN = r"[^\W\d_" + CJK + "]"
# A capitalised word, an acronym or an identifier with a digit; several capitalised words in a row are one name.
_NAME = re.compile(
    rf"(?<![\w'’])(?:(?:[A-Z]{_LATIN}*(?:['’-]{_LATIN}+)*)(?:\s+[A-Z]{_LATIN}+(?:['’-]{_LATIN}+)*)*"
    rf"|{_LATIN}+[-_]?\d[\w-]*|\d+{_LATIN}+[-_]?\d*)(?![\w])"
)
_SURNAMES = (
    "陳陈林黃黄張张李王吳吴劉刘蔡楊杨許许鄭郑謝谢郭洪曾邱廖賴赖周徐蘇苏葉叶莊庄呂吕江何蕭萧羅罗高潘簡简朱鍾钟游彭詹胡施沈余"
    "盧卢梁趙赵顏颜柯翁魏孫孙戴范方宋鄧邓杜傅侯曹薛丁卓馬马阮董唐溫温藍蓝蔣蒋石古紀纪姚連连馮冯歐欧程湯汤黎田康姜邵秦尤嚴严"
)
_TITLE = "先生|女士|小姐|醫師|医师|教授|經理|经理|主任|組長|组长|店長|店长|老師|老师"
_TITLED = re.compile(rf"[{_SURNAMES}][一-龥]{{1,2}}(?={_TITLE})")
_OTHER = "other"
_COUNTED = re.compile(rf"[-\s]*(?:個|个)?({_LATIN}+|小時|小时|分鐘|分钟|[{CJK}])")
_SPANS = {
    **{word: word for word in ("second", "minute", "hour", "day", "week", "month", "year")},
    **{"min": "minute", "hr": "hour", "秒": "second", "分鐘": "minute", "分钟": "minute", "分": "minute"},
    **{
        "小時": "hour",
        "小时": "hour",
        "天": "day",
        "日": "day",
        "週": "week",
        "周": "week",
        "月": "month",
        "年": "year",
    },
}
_NUMBERING = re.compile(r"(?:(?<=> )|^)\d+(?:\.\d+)*[.)]?\s+")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|am|pm|[a-z]{1,3})", re.IGNORECASE)
# 一 in 一般 or 一起 is no number: a Chinese numeral counts in an answer only before a measure.
_MEASURE = re.compile(
    r"\s*(?:天|日|週|周|個|个|月|年|小時|小时|分|秒|元|塊|块|人|次|位|台|臺|杯|瓶|份|張|张|本|樓|楼|號|号|歲|岁|點|点|度|公|%|％|折|成)"
)


def marks(answer: str, passages: Sequence[Passage], question: str = "") -> tuple[Mark, ...]:
    """Numbers, names and quotes of `answer` that stand neither in a passage nor in the question, in order."""
    shown = [
        f"{p.document} {_NUMBERING.sub('', p.section.heading)} {p.section.text} "
        + " ".join(u.rendered for u in p.units)
        for p in passages
    ]
    known = "\n".join([*shown, question])
    body = NUMBER.sub(lambda match: " " * len(match[0]), answer)
    body = _LIST_NUMBER.sub(lambda match: " " * len(match[0]), body)
    found = [*_wrong_citations(answer, len(passages)), *_quotes(body, known)]
    covered = [(mark.start, mark.end) for mark in found]
    for mark in (*_numbers(body, known), *_names(body, known)):
        if not any(start < mark.end and mark.start < end for start, end in covered):
            found.append(mark)
            covered.append((mark.start, mark.end))
    return tuple(sorted(found, key=lambda mark: mark.start))


def supported_share(answer: str, passages: Sequence[Passage], question: str = "") -> float:
    """Of the numbers, names and quotes in `answer` beyond the question's own, the share that a passage holds.

    1.0 when there are none: nothing was claimed that could be checked.
    """
    unsupported = [m for m in marks(answer, passages, question) if m.reason != "citation"]
    body = _LIST_NUMBER.sub(" ", NUMBER.sub(" ", answer))
    claims = sum(1 for _ in _numbers(body, question)) + sum(1 for _ in _names(body, question))
    return 1.0 if not claims else max(0.0, 1 - len(unsupported) / max(claims, len(unsupported)))


def _wrong_citations(answer: str, passages: int) -> Iterator[Mark]:
    for match in NUMBER.finditer(answer):
        if not 1 <= int(match[1]) <= passages:
            yield Mark(start=match.start(), end=match.end(), text=match[0], reason="citation")


def _quotes(body: str, known: str) -> Iterator[Mark]:
    squeezed = _squeeze(known)
    for match in _QUOTE.finditer(body):
        wanted = _squeeze(match[1]).strip(".,;:!?。，；：！？…")
        if wanted and wanted not in squeezed:
            yield Mark(start=match.start(), end=match.end(), text=match[0], reason="quote")


def _numbers(body: str, known: str) -> Iterator[Mark]:
    held: dict[str, set[str]] = {}
    for quantity in quantities(known):
        for key in quantity.keys:
            held.setdefault(key, set()).add(_unit(known, quantity.end))
    for quantity in quantities(body):
        text = body[quantity.start : quantity.end]
        units = {unit for key in quantity.keys for unit in held.get(key, ())}
        if _agrees(_unit(body, quantity.end), units) or not _is_claim(text, body[quantity.end :]):
            continue
        if re.search(rf"{_LATIN}[-_]?$", body[: quantity.start]) and text[0].isdigit():
            continue  # part of an identifier, which is checked as a name
        yield Mark(start=quantity.start, end=quantity.end, text=text, reason="number")


def _unit(text: str, end: int) -> str:
    """The span of time that the number before `end` counts, in one spelling; OTHER for other words, "" for none."""
    found = _COUNTED.match(text, end)
    if not found:
        return ""
    return _SPANS.get(found[1].lower().removesuffix("s"), _OTHER)


def _agrees(unit: str, held: set[str]) -> bool:
    """Whether passages hold a number so counted: "1 year" is not held by "1 drop", but by a bare 1 in a table cell."""
    return bool(held) and (unit in {"", _OTHER} or unit in held or "" in held)


def _is_claim(text: str, rest: str) -> bool:
    """Whether a quantity states something: digits do; "one" and ordinal words seldom do; 一 only before a measure."""
    if any(c.isdigit() for c in text):
        return True
    if text.isascii():
        return text.lower() not in {"one", "first", "second", "half", "zero"}
    return len(text) > 1 or bool(_MEASURE.match(rest))


def _names(body: str, known: str) -> Iterator[Mark]:
    words = set(re.findall(rf"[^\W_{CJK}]+(?:[-'][^\W_{CJK}]+)*", fold(known)))
    words |= {part for word in words for part in re.split(r"[-']", word)}
    held = _squeeze(known)
    for match in _NAME.finditer(body):
        text = match[0]
        if _ORDINAL.fullmatch(text) or _squeeze(text) in held or _everyday(text, body[: match.start()]):
            continue
        missing = [part for part in re.findall(r"[\w-]+", fold(text)) if part not in words and _stem(part) not in words]
        if missing:
            yield Mark(start=match.start(), end=match.end(), text=text, reason="name")
    for match in _TITLED.finditer(body):
        if not any(_squeeze(match[0][-size:]) in held for size in (4, 3, 2)):
            yield Mark(start=match.start(), end=match.end(), text=match[0], reason="name")


_SENTENCE_END = re.compile(r"(?:^|[.!?:;。！？：；\n\"“「(（*-])\s*$")


def _everyday(text: str, before: str) -> bool:
    """A single capitalised word that may be capitalised only because a sentence starts with it; "I" and its forms."""
    return len(text) == 1 or (
        " " not in text and text.isalpha() and not text.isupper() and bool(_SENTENCE_END.search(before))
    )


def _stem(word: str) -> str:
    return word.removesuffix("s")


def _squeeze(text: str) -> str:
    return "".join(fold(text).split())
