"""Askable spans of an English sentence, by shapes and by runs of tagged words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.spans import RANKS, Span
from finetune.pairs.spans.numbers import CODE, LABEL, MAIL, quoted
from finetune.pairs.tagging import Word, english
from finetune.pairs.words import words

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b"
)
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?"
_SPELT = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|a\squarter"
    r"|a\sdozen|a\sthird)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine|hundred|thousand|million))*"
)
_NUMBER = r"[−-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[−-]?\d+(?:\.\d+)?"
_CLOCK = (
    r"(?:\d{1,2}[:.]\d{2}(?:\s?[aApP]\.?[mM]\b)?|\d{1,2}\s?[aApP]\.?[mM]\b|\bnoon\b|\bmidnight\b|\b\d{1,2}\so'clock)"
)
_UNIT = (
    r"(?:(?:working|calendar|full|whole|consecutive|school|business|unused|paid|square|cubic|nautical|academic|odd|even|"
    r"more|further|free|spare|extra|calm|monthly|weekly|daily)\s)?[a-z]+(?:[-'’][a-z]+)*\b"
)
_ORDINAL = r"(?:first|second|third|fourth|fifth|last|next|\d{1,2}(?:st|nd|rd|th))"

_PATTERNS = [
    ("code", rf"{MAIL}|(?<![\d,.])\+?0\d{{2,4}}[ -]\d{{3,4}}(?:[ -]?\d{{3,4}})?\b|\b(?:extension|ext\.?)\s\d+|{CODE}"),
    (
        "amount",
        rf"(?:[£$€¥]|NT\$|US\$)\s?(?:{_NUMBER})(?:\s?(?:million|billion|k|m)\b)?"
        rf"(?:\s(?:a|an|per)\s(?:[a-z]+(?:\sand\s[a-z]+)?))?(?:\s(?:once|each|extra))?"
        rf"|(?:{_NUMBER}|\b{_SPELT})\s(?:pounds?|euros?|dollars?|pence|cents|kronor|crowns)\b(?:\s(?:a|an|per)\s[a-z]+)?",
    ),
    ("percent", rf"(?:{_NUMBER}|\b{_SPELT})\s?(?:%|per\scent\b|percent\b)(?:\soff\b)?"),
    ("time", rf"{_CLOCK}\s?(?:[–-]|to|until|and)\s?{_CLOCK}|{_CLOCK}"),
    (
        "date",
        rf"\b(?:the\s)?{_ORDINAL}\s(?:{_DAY}|working\sday|day|week)\s(?:of|in)\s(?:the\s|each\s|every\s)?[A-Za-z]+"
        rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:to|until|–|-)\s\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:\s\d{{4}})?"
        rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:\s\d{{4}})?(?:\s(?:to|until|–|-)\s\d{{1,2}}\s{_MONTH})?"
        rf"|\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}})?|\b(?:the\send\sof\s)?{_MONTH}(?:\sto\s{_MONTH})?(?:\s\d{{4}})?"
        rf"|\b{_DAY}(?:(?:,\s|\sand\s|,\sand\s|\sto\s|\sor\s){_DAY})*|\b(?:1[5-9]|20)\d{{2}}\b(?!\s?[a-z])",
    ),
    ("number", rf"\b{LABEL}\s\d+(?:\.\d+)*[A-Za-z]?\b"),
    ("number", rf"(?<![\w.])(?:{_NUMBER})\s?(?:°C|°|km/h|kg|g|km|cm|mm|m²|m|ml|l|kW|V|GB|MB|mph|min)\b"),
    ("number", rf"(?<![\w.,:])(?:{_NUMBER}|{_SPELT})(?:\sto\s(?:{_NUMBER}|{_SPELT}))?[ -]{_UNIT}"),
    ("number", rf"(?<![\w.,:£$€-])(?:{_NUMBER})(?![\w:,]*\d)(?!\w)"),
]
_SHAPES = [(kind, re.compile(pattern)) for kind, pattern in _PATTERNS]

_MONTH_CUE = re.compile(r"\b(?:in|of|until|from|to|by|during|since|before|after|every|each|and)\s$")
_NOT_UNIT = words(
    "of and or but to in on at for from by with until is are was were be may must can will should has have had a an "
    "the than before after off per if when that which who then up down each it they we you only as no not out next "
    "next-day late early in while"
)
_NOUN = ("NN", "NNS", "NNP", "NNPS")
_BEFORE = ("JJ", "JJR", "JJS", "VBN", "VBG", "CD", "POS", *_NOUN)
_TITLES = frozenset({"Dr", "Dr.", "Mr", "Mr.", "Mrs", "Mrs.", "Ms", "Ms.", "Captain", "Nurse", "Professor", "Prof."})
_DULL = words(
    "case thing things way ways kind part time times order use rest lot one other people person day example number "
    "same anyone everyone nobody anything everything something nothing advance doubt need most"
)


def found(text: str) -> list[Span]:
    """Every candidate span of the sentence; they may overlap."""
    words = english(text)
    typed = list(_shaped(text))
    names = [Span(a, b, "name", RANKS["name"]) for a, b in _names(words)]
    phrases = [Span(a, b, "phrase", 2 if _object(words, a) else 3) for a, b in _phrases(words)]
    found_ = [*typed, *quoted(text), *names, *phrases]
    return [span for span in found_ if not _shouted(text[span.start : span.end], text[span.end : span.end + 2])]


def _shouted(value: str, after: str) -> bool:
    """A headline in capitals, or a name cut off in front of its number."""
    return (value.isupper() and " " in value and not any(c.isdigit() for c in value)) or bool(
        re.match(r"\s\d", after) and value[-1:].isalpha()
    )


def _shaped(text: str) -> Iterator[Span]:
    for kind, pattern in _SHAPES:
        for match in pattern.finditer(text):
            start, end = match.span()
            if kind == "number":
                end = _without_function_word(text, start, end)
            if kind == "date" and text[start:end] in {"May", "March"} and not _MONTH_CUE.search(text[:start]):
                continue
            if end > start and text[start:end].lower() not in {"one", "half", "m", "second"}:
                yield Span(start, end, kind, RANKS[kind])


def _without_function_word(text: str, start: int, end: int) -> int:
    """ "two of" and "16 and" are the number alone; a spelt number alone is too little to ask for."""
    words = text[start:end].split()
    while len(words) > 1 and words[-1].lower() in _NOT_UNIT:
        end = start + text[start:end].rstrip().rfind(words.pop())
        end = start + len(text[start:end].rstrip())
    if len(words) == 1 and not any(c.isdigit() for c in words[0]) and "-" not in words[0]:
        return start
    return end


def _names(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Runs of capitalised words, joined by "of", "the" and "&" between two of them."""
    index = 0
    while index < len(words):
        if not _capital(words[index], index):
            index += 1
            continue
        last = index
        while last + 1 < len(words) and (_capital(words[last + 1], 1) or _joins(words, last + 1)):
            last += 1
        run = words[index : last + 1]
        if len(run) > 1 or index > 0:
            yield run[0].start, run[-1].end
        index = last + 1


