"""Facts remembered across conversations, per user: learned by rules, recalled by words, forgotten everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from memory.conversations import Turn
from memory.database import Database
from memory.facts import Fact
from memory.records import Record


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


class Forgotten(Record):
    """What a forgetting removed."""

    memories: int
    turns: int
    """Turns in which the words were blanked."""
    conversations: int
    """Conversations whose summary was dropped."""
    scrubbed: bool
    """False: another process was reading, the deleted bytes leave the file at the next opportunity."""


class LongTerm:
    """What is remembered of each user."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def learn(self, user: str, turn: Turn, known: Sequence[Fact] | None = None) -> list[Memory]:
        """Keep what a user's turn says that is worth remembering; what was new or changed.

        `known` are the conversation's facts before it, for corrections such as "actually it is …"; by default its
        earlier turns are read.
        """
        raise NotImplementedError

    def remember(self, user: str, text: str, *, conversation_id: str = "") -> Memory:
        """Keep a text because the user asked for it; a fact with the same key is replaced."""
        raise NotImplementedError

    def recall(self, user: str, question: str, k: int = 5) -> list[Memory]:
        """At most `k` memories that the question is about, best first (standing wishes before); [] when none is."""
        raise NotImplementedError

    def all(self, user: str) -> list[Memory]:
        """Everything remembered, the newest first."""
        raise NotImplementedError

    def edit(self, user: str, memory_id: str, text: str) -> Memory:
        """Replace a memory's text."""
        raise NotImplementedError

    def forget(self, user: str, memory_id: str) -> Forgotten:
        """Remove a memory from every store: its row, summaries, and the words in the user's turns."""
        raise NotImplementedError

    def forget_all(self, user: str) -> Forgotten:
        """`forget` for everything that is remembered of the user."""
        raise NotImplementedError
