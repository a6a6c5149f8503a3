"""Words with place and part of speech, in English and Chinese. Wraps TextBlob's tagger and jieba; knows no facts."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

from retrieval.tokens import fold


class Word(NamedTuple):
    """One token of a text: `text[start:end]`, with a Penn (English) or jieba (Chinese) tag."""

    start: int
    end: int
    text: str
    tag: str


_TOKEN = re.compile(
    r"[£$€]\s?\d[\d,.]*\d|[£$€]\d|[\w.+-]+@[\w.-]+\w|https?://\S+|\d[\d,.:/]*\d|\d"
    r"|(?:[A-Za-z]\.){2,}|(?:Dr|Mr|Mrs|Ms|St|Prof|No)\.|[^\W\d_]+(?:['’-][^\W_]+)*|\w+|[^\w\s]"
)


@lru_cache(maxsize=512)
def english(text: str) -> tuple[Word, ...]:
    """The words of an English text with Penn Treebank tags."""
    places = [match.span() for match in _TOKEN.finditer(text)]
    words = [text[a:b] for a, b in places]
    tags = [tag for _, tag in _english_tagger().find_tags(words)] if words else []
    found: list[Word] = []
    for number, ((a, b), word, tag) in enumerate(zip(places, words, tags, strict=True)):
        sure = _mended(word, tag, number)
        # After a modal or an infinitive's "to" a plain word is a verb, whatever the lexicon prefers.
        before = next((w.tag for w in reversed(found) if w.tag != "RB"), "")
        if before == "MD" and sure in {"NN", "JJ", "IN", "VBP", "VBD", "VBN"} and word.islower():
            sure = "VB"
        if sure in {"VB", "VBP"} and before in {"DT", "PRP$", "JJ"}:
            sure = "NN"
        if sure == "VBD" and before in {"DT", "PRP$", "JJ", "CD"}:
            sure = "VBN"
        found.append(Word(a, b, word, sure))
    return tuple(_with_verbs(found))


def ordinary(word: str) -> bool:
    """Whether the dictionary has the English word in small letters: "Corresponding Source" names nobody."""
    return word.lower() in _english_tagger().lexicon


def _with_verbs(words: list[Word]) -> list[Word]:
    """Nouns that can only be the verb: behind a noun, before a number or an article, in a clause without another."""
    for place in range(1, len(words) - 1):
        before, word, after = words[place - 1 : place + 2]
        if after.tag not in {"CD", "DT", "PRP$"} or word.tag not in {"NN", "NNS"} or not word.text.islower():
            continue
        if any(w.tag in {"MD", "VBZ", "VBP", "VBD"} for w in words[max(0, place - 6) : place]):
            continue
        if before.tag in {"NN", "NNP"} and word.text.endswith("s"):
            words[place] = word._replace(tag="VBZ")
        elif before.tag == "NNS" and not word.text.endswith("s"):
            words[place] = word._replace(tag="VBP")
    return words


@lru_cache(maxsize=512)
def chinese(text: str) -> tuple[Word, ...]:
    """The words of a Chinese text with jieba's tags; Traditional text is folded character by character first."""
    found: list[Word] = []
    place = 0
    folded = "".join(map(_folded, text))
    for pair in _chinese_tagger().cut(folded):
        end = place + len(pair.word)
        found.append(Word(place, end, text[place:end], pair.flag))
        place = end
    return tuple(found)


_ALWAYS = {
    "£": "CD", "%": "NN", "am": "NN", "pm": "NN", "may": "MD", "can": "MD", "must": "MD", "will": "MD", "is": "VBZ",
    "are": "VBP", "was": "VBD", "were": "VBD", "has": "VBZ", "have": "VBP", "had": "VBD", "does": "VBZ", "do": "VBP",
    "did": "VBD", "that": "IN",
}  # fmt: skip


def _mended(word: str, tag: str | None, number: int) -> str:
    """The tagger's word for it, but for closed classes and shapes that it is known to miss."""
    low = word.lower()
    if low in _ALWAYS and not (low == "may" and word[0] == "M" and number):
        return _ALWAYS[low]
    if word[0].isdigit() or word[0] in "£$€":
        return "CD"
    if tag in {"NN", "NNS", "JJ"} and word[0].isupper() and number and len(word) > 1:
        return "NNP"
    return tag or "NN"


@lru_cache(maxsize=1)
def _english_tagger() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from textblob.en import parser

        # Its word list is read at the first use, and the file is left to be closed by the interpreter.
        parser.find_tags(["word"])
    return parser


@lru_cache(maxsize=1)
def _chinese_tagger() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
        import jieba.posseg
    jieba.setLogLevel(60)
    return jieba.posseg


@lru_cache(maxsize=20_000)
def _folded(character: str) -> str:
    """The folded character, or itself where folding would change its width."""
    other = fold(character)
    return other if len(other) == 1 else character
