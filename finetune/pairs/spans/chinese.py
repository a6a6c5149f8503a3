"""Askable spans of a Chinese sentence, by shapes and by runs of tagged words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.spans import RANKS, Span
from finetune.pairs.spans.numbers import CODE, MAIL, quoted
from finetune.pairs.tagging import Word, chinese
from finetune.pairs.words import words

_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_HAN = r"[零〇一二兩两三四五六七八九十百千半]+"
_NUMBER = rf"(?:{_DIGITS}|{_HAN})(?:萬|万|億|亿|千)?"
_PERIOD = r"(?:上午|下午|早上|晚上|清晨|凌晨|中午|傍晚|夜間|夜里|夜裡)?"
_CLOCK = rf"{_PERIOD}(?:\d{{1,2}}[:：]\d{{2}}|(?:\d{{1,2}}|{_HAN})[點点](?:(?:\d{{1,2}}|{_HAN})分|半|整)?)"
_DATE = rf"(?:(?:民國|民国|西元|公元)?\d{{2,4}}年)?(?:\d{{1,2}}|{_HAN})月(?:(?:\d{{1,2}}|{_HAN})[日號号]|底|初)?"
_MEASURE = (
    "個工作天|个工作天|工作天|個工作日|工作日|小時|小时|鐘頭|分鐘|分钟|秒鐘|秒钟|秒|個月|个月|個小時|年|週|周|天|日|夜|公斤|公克|公噸|公尺|公分|公里|"
    "公升|毫升|毫米|平方公尺|平方公里|千米|米|英里|海里|克|吨|噸|人|名|位|次|件|杯|本|坪|度|成|折|倍|層|层|樓|楼|個|个|張|张|份|級|级|歲|岁|點|点|瓶|盒|包|"
    "公頃|公顷|艘|輛|辆|座|棟|栋|間|间|項|项|條|条|隻|只|台|臺|部|支|枚|顆|颗|場|场|屆|届|代|世紀|世纪|堂|門|门|節|节|學分|学分|kg|km|cm|mm|ml|L|m|GB|MB"
)
_PATTERNS = [
    ("code", rf"{MAIL}|{CODE}|(?<!\d)0\d{{1,3}}-?\d{{3,4}}-?\d{{3,4}}(?!\d)|分機\s?\d+"),
    (
        "amount",
        rf"(?:NT\$|US\$|\$|新臺幣|新台幣|人民幣)\s?{_NUMBER}元?|{_NUMBER}\s?(?:多|餘)?\s?(?:元|塊錢|塊|美元|日圓|歐元|英鎊|港幣)",
    ),
    ("percent", rf"{_NUMBER}\s?[%％]|百分之{_NUMBER}|{_NUMBER}[成折](?!員|立|為)"),
    ("time", rf"{_CLOCK}\s?(?:[–\-~～到至]|起到)\s?{_CLOCK}|{_CLOCK}"),
    (
        "date",
        rf"{_DATE}\s?(?:[–\-~～到至])\s?(?:{_DATE}|\d{{1,2}}[日號])|{_DATE}|(?:民國|西元|公元)?(?:前)?\d{{2,4}}年(?:代)?"
        rf"|每?個?(?:月|週|周)(?:第[一二三四五]個?)?(?:星期|週|周)?[一二三四五六日](?:[、和與及][一二三四五六日])*(?=[，。、；下上早晚的])"
        rf"|(?:星期|週|周|禮拜)[一二三四五六日天](?:[到至、](?:星期|週|周|禮拜)?[一二三四五六日天])*|每?月?(?:\d{{1,2}}|{_HAN})[日號](?!常)"
        rf"|\d{{1,2}}\s?世紀|[一二三四五六七八九十]+世紀",
    ),
    ("number", rf"第(?:{_DIGITS}|{_HAN})(?:{_MEASURE})?"),
    ("number", rf"(?:{_NUMBER})\s?(?:多|餘|幾)?\s?(?:{_MEASURE})(?:半)?"),
    ("number", rf"(?<![\d,.:：A-Za-z])(?:{_DIGITS})(?:萬|億)?(?![\d,:：])"),
]
_SHAPES = [(kind, re.compile(pattern)) for kind, pattern in _PATTERNS]
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.·'’&-]*(?:\s[A-Z][A-Za-z0-9.·'’&-]*)*")

_PLACE = frozenset("舍樓館店路街區站室廳園校院所局處科組課橋港島村鎮鄉縣市")
"""Characters that end a place's name when they stand right behind it."""
_INSIDE = ("n", "a", "b", "l", "j", "vn", "an", "eng", "f", "s", "i", "nr", "q", "m", "zg", "z", "t", "g", "h", "k")
_END = ("n", "l", "j", "s", "eng", "i", "vn", "an", "t", "k")
_NOT = ("nr1",)
_DULL = words(
    "人 者 時 时 方面 情況 情况 部分 問題 问题 "
    "時候 时候 時間 時候 地方 東西 事情 方式 結果 原因 其中 目前 之後 之前 當時 大家 自己 一般 產生 产生"
)


