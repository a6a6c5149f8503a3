"""Conversations, their turns, sources and votes, per user. Knows nothing of models or documents: sources are JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from memory.database import Database
from memory.records import Record

if TYPE_CHECKING:
    from memory.history import History

Role = Literal["user", "assistant"]
State = Literal["complete", "stopped", "cut_off", "partial"]

LOCAL_USER = "local"
"""The user of an installation without login."""


class Choices(Record):
    """What a conversation is held with. Empty: the setting's default."""

    kb: str = ""
    model: str = ""
    adapter: str = ""
    mode: str = ""
    """The arm that answers: rag, base, tuned, both."""


class Conversation(Record):
    """A conversation as it is listed."""

    id: str
    title: str
    created: str
    updated: str
    turns: int
    choices: Choices = Choices()


class Turn(Record):
    """One message of a conversation."""

    id: str
    conversation_id: str
    ordinal: int
    """Place in the conversation, from 0."""
    role: Role
    text: str
    state: State = "complete"
    """complete; stopped by the user; cut_off by the token limit; partial: still being written when it was kept."""
    created: str = ""
    sources: tuple[dict[str, Any], ...] = ()
    """Citations as plain JSON, as given to `add_turn`."""
    data: dict[str, Any] = {}
    """Whatever the caller keeps beside a turn, as JSON."""
    vote: int = 0
    """1 up, -1 down, 0 none."""
    comment: str = ""


class Found(Record):
    """Where a search text stands."""

    conversation: Conversation
    turn_id: str
    """Empty when it is the title."""
    excerpt: str


class Conversations:
    """All conversations of a database. Every call takes the user and treats what is not theirs as not there."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, user: str, *, title: str = "", choices: Choices = Choices()) -> Conversation:
        """A new, empty conversation. Without a title it gets one from its first question."""
        raise NotImplementedError

    def all(self, user: str, *, limit: int | None = None) -> list[Conversation]:
        """The user's conversations, the last used first."""
        raise NotImplementedError

    def get(self, user: str, conversation_id: str) -> Conversation:
        """One conversation; DocgraftError when the user has none of that id."""
        raise NotImplementedError

    def rename(self, user: str, conversation_id: str, title: str) -> Conversation:
        """Give it a title that no later question changes."""
        raise NotImplementedError

    def choose(self, user: str, conversation_id: str, **changes: str) -> Conversation:
        """Change fields of its Choices: kb, model, adapter, mode."""
        raise NotImplementedError

    def delete(self, user: str, conversation_id: str) -> None:
        """Remove it with its turns, sources, votes and summary, from the file's bytes too."""
        raise NotImplementedError

    def delete_user(self, user: str) -> None:
        """Remove a user with all conversations and remembered facts."""
        raise NotImplementedError

    def search(self, user: str, text: str, *, fold: Callable[[str], str] | None = None, limit: int = 50) -> list[Found]:
        """Titles and turns that contain `text`, case and width folded (or by the caller's `fold`), newest first."""
        raise NotImplementedError

    def export(self, user: str, conversation_id: str, form: Literal["markdown", "json"] = "markdown") -> str:
        """The conversation as a Markdown transcript or as JSON with everything that is kept."""
        raise NotImplementedError

    def add_turn(
        self,
        user: str,
        conversation_id: str,
        role: Role,
        text: str,
        *,
        sources: Sequence[BaseModel | Mapping[str, Any]] = (),
        data: Mapping[str, Any] | None = None,
        state: State = "complete",
    ) -> Turn:
        """Append a turn and keep it on disk before returning."""
        raise NotImplementedError

    def amend_turn(
        self,
        user: str,
        turn_id: str,
        text: str,
        *,
        sources: Sequence[BaseModel | Mapping[str, Any]] | None = None,
        data: Mapping[str, Any] | None = None,
        state: State | None = None,
    ) -> Turn:
        """Replace a turn's text (a streamed answer as it grows or ends), and whatever else is given."""
        raise NotImplementedError

    def turns(self, user: str, conversation_id: str) -> list[Turn]:
        """Every turn in order, with sources and vote."""
        raise NotImplementedError

    def truncate(self, user: str, conversation_id: str, after: str | None) -> int:
        """Remove every turn after the turn `after` (None: all turns); how many went."""
        raise NotImplementedError

    def edit(self, user: str, turn_id: str, text: str) -> Turn:
        """Ask again: replace a question and remove everything after it."""
        raise NotImplementedError

    def vote(self, user: str, turn_id: str, value: int, comment: str = "") -> None:
        """Keep a thumb: 1, -1, or 0 to take it back."""
        raise NotImplementedError

    def history(self, user: str, conversation_id: str) -> History:
        """The conversation as a LangChain BaseChatMessageHistory."""
        from memory.history import History

        return History(self, user, conversation_id)
