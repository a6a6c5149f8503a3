"""The tables of docgraft.db and the migrations that make them. Knows no behaviour."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from memory.database import Migration

metadata = MetaData()


def _belongs_to(column: str, *, primary_key: bool = False) -> Column[str]:
    name = {"users.id": "user_id", "conversations.id": "conversation_id", "turns.id": "turn_id"}[column]
    return Column(name, String(64), ForeignKey(column, ondelete="CASCADE"), nullable=False, primary_key=primary_key)


users = Table("users", metadata, Column("id", String(64), primary_key=True), Column("created", String(32)))

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    _belongs_to("users.id"),
    Column("title", Text, nullable=False),
    Column("named", Boolean, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("created", String(32), nullable=False),
    Column("updated", String(32), nullable=False),
    Column("touched", String(32), nullable=False),
    Index("conversations_of_user", "user_id", "touched"),
)
"""`named`: by the user, so no question changes the title. `touched`: nanoseconds; order holds within a second."""

turns = Table(
    "turns",
    metadata,
    Column("id", String(32), primary_key=True),
    _belongs_to("conversations.id"),
    Column("ordinal", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created", String(32), nullable=False),
    UniqueConstraint("conversation_id", "ordinal"),
)

sources = Table(
    "sources",
    metadata,
    _belongs_to("turns.id", primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("citation", JSON, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    _belongs_to("turns.id", primary_key=True),
    Column("value", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created", String(32), nullable=False),
)

summaries = Table(
    "summaries",
    metadata,
    _belongs_to("conversations.id", primary_key=True),
    Column("folded", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
)
"""`summary` is a memory.summary.Summary; it covers the first `folded` turns."""

memories = Table(
    "memories",
    metadata,
    Column("id", String(32), primary_key=True),
    _belongs_to("users.id"),
    Column("key", Text, nullable=False),
    Column("touched", String(32), nullable=False),
    Column("memory", JSON, nullable=False),
    UniqueConstraint("user_id", "key"),
)
"""`memory` is a memory.longterm.Memory: one per user and key."""


def _first(connection: Connection) -> None:
    metadata.create_all(connection)


MIGRATIONS: tuple[Migration, ...] = (_first,)
"""For `Database(workspace.database, MIGRATIONS)`. A later change is a new function that alters the tables."""
