"""Fills an index and makes documents findable in it, both indexes at once. Knows documents by id; knows no files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from memory.database import Database
from memory.workspace import KnowledgeBaseFolder
from retrieval.embedders import Embedder
from retrieval.keyword import Keyword, Row
from retrieval.library import rows
from retrieval.library.embedding import Embedded, embedded
from retrieval.library.generations import keyword
from retrieval.library.rows import Generation, parts
from retrieval.library.stores import Stores
from retrieval.records import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Step = Callable[[int], None]
"""Told how many characters were embedded."""
Stop = Callable[[], bool]


class Index:
    """The indexes of one library."""

    def __init__(self, database: Database, folder: KnowledgeBaseFolder, embedder: Embedder, stores: Stores) -> None:
        self.database = database
        self.folder = folder
        self.embedder = embedder
        self.stores = stores

    # Filling

    def fill(self, target: Generation, state: str, *, step: Step | None = None, stop: Stop | None = None) -> bool:
        """Embed the sections of documents in that state that the generation lacks; False when stopped.

        Every batch is committed to library.db, then to the vector store: what is done stays done after a crash.
        """
        for batch in embedded(self._lacking(target, state), self.embedder, target.max_tokens):
            self._keep(target, batch)
            if step:
                step(sum(len(e.section.text) for e in batch))
            if stop and stop():
                return False
        return True

    def lacking(self, target: Generation, state: str) -> int:
        """Characters of the sections that `fill` would embed."""
        with self.database.read() as connection:
            sql = f"SELECT coalesce(sum(length(s.text)), 0) {_LACKING}"
            return int(connection.exec_driver_sql(sql, (state, target.generation)).scalar_one())

    def _lacking(self, target: Generation, state: str) -> Iterator[Section]:
        """Sections without vectors, read in portions so that no transaction stays open while texts are embedded."""
        with self.database.read() as connection:
            sql = f"SELECT s.document, s.ordinal {_LACKING} ORDER BY d.number, s.ordinal"
            places = list(connection.exec_driver_sql(sql, (state, target.generation)))
        seen: set[str] = set()
        for start in range(0, len(places), 64):
            with self.database.read() as connection:
                found = [rows.section_at(connection, *place) for place in places[start : start + 64]]
            for section in found:
                if section and section.id not in seen:
                    seen.add(section.id)
                    yield section

    def _keep(self, target: Generation, batch: list[Embedded]) -> None:
        """Write a batch to library.db and the vector store. A generation that is being built is also made findable."""
        with self.folder.lock("library", timeout=60):
            with self.database.begin() as connection:
                alive = _alive(connection, [e.section.id for e in batch])
                kept = [e for e in batch if e.section.id in alive]
                _insert(connection, target, kept)
                if target.state == "building":
                    self._show(connection, target, self._unseen(connection, target, [e.section.id for e in kept]))
            self.stores.sync(target)

    def _unseen(self, connection: Connection, target: Generation, section_ids: list[str]) -> list[Row]:
        """The chunks of these sections that cannot be found yet, prepared for the keyword index."""
        found: list[Row] = []
        for part, marks in parts(section_ids):
            sql = (
                "SELECT c.number, (SELECT heading FROM sections WHERE id = c.section LIMIT 1), c.text FROM chunks c "
                f"WHERE c.generation = ? AND c.visible = 0 AND c.section IN ({marks})"
            )
            found += [(n, h, t) for n, h, t in connection.exec_driver_sql(sql, (target.generation, *part))]
        return Keyword.prepared(found)

    def _show(self, connection: Connection, target: Generation, unseen: list[Row]) -> None:
        """Make chunks findable by keyword and by vector."""
        keyword(target.generation).add(connection, unseen)
        for part, marks in parts(number for number, _, _ in unseen):
            connection.exec_driver_sql(f"UPDATE chunks SET visible = 1 WHERE number IN ({marks})", part)

    # Documents

    def publish(self, target: Generation, document_id: str) -> bool:
        """Make a pending document findable and its predecessor of the same name gone, at once; True for an update."""
        with self.folder.lock("library", timeout=60):
            with self.database.read() as connection:
                name = connection.exec_driver_sql("SELECT name FROM documents WHERE id = ?", (document_id,)).scalar()
                ids = connection.exec_driver_sql("SELECT id FROM sections WHERE document = ?", (document_id,)).all()
                unseen = self._unseen(connection, target, [i for (i,) in ids])
            with self.database.begin() as connection:
                old = connection.exec_driver_sql(
                    "SELECT id FROM documents WHERE name = ? AND state = 'indexed' AND id <> ?", (name, document_id)
                ).scalar()
                if old:
                    drop_document(connection, old)
                connection.exec_driver_sql("UPDATE documents SET state = 'indexed' WHERE id = ?", (document_id,))
                self._show(connection, target, unseen)
                rows.bump(connection)
            if old:
                self.folder.original(old).unlink(missing_ok=True)
            self.stores.bury()
        return old is not None

    def withdraw(self, document_id: str) -> int:
        """Delete a document from library.db and its bytes from the originals; how many chunks went.

        What the vector store still holds of it cannot be found any more, and waits for `Stores.bury`.
        """
        with self.folder.lock("library", timeout=60):
            with self.database.begin() as connection:
                gone = drop_document(connection, document_id)
                rows.bump(connection)
            self.folder.original(document_id).unlink(missing_ok=True)
        return gone


# CROSS JOIN keeps SQLite from starting with the sections, of which there are many and mostly of finished documents.
_LACKING = """FROM documents d CROSS JOIN sections s ON s.document = d.id AND d.state = ?
    WHERE NOT EXISTS (SELECT 1 FROM units u WHERE u.generation = ? AND u.section = s.id)"""


def drop_document(connection: Connection, document_id: str) -> int:
    """Delete a document with everything that only it used, in every generation; the vector store's part is noted.

    Returns how many chunks of the active generation went.
    """
    ids = [s for (s,) in connection.exec_driver_sql("SELECT id FROM sections WHERE document = ?", (document_id,))]
    connection.exec_driver_sql("DELETE FROM sections WHERE document = ?", (document_id,))
    connection.exec_driver_sql("DELETE FROM documents WHERE id = ?", (document_id,))
    orphans = sorted(set(ids) - _alive(connection, ids))
    gone = 0
    for state in ("active", "building"):
        target = rows.generation(connection, state)
        if target:
            number = _drop_sections(connection, target, orphans)
            gone += number if state == "active" else 0
    return gone


def _drop_sections(connection: Connection, target: Generation, section_ids: list[str]) -> int:
    """Delete what one generation holds of these sections; the vector store's part is noted in `tombstones`."""
    gone = 0
    for part, marks in parts(section_ids):
        chosen = (target.generation, *part)
        where = f"WHERE generation = ? AND section IN ({marks})"
        found = connection.exec_driver_sql(f"SELECT number, id, visible FROM chunks {where}", chosen).all()
        keyword(target.generation).remove(connection, [n for n, _, visible in found if visible])
        if found:
            graves = [(target.collection, i) for _, i, _ in found]
            connection.exec_driver_sql("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", graves)
        for table in ("chunks", "units"):
            connection.exec_driver_sql(f"DELETE FROM {table} {where}", chosen)
        gone += len(found)
    return gone


