"""Brings the vector store in step with library.db, which is always told first. Knows chunks by id; no texts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from memory.database import Database
from memory.errors import BackendFailed
from memory.workspace import KnowledgeBaseFolder
from retrieval.library.generations import keyword
from retrieval.library.rows import Generation, parts
from retrieval.vectors import BATCH, Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


UNREACHED = 0.001
"""Share of vectors that no path of Chroma's graph may lead to: a known weakness of HNSW, no damage."""


class Stores:
    """The vector store of one library, and what still has to be done to it."""

    def __init__(self, database: Database, folder: KnowledgeBaseFolder, url: str = "") -> None:
        self.database = database
        self.folder = folder
        self.vectors = Vectors(folder, url)
        self._checked: set[str] = set()

    def ready(self, target: Generation) -> None:
        """Once per process, and after any process died while writing: make sure that nothing is missing."""
        if target.collection in self._checked and not self.vectors.crashed():
            return
        with self.folder.lock("library", timeout=60):
            if self.vectors.crashed() or self._miscounted(target):
                self._mend_or_bear(target)
            self._checked.add(target.collection)

    def _mend_or_bear(self, target: Generation) -> None:
        """Vectors too many are borne when the store cannot be written: no search returns them."""
        try:
            self.mend(target)
        except BackendFailed:
            if self.vectors.crashed() or self.differences(target, deep=False)[0]:
                raise

    def sync(self, target: Generation) -> None:
        """Store the chunks that wait for it. The caller holds the `library` lock, as for everything below."""
        import numpy as np

        created = False
        while waiting := self._waiting(target):
            if not created:
                self.vectors.create(target.collection)
                created = True
            vectors = np.stack([np.frombuffer(v, dtype=np.float16) for _, _, v in waiting]).astype(np.float32)
            self.vectors.upsert(target.collection, [i for _, i, _ in waiting], vectors)
            with self.database.begin() as connection:
                connection.exec_driver_sql(
                    "UPDATE chunks SET stored = 1 WHERE number = ?", [(n,) for n, _, _ in waiting]
                )

    def bury(self) -> None:
        """Take out what the library has removed; BackendFailed leaves the rest for the next time."""
        with self.database.read() as connection:
            waiting = connection.exec_driver_sql("SELECT collection, chunk FROM tombstones").all()
            living = {c for (c,) in connection.exec_driver_sql("SELECT collection FROM generations")}
        if not waiting:
            return
        by_collection: dict[str, list[str]] = {}
        for collection, chunk in waiting:
            by_collection.setdefault(collection, []).append(chunk)
        for collection, chunks in by_collection.items():
            if collection not in living:
                self.vectors.drop(collection)
            elif self.vectors.exists(collection):
                self.vectors.delete(collection, chunks)
            with self.database.begin() as connection:
                for part, marks in parts(chunks):
                    connection.exec_driver_sql(
                        f"DELETE FROM tombstones WHERE collection = ? AND chunk IN ({marks})", (collection, *part)
                    )

    def sweep(self) -> None:
        """Delete from library.db what belongs to no generation any more, a portion at a time."""
        with self.database.read() as connection:
            tables = {t for (t,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
            living = {n for (n,) in connection.exec_driver_sql("SELECT number FROM generations")}
        for table in ("chunks", "units"):
            gone = 1
            while gone:
                with self.database.begin() as connection:
                    gone = connection.exec_driver_sql(
                        f"DELETE FROM {table} WHERE number IN (SELECT number FROM {table} "
                        "WHERE generation NOT IN (SELECT number FROM generations) LIMIT 2000)"
                    ).rowcount
        for name in tables:
            number = name.removeprefix("keyword_")
            if number.isdecimal() and int(number) not in living:
                with self.database.begin() as connection:
                    keyword(int(number)).drop(connection)

    def differences(self, target: Generation, *, deep: bool) -> tuple[set[str], set[str]]:
        """Ids that the vector store lacks, and ids that it has too many; `deep` also counts as lacking what it lists
        but no search reaches. BackendFailed when it cannot be read."""
        expected = self._expected(target)
        if not self.vectors.exists(target.collection):
            return set(expected), set()
        listed = self.vectors.listed(target.collection)
        lacking, surplus = set(expected) - listed, listed - set(expected)
        if deep and not lacking and expected:
            lacking = self._unreached(target, expected)
        return lacking, surplus

    def mend(self, target: Generation) -> None:
        """Make the collection hold exactly the library's vectors, from library.db; nothing is embedded again."""
        try:
            lacking, surplus = self.differences(target, deep=True)
        except BackendFailed:
            if self.vectors.url or not self.vectors.crashed():
                raise
            # A process died while Chroma wrote its files and they cannot be opened any more: they are derived.
            self._scratch()
            lacking, surplus = set(self._expected(target)), set()
        self.vectors.create(target.collection)
        if surplus:
            self.vectors.delete(target.collection, sorted(surplus))
        if lacking:
            self._restore(target, lacking)
        self.bury()
        self.vectors.mended()

    def _restore(self, target: Generation, lacking: set[str]) -> None:
        """Store vectors again, which also links them anew; when many are still not reached, the whole collection."""
        for _ in range(3):
            self._again(target, lacking)
            lacking, _ = self.differences(target, deep=True)
            if not lacking:
                return
        if len(lacking) > len(self._expected(target)) * UNREACHED:
            self.vectors.drop(target.collection)
            self._again(target, set(self._expected(target)))

    def _again(self, target: Generation, ids: set[str]) -> None:
        with self.database.begin() as connection:
            for part, marks in parts(ids):
                connection.exec_driver_sql(
                    f"UPDATE chunks SET stored = 0 WHERE generation = ? AND id IN ({marks})", (target.generation, *part)
                )
        self.sync(target)

    def _scratch(self) -> None:
        self.vectors.close()
        shutil.rmtree(self.folder.vectors, ignore_errors=True)

    def _waiting(self, target: Generation) -> list[tuple[int, str, bytes]]:
        with self.database.read() as connection:
            found = connection.exec_driver_sql(
                "SELECT number, id, vector FROM chunks WHERE generation = ? AND stored = 0 LIMIT ?",
                (target.generation, BATCH),
            )
            return [(n, i, v) for n, i, v in found]

    def _miscounted(self, target: Generation) -> bool:
        """Whether anything waits, or the store's count is not the library's."""
        with self.database.read() as connection:
            expected = connection.exec_driver_sql(
                "SELECT count(*) FROM chunks WHERE generation = ?", (target.generation,)
            ).scalar_one()
            waiting = connection.exec_driver_sql("SELECT 1 FROM chunks WHERE stored = 0 LIMIT 1").first()
            buried = connection.exec_driver_sql("SELECT 1 FROM tombstones LIMIT 1").first()
        if waiting or buried or not self.vectors.exists(target.collection):
            return True
        return self.vectors.count(target.collection) != expected

    def _expected(self, target: Generation) -> dict[str, int]:
        with self.database.read() as connection:
            sql = "SELECT id, number FROM chunks WHERE generation = ?"
            return {str(i): int(n) for i, n in connection.exec_driver_sql(sql, (target.generation,))}

    def _unreached(self, target: Generation, expected: dict[str, int]) -> set[str]:
        """Ids that a search for everything does not give and a search for their own vector does not either."""
        import numpy as np

        everything = np.full(target.dimension, target.dimension**-0.5, dtype=np.float32)
        missed = set(expected) - {i for i, _ in self.vectors.query(target.collection, everything, len(expected))}
        # The graph leaves a few out of a search for everything; more than that is damage.
        if len(missed) > max(50, len(expected) // 100):
            return missed
        lost = {i for i in missed if not self._found(target, i, self._vector(expected[i]))}
        return lost if len(lost) > len(expected) * UNREACHED else set()

    def _found(self, target: Generation, chunk: str, vector: NDArray[np.float32]) -> bool:
        return any(i == chunk for i, _ in self.vectors.query(target.collection, vector, 20))

    def _vector(self, number: int) -> NDArray[np.float32]:
        import numpy as np

        with self.database.read() as connection:
            data = connection.exec_driver_sql("SELECT vector FROM chunks WHERE number = ?", (number,)).scalar_one()
        return np.frombuffer(data, dtype=np.float16).astype(np.float32)
