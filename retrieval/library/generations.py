"""Which index is in use and which is being built, and by which embedder. Knows no documents."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection

from memory.database import Database
from memory.errors import NotConfigured
from retrieval.embedders import Embedder
from retrieval.keyword import Keyword
from retrieval.library import rows
from retrieval.library.rows import Generation


class Generations:
    """The generations of one library."""

    def __init__(self, database: Database, embedder: Embedder, chunk_tokens: int) -> None:
        self.database = database
        self.embedder = embedder
        self.limit = min(chunk_tokens, embedder.max_tokens)
        """Tokens of a chunk: what was asked for, within what the embedder reads."""

    def usable(self) -> Generation:
        """The active generation; NotConfigured when another embedder built it, or there is none yet."""
        with self.database.read() as connection:
            active = rows.generation(connection)
        if active is None:
            raise NotConfigured("This knowledge base is empty.", "Add documents with: docgraft add PATH")
        if active.fingerprint != self.embedder.fingerprint:
            raise NotConfigured(
                f"The index was built with {active.name} ({active.dimension} dimensions); the setting now says "
                f"{self.embedder.name} ({self.embedder.dimension} dimensions"
                + (", other weights)." if active.name == self.embedder.name else ")."),
                "Rebuild it with: docgraft reindex. Or set retrieval.embedder back. Nothing was deleted, and keyword "
                "search still works.",
            )
        return active

    def for_adding(self) -> Generation:
        """The generation that new documents go into; made now if there is none, or an empty one of another embedder."""
        with self.database.begin() as connection:
            active = rows.generation(connection)
            empty = connection.exec_driver_sql("SELECT 1 FROM documents LIMIT 1").first() is None
            if active and empty and active.fingerprint != self.embedder.fingerprint:
                connection.exec_driver_sql("DELETE FROM generations WHERE state = 'active'")
                _bury_collection(connection, active)
                active = None
            if active is None:
                return self._new(connection, "active")
        return self.usable()

    def building(self) -> Generation:
        """The generation that a reindex fills: the one that was cut off if it was for this embedder, else a new one."""
        with self.database.begin() as connection:
            found = rows.generation(connection, "building")
            if found and found.fingerprint == self.embedder.fingerprint:
                return found
            if found:
                connection.exec_driver_sql("DELETE FROM generations WHERE state = 'building'")
                _bury_collection(connection, found)
            return self._new(connection, "building")

    def swap(self, building: Generation) -> None:
        """Make the new generation the one in use."""
        with self.database.begin() as connection:
            old = rows.generation(connection)
            if old:
                connection.exec_driver_sql("DELETE FROM generations WHERE state = 'active'")
                _bury_collection(connection, old)
            connection.exec_driver_sql(
                "UPDATE generations SET state = 'active' WHERE number = ?", (building.generation,)
            )
            rows.bump(connection)

    def _new(self, connection: Connection, state: str) -> Generation:
        base = rows.meta(connection, "base") or secrets.token_hex(6)
        rows.set_meta(connection, "base", base)
        number = connection.exec_driver_sql(
            "INSERT INTO generations (state, embedder, fingerprint, dimension, max_tokens, collection) "
            "VALUES (?, ?, ?, ?, ?, '') RETURNING number",
            (state, self.embedder.name, self.embedder.fingerprint, self.embedder.dimension, self.limit),
        ).scalar_one()
        connection.exec_driver_sql(
            "UPDATE generations SET collection = ? WHERE number = ?", (f"docgraft-{base}-{number}", number)
        )
        keyword(number).create(connection)
        found = rows.generation(connection, state)
        if found is None:
            raise RuntimeError("a generation vanished within its transaction")
        return found


def keyword(generation: int) -> Keyword:
    """The keyword index of a generation."""
    return Keyword(f"keyword_{generation}")


def _bury_collection(connection: Connection, target: Generation) -> None:
    connection.exec_driver_sql("INSERT OR IGNORE INTO tombstones VALUES (?, '')", (target.collection,))
