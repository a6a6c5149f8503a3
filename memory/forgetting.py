"""Blanking forgotten facts in a user's conversations. Works on an open connection; the caller scrubs the file."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, update

from memory import schema
from memory import turns as rows
from memory.facts import Fact, ledger
from memory.records import Record
from memory.redaction import Redaction
from memory.turns import Conversation, Turn


class Forgotten(Record):
    """What a forgetting removed."""

    memories: int
    turns: int
    """Turns in which the words were blanked."""
    conversations: int
    """Conversations in which something was blanked; their summaries are made anew."""
    scrubbed: bool = False
    """False: another process was reading, the deleted bytes leave the file at the next opportunity."""


def forget(connection: Connection, user: str, redactions: Sequence[Redaction]) -> Forgotten:
    """Blank what the redactions name in every turn, title and comment of the user, and drop the summaries that know."""
    turns = conversations = 0
    listed = [rows.conversation(row) for row in connection.execute(rows.listed(user)).all()] if redactions else []
    for conversation in listed:
        said = rows.turns_of(connection, conversation.id)
        facts = ledger(said)
        near = [any(fact.key == redaction.key for fact in facts) for redaction in redactions]
        wider = [_with_earlier_values(redaction, facts) for redaction in redactions]
        blanked = sum(_blank_turn(connection, turn, wider, near) for turn in said)
        titled = _blank_title(connection, conversation, wider, near)
        if blanked or titled or any(near):
            connection.execute(delete(schema.summaries).where(schema.summaries.c.conversation_id == conversation.id))
        turns += blanked
        conversations += bool(blanked or titled)
    return Forgotten(memories=len(redactions), turns=turns, conversations=conversations)


def _with_earlier_values(redaction: Redaction, facts: Sequence[Fact]) -> Redaction:
    """Values that the fact had before it was corrected are to be forgotten too."""
    values = [*redaction.values, *(fact.value for fact in facts if fact.key == redaction.key)]
    return redaction.model_copy(update={"values": tuple(dict.fromkeys(values))})


def _blank_turn(connection: Connection, turn: Turn, redactions: Sequence[Redaction], near: Sequence[bool]) -> bool:
    text, data, comment = turn.text, turn.data, turn.comment
    for redaction, close in zip(redactions, near, strict=True):
        text = redaction.of(text, near=close)
        data = redaction.of_data(data, near=close)
        comment = redaction.of(comment, near=close)
    if (text, data, comment) == (turn.text, turn.data, turn.comment):
        return False
    connection.execute(update(schema.turns).where(schema.turns.c.id == turn.id).values(text=text, data=data))
    if comment != turn.comment:
        connection.execute(update(schema.votes).where(schema.votes.c.turn_id == turn.id).values(comment=comment))
    return True


def _blank_title(
    connection: Connection, conversation: Conversation, redactions: Sequence[Redaction], near: Sequence[bool]
) -> bool:
    title = conversation.title
    for redaction, close in zip(redactions, near, strict=True):
        title = redaction.of(title, near=close)
    if title == conversation.title:
        return False
    table = schema.conversations
    connection.execute(update(table).where(table.c.id == conversation.id).values(title=title))
    return True
