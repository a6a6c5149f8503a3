"""Words with place and part of speech, in English and Chinese. Wraps TextBlob's tagger and jieba; knows no facts."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

from finetune.pairs.words import words as word_set
from retrieval.tokens import fold


class Word(NamedTuple):
    """One token of a text: `text[start:end]`, with a Penn (English) or jieba (Chinese) tag."""

    start: int
    end: int
    text: str
    tag: str


_TOKEN = re.compile(
    # Names of programs, files, options and keys are one word each: `x y`, <Enter>, /etc/hosts, --all, a_b, f().
    r"`[^`\n]{1,60}`|(?<!\w)\"[^\"\s]{1,20}\"|(?<!\w)'\w[\w-]*'(?!\w)|</?[A-Za-z][^<>\n]{0,30}>|(?<![\w/])(?:~|\.)?/\w(?:[\w.+*/-]*\w)?|(?<![\w-])--?[A-Za-z][\w-]*"
    r"|(?:[A-Za-z]\.){2,}|https?://\S+|[\w.+-]+@[\w.-]+\w|[A-Za-z]\w*(?:(?:\.|::)[A-Za-z_]\w*)+(?:\(\))?|\w*_\w+(?:\(\))?|[A-Za-z]\w*\(\)"
    r"|\b[A-Z]{1,5}[-/]?\d[\w-]*|\b\d{1,2}(?:st|nd|rd|th)\b|\b\d+-[a-z]+\b|\b\d+[a-z]{1,2}\b"
    r"|[£$€]\s?\d[\d,.]*\d|[£$€]\d|\d[\d,.:/]*\d|\d"
    r"|(?:Dr|Mr|Mrs|Ms|St|Prof|No)\.|[^\W\d_]+(?:['’-][^\W_]+)*|\w+|[^\w\s]"
)


@lru_cache(maxsize=512)
def english(text: str) -> tuple[Word, ...]:
    """The words of an English text with Penn Treebank tags."""
    places = [match.span() for match in _TOKEN.finditer(text)]
    words = [text[a:b] for a, b in places]
    tags = [tag for _, tag in _english_tagger().find_tags(words)] if words else []
    found: list[Word] = []
    for number, ((a, b), word, tag) in enumerate(zip(places, words, tags, strict=True)):
        before = next((w.tag for w in reversed(found) if w.tag != "RB"), "")
        last = found[-1].text.lower() if found else ""
        sure = _mended(word, tag, number)
        if sure in {"VB", "VBP", "VBZ", "VBD"}:
            sure = _verb(sure, before, last)
        elif word.islower():
            sure = _no_noun(sure, before, last) or ("VB" if sure == "NN" and _helps(found) else sure)
        found.append(Word(a, b, word, sure))
    return tuple(_with_verbs(found))


def _verb(tag: str, before: str, last: str) -> str:
    """The tag of a verb behind a word with tag `before`: a noun behind an article, a participle behind "is"."""
    if tag in {"VB", "VBP"}:
        if before in {"DT", "PRP$", "JJ"} or (before == "IN" and last in _TIGHT):
            return "NN"
        if before in {"MD", "TO"}:
            return "VB"
        return "VBP" if before in {"NNS", "NNPS", "PRP", "NNP"} else tag
    if tag == "VBZ":
        return "NNS" if before in {"CD", "PRP$"} or last in {"the", "these", "those"} else tag
    helped = before.startswith("VB") and last in _HELPERS
    return "VB" if before == "MD" else "VBN" if helped or before in {"DT", "PRP$", "JJ", "CD"} else tag


def _no_noun(tag: str, before: str, last: str) -> str:
    """The verb that another word can only be: behind a modal, whatever the lexicon prefers, or behind "we"; else ""."""
    if before == "MD" and tag in {"NN", "JJ", "IN", "VBN"}:
        return "VB"
    if before == "PRP" and tag in {"NN", "NNS"} and last in _SUBJECTS:
        return "VBZ" if last in {"he", "she", "it"} else "VBP"
    return ""


_HELPERS = frozenset(
    {"is", "are", "was", "were", "be", "been", "has", "have", "had", "not", "also", "only", "never", "always"}
)
_TIGHT = frozenset({"on", "in", "at", "of", "by", "with", "from", "for"})
_SUBJECTS = frozenset({"i", "you", "we", "they", "he", "she", "it"})


def _helps(found: list[Word]) -> bool:
    """Whether the words so far end in "do" or "do not": a verb follows."""
    last = [word.text.lower() for word in found[-2:]]
    return bool(last) and (last[-1] == "don't" or last in (["do", "not"], ["does", "not"], ["did", "not"]))


def ordinary(word: str) -> bool:
    """Whether the dictionary has the English word in small letters: "Corresponding Source" names nobody."""
    return word.lower() in _english_tagger().lexicon


_FOLLOWS = frozenset({"CD", "DT", "PRP$", "IN", "TO", "RB", "JJ", "NN", "NNS", "NNP", "PRP", "VBN"})
"""What may stand behind a verb."""


def _with_verbs(words: list[Word]) -> list[Word]:
    """Nouns that can only be the verb of a clause without one: "a key costs £23", "codes last 11 months"."""
    _opened(words)
    complete, since = bool(words) and words[0].tag == "VB", 0
    for place in range(1, len(words) - 1):
        word, after = words[place], words[place + 1]
        if word.tag in _FINITE:
            _noun_before(words, place, since)
            complete = True
        elif word.text.lower() in _BREAKS:
            complete, since = False, place + 1
        elif not complete and word.text.islower() and after.tag in _FOLLOWS and after.text.lower() != "of":
            tag = _missing(words[since:place], word, after)
            if tag:
                if words[place - 1].tag in {"JJ", "VB"}:
                    words[place - 1] = words[place - 1]._replace(tag="NN")
                words[place] = word._replace(tag=tag)
                complete = not since or words[since - 1].text not in {"that", "which", "who"}
    _ordered(words)
    return words


def _opened(words: list[Word]) -> None:
    """The first word: an order before an article, a noun before "costs £14"."""
    if len(words) < 3:
        return
    first, second, third = words[:3]
    if first.tag == "NN" and second.tag in {"DT", "PRP$"} and _as_verb(first.text.lower()) == "VBP":
        words[0] = first._replace(tag="VB")
    elif first.tag == "VB" and third.tag == "CD" and _as_verb(second.text) == "VBZ":
        words[0], words[1] = first._replace(tag="NN"), second._replace(tag="VBZ")


def _noun_before(words: list[Word], place: int, since: int) -> None:
    """ "A parking fine is": what stands behind an article and before the verb is a noun."""
    earlier = words[max(since, place - 4) : place - 1]
    if words[place - 1].tag == "JJ" and any(w.tag in {"DT", "PRP$"} for w in earlier):
        words[place - 1] = words[place - 1]._replace(tag="NN")


def _ordered(words: list[Word]) -> None:
    """ "Report visible damage": without a verb until the first break, the first word is one."""
    first = words[0] if words else None
    if not first or first.tag not in {"NN", "NNP"} or not first.text.istitle():
        return
    until = next((n for n, w in enumerate(words) if not re.search(r"\w", w.text)), len(words))
    verbless = until > 2 and not any(w.tag in _FINITE for w in words[:until])
    if verbless and _as_verb(first.text.lower()) == "VBP" and words[1].tag in _FOLLOWS - {"NN", "NNP"}:
        words[0] = first._replace(tag="VB")


def _missing(before: list[Word], word: Word, after: Word) -> str:
    """The tag of a word as the verb of the clause that began so; "" where it is none."""
    said = [w for w in before if w.tag != "RB"]
    last = said[-1] if said else None
    if word.tag == "VBN":
        return "VBD" if last and last.tag in _NOUN and after.tag in {"DT", "PRP$", "NNP"} else ""
    tag = _as_verb(word.text) if word.tag in {"NN", "NNS", "JJ", "VB"} else ""
    if tag and last:
        return tag if _ends_a_subject(said, last, tag) else ""
    # "which opens": what it is about stands in front of the break.
    return tag if tag == "VBZ" and word.tag == "NNS" and after.tag in {"DT", "PRP$"} else ""


def _ends_a_subject(said: list[Word], last: Word, tag: str) -> bool:
    """Whether a verb with this tag may follow: there is a noun that it agrees with, and no half phrase before it."""
    if last.tag in {"JJ", "VB"} and (tag != "VBZ" or not any(w.tag in {"DT", "PRP$"} for w in said)):
        return False
    if last.tag not in _NOUN | {"CD", "JJ", "VB"}:
        return False
    if tag == "VBP":
        return any(w.tag in {"NNS", "NNPS"} or (w.tag == "NNP" and w.text.endswith("s")) for w in said)
    return any(w.tag in {"NN", "NNP", "JJ"} for w in said)


_NOUN = frozenset({"NN", "NNS", "NNP", "NNPS"})
_FINITE = frozenset({"MD", "VBZ", "VBP", "VBD"})
_BREAKS = frozenset(
    {",", ";", ":", "(", ")", "and", "but", "or", "if", "when", "because", "while", "that", "which", "who"}
)


def _as_verb(word: str) -> str:
    """The tag of a word as a verb in the present, "" where it is none."""
    lexicon = _english_tagger().lexicon
    for tag, stem in (("VBZ", word[:-1]), ("VBZ", word[:-2]), ("VBP", word)):
        if (tag == "VBP" or word.endswith("s")) and (stem in _VERBS or lexicon.get(stem, "").startswith("VB")):
            return "" if tag == "VBP" and word.endswith(("ed", "ing")) and word not in _VERBS else tag
    return ""


_VERBS = word_set(
    "cost last rest need rise count stop stay move open close start end run work leave go hold cover serve seat "
    "charge ring sign call meet park order share check walk change visit return contact report answer bill book "
    "cause claim clean cross deal drop fall fit fix follow hand help hire hit issue join land lead lend lift "
    "limit list lock log look mail mark measure notice offer own pack pass pay pin place plan play post press "
    "print pull pump push rate reach record refund rent reply request result review ride roll rule sail ship show "
    "staff stand state store study suit supply support switch trade train travel turn use vote wait wash watch "
    "win belong begin apply carry bring sing match point default link map fail cease come matter differ depend "
    "range consist remain"
)
"""Verbs that the dictionary has as nouns."""


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


_CODE = re.compile(r"^[`<~/\"']\S|^--?[A-Za-z]|_|\(\)$|[a-z](?:\.|::)[a-z]", re.ASCII)
"""Shapes of what stands for itself: code, paths, options."""
_CONTRACTED = frozenset({"it", "that", "there", "here", "what", "who", "he", "she", "let", "where", "how"})
_ALWAYS = {
    "£": "CD", "%": "NN", "am": "NN", "pm": "NN", "may": "MD", "can": "MD", "must": "MD", "will": "MD", "is": "VBZ",
    "are": "VBP", "was": "VBD", "were": "VBD", "has": "VBZ", "have": "VBP", "had": "VBD", "does": "VBZ", "do": "VBP",
    "did": "VBD", "that": "IN",
}  # fmt: skip


def _mended(word: str, tag: str | None, number: int) -> str:
    """The tagger's word for it, but for closed classes and shapes that it is known to miss."""
    low = word.lower()
    if _CODE.search(word):
        return "NNP"
    if low.endswith(("'s", "’s")):
        return "VBZ" if low[:-2] in _CONTRACTED else "NN"
    if low in _ALWAYS and not (low == "may" and word[0] == "M" and number):
        return _ALWAYS[low]
    if word[0].isdigit() or word[0] in "£$€":
        return "JJ" if re.search(r"-[a-z]", word) else "CD"
    if tag in {"NN", "NNS", "JJ"} and word[0].isupper() and number and len(word) > 1:
        return "NNP"
    if tag == "VBG" and low in _VERBS:
        return "VB"
    if tag == "NNP" and not number and ordinary(word):
        # A capital at the beginning makes no name.
        return str(_english_tagger().lexicon[low])
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
    unknown = jieba.posseg.viterbi

    @lru_cache(maxsize=20_000)
    def tagged(characters: str) -> Any:
        posseg = jieba.posseg
        return unknown(characters, posseg.char_state_tab_P, posseg.start_P, posseg.trans_P, posseg.emit_P)

    # Most of the tagger's time goes into words it does not know, the same ones again and again.
    jieba.posseg.viterbi = lambda characters, *tables: tagged(characters)
    return jieba.posseg


@lru_cache(maxsize=20_000)
def _folded(character: str) -> str:
    """The folded character, or itself where folding would change its width."""
    other = fold(character)
    return other if len(other) == 1 else character
