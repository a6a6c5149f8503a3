"""The tables of library.db. Knows their shape only.

documents ─< sections (a document's places)      chunks, units (a section's content in one generation)

Chunks and unit vectors belong to a section's id, which is a hash of its content: a section that an update leaves alone
keeps them. A generation is one index, made by one embedder; `active` is searched, `building` is on its way.
"""

from __future__ import annotations

from sqlalchemy import Connection

TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # state: pending (read, not yet indexed; invisible) → indexed.
    """CREATE TABLE documents (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, source TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'indexed')),
        title TEXT NOT NULL, format TEXT NOT NULL, encoding TEXT NOT NULL, language TEXT NOT NULL, text TEXT NOT NULL,
        pages INTEGER NOT NULL, size INTEGER NOT NULL, added TEXT NOT NULL, notes TEXT NOT NULL, metadata TEXT NOT NULL
    )""",
    "CREATE UNIQUE INDEX documents_name ON documents (name) WHERE state = 'indexed'",
    """CREATE TABLE sections (
        document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, ordinal INTEGER NOT NULL,
        id TEXT NOT NULL, heading TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL,
        language TEXT NOT NULL, pages TEXT NOT NULL, blocks TEXT NOT NULL, PRIMARY KEY (document, ordinal)
    )""",
    "CREATE INDEX sections_id ON sections (id)",
    """CREATE TABLE generations (
        number INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL CHECK (state IN ('building', 'active')),
        embedder TEXT NOT NULL, fingerprint TEXT NOT NULL, dimension INTEGER NOT NULL, max_tokens INTEGER NOT NULL,
        collection TEXT NOT NULL
    )""",
    "CREATE UNIQUE INDEX generations_active ON generations (state)",
    # start and end count from the section's start. stored: the vector store has it. visible: a search may find it.
    """CREATE TABLE chunks (
        number INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, id TEXT NOT NULL, section TEXT NOT NULL,
        ordinal INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL,
        tokens INTEGER NOT NULL, vector BLOB NOT NULL, stored INTEGER NOT NULL DEFAULT 0,
        visible INTEGER NOT NULL DEFAULT 0, UNIQUE (generation, id)
    )""",
    "CREATE INDEX chunks_section ON chunks (generation, section)",
    "CREATE INDEX chunks_waiting ON chunks (generation) WHERE stored = 0",
    "CREATE INDEX chunks_visible ON chunks (generation) WHERE visible = 1",
    # One row per section that is done: its unit vectors, float16, row after row.
    """CREATE TABLE units (
        number INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, section TEXT NOT NULL,
        count INTEGER NOT NULL, with_heading BLOB NOT NULL, bare BLOB NOT NULL, UNIQUE (generation, section)
    )""",
    "CREATE INDEX units_count ON units (generation, count)",
    # What still has to go from the vector store: a chunk of a collection, or (chunk '') the whole collection.
    """CREATE TABLE tombstones (
        collection TEXT NOT NULL, chunk TEXT NOT NULL, PRIMARY KEY (collection, chunk)
    ) WITHOUT ROWID""",
)


def _first(connection: Connection) -> None:
    for statement in TABLES:
        connection.exec_driver_sql(statement)


MIGRATIONS = (_first,)
