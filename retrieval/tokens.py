"""One tokeniser for keyword search, ROUGE and de-duplication, in English and Chinese. Knows no index and no model."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from retrieval.records import Language
from retrieval.sentences import CJK, sentences

__all__ = ["CJK", "characters", "fold", "language", "sentences", "tokens"]

_STOP_WORDS = (
    "a about above after again against all also am an and any are as at be because been before being below between "
    "both but by can could did do does doing down during each few for from further get got had has have having he her "
    "here hers herself him himself his how i if in into is it its itself just me more most my myself no nor not of off "
    "on once only or other our ours ourselves out over own please same she should so some such than that the their "
    "theirs them themselves then there these they this those through to too under until up us very was we were what "
    "when where which while who whom whose why will with would you your yours yourself yourselves im ive id ill youre "
    "youve youll hes shes its weve were theyre theyve dont doesnt didnt cant couldnt wont wouldnt isnt arent wasnt "
    "werent hasnt havent hadnt shouldnt lets thats whats wheres whos hows theres"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
STOP_CHARACTERS = frozenset("的了嗎吗呢吧啊呀么麼")

_WORD = re.compile(rf"(?P<han>[{CJK}]+)|(?P<word>[^\W_{CJK}]+(?:[-_.@/+#:'&][^\W_{CJK}]+)*)")
_PART = re.compile(r"[^-_.@/+#:'&]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"(?<![\d.])(\d{1,3})((?:,\d{3})+)(?!\d)")
_UNIT = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")
# What NFKC leaves different though people type one for the other.
_QUOTES = {ord("’"): "'", ord("‘"): "'", ord("‐"): "-", ord("‑"): "-", ord("–"): "-", ord("—"): "-", ord("\u00ad"): ""}


def fold(text: str) -> str:
    """`text` as matching sees it: NFKC width, lower case, 臺→台, 繁→簡, one kind of hyphen. Never shown to anybody.

    The script is folded character by character, so the same character folds the same way in every context.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    return text if text.isascii() else text.translate(_folding())


def tokens(text: str) -> list[str]:
    """Tokens for keyword search, in order, with repeats.

    English words are stemmed (Snowball) and stop words left out; Chinese gives characters and bigrams; an identifier
    (gen-itgc, SKU-12B, 1.2.3, an e-mail address) is kept whole and in parts, and a hyphenated one without its hyphen.
    """
    found: list[str] = []
    for match in _WORD.finditer(_THOUSANDS.sub(_without_commas, fold(text))):
        if match["han"]:
            run = match["han"]
            found += [c for c in run if c not in STOP_CHARACTERS]
            found += [run[i : i + 2] for i in range(len(run) - 1)]
        else:
            found += _word(match["word"])
    return found


def characters(text: str) -> list[str]:
    """Tokens for ROUGE and F1, unstemmed, nothing left out: one per Chinese character, one per word or number run."""
    return _UNIT.findall(fold(text))


def language(text: str) -> Language:
    """The language by its script: Han characters that only one of Big5 and GB 2312 has tell Traditional from
    Simplified; Han text with neither counts as Traditional. Latin text counts as English unless its letters are not.
    """
    han = len(re.findall(r"[\u3400-\u9fff]", text))
    kana = len(re.findall(r"[\u3040-\u30ff\uac00-\ud7af]", text))
    words = re.findall(rf"[^\W\d_{CJK}]+", text)
    if kana > 0.1 * (han + kana) and han + kana >= len(words):
        return "other"
    if han and han >= len(words):
        return _chinese(text)
    return "en" if _english(words) else "other"


def _chinese(text: str) -> Language:
    traditional, simplified = _scripts()
    balance = sum((c in traditional) - (c in simplified) for c in text)
    return "zh-Hans" if balance < 0 else "zh-Hant"


def _english(words: list[str]) -> bool:
    """Whether Latin words look English: plain letters, or enough of its small words."""
    letters = sum(map(len, words))
    if not letters:
        return False
    plain = sum(len(w) for w in words if w.isascii()) / letters
    small = sum(w.lower() in STOP_WORDS for w in words) / len(words)
    return plain > 0.97 or small > 0.2 if len(words) < 30 else plain > 0.9 and (plain > 0.995 or small > 0.12)


@lru_cache(maxsize=200_000)
def _word(word: str) -> tuple[str, ...]:
    if "'" in word:
        word = word.removesuffix("'s").replace("'", "")
    if word.isalnum():
        return () if word in STOP_WORDS else (_stem(word),)
    if _NUMBER.fullmatch(word):
        return (word,)
    parts = _PART.findall(word)
    found = [word, *(_stem(p) for p in parts if p not in STOP_WORDS)]
    if "-" in word and len(parts) == word.count("-") + 1:
        found.append(_stem("".join(parts)))
    return tuple(found)


def _without_commas(match: re.Match[str]) -> str:
    return match[1] + match[2].replace(",", "")


def _stem(word: str) -> str:
    return word if not word.isascii() or not word.isalpha() else str(_stemmer().stemWord(word))


@lru_cache(maxsize=1)
def _stemmer():  # type: ignore[no-untyped-def]
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=1)
def _folding() -> dict[int, str]:
    """Character to character: OpenCC's Traditional → Simplified, 臺 → 台 first."""
    import opencc

    han = [chr(c) for c in (*range(0x3400, 0xA000), *range(0xF900, 0xFB00), *range(0x20000, 0x2A6E0))]
    folded = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    return _QUOTES | {ord(a): b for a, b in zip(han, folded, strict=True) if a != b and len(b) == 1}


@lru_cache(maxsize=1)
def _scripts() -> tuple[frozenset[str], frozenset[str]]:
    """Han characters that Big5 has and GB 2312 lacks, and the reverse: the two standards drew the line for us."""

    def repertoire(codec: str) -> set[str]:
        pairs = (bytes((a, b)).decode(codec, "ignore") for a in range(0xA1, 0xFA) for b in range(0x40, 0xFF))
        return {c for pair in pairs for c in pair if "\u4e00" <= c <= "\u9fff"}

    big5, gb = repertoire("big5"), repertoire("gb2312")
    return frozenset(big5 - gb), frozenset(gb - big5)
