"""Exact nearest chunks while there are few: all vectors of an index in memory, refreshed by what changed.

Reads library.db only; knows no vector store.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from memory.database import Database
from retrieval.library import rows
from retrieval.library.rows import Generation, parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Shelf(NamedTuple):
    """The visible vectors of one state of the library."""

    generation: int
    revision: str
    numbers: NDArray[np.int64]
    """[n], ascending"""
    ids: list[str]
    vectors: NDArray[np.float32]
    """[n, d]"""


class Exact:
    """Cosines with every chunk, for libraries of at most `largest` chunks."""

    def __init__(self, database: Database, largest: int) -> None:
        self.database = database
        self.largest = largest
        self._shelf: _Shelf | None = None
        self._too_many: tuple[int, str] | None = None
        self._lock = threading.Lock()

    def scores(self, target: Generation, vectors: NDArray[np.float32], limit: int) -> list[dict[str, float]] | None:
        """{chunk id: cosine} of the chunks nearest to each of [n, d]; None when there are too many to look at each."""
        shelf = self._fresh(target)
        if shelf is None:
            return None
        limit = min(limit, len(shelf.ids))
        # One product for all: the vectors of the chunks are read from memory once.
        return [_nearest(shelf.ids, cosines, limit) for cosines in (shelf.vectors @ vectors.T).T]

    def _fresh(self, target: Generation) -> _Shelf | None:
        with self._lock, self.database.read() as connection:
            state = (target.generation, rows.meta(connection, "revision"))
            if self._too_many == state:
                return None
            if self._shelf is None or (self._shelf.generation, self._shelf.revision) != state:
                found = connection.exec_driver_sql(
                    "SELECT number FROM chunks WHERE generation = ? AND visible = 1 ORDER BY number LIMIT ?",
                    (target.generation, self.largest + 1),
                ).all()
                if len(found) > self.largest:
                    self._shelf, self._too_many = None, state
                    return None
                self._shelf = self._read(connection, target, state[1], [n for (n,) in found])
            return self._shelf

    def _read(self, connection: Connection, target: Generation, revision: str, numbers: list[int]) -> _Shelf:
        """The shelf of these chunks; what the last one had is taken from there."""
        import numpy as np

        old = self._shelf if self._shelf and self._shelf.generation == target.generation else None
        known = {int(n): i for i, n in enumerate(old.numbers)} if old else {}
        ids, vectors = [""] * len(numbers), np.empty((len(numbers), target.dimension), dtype=np.float32)
        new = {n: place for place, n in enumerate(numbers) if n not in known}
        for place, number in enumerate(numbers):
            if old and number in known:
                ids[place], vectors[place] = old.ids[known[number]], old.vectors[known[number]]
        for part, marks in parts(new):
            sql = f"SELECT number, id, vector FROM chunks WHERE number IN ({marks})"
            for number, chunk, data in connection.exec_driver_sql(sql, part):
                ids[new[number]] = chunk
                vectors[new[number]] = np.frombuffer(data, dtype=np.float16)
        return _Shelf(target.generation, revision, np.array(numbers, dtype=np.int64), ids, vectors)


def _nearest(ids: list[str], cosines: NDArray[np.float32], limit: int) -> dict[str, float]:
    import numpy as np

    nearest = np.argpartition(-cosines, limit - 1)[:limit] if limit else np.array([], dtype=np.intp)
    nearest = nearest[np.argsort(-cosines[nearest], kind="stable")]
    return {ids[i]: float(cosines[i]) for i in nearest}
