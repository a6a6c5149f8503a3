"""Conversations, their turns, sources and votes, per user. Knows nothing of models or documents: sources are JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, insert, select, update

from memory import schema, transcripts
from memory import turns as rows
from memory.database import Database
from memory.errors import DocgraftError
from memory.records import Record, new_id, now
from memory.turns import Choices, Conversation, Role, Sources, State, Turn

if TYPE_CHECKING:
    from memory.history import History

__all__ = ["LOCAL_USER", "Choices", "Conversation", "Conversations", "Found", "Role", "Sources", "State", "Turn"]

LOCAL_USER = "local"
"""The user of an installation without login."""


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

    def create(self, user: str, *, title: str = "", choices: Choices | None = None) -> Conversation:
        """A new, empty conversation. Without a title it gets one from its first question."""
        conversation_id, created, title = new_id(), now(), rows.clean(" ".join(title.split()))
        with self.database.begin() as connection:
            rows.ensure_user(connection, user)
            connection.execute(
                insert(schema.conversations).values(
                    id=conversation_id,
                    user_id=user,
                    title=title,
                    named=bool(title),
                    choices=rows.storable(choices or Choices()),
                    created=created,
                    updated=created,
                    touched=rows.stamp(),
                )
            )
            return rows.owned(connection, user, conversation_id)

    def all(self, user: str, *, limit: int | None = None) -> list[Conversation]:
        """The user's conversations, the last used first."""
        with self.database.read() as connection:
            return [rows.conversation(row) for row in connection.execute(rows.listed(user).limit(limit))]

    def get(self, user: str, conversation_id: str) -> Conversation:
        """One conversation; DocgraftError when the user has none of that id."""
        with self.database.read() as connection:
            return rows.owned(connection, user, conversation_id)

    def rename(self, user: str, conversation_id: str, title: str) -> Conversation:
        """Give it a title that no later question changes."""
        title = rows.clean(" ".join(title.split()))
        if not title:
            raise DocgraftError("A title cannot be empty.", "Write at least one letter.")
        return self._change(user, conversation_id, lambda _: {"title": title, "named": True})

    def choose(self, user: str, conversation_id: str, **changes: str) -> Conversation:
        """Change fields of its Choices: kb, model, adapter, mode."""
        return self._change(
            user,
            conversation_id,
            lambda found: {"choices": rows.storable(Choices.model_validate(found.choices.model_dump() | changes))},
        )

    def delete(self, user: str, conversation_id: str) -> None:
        """Remove it with its turns, sources, votes and summary, from the file's bytes too."""
        with self.database.begin() as connection:
            rows.owned(connection, user, conversation_id)
            connection.execute(delete(schema.conversations).where(schema.conversations.c.id == conversation_id))
        self.database.scrub()

    def delete_user(self, user: str) -> None:
        """Remove a user with all conversations and remembered facts, from the file's bytes too."""
        with self.database.begin() as connection:
            connection.execute(delete(schema.users).where(schema.users.c.id == user))
        self.database.scrub()

    def search(
        self, user: str, text: str, *, fold: Callable[[str], str] = transcripts.fold, limit: int = 50
    ) -> list[Found]:
        """Titles and turns that contain `text`, width and case folded (or by the caller's `fold`), last used first."""
        wanted, table = fold(text.strip()), schema.turns
        found: list[Found] = []
        if not wanted:
            return found
        with self.database.read() as connection:
            for row in connection.execute(rows.listed(user)).all():
                conversation = rows.conversation(row)
                texts = select(table.c.id, table.c.text).where(table.c.conversation_id == row.id).order_by("ordinal")
                for turn_id, body in [("", row.title), *connection.execute(texts)]:
                    shown = transcripts.excerpt(body, wanted, fold)
                    if shown is not None:
                        found.append(Found(conversation=conversation, turn_id=turn_id, excerpt=shown))
                        if len(found) == limit:
                            return found
        return found

    def export(self, user: str, conversation_id: str, form: Literal["markdown", "json"] = "markdown") -> str:
        """The conversation as a Markdown transcript or as JSON with everything that is kept."""
        with self.database.read() as connection:
            conversation = rows.owned(connection, user, conversation_id)
            kept = rows.turns_of(connection, conversation_id)
        return (transcripts.as_json if form == "json" else transcripts.as_markdown)(conversation, kept)

    def add_turn(
        self,
        user: str,
        conversation_id: str,
        role: Role,
        text: str,
        *,
        sources: Sources = (),
        data: Mapping[str, Any] | None = None,
        state: State = "complete",
    ) -> Turn:
        """Append a turn and keep it on disk before returning."""
        with self.database.begin() as connection:
            conversation = rows.owned(connection, user, conversation_id, lock=True)
            turn_id = rows.append(
                connection,
                conversation_id,
                role=role,
                text=rows.clean(text),
                state=state,
                data=rows.storable(data or {}),
            )
            rows.put_sources(connection, turn_id, sources)
            if role == "user" and not conversation.title:
                rows.entitle(connection, conversation_id, text)
            return rows.owned_turn(connection, user, turn_id)

    def amend_turn(
        self,
        user: str,
        turn_id: str,
        text: str,
        *,
        sources: Sources | None = None,
        data: Mapping[str, Any] | None = None,
        state: State | None = None,
    ) -> Turn:
        """Replace a turn's text (a streamed answer as it grows or ends), and whatever else is given."""
        values: dict[str, Any] = {"text": rows.clean(text)}
        if data is not None:
            values["data"] = rows.storable(data)
        if state is not None:
            values["state"] = state
        with self.database.begin() as connection:
            turn = rows.owned_turn(connection, user, turn_id)
            connection.execute(update(schema.turns).where(schema.turns.c.id == turn_id).values(values))
            if sources is not None:
                rows.put_sources(connection, turn_id, sources)
            rows.drop_summary(connection, turn.conversation_id, reaching=turn.ordinal)
            return rows.owned_turn(connection, user, turn_id)

    def turns(self, user: str, conversation_id: str) -> list[Turn]:
        """Every turn in order, with sources and vote."""
        with self.database.read() as connection:
            rows.owned(connection, user, conversation_id)
            return rows.turns_of(connection, conversation_id)

    def truncate(self, user: str, conversation_id: str, after: str | None) -> int:
        """Remove every turn after the turn `after` (None: all turns); how many went."""
        with self.database.begin() as connection:
            rows.owned(connection, user, conversation_id, lock=True)
            keep = -1
            if after is not None:
                turn = rows.owned_turn(connection, user, after)
                if turn.conversation_id != conversation_id:
                    raise rows.missing("turn")
                keep = turn.ordinal
            return rows.cut(connection, conversation_id, keep)

    def edit(self, user: str, turn_id: str, text: str) -> Turn:
        """Ask again: replace a question and remove everything after it."""
        with self.database.begin() as connection:
            turn = rows.owned_turn(connection, user, turn_id)
            if turn.role != "user":
                raise DocgraftError("Only a question can be edited.", "Choose one of your own messages.")
            values = {"text": rows.clean(text)}
            connection.execute(update(schema.turns).where(schema.turns.c.id == turn_id).values(values))
            rows.cut(connection, turn.conversation_id, turn.ordinal)
            rows.drop_summary(connection, turn.conversation_id, reaching=turn.ordinal)
            if turn.ordinal == 0:
                rows.entitle(connection, turn.conversation_id, text)
            return rows.owned_turn(connection, user, turn_id)

    def vote(self, user: str, turn_id: str, value: int, comment: str = "") -> None:
        """Keep a thumb: 1, -1, or 0 to take it back."""
        if value not in (-1, 0, 1):
            raise DocgraftError("A vote is 1, -1 or 0.", "Use 1 for good, -1 for bad, 0 to take a vote back.")
        table, values = schema.votes, {"value": value, "comment": rows.clean(comment), "created": now()}
        with self.database.begin() as connection:
            rows.owned_turn(connection, user, turn_id)
            connection.execute(delete(table).where(table.c.turn_id == turn_id))
            if value:
                connection.execute(insert(table).values(turn_id=turn_id, **values))

    def history(self, user: str, conversation_id: str) -> History:
        """The conversation as a LangChain BaseChatMessageHistory."""
        from memory.history import History

        self.get(user, conversation_id)
        return History(self, user, conversation_id)

    def _change(
        self, user: str, conversation_id: str, values: Callable[[Conversation], dict[str, Any]]
    ) -> Conversation:
        table = schema.conversations
        with self.database.begin() as connection:
            found = rows.owned(connection, user, conversation_id)
            connection.execute(update(table).where(table.c.id == conversation_id).values(values(found)))
            return rows.owned(connection, user, conversation_id)
