"""Whether a question is about a remembered text: shared words, weighed by rarity. Knows no index and no model.

Small on purpose: it ranks a few hundred short facts of one user and says "none" rather than something unrelated.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

PERSONAL = re.compile(r"\b(?:i|i'm|i've|me|my|mine|our|us|we|you|your|yours)\b|[我你您]", re.IGNORECASE)
"""A sentence about the user or to them."""
ABOUT_ME = re.compile(
    r"what (?:do|did) (?:you|i).*(?:know|remember|tell you|told you)(?: about me)?\W*$|"
    r"你.*(?:記得|记得|知道)我(?:的)?(?:什麼|什么|哪些|多少)?",
    re.IGNORECASE,
)
MY_NAME = re.compile(
    r"\bmy (?:full |first |last |own |nick)?name\b|\bwho (?:am i|i am)\b|\bcall me\b|\bi(?: am|'m) called\b|"
    r"我(?:的)?(?:全名|名字|姓名|暱稱)|我(?:叫|是誰|是谁)|(?:叫|稱呼|称呼)我",
    re.IGNORECASE,
)
OTHERS = re.compile(r"\b(?:my|our) (?P<en>[\w-]+)'s\b|我(?:們|们)?(?:的)?(?P<zh>[^\s，。？的我是]{1,6})的")
"""Whose: of "my manager's phone" nothing is known from the user's own phone."""

FLOOR = 0.5
"""Share of a question's weight that a text must hold; half of it is enough when the question is about the user."""
PERSONAL_FLOOR = 0.3

_STOP_WORDS = (
    "a about actually all am an and any are as ask asked at be been but by can could did do does for from get give had "
    "has have he her his how i if in into is it its know let many may me mean mine much my need now of off on or "
    "our please remember remind said say see she should so some tell than thank thanks that the their them then there "
    "these they this those to today told too under up us use using very want was we were what what's when where which "
    "who whom whose why will with would you your yours again currently still exactly name one"
)
_STOP = frozenset(_STOP_WORDS.split())
_CONCEPTS = {
    "home": "live lives living home address reside moved based 住 住在 地址 住址 住處 搬到",
    "work": "work works working job occupation profession employer company career 工作 職業 职业 上班 公司 任職",
    "taste": "like likes love prefer preferred preference favourite favorite enjoy hate dislike 喜歡 喜欢 偏好 討厭",
    "phone": "phone mobile telephone cell 電話 电话 手機 手机",
    "email": "email e-mail mail 信箱 郵箱 邮箱 電郵",
    "birth": "birthday born birth 生日 出生",
    "allergy": "allergy allergic allergies 過敏 过敏",
}
_CONCEPT = {word: f"#{concept}" for concept, words in _CONCEPTS.items() for word in words.split()}
_HAN_CONCEPT = re.compile("|".join(sorted((w for w in _CONCEPT if not w.isascii()), key=len, reverse=True)))
_NAMES = {"名字", "姓名", "全名", "full", "first", "last", "nickname"}
_LATIN = re.compile(r"[a-z0-9à-ɏ]+(?:[-_./@+'][a-z0-9à-ɏ]+)*")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_FUNCTION = re.compile(
    r"什麼|什么|甚麼|哪裡|哪里|哪個|哪个|哪些|哪|多少|怎麼|怎么|如何|請問|请问|告訴|告诉|記得|记得|記住|记住|知道|現在|现在|目前|"
    r"[我你您他她它對对們们的了是在嗎吗呢吧啊喔誰谁幾几請请有沒没和與与及或就都也還还很最這这那為为到叫個个之]"
)


def words(text: str) -> set[str]:
    """Content words: stemmed Latin words, codes whole, Chinese bigrams between function words."""
    return set(_words(text))


def concepts(found: set[str]) -> set[str]:
    """What kinds of personal facts the words speak of."""
    return {_CONCEPT[word] for word in found if word in _CONCEPT}


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("臺", "台")
    found = {_stem(word) for match in _LATIN.finditer(text) if (word := match.group().removesuffix("'s")) not in _STOP}
    for run in _HAN.findall(text):
        found |= set(_HAN_CONCEPT.findall(run))
        for piece in _FUNCTION.split(_HAN_CONCEPT.sub("的", run)):
            found |= {piece[i : i + 2] for i in range(len(piece) - 1)} or ({piece} if piece else set())
    return frozenset(found)


def _stem(word: str) -> str:
    """Plurals and the commonest endings only; codes and numbers stay."""
    if not word.isalpha() or len(word) < 5 or word in _CONCEPT:
        return word
    for ending, instead in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word


def of_fact(key: str, text: str) -> set[str]:
    """The words under which a fact is found; single Chinese characters too, for questions such as 什麼茶."""
    found = words(text) | words(key) | set("".join(_HAN.findall(text)))
    return found | concepts(found) | ({"#name"} if key == "name" else set())


def relevance(question: str, facts: Sequence[tuple[str, str]]) -> list[float]:
    """For each (key, text): 0 when the question is not about it, else how much of the question it holds, up to 1."""
    asked, personal = _asked(question), bool(PERSONAL.search(question))
    plain = {word for word in asked if not word.startswith("#")}
    known = [of_fact(key, text) for key, text in facts]
    frequency = Counter(word for fact in known for word in fact)
    weight = {word: math.log(1 + len(known) / (frequency[word] or 0.5)) for word in asked}
    total = sum(weight.values())
    owners = {word for match in OTHERS.finditer(question) for word in words(match["en"] or match["zh"])}
    scores = []
    for fact in known:
        shared = asked & fact
        score = sum(weight[word] for word in shared) / total if total else 0.0
        scores.append(score if _counts(score, shared, plain, personal=personal) and owners <= fact else 0.0)
    return scores


def asks_for(question: str, key: str, text: str) -> bool:
    """Whether a question about the user asks for just this fact: it holds every word, and the question its key."""
    asked = _asked(question)
    subject = {"#name"} if key == "name" else {_CONCEPT.get(word, word) for word in words(key)}
    return bool(subject) and asked <= of_fact(key, text) and subject <= asked


def _asked(question: str) -> set[str]:
    """The content words of a question; of one about the user, kinds ("#home") instead of the words for them."""
    asked = words(question)
    if PERSONAL.search(question):
        asked = {_CONCEPT.get(word, word) for word in asked}
    if MY_NAME.search(question):
        asked = (asked - _NAMES) | {"#name"}
    return asked


def _counts(score: float, shared: set[str], plain: set[str], *, personal: bool) -> bool:
    """Whether what is shared is enough: a code always is; "#taste" alone says nothing about a favourite colour."""
    if any(re.search(r"\d", word) and len(word) > 3 for word in shared):
        return True
    if "#name" in shared:
        return True
    only_kinds = shared and all(word.startswith("#") for word in shared)
    if only_kinds and plain:
        return False
    return score >= PERSONAL_FLOOR if personal else score > FLOOR