def _capital(word: Word, index: int) -> bool:
    if word.text in _TITLES:
        return True
    sure = word.text[:1].isupper() and word.tag in {*_NOUN, "JJ", "VBG", "VBN"}
    return sure and (index > 0 or word.tag in {"NNP", "NNPS"})


def _joins(words: tuple[Word, ...], index: int) -> bool:
    return (
        words[index].text in {"of", "&", "de", "van", "'", "’"}
        and index + 1 < len(words)
        and words[index + 1].text[:1].isupper()
    )


def _phrases(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Noun phrases with their article, alone and with one "of …" behind them."""
    chunks: list[tuple[int, int]] = []
    index = 0
    while index < len(words):
        start = index
        if words[index].tag in {"DT", "PRP$", "PDT"}:
            index += 1
        first = index
        while index < len(words) and words[index].tag in _BEFORE:
            index += 1
        last = index
        while last > first and words[last - 1].tag not in _NOUN:
            last -= 1
        if last > first and not _dull(words[first:last]):
            chunks.append((start, last - 1))
        index = max(last, start + 1)
    for number, (first, last) in enumerate(chunks):
        yield words[first].start, words[last].end
        if number + 1 < len(chunks) and chunks[number + 1][0] == last + 2 and words[last + 1].text == "of":
            yield words[first].start, words[chunks[number + 1][1]].end


def _object(words: tuple[Word, ...], start: int) -> bool:
    """Whether the phrase stands where one asks "what": right behind a verb, in a sentence that denies nothing."""
    place = next((n for n, w in enumerate(words) if w.start == start), 0)
    if any(w.text.lower() in {"nobody", "no", "never", "not", "cannot"} for w in words[:place]):
        return False
    return place > 0 and (words[place - 1].tag.startswith("VB") or words[place - 1].text in {"to", "at", "behind"})


def _dull(words: tuple[Word, ...]) -> bool:
    return len(words) == 1 and (words[0].text.lower() in _DULL or len(words[0].text) < 3)
