"""Conversation and Turn, and how they lie in the tables; works on an open connection and checks the owner."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from memory import schema, transcripts
from memory.errors import DocgraftError
from memory.records import Record, new_id, now

Role = Literal["user", "assistant"]
State = Literal["complete", "stopped", "cut_off", "partial"]
Sources = Sequence[BaseModel | Mapping[str, Any]]


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
    data: dict[str, Any] = Field(default_factory=dict)
    """Whatever the caller keeps beside a turn, as JSON."""
    vote: int = 0
    """1 up, -1 down, 0 none."""
    comment: str = ""


def ensure_user(connection: Connection, user: str) -> None:
    """Make the user's row if it is not there."""
    if not user.strip():
        raise DocgraftError("A user needs a name.", f"Without login it is {'local'!r}.")
    if connection.execute(select(schema.users.c.id).where(schema.users.c.id == user)).scalar() is None:
        connection.execute(insert(schema.users).values(id=user, created=now()))


def stamp() -> str:
    """Orders what happens within one second: nanoseconds, zero-padded."""
    return f"{time.time_ns():020d}"


def missing(what: str) -> DocgraftError:
    """The same words for what is not there and for what is another's."""
    return DocgraftError(f"There is no such {what}.", "It may have been deleted; open the list again.")


def listed(user: str) -> Select[Any]:
    """The user's conversations with their numbers of turns, the last used first."""
    table = schema.conversations
    count = select(func.count()).where(schema.turns.c.conversation_id == table.c.id).scalar_subquery()
    return select(table, count.label("turns")).where(table.c.user_id == user).order_by(table.c.touched.desc())


def conversation(row: Row[Any]) -> Conversation:
    """A row of `listed` as a record."""
    return Conversation(
        id=row.id,
        title=row.title,
        created=row.created,
        updated=row.updated,
        turns=row.turns,
        choices=Choices.model_validate(row.choices),
    )


def owned(connection: Connection, user: str, conversation_id: str, *, lock: bool = False) -> Conversation:
    """The user's conversation, or DocgraftError. With `lock`, other writers to it wait (on SQLite they do anyway)."""
    table = schema.conversations
    if lock:
        connection.execute(select(table.c.id).where(table.c.id == conversation_id).with_for_update())
    row = connection.execute(listed(user).where(table.c.id == conversation_id)).one_or_none()
    if row is None:
        raise missing("conversation")
    return conversation(row)


def owned_turn(connection: Connection, user: str, turn_id: str) -> Turn:
    """A turn of one of the user's conversations, or DocgraftError."""
    mine = schema.turns.c.conversation_id.in_(
        select(schema.conversations.c.id).where(schema.conversations.c.user_id == user)
    )
    found = _turns(connection, (schema.turns.c.id == turn_id) & mine)
    if not found:
        raise missing("turn")
    return found[0]


def turns_of(connection: Connection, conversation_id: str) -> list[Turn]:
    """Every turn of a conversation in order, with sources and vote."""
    return _turns(connection, schema.turns.c.conversation_id == conversation_id)


def append(connection: Connection, conversation_id: str, **values: Any) -> str:
    """Insert a turn behind the last one; its id."""
    turn_id, table = new_id(), schema.turns
    last = select(func.max(table.c.ordinal)).where(table.c.conversation_id == conversation_id)
    ordinal = connection.execute(last).scalar()
    connection.execute(
        insert(table).values(
            id=turn_id,
            conversation_id=conversation_id,
            ordinal=0 if ordinal is None else ordinal + 1,
            created=now(),
            **values,
        )
    )
    connection.execute(
        update(schema.conversations)
        .where(schema.conversations.c.id == conversation_id)
        .values(updated=now(), touched=stamp())
    )
    return turn_id


def put_sources(connection: Connection, turn_id: str, sources: Sources) -> None:
    """Replace the sources of a turn."""
    connection.execute(delete(schema.sources).where(schema.sources.c.turn_id == turn_id))
    rows = [
        {"turn_id": turn_id, "ordinal": ordinal, "citation": storable(source)} for ordinal, source in enumerate(sources)
    ]
    if rows:
        connection.execute(insert(schema.sources), rows)


def cut(connection: Connection, conversation_id: str, keep: int) -> int:
    """Delete the turns behind ordinal `keep`, and a summary that knows of them; how many turns went."""
    table = schema.turns
    gone = connection.execute(
        delete(table).where((table.c.conversation_id == conversation_id) & (table.c.ordinal > keep))
    )
    drop_summary(connection, conversation_id, reaching=keep + 1)
    return gone.rowcount


def drop_summary(connection: Connection, conversation_id: str, *, reaching: int) -> bool:
    """Delete the kept summary if the turn of ordinal `reaching` is folded into it: it will be made anew."""
    table = schema.summaries
    gone = connection.execute(
        delete(table).where((table.c.conversation_id == conversation_id) & (table.c.folded > reaching))
    )
    return gone.rowcount > 0


def stands(connection: Connection, conversation_id: str, folded: int, last: str) -> bool:
    """Whether the turn before ordinal `folded` is still the one with id `last`."""
    table = schema.turns
    place = (table.c.conversation_id == conversation_id) & (table.c.ordinal == folded - 1)
    return connection.execute(select(table.c.id).where(place)).scalar() == last


def entitle(connection: Connection, conversation_id: str, question: str) -> None:
    """Give it a title from its first question, unless the user named it."""
    table = schema.conversations
    connection.execute(
        update(table)
        .where((table.c.id == conversation_id) & ~table.c.named)
        .values(title=transcripts.title_of(clean(question)))
    )


def clean(text: str) -> str:
    """Text that every database takes: half surrogates and NULs become U+FFFD, visibly."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(value: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """A record or mapping as JSON values."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else dict(value)
    return dict(json.loads(clean(json.dumps(plain, ensure_ascii=False))))


def _turns(connection: Connection, where: Any) -> list[Turn]:
    table, vote = schema.turns, schema.votes
    joined = table.outerjoin(vote, vote.c.turn_id == table.c.id)
    query = select(table, vote.c.value, vote.c.comment).select_from(joined).where(where).order_by(table.c.ordinal)
    cited = (
        select(schema.sources.c.turn_id, schema.sources.c.citation)
        .where(schema.sources.c.turn_id.in_(select(table.c.id).where(where)))
        .order_by(schema.sources.c.ordinal)
    )
    citations: dict[str, list[dict[str, Any]]] = {}
    for turn_id, citation in connection.execute(cited):
        citations.setdefault(turn_id, []).append(citation)
    return [
        Turn(
            id=row.id,
            conversation_id=row.conversation_id,
            ordinal=row.ordinal,
            role=row.role,
            text=row.text,
            state=row.state,
            created=row.created,
            sources=tuple(citations.get(row.id, ())),
            data=row.data,
            vote=row.value or 0,
            comment=row.comment or "",
        )
        for row in connection.execute(query)
    ]
