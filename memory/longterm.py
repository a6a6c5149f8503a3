"""Facts remembered across conversations, per user: learned by rules, recalled by words, forgotten everywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from memory import forgetting, overlap, schema
from memory import turns as rows
from memory.database import Database
from memory.facts import Fact, asked_to_forget, current, extract, ledger
from memory.facts.statement import fold
from memory.forgetting import Forgotten
from memory.records import Record, digest, new_id, now
from memory.redaction import Redaction
from memory.turns import Turn

__all__ = ["Forgotten", "LongTerm", "Memory"]

SECRET = re.compile(
    r"pass ?(?:word|code|phrase|port)|\bpin\b|secret|token|api key|credit|card number|social security|iban|"
    r"密碼|密码|信用卡|卡號|卡号|身分證|身份证|護照|护照|帳號|账号"
)
"""Kept only when the user asks to."""
PASSING = re.compile(
    r"question|problem|issue|guess|point|idea|opinion|understanding|concern|問題|问题|看法|想法|意思|感覺|感觉"
)
"""Of the moment, not of the person."""
EVERYTHING = re.compile(r"(?:everything|all)\b|所有|全部|一切", re.IGNORECASE)


class Memory(Record):
    """A remembered fact."""

    id: str
    key: str
    """What it is about (name, site, …); a newer fact of the same key replaces it."""
    value: str
    text: str
    """The fact in the user's own words: what is shown, and what goes into a prompt."""
    standing: bool = False
    """A wish for every answer ("always answer in Chinese"): recalled with every question."""
    conversation_id: str = ""
    """Where it was said; empty when added by hand."""
    created: str
    updated: str

    def as_fact(self) -> Fact:
        """As said before the conversation began, so that only its old value corrects it."""
        return Fact(key=self.key, value=self.value, text=self.text, turn=-1, personal=True, standing=self.standing)


class LongTerm:
    """What is remembered of each user."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def learn(self, user: str, turn: Turn, known: Sequence[Fact] | None = None) -> list[Memory]:
        """Keep what a user's turn says that is worth remembering; what was new or changed.

        `known` are the conversation's facts before it, for corrections such as "actually it is …"; by default its
        earlier turns are read.
        """
        if turn.role != "user":
            return []
        with self.database.read() as connection:
            rows.owned(connection, user, turn.conversation_id)
            before = [
                *(memory.as_fact() for memory in _all(connection, user)),
                *(_said_before(connection, turn) if known is None else known),
            ]
        learned = [fact for fact in current(extract(turn.text, turn=turn.ordinal, known=before)) if _lasting(fact)]
        if not learned:
            return []
        with self.database.begin() as connection:
            kept = [_put(connection, user, _memory(fact, turn.conversation_id)) for fact in learned]
        return [memory for memory in kept if memory is not None]

    def remember(self, user: str, text: str, *, conversation_id: str = "") -> Memory:
        """Keep a text because the user asked for it; a fact with the same key is replaced."""
        memory = _memory(_as_one(text), conversation_id)
        with self.database.begin() as connection:
            rows.ensure_user(connection, user)
            return _put(connection, user, memory) or _by_key(connection, user, memory.key) or memory

    def recall(self, user: str, question: str, k: int = 5) -> list[Memory]:
        """At most `k` memories that the question is about, best first (standing wishes before); [] when none is."""
        known = self.all(user)
        if overlap.ABOUT_ME.search(question):
            return known[:k]
        standing = [memory for memory in known if memory.standing]
        others = [memory for memory in known if not memory.standing]
        scores = overlap.relevance(question, [(memory.key, memory.text) for memory in others])
        ranked = sorted(zip(scores, range(len(others)), others, strict=True), key=lambda item: (-item[0], item[1]))
        return [*standing, *(memory for score, _, memory in ranked if score > 0)][:k]

    def all(self, user: str) -> list[Memory]:
        """Everything remembered, the last learned first."""
        with self.database.read() as connection:
            return _all(connection, user)

    def edit(self, user: str, memory_id: str, text: str) -> Memory:
        """Replace a memory's text."""
        fact = _as_one(text)
        with self.database.begin() as connection:
            old = _owned(connection, user, memory_id)
            new = _memory(fact, old.conversation_id).model_copy(update={"id": old.id, "created": old.created})
            _remove(connection, user, [old.id])
            _put(connection, user, new)
            return new

    def asked_to_forget(self, user: str, message: str) -> list[Memory]:
        """The memories that a message such as "forget my site" or 「忘記我的站點」 means; [] for other messages."""
        what = asked_to_forget(message)
        known = self.all(user) if what else []
        if EVERYTHING.match(what):
            return known
        scores = overlap.relevance(what, [(memory.key, memory.text) for memory in known])
        best = max(scores, default=0.0)
        return [memory for memory, score in zip(known, scores, strict=True) if score and score == best]

    def forget(self, user: str, memory_id: str) -> Forgotten:
        """Remove a memory from every store: its row, summaries, and the words in the user's turns."""
        with self.database.begin() as connection:
            forgotten = _forget(connection, user, [_owned(connection, user, memory_id)])
        return forgotten.model_copy(update={"scrubbed": self.database.scrub()})

    def forget_all(self, user: str) -> Forgotten:
        """`forget` for everything that is remembered of the user."""
        with self.database.begin() as connection:
            forgotten = _forget(connection, user, _all(connection, user))
        return forgotten.model_copy(update={"scrubbed": self.database.scrub()})


