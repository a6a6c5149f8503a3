"""Answering from memory alone, word for word: what the user told is quoted back, whatever the model can or cannot."""

from __future__ import annotations

from collections.abc import Sequence

from memory import overlap
from memory.facts import Fact, asks, current, extract, is_mention, sentences
from memory.han import has_han

TOLD = {False: "You told me: {}", True: "你告訴過我：{}"}
NOTED = {False: "Noted: {}", True: "記下了：{}"}
FORGOTTEN = {
    False: "Forgotten: {} remembered, with the words blanked in {} of your messages and answers.",
    True: "已忘記：{} 項記憶，並從 {} 則訊息與回答中抹去。",
}


def told(question: str, facts: Sequence[Fact]) -> tuple[str, ...]:
    """What the user said that a question about themselves asks for, best first; () for any other question."""
    holding = _holding(question, facts)
    scores = overlap.relevance(question, [(fact.key, fact.text) for fact in holding])
    best = max(scores, default=0.0)
    found = [(score, fact.text) for score, fact in zip(scores, holding, strict=True) if score and score >= 0.8 * best]
    return tuple(dict.fromkeys(text for _, text in sorted(found, key=lambda item: -item[0])))


def settled(message: str, facts: Sequence[Fact]) -> bool:
    """Whether memory alone answers: the message only tells something, or asks for just what was told.

    "What is my warranty?" is not settled by "my warranty number is W-5"; the documents may hold the answer.
    """
    asked_for = any(overlap.asks_for(message, fact.key, fact.text) for fact in _holding(message, facts))
    return asked_for or bool(stated(message))


def stated(message: str) -> tuple[str, ...]:
    """The facts of a message that does nothing but tell them ("call me KESTREL"); () when it also asks something."""
    parts = sentences(message)
    if any(asks(part) and not any(fact.asked for fact in extract(part)) for part in parts):
        return ()
    facts = [[fact for fact in extract(part) if fact.personal] for part in parts]
    return tuple(fact.text for found in facts for fact in found) if all(facts) else ()


def reply(message: str, remembered: Sequence[str]) -> str:
    """An answer from memory in the language of the message: what was told before, or that it is noted; else ""."""
    chinese, new = has_han(message), stated(message)
    if new:
        return NOTED[chinese].format(_quoted(new))
    return TOLD[chinese].format(_quoted(remembered)) if remembered else ""


def forgotten(message: str, memories: int, turns: int) -> str:
    """What is said after a forgetting, in the language of the message; never what was forgotten."""
    return FORGOTTEN[has_han(message)].format(memories, turns)


def _holding(question: str, facts: Sequence[Fact]) -> list[Fact]:
    """The statements that hold now, if the message is a question about the user."""
    if not asks(question) or not (overlap.PERSONAL.search(question) or overlap.MY_NAME.search(question)):
        return []
    return [fact for fact in current(facts) if not fact.standing and not is_mention(fact)]


def _quoted(texts: Sequence[str]) -> str:
    quoted = " ".join(f"「{text}」" if has_han(text) else f"“{text}”" for text in texts)
    return quoted.replace("」 「", "」「")
