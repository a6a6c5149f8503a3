"""What an English stretch is by the tags of its words: a noun phrase, a whole sentence, a verb that fits. Pure.

A question is made only from what passes here: the taggers err, and what does not parse is asked about by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from finetune.pairs.tagging import Word, english
from finetune.pairs.words import words

FINITE = frozenset({"MD", "VBZ", "VBP", "VBD"})
NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS"})
PERSONS = words("i you we everyone everybody anyone anybody somebody someone")
"""Pronouns that a question may be about; the others stand for something said before."""
_OWN = words("it its them their")
_POINTING = words("this that these those such it its they them their he she his her him another both one ones")
_EMPTY = words(
    "chances most least previous default defaults exception exceptions purpose effect following latter former "
    "case cases thing things reason reasons rest result results example examples way ways point step steps kind "
    "sort idea fact lot same other others none nothing section paragraph above below"
)
"""Nouns that say nothing by themselves."""
_LETTERS = {
    "DT": "d", "PDT": "d", "PRP$": "d", "JJ": "j", "JJR": "j", "JJS": "j", "VBN": "j", "VBG": "j", "CD": "c",
    "NN": "n", "NNS": "n", "NNP": "n", "NNPS": "n", "RB": "r", "IN": "p", "TO": "p",
}  # fmt: skip
_JOINS = words("of for in on with to at from by between under over about without")
_PHRASE = r"d?(?:r?[jc])*r?[jcn]*nc?(?:(?:p|a)d?(?:r?[jc])*[jcn]*[nc]){0,3}"
_NOUN_PHRASE = re.compile(_PHRASE)
_SUBJECT = re.compile(rf"{_PHRASE}(?:r?jp?{_PHRASE}|r?jpc)?|jp?{_PHRASE}")
"""A subject may have a participle behind it: "fonts matching the pattern"."""
_ANY_NUMBER = words("people staff data crew team police media children men women series news pair majority")
_DRAWN = re.compile(r"[|{}\t]|‐\s|\.\.\.|\*\d|\$\(|\b(?:TODO|FIXME)\b")
_POINTS = re.compile(
    r"\b(?:as follows|the following(?!\s(?:day|week|month|year|morning|\w+day)\b)|"
    r"(?:shown|listed|described|mentioned|given|specified|defined|noted|stated|discussed|see|as|example|examples|options?|"
    r"sections?|terms|paragraph) "
    r"(?:above|below|here|earlier|later)|"
    r"see (?:also|section|chapter|figure|table)|in this (?:section|chapter|document|case|way|file|example)|"
    r"(?:this|that|these) (?:section|chapter|document|page|example|case|way|point|means|behaviour|behavior))\b|"
    r"\bsee\s+\W?\w+\(|^\s*(?:otherwise|instead|likewise|similarly|then|so)\b|\bdo(?:es)? the same\b",
    re.IGNORECASE,
)
"""Pointers at another place of the text, which are empty outside it."""
_OPENING = re.compile(
    r"^\s*(?:(?:however|therefore|thus|hence|moreover|furthermore|additionally|in addition|for example|"
    r"for instance|e\.g\.|i\.e\.|note that|please note that|note|finally|also|in general|generally|typically|usually|"
    r"normally|in particular|as a result|in other words|in fact|of course|please|sometimes|often|"
    r"by contrast|in contrast|on the other hand|consequently|unfortunately|fortunately|now|as such|"
    r"by the way|actually|basically|and|but)\s*[,:]?|(?:yes|no)\s*,)\s+(?=\S)",
    re.IGNORECASE,
)


def noun_phrase(text: str, most: int = 8) -> bool:
    """Whether it names a thing by itself: article, adjectives, noun, perhaps with an "of" or "and" and another."""
    found = english(text)
    return bool(found) and len(found) <= most and _named(found, _NOUN_PHRASE)


def _named(found: Sequence[Word], pattern: re.Pattern[str]) -> bool:
    if found[0].text.lower() in _POINTING or any(w.text.lower() == "no" for w in found):
        return False
    if found[0].tag == "RB" and found[0].text.endswith("ly"):
        return False
    letters = "".join(map(_letter, found))
    if (
        len(letters) > 2 and letters[0] == "d" and letters[-1] == "j"
    ):  # Torn from its sentence, "a parking fine" ends in an adjective.
        letters = letters[:-1] + "n"
    return bool(pattern.fullmatch(letters)) and head(found).text.lower() not in _EMPTY


def _letter(word: Word) -> str:
    low = word.text.lower()
    if low in {"and", "or", "&"}:
        return "a"
    letter = _LETTERS.get(word.tag, "x")
    return "x" if (letter == "p" and low not in _JOINS) or low in _POINTING else letter


def head(found: Sequence[Word]) -> Word:
    """The noun that a phrase is about: the last one in front of its first preposition or participle."""
    end = next((n for n, w in enumerate(found) if n and _turns(found, n)), len(found))
    return next((w for w in reversed(found[:end]) if w.tag in NOUNS), found[-1])


def _turns(found: Sequence[Word], number: int) -> bool:
    word = found[number]
    return word.tag in {"IN", "TO"} or (word.tag in {"VBN", "VBG", "RB"} and found[number - 1].tag in NOUNS)


def subject(text: str, most: int = 8) -> bool:
    """Whether a clause may be asked about it: a noun phrase, or a person that everybody can be."""
    found = english(text)
    return text.lower() in PERSONS or (bool(found) and len(found) <= most + 2 and _named(found, _SUBJECT))


def agrees(subject_: str, verb: str, tag: str) -> bool:
    """Whether subject and verb fit in number; where they do not, the tagger took a noun for the verb."""
    if verb.lower().endswith(("n't", "n’t")):
        return False
    if tag in {"MD", "VBD"} and verb.lower() not in {"was", "were"}:
        return True
    low, one = subject_.lower(), tag == "VBZ" or verb.lower() == "was"
    if low in PERSONS:
        return (low not in {"i", "you", "we"}) == one
    found = english(subject_)
    if found[0].tag == "VBG" and found[1:2] and found[1].tag in {"DT", "IN", "PRP$", "RB"}:
        return one
    noun = head(found)
    if noun.text.lower() in _ANY_NUMBER or noun.tag in {"NNP", "NNPS"}:
        return True
    end = next((n for n, w in enumerate(found) if n and _turns(found, n)), len(found))
    several = (
        found[0].text.lower() in {"all", "many", "several", "both", "most", "some", "few"}
        or noun.tag == "NNS"
        or any(w.text.lower() in {"and", "&"} for w in found[:end])
    )
    return several != one


def whole(sentence: str, *, item: bool = False) -> bool:
    """Whether it is a sentence that says something where it stands alone. A list's item may lack the full stop."""
    text = sentence.strip()
    if not re.match(r"[A-Z0-9“\"'‘`£$€<]" if not item else r"[\w“\"'‘`£$€<]", text) or _DRAWN.search(text):
        return False
    if not item and not re.search(r"[.!][”\"’')\]]*$", text):
        return False
    return not text.endswith((":", ",", ";", "?", "-")) and balanced(text) and not _POINTS.search(text)


