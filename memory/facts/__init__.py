"""Exact facts in what a user writes: names, codes, numbers, statements. Rules only; English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memory.facts import chinese, english, exact
from memory.facts.statement import Statement, apply, fold
from memory.han import has_han
from memory.records import Record, digest

if TYPE_CHECKING:
    from memory.turns import Turn

__all__ = ["Fact", "asked_to_forget", "asks", "current", "extract", "is_mention", "ledger", "sentences"]

LONG = 2000
"""Characters from which a message is taken for a paste: only its ends are the user's own words."""
ENDS = 500
MENTIONS = 8
"""Codes beside any statement that are kept per message."""
FORGOTTEN = {False: "[forgotten]", True: "〔已忘記〕"}
"""What stands where words were blanked, in English and in Chinese text; a sentence that holds it states nothing."""
NOTE = "note "
MENTION = "mention "

ALIASES = {
    "名字": "name", "姓名": "name", "全名": "name", "full name": "name", "first name": "name", "nickname": "name",
    "地址": "address", "住址": "address", "家地址": "address", "電話": "phone", "电话": "phone", "手機": "phone",
    "手机": "phone", "手機號碼": "phone", "手机号码": "phone", "phone number": "phone", "mobile": "phone",
    "mobile number": "phone", "生日": "birthday", "信箱": "email", "郵箱": "email", "邮箱": "email",
    "電子郵件": "email", "e-mail": "email", "email address": "email", "e-mail address": "email", "職業": "job",
    "职业": "job", "occupation": "job", "公司": "work", "company": "work", "employer": "work",
}  # fmt: skip
"""Keys that mean the same, so that a correction in the other language replaces."""


class Fact(Record):
    """Something the user stated."""

    key: str
    """What it is about, folded: name, site, deadline, 站點. Later facts of a key supersede earlier ones."""
    value: str
    """Exactly as written."""
    text: str
    """The sentence it stands in, as written; of a correction, the corrected sentence."""
    turn: int = 0
    """Ordinal of the turn; negative when it was said before this conversation."""
    personal: bool = False
    """About the user ("my …", 我的…) or asked for, so worth remembering across conversations."""
    standing: bool = False
    """A wish for every answer."""
    asked: bool = False
    """The user asked to remember it."""


def extract(text: str, *, turn: int = 0, known: Sequence[Fact] = ()) -> list[Fact]:
    """The facts that a user's message states, in order; corrections are resolved against `known`."""
    found: list[Fact] = []
    for sentence in _own_words(text):
        said = _without_question(sentence)
        stated = list(_stated(said, turn)) if said else []
        corrected = _correction(said, turn, [*known, *found]) if said else None
        if corrected and not any(fact.key == corrected.key for fact in stated):
            # What the other rules make of the same words ("不是A，是B": 不 = A) would be a second, wrong reading.
            found.append(corrected)
            continue
        found += stated
        if not any(fact.asked for fact in stated):
            found += _mentions(sentence, stated, turn)
    return found


def current(facts: Sequence[Fact]) -> list[Fact]:
    """The latest fact of each key, in the order in which the keys were last stated."""
    latest: dict[str, Fact] = {}
    for fact in facts:
        latest.pop(fact.key, None)
        latest[fact.key] = fact
    return list(latest.values())


def ledger(turns: Sequence[Turn], facts: Sequence[Fact] = (), *, after: int = 0) -> list[Fact]:
    """`facts` and those of the user's turns from ordinal `after` on, superseded ones too."""
    found = list(facts)
    for turn in turns:
        if turn.role == "user" and turn.ordinal >= after:
            found += extract(turn.text, turn=turn.ordinal, known=found)
    return found


def is_mention(fact: Fact) -> bool:
    """Whether it is a mere code that a sentence held, not a statement."""
    return fact.key.startswith(MENTION)


def asked_to_forget(text: str) -> str:
    """What a message such as "forget my site" or 「忘記我的站點」 asks to forget; "" for other messages."""
    for sentence in sentences(text):
        for language in (english, chinese):
            match = language.FORGET.match(sentence)
            if match:
                return match["what"].strip(" .!。！")
    return ""


def asks(clause: str) -> bool:
    """Whether a clause or message is a question."""
    return bool(english.QUESTION.search(clause) or chinese.QUESTION.search(clause))


def sentences(text: str) -> list[str]:
    """Sentences of prose in both languages; a stop inside a number, code or address does not end one."""
    pieces = re.split(rf"\n+|(?<=[。！？；])|(?<=[.!?]){english.NO_TITLE}(?=\s)", text)
    return [piece.strip() for piece in pieces if piece.strip()]


def _own_words(text: str) -> Iterator[str]:
    """What the user says in a message: no code, no quoted lines, only the ends of a paste."""
    text = re.sub(r"```.*?(?:```|\Z)", "\n", text, flags=re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith((">", "|")))
    if len(text) > LONG:
        text = text[:ENDS] + "\n" + text[-ENDS:]
    yield from (one for one in sentences(text) if not any(mark in one for mark in FORGOTTEN.values()))