def _alive(connection: Connection, section_ids: list[str]) -> set[str]:
    """Which of the sections belong to a document."""
    found: set[str] = set()
    for part, marks in parts(section_ids):
        found |= {s for (s,) in connection.exec_driver_sql(f"SELECT id FROM sections WHERE id IN ({marks})", part)}
    return found


def _insert(connection: Connection, target: Generation, batch: list[Embedded]) -> None:
    chunks = [
        (
            *(target.generation, c.id, c.section_id, c.ordinal, c.start - e.section.start, c.end - e.section.start),
            *(c.text, c.tokens, _blob(v)),
        )
        for e in batch
        for c, v in zip(e.chunks, e.vectors, strict=True)
    ]
    units = [(target.generation, e.section.id, len(e.bare), _blob(e.with_heading), _blob(e.bare)) for e in batch]
    if units:
        connection.exec_driver_sql(
            'INSERT OR IGNORE INTO chunks (generation, id, section, ordinal, start, "end", text, tokens, vector) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            chunks,
        )
        connection.exec_driver_sql(
            "INSERT OR IGNORE INTO units (generation, section, count, with_heading, bare) VALUES (?, ?, ?, ?, ?)", units
        )
        # A chunk that was removed and has come back must not be removed from the vector store afterwards.
        connection.exec_driver_sql(
            "DELETE FROM tombstones WHERE collection = ? AND chunk = ?", [(target.collection, c[1]) for c in chunks]
        )


def _blob(vectors: NDArray[np.float16]) -> bytes:
    return vectors.tobytes()