def found(text: str) -> list[Span]:
    """Every candidate span of the sentence; they may overlap."""
    typed = [
        Span(*match.span(), kind, 3 if match[0][0] == "一" and len(match[0]) <= 2 else RANKS[kind])
        for kind, pattern in _SHAPES
        for match in pattern.finditer(text)
        if len(match[0]) > 1 or match[0].isdigit()
    ]
    latin = [Span(*match.span(), "name", RANKS["name"]) for match in _LATIN.finditer(text) if len(match[0]) > 1]
    words = chinese(text)
    names = [Span(a, b, "name", 3 if _goes_on(words, b) else RANKS["name"]) for a, b in _names(words)]
    phrases = [Span(a, b, "phrase", 2 if _object(text, words, a, b) else 3) for a, b in _phrases(text, words)]
    return [*typed, *quoted(text), *latin, *names, *phrases]


def _goes_on(words: tuple[Word, ...], end: int) -> bool:
    """Whether the name is only the front of a longer noun: a typhoon day is no typhoon."""
    return any(w.start == end and (w.tag[:1] == "n" or w.tag in {"t", "k", "vn"}) for w in words)


def _object(text: str, words: tuple[Word, ...], start: int, end: int) -> bool:
    """Whether the phrase stands where one asks with 什麼: behind a verb or preposition, at the end of a clause."""
    before = next((w for w in reversed(words) if w.end <= start), None)
    closes = (end >= len(text) or text[end] in "，,。；;！？)）」") and text[start - 1 : start] != "、"
    return closes and before is not None and before.tag[:1] in {"v", "p"} and before.tag != "vn"


def _names(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Persons, places and organisations: runs of words that the tagger calls names."""
    run: list[Word] = []
    for word in [*words, Word(0, 0, "", "x")]:
        # The tagger often splits the last character off a three-character name.
        if (
            len(run) == 1
            and run[0].tag == "nr"
            and len(run[0].text) == 2
            and len(word.text) == 1
            and word.tag[:1] in "ng"
        ):
            run.append(word)
            continue
        if word.tag in {"nr", "ns", "nt", "nz", "nrt", "nrfg"} or (run and word.text in "·‧•"):
            run.append(word)
            continue
        if run and run[-1].end - run[0].start > 1:
            yield run[0].start, run[-1].end + (len(word.text) == 1 and word.text in _PLACE)
        run = []


def _phrases(text: str, words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Noun phrases: whole runs, what follows the last 的, and the last two words of a long run."""
    for run in _runs(words):
        nouns = _trimmed(run)
        if not nouns:
            continue
        start, end = nouns[0].start, nouns[-1].end
        yield from _pieces(text, start, end, nouns)


def _pieces(text: str, start: int, end: int, nouns: list[Word]) -> Iterator[tuple[int, int]]:
    if 1 < end - start <= 24 and text[start:end] not in _DULL:
        yield start, end
    cut = text.rfind("的", start, end)
    if cut > start and end - cut - 1 > 1:
        yield cut + 1, end


def _runs(words: tuple[Word, ...]) -> Iterator[list[Word]]:
    run: list[Word] = []
    for word in [*words, Word(0, 0, "", "x")]:
        if word.tag[:1] in {"n"} or word.tag in _INSIDE or (run and word.text in {"的", "之"}):
            run.append(word)
        else:
            if run:
                yield run
            run = []


def _trimmed(run: list[Word]) -> list[Word]:
    while run and not (run[-1].tag[:1] == "n" or run[-1].tag in _END):
        run = run[:-1]
    while run and (run[0].text in {"的", "之"} or run[0].tag in {"m", "q", "f", "zg"}):
        run = run[1:]
    return run