def _lasting(fact: Fact) -> bool:
    if fact.asked or fact.standing:
        return True
    return fact.personal and not SECRET.search(f"{fact.key} {fact.text}".casefold()) and not PASSING.search(fact.key)


def _said_before(connection: Connection, turn: Turn) -> list[Fact]:
    return ledger([t for t in rows.turns_of(connection, turn.conversation_id) if t.ordinal < turn.ordinal])


def _as_one(text: str) -> Fact:
    """A text as one fact: under the key of the only statement it makes, else under a key of its own."""
    text = rows.clean(" ".join(text.split()))
    if not text:
        raise rows.missing("memory")
    stated = [fact for fact in extract(text) if fact.personal]
    if len(stated) == 1:
        return stated[0].model_copy(update={"text": text})
    return Fact(key=f"note {digest(fold(text), length=10)}", value=text, text=text, personal=True, asked=True)


def _memory(fact: Fact, conversation_id: str) -> Memory:
    stamp = now()
    return Memory(
        id=new_id(),
        key=fact.key,
        value=rows.clean(fact.value),
        text=rows.clean(fact.text),
        standing=fact.standing,
        conversation_id=conversation_id,
        created=stamp,
        updated=stamp,
    )


def _all(connection: Connection, user: str) -> list[Memory]:
    table = schema.memories
    query = select(table.c.memory).where(table.c.user_id == user).order_by(table.c.touched.desc())
    return [Memory.model_validate(found) for found in connection.execute(query).scalars()]


def _by_key(connection: Connection, user: str, key: str) -> Memory | None:
    return next((memory for memory in _all(connection, user) if memory.key == key), None)


def _owned(connection: Connection, user: str, memory_id: str) -> Memory:
    found = next((memory for memory in _all(connection, user) if memory.id == memory_id), None)
    if found is None:
        raise rows.missing("memory")
    return found


def _put(connection: Connection, user: str, memory: Memory) -> Memory | None:
    """Write a memory in place of the one with its key; None when that says the same."""
    old = _by_key(connection, user, memory.key)
    if old:
        if fold(old.text) == fold(memory.text):
            return None
        memory = memory.model_copy(update={"id": old.id, "created": old.created})
        _remove(connection, user, [old.id])
    connection.execute(
        insert(schema.memories).values(
            id=memory.id, user_id=user, key=memory.key, touched=rows.stamp(), memory=memory.model_dump(mode="json")
        )
    )
    return memory


def _remove(connection: Connection, user: str, ids: Sequence[str]) -> None:
    table = schema.memories
    connection.execute(delete(table).where((table.c.user_id == user) & table.c.id.in_(ids)))


def _forget(connection: Connection, user: str, memories: Sequence[Memory]) -> Forgotten:
    _remove(connection, user, [memory.id for memory in memories])
    return forgetting.forget(connection, user, [Redaction(key=m.key, text=m.text, values=(m.value,)) for m in memories])
