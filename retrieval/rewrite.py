"""A follow-up question made standalone. Knows conversations; knows no index.

Rules serve every model: a detector of questions that lean on the turn before, and that turn put in front of them. On
the practice sets this finds the evidence of every follow-up among the best three sections, where the bare question
finds half. A language model may write the standalone form instead; it is used only when it keeps what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from memory.errors import DocgraftError
from retrieval.fence import NUMBER
from retrieval.refusal import refuses
from retrieval.reply import foreign
from retrieval.tokens import CJK, fold, language

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

History = Sequence[tuple[str, str]]
"""(role, text) with role "user" or "assistant", oldest first."""

LONGEST = 240
"""Characters kept of each earlier message: its beginning names the subject."""


class Query(NamedTuple):
    """One text to search with, and how much its scores count beside the others'."""

    text: str
    weight: float


_OPENING = (
    r"and|but|so|or|ok|okay|also|hmm*|cool|good|great|fine|right|thanks|oh|ah|brr+|then|same|"
    r"what about|how about|what if|tried"
)
_STRONG = re.compile(
    rf"^\W*(?:{_OPENING})\b|\b(?:the (?:others?|second|first|last|latter|former|same|bigger|smaller)(?: one| kind)?|"
    r"another one|that one|those ones|instead|what about|how about|for that|to that|of that)\b",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|that|this|these|those|there|ones?)\b", re.IGNORECASE
)
_STRONG_ZH = re.compile(
    r"^(?:那|啊|如果|要是|萬一|万一|還有|还有|所以|然後|然后|它|他|她|這|这|喔|欸那|好的?[,，、]|還想|还想|一次)"
    r"|(?:呢|咧|勒)[？?]?$|它|他們|他们|她|那個|那个|這個|这个|那張|那张|這張|这张|另一|另外|其他|同樣|同样|一樣嗎|一样吗|上述"
)
_HAN = re.compile(f"[{CJK}]")
_WORDS = re.compile(r"[A-Za-z0-9]+(?:['’-][A-Za-z0-9]+)*")


def dependence(question: str) -> float:
    """How much a question leans on the turn before: 1 clearly, 0.5 perhaps, 0 not at all. By its wording alone."""
    han = len(_HAN.findall(question))
    if han:
        if han <= 6:
            return 1.0
        if _STRONG_ZH.search(question):
            return 1.0 if han <= 30 else 0.5
        return 0.5 if han <= 9 else 0.0
    words = len(_WORDS.findall(question))
    if words <= 4 or _STRONG.search(question):
        return 1.0
    if _WEAK.search(question):
        return 1.0 if words <= 9 else 0.5
    return 0.0


def queries(question: str, history: History, model: BaseChatModel | None = None) -> list[Query]:
    """What to search with: the question as asked first, always; for a follow-up its standalone form too."""
    asked = [Query(question, 1.0)]
    context = _context(history)
    lean = dependence(question) if context else 0.0
    if not lean or _turns_away(question, history):
        return asked
    rewritten = _by_model(question, history, model) if model is not None else ""
    return [*asked, Query(rewritten or f"{context} {question}", lean)]


def standalone(question: str, history: History, model: BaseChatModel | None = None) -> list[str]:
    """The texts of `queries`: the question as asked first, then (for a follow-up) its standalone form.

    With a model, its rewrite is used when it passes the checks (keeps numbers, identifiers and quoted words, at most
    three times as long, names nothing that the conversation does not); otherwise rules do it.
    """
    return [query.text for query in queries(question, history, model)]


def _turns_away(question: str, history: History) -> bool:
    """Whether a question changes the language and points at nothing: short as it may be, it begins anew."""
    last = next(text for role, text in reversed(history) if role == "user")
    pointing = any(pattern.search(question) for pattern in (_STRONG, _WEAK, _STRONG_ZH))
    return bool(_HAN.search(question)) != bool(_HAN.search(last)) and not pointing


def _context(history: History) -> str:
    """The last exchange in one line; with the question before it when that exchange was a follow-up itself."""
    asked = [index for index, (role, _) in enumerate(history) if role == "user"]
    if not asked:
        return ""
    last = asked[-1]
    parts = [_shortened(history[last][1])]
    if len(asked) > 1 and dependence(history[last][1]) == 1.0:
        parts.insert(0, _shortened(history[asked[-2]][1]))
    replies = [text for role, text in history[last + 1 :] if role == "assistant" and not refuses(text)]
    parts += [_shortened(NUMBER.sub("", replies[-1]))] if replies else []
    return " ".join(part for part in parts if part)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0]


def _by_model(question: str, history: History, model: BaseChatModel) -> str:
    """The model's standalone form, or "" when it fails the checks."""
    from retrieval.prompts import rewrite_messages

    failures: tuple[type[Exception], ...] = (DocgraftError, *foreign())
    try:
        reply = model.invoke(rewrite_messages(question, history, language(question))).text
    except failures:
        return ""  # the rules serve; a model that is down will be told of by the answer
    lines = [line for line in reply.strip().splitlines() if line.strip()]
    text = re.sub(r"^[^:：\n]{0,24}(?:question|問題|问题)[:：]\s*", "", lines[0] if lines else "", flags=re.IGNORECASE)
    text = text.strip().strip("\"“”'「」").strip()
    return text if faithful(text, question, [text for _, text in history]) else ""


_KEPT = re.compile(rf"\d+(?:[.,:]\d+)*|[A-Za-z]+[-_]?\d[\w-]*|[^\W\d_{CJK}]+-\d[\w-]*")
_QUOTED = re.compile(r"[\"“「『]([^\"”」』]{1,80})[\"”」』]")
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w-]+")


def faithful(rewrite: str, question: str, conversation: Sequence[str]) -> bool:
    """Whether a rewrite asks the same: keeps every number, identifier and quotation, brings in no new one, no essay."""
    if (
        not rewrite
        or len(rewrite) > max(3 * len(question), 120)
        or bool(_HAN.search(rewrite)) != bool(_HAN.search(question))
    ):
        return False
    new, asked, known = fold(rewrite), fold(question), fold(" ".join([question, *conversation]))
    kept = [*_KEPT.findall(asked), *(fold(quote) for quote in _QUOTED.findall(question))]
    brought = [*_KEPT.findall(new), *(fold(name) for name in _NAME.findall(rewrite))]
    return all(item in new for item in kept) and all(item in known for item in brought)
