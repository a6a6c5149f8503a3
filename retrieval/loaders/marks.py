"""What the beginning of a line says: bullets, numbers, questions, keys. Patterns only, in English and Chinese."""

from __future__ import annotations

import re
from typing import NamedTuple

from retrieval.sentences import CJK

_HAN = "一二三四五六七八九十百零〇"
_ORDINAL = rf"[{_HAN}\d０-９]+"

STYLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("part", re.compile(rf"(?:part|book)\s+(?:[ivxlc]+|\d+|[a-z])\b|第\s*{_ORDINAL}\s*[編篇部]", re.I)),
    ("chapter", re.compile(rf"chapter\s+(?:[ivxlc]+|\d+)\b|第\s*{_ORDINAL}\s*章", re.I)),
    ("section", re.compile(rf"section\s+(?:[ivxlc]+|\d+)\b|第\s*{_ORDINAL}\s*節", re.I)),
    ("article", re.compile(rf"article\s+(?:[ivxlc]+|\d+)\b|第\s*{_ORDINAL}\s*[條条](?:之\s*{_ORDINAL})?", re.I)),
    (
        "annex",
        re.compile(rf"(?:appendix|annex|schedule|exhibit)\s+(?:[ivxlc]+|\d+|[a-z])\b|附[錄件表][{_HAN}\d]*", re.I),
    ),
    ("formal", re.compile(r"[壹貳參叁肆伍陸柒捌玖拾]+[、．.]")),
    ("han", re.compile(rf"[{_HAN}]+[、．.]")),
    ("han_paren", re.compile(rf"[（(][{_HAN}]+[)）]")),
    ("stem", re.compile(r"[甲乙丙丁戊己庚辛壬癸][、．.]")),
    ("dotted", re.compile(r"(?:\d{1,2}|[A-Z])(?:\.\d{1,3}){1,4}\.?(?=\s|[^\W\d_])")),
    ("number", re.compile(r"\d{1,3}(?:[.．](?!\d)|[)）、])(?=\s|[^\W\d_]|[（「『\"'“])|[０-９]{1,2}[.．、)）]")),
    ("number_paren", re.compile(r"[（(]\d{1,3}[)）]")),
    ("circled", re.compile(r"[①-⑳❶-❿⑴-⒇]")),
    ("roman", re.compile(r"(?:[IVX]{1,5}|[ivx]{1,5})[.)](?=\s)")),
    ("letter", re.compile(r"[A-Za-z][.)](?=\s)|[（(][A-Za-z][)）]")),
)
"""Ways of numbering, most telling first."""

BULLET = re.compile(r"(?:[•●○◦▪▫■□◆◇►▶➢➤✓✔☐☑·‧]|[-*+–—](?=\s)|[※＊](?=\S))\s*")
QUESTION = re.compile(r"(?:Q(?:uestion)?\s*\d*|Ｑ\d*|[問问](?:題|题)?\s*\d*)\s*[:：.．、)）]\s*", re.I)
ANSWER = re.compile(r"(?:A(?:nswer)?\s*\d*|Ａ\d*|答(?:案|覆)?\s*\d*)\s*[:：.．、)）]\s*", re.I)
KEY = re.compile(r"(?P<key>[^\s:：|][^:：|\t]{0,48}?)\s*(?:：|:(?=\s))\s*(?P<value>\S.*)")

_HANGING = re.compile(r"(?:[:：]|(?:following|below|as follows|follows|以下|如下|下列)[^.。!?]{0,40}[.。]?)$", re.I)
_SENTENCE_END = re.compile(r"[.。!！;；,，、…:：]$")
_WIDE = re.compile(f"[{CJK}]")
_WORDY = re.compile(r"[.。!！?？;；]\s|[。；！？]")


class Mark(NamedTuple):
    """How a line begins."""

    style: str
    """A name of `STYLES`, or `bullet`."""
    end: int
    """Where the words behind the mark begin."""
    depth: int
    """Parts of a dotted number; else 1."""


def mark(line: str) -> Mark | None:
    """The bullet or number that a line (without its indent) begins with, when words follow it."""
    for style, pattern in STYLES:
        match = pattern.match(line)
        if match and line[match.end() :].strip():
            end = match.end() + len(line[match.end() :]) - len(line[match.end() :].lstrip(" \t\u3000:："))
            return Mark(style, min(end, len(line)), line[: match.end()].rstrip(".").count(".") + 1)
    match = BULLET.match(line)
    return Mark("bullet", match.end(), 1) if match and line[match.end() :].strip() else None


def width(text: str) -> int:
    """Columns that a text takes: a Chinese character takes two."""
    return len(text) + len(_WIDE.findall(text))


def titular(line: str, widest: int = 90) -> bool:
    """Whether a line could be a heading by itself: short, has a letter, and does not end or stop like a sentence."""
    line = line.strip()
    here = mark(line)
    words = line[here.end :] if here else line
    return (
        0 < width(line) <= widest
        and any(c.isalpha() for c in words)
        and not _SENTENCE_END.search(words)
        and not _WORDY.search(words[:-1])
    )


def shouting(line: str) -> bool:
    """Whether a line is in capitals: at least four letters, none of them small and none Chinese."""
    letters = [c for c in line if c.isalpha()]
    return len(letters) >= 4 and all(c.isupper() for c in letters)


def key_value(line: str) -> re.Match[str] | None:
    """A line `key: value`: groups `key` and `value`. A key is a few words, no sentence and no clock time."""
    match = KEY.fullmatch(line)
    if not match or width(line) > 240 or QUESTION.match(line) or ANSWER.match(line):
        return None
    key = match["key"]
    fits = len(key.split()) <= 6 and width(key) <= 40 and any(c.isalpha() for c in key)
    return match if fits and not re.search(r"[.。!！?？;；，]", key) and not mark(line) else None


def introduces(sentence: str) -> bool:
    """Whether a sentence announces what stands below it."""
    return bool(_HANGING.search(sentence.strip()))