def _without_question(sentence: str) -> str:
    """A sentence, or of a question the clauses before the one that asks: "my site is T-7, where is the manual?"."""
    if english.ASKED.match(sentence) or chinese.ASKED.match(sentence):
        return "" if re.search(r"[?？嗎吗]\s*$", sentence) else sentence
    clauses = re.split(r"(?<=[,，])", sentence)
    kept = [clause for clause in clauses[:-1] if not asks(clause)]
    if asks(sentence) and asks(clauses[0]):
        return ""
    if asks(clauses[-1]):
        return "".join(kept).rstrip(" ,，")
    return sentence


def _stated(sentence: str, turn: int) -> Iterator[Fact]:
    rest = _asked(sentence)
    body = rest or sentence
    standing = _wish(body)
    if standing:
        yield _fact(standing, body, turn, asked=bool(rest))
        return
    stated = [s for s in _statements(body) if s.value]
    for statement in stated:
        yield _fact(statement, body, turn, asked=bool(rest), alone=len(stated) == 1)
    if rest and not stated:
        note = Statement(NOTE + digest(fold(rest), length=10), rest, 0, len(rest))
        yield _fact(note, rest, turn, asked=True)


def _mentions(sentence: str, stated: Sequence[Fact], turn: int) -> Iterator[Fact]:
    """Codes of a sentence, a question's too, that no statement holds."""
    told = fold(" ".join(f"{fact.key} {fact.value}" for fact in stated))
    codes = [code for code in dict.fromkeys(exact.codes(sentence)) if fold(code) not in told]
    for code in codes[:MENTIONS]:
        yield Fact(key=MENTION + fold(code), value=code, text=_around(sentence, code), turn=turn)


def _asked(sentence: str) -> str:
    """What a sentence asks to remember, or ""."""
    for language in (english, chinese):
        match = language.ASKED.match(sentence)
        if match and not language.ASKED_NOTHING.match(match["rest"]):
            return match["rest"].strip(" .!。！")
    return ""


def _wish(sentence: str) -> Statement | None:
    """A wish for every answer; one per subject, so that the next about the language replaces the last."""
    if not (english.STANDING.match(sentence) or chinese.STANDING.match(sentence)):
        return None
    value = sentence.strip(" .!。！")
    subject = "language" if english.LANGUAGE.search(value) else digest(fold(value), length=10)
    return Statement(f"wish {subject}", value, 0, len(value), True, True)


def _statements(sentence: str) -> list[Statement]:
    found = list(apply(english.RULES, sentence, english.trim, exact.is_exact))
    if has_han(sentence):
        found += apply(chinese.RULES, sentence, chinese.trim, exact.is_exact)
    return found


def _fact(statement: Statement, sentence: str, turn: int, *, asked: bool, alone: bool = True) -> Fact:
    """With its whole sentence as text, unless that is long or states several things."""
    whole = sentence if alone and len(sentence) <= 200 else sentence[statement.start : statement.end]
    return Fact(
        key=ALIASES.get(statement.key, statement.key),
        value=statement.value,
        text=whole.strip(),
        turn=turn,
        personal=statement.personal or asked,
        standing=statement.standing,
        asked=asked,
    )


def _correction(sentence: str, turn: int, known: Sequence[Fact]) -> Fact | None:
    for language in (english, chinese):
        for pattern in language.CORRECTIONS:
            match = pattern.search(sentence)
            new = language.trim(match["new"]) if match else ""
            if not match or not new:
                continue
            old = (match.groupdict().get("old") or "").strip()
            target = _corrected(new, old, turn, known)
            if target and fold(target.value) != fold(new):
                # "Not 3,500 but 4,200" of "3,500 euros": what was not corrected stays.
                value = target.value.replace(old, new) if old and old in target.value else new
                text = target.text.replace(target.value, value)
                return target.model_copy(update={"value": value, "text": text, "turn": turn})
    return None


def _corrected(new: str, old: str, turn: int, known: Sequence[Fact]) -> Fact | None:
    """Which known fact a correction means: the one with the old value, else the last one of the same shape.

    Without an old value it must have been said in this conversation. A plain word ("blue") says little about what it
    replaces, so then the fact must be fresh and the word short.
    """
    candidates = [fact for fact in reversed(current(known)) if not fact.key.startswith((NOTE, "wish "))]
    stated = [fact for fact in candidates if not fact.key.startswith(MENTION)]
    wanted = fold(old).removeprefix("the ").removeprefix("my ")
    for fact in (*stated, *candidates) if wanted else ():
        if fact.key == wanted or wanted in fold(fact.value).split() or wanted == fold(fact.value):
            return fact
    shape = exact.shape(new)
    alike = [fact for fact in candidates if fact.turn >= 0 and exact.shape(fact.value) == shape]
    if shape == "word":
        alike = [fact for fact in alike if turn - fact.turn <= 2 and len(new.split()) <= 2 and len(new) <= 24]
    if not alike:
        return None
    return next((fact for fact in stated if fold(fact.value) == fold(alike[0].value)), alike[0])


def _around(sentence: str, code: str) -> str:
    """A sentence, or of a long one the words around the code."""
    if len(sentence) <= 160:
        return sentence
    at = sentence.index(code)
    return sentence[max(0, at - 70) : at + len(code) + 70].strip()