def balanced(text: str) -> bool:
    """Whether every bracket and straight quotation mark has its partner."""
    pairs = (("(", ")"), ("[", "]"), ("“", "”"))
    return (
        all(text.count(a) == text.count(b) for a, b in pairs) and text.count('"') % 2 == 0 and text.count("`") % 2 == 0
    )


def doubtful(found: Sequence[Word], place: int) -> bool:
    """Whether another finite verb follows that nothing joins: the first one was none."""
    for number in range(place + 1, len(found)):
        word = found[number]
        if not re.search(r"\w", word.text) or word.text.lower() in _JOINING or word.tag in {"WDT", "WP", "WRB"}:
            return False
        if word.tag in FINITE:
            return True
    return False


_JOINING = words(
    "and but or so that which who if when because as while than until before after unless where though although"
)


def unopened(text: str) -> str:
    """The sentence without "However," and its kin in front."""
    while match := _OPENING.match(text):
        text = text[match.end() :]
    return text


_TIED = words(
    "and or but nor than that which who whom whose where why how because although though since while whether so"
)


def _dangles(word: Word) -> bool:
    """Whether nothing may end with it."""
    low = word.text.lower()
    if word.tag == "RB":
        return low in {"also", "then", "thus", "so", "only", "not", "too"}
    return word.tag in {"IN", "DT", "CC", "TO", "PRP$"} and low not in {"before", "after", "each"}


def _loses_its_object(found: Sequence[Word], kept: Sequence[Word]) -> bool:
    """Whether the cut leaves a verb at the end whose object follows: "if you know | which match"."""
    cut = found[len(kept)].text if len(kept) < len(found) else ","
    if cut.lower() == "than":
        return True
    return kept[-1].tag in _OPEN_VERBS and cut not in {",", ";", "."}


_OPEN_VERBS = frozenset({"VB", "VBP", "VBZ", "VBG"})
_UNFINISHED = words("do does did is are was were be have has had can may must will should e.g. i.e. etc")
_SUBORDINATE = words("if when until before after unless once whenever")


def straight(text: str, most: int = 8) -> bool:
    """Whether nothing between the verb and what is asked for opens another clause: no "what" is lifted out of one."""
    found = english(text)
    apart = any(w.tag in {"VBN", "VBG"} and n and found[n - 1].tag in NOUNS for n, w in enumerate(found))
    return (
        len(found) <= most
        and not apart
        and not any(
            w.text.lower() in _POINTING | {"then", "there", "here"}
            or w.tag in {"MD", "VBZ", "VBP", "WDT", "WP", "WRB", "PRP"}
            or w.text.lower() in _TIED
            or not re.search(r"\w", w.text)
            for w in found
        )
    )


def ending(text: str, most: int = 10, *, owned: bool = False) -> str | None:
    """What follows the value, up to where another clause or case begins; None when it cannot be said in a question.

    `owned`: an "it" may stand for the subject.
    """
    found = english(text)
    end = next((n for n, w in enumerate(found) if _closes(found, n)), len(found))
    kept = found[:end]
    while kept and _dangles(kept[-1]):
        kept = kept[:-1]
    if kept and (kept[-1].text.lower() in _UNFINISHED or _loses_its_object(found, kept)):
        return None
    if len(kept) > most or any(w.text.lower() in _POINTING and not (owned and w.text.lower() in _OWN) for w in kept):
        return None
    free = next((n for n, w in enumerate(kept) if w.text.lower() in _SUBORDINATE), len(kept))
    if any(w.tag in FINITE for w in kept[:free]):
        return None
    cut = text[: kept[-1].end] if kept else ""
    torn = end < len(found) and found[end].text in {"and", "or"} and re.search(r"\b(?:either|both|between)\b", cut)
    return cut if balanced(cut) and not torn else None


def _closes(found: Sequence[Word], number: int) -> bool:
    word = found[number]
    if not re.search(r"[\w`<%°£$€/'’\"“”]", word.text):
        return True
    low = word.text.lower()
    if low in {"and", "or"}:
        following = found[number + 1 : number + 2]
        return not (
            following and following[0].tag in NOUNS | {"JJ", "PRP$"} and number and found[number - 1].tag in NOUNS
        )
    return low in _TIED or word.tag in {"WDT", "WP"}
