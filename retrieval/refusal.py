"""Saying that the documents do not hold an answer, and recognising it when a model says so. Knows no model."""

from __future__ import annotations

import re

from retrieval.prompts import REFUSAL
from retrieval.records import Language, SearchResult
from retrieval.tokens import fold

_SOURCE = r"(?:documents?|passages?|texts?|context|excerpts?|sources?|evidence|information|materials?|files?)"
_SAYS = "mention|state|specif|say|said|provid|contain|includ|giv|tell|answer|hold|cover|list|describ|found|find|indicat"
_SAID = rf"(?:{_SAYS})"
_ENGLISH = re.compile(
    rf"\b{_SOURCE}\b[^.!?]{{0,60}}\b(?:not|no|n't|never|nothing)\b[^.!?]{{0,40}}\b(?:{_SAID}|information|answer)"
    rf"|\b{_SOURCE}\b[^.!?]{{0,40}}\b(?:doesn't|don't|didn't|isn't|aren't|cannot|can't)\b[^.!?]{{0,30}}\b{_SAID}"
    rf"|\b(?:not|n't|never|nowhere|nothing)\b[^.!?]{{0,60}}\b(?:in|from|by|on|within)\b[^.!?]{{0,24}}\b{_SOURCE}\b"
    r"|\bno (?:information|mention|answer|details?|evidence|data|record)\b"
    r"|\b(?:not|n't) (?:have|hold|contain|find|see|provide)[^.!?]{0,20}\b(?:information|answer|details?)\b"
    r"|\b(?:not enough|insufficient) (?:information|evidence|context|details?)\b"
    r"|\bi (?:do not|don't|cannot|can't|could not|couldn't|am unable to|'m unable to|am not able to) "
    r"(?:know|find|answer|determine|tell|say|see|locate)\b"
    r"|\b(?:it is|it's) (?:not (?:stated|mentioned|specified|known|clear)|unknown|unclear)\b"
    r"|^(?:unknown|unanswerable|not (?:stated|mentioned|specified|given|provided|available|found))\W*$"
)
# Folded to Simplified, as `fold` does.
_PLACE = r"(?:文件|文档|资料|段落|内容|上文|原文|文中|手册|文章|参考|信息|资讯|里面|其中)"
_CHINESE = re.compile(
    rf"{_PLACE}[^。！？]{{0,16}}(?:没有?|未|并未|无|找不到|不包含|不含)[^。！？]{{0,8}}"
    r"(?:提到|提及|说明|记载|写|包含|找到|提供|涉及|相关|列出|指出|说|答案|信息|资讯|资料|内容|规定|载明)"
    r"|^(?:没有?|未|并未)(?:提到|提及|说明|记载|写到|找到|载明)"
    rf"|(?:没有?|未|无|缺乏|找不到)[^。！？]{{0,8}}(?:相关|这方面|足够|对应)[^。！？]{{0,6}}(?:信息|资讯|资料|内容|说明|答案|记载)"
    r"|(?:无法|不能|没办法|没法)[^。！？]{0,12}(?:回答|得知|确定|判断|找到|知道|确认|提供)"
    r"|(?:我不知道|不清楚|不得而知|找不到答案|没有答案)"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_CITED = re.compile(r"\[\s*\d+\s*\]")


def refuses(text: str) -> bool:
    """Whether a model's answer says that the documents do not hold it, in English or Chinese, in any common wording.

    Only the first sentence counts: an answer that starts with a fact and adds what is missing is an answer.
    """
    plain = _CITED.sub("", fold(text)).replace("’", "'").strip(" \n\"'「」“”*")
    first = next((part for part in _SENTENCE.split(plain) if part.strip()), "")
    return bool(_ENGLISH.search(first) or _CHINESE.search(first))


_EMPTY: dict[Language, str] = {
    "en": "There are no documents yet. Add some, then ask again.",
    "zh-Hant": "目前還沒有任何文件。請先加入文件，再問一次。",
    "zh-Hans": "目前还没有任何文档。请先加入文档，再问一次。",
    "other": "There are no documents yet. Add some, then ask again.",
}
_LOOKED: dict[Language, str] = {
    "en": "I looked in {count} document{s}; the closest were: {names}.",
    "zh-Hant": "我查了 {count} 份文件，最接近的是：{names}。",
    "zh-Hans": "我查了 {count} 份文档，最接近的是：{names}。",
    "other": "I looked in {count} document{s}; the closest were: {names}.",
}
_WHERE = re.compile("|".join(rf"\s*{re.escape(said.split('{')[0])}\d.*" for said in _LOOKED.values()), re.DOTALL)


def abstention(reason: str, language: Language, result: SearchResult) -> str:
    """What the user reads instead of an answer, in the question's language: there is none, and where was looked."""
    if reason == "empty":
        return _EMPTY[language]
    names = list(dict.fromkeys(hit.document for hit in result.hits))[:3]
    if not names:
        return REFUSAL[language]
    listed = ("、" if language.startswith("zh") else ", ").join(names)
    space = "" if language.startswith("zh") else " "
    plural = "" if result.documents == 1 else "s"
    return REFUSAL[language] + space + _LOOKED[language].format(count=result.documents, names=listed, s=plural)


def bare(text: str) -> str:
    """A text of ours without where was looked, which tells that there was a search; any other as it is."""
    return _WHERE.sub("", text)
