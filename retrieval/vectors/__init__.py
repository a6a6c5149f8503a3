"""Named collections of vectors in Chroma: embedded in the knowledge base's folder, or a server by URL.

Holds ids and vectors only, never text, so that what is removed from the library is nowhere else. Knows no documents.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memory.errors import BackendFailed
from memory.workspace import KnowledgeBaseFolder
from retrieval.vectors.stamp import Stamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32}
BATCH = 256
"""Vectors per write: a search waits for at most one of them."""
ROOM = 10_000_000
"""Bytes: with less of them free the disk is full to Chroma, whose own errors seldom say so."""


class VectorsMissing(BackendFailed):
    """The collection is not where it was: deleted by hand, or another server answers."""


class Vectors:
    """Collections of vectors. Safe to share between threads, and between processes that use the same folder.

    Embedded Chroma keeps its graph in the memory of each process and overwrites the others' when two of them write:
    vectors are then lost without an error. So every call holds the knowledge base's `vectors` lock, and a client
    whose copy is older than the last write is replaced first. A server needs neither.
    """

    def __init__(self, folder: KnowledgeBaseFolder, url: str = "") -> None:
        self.folder = folder
        self.url = url
        self._stamp = Stamp(folder.root / ".vectors.stamp")
        self._thread = threading.RLock()
        self._client: Any = None
        self._collections: dict[str, Any] = {}
        self._file: tuple[int, int] | None = None

    @property
    def where(self) -> str:
        """For messages."""
        return self.url or str(self.folder.vectors)

    def create(self, name: str) -> None:
        """Make an empty collection if there is none of that name."""
        with self._writing() as client:
            self._collections[name] = client.get_or_create_collection(
                name, configuration={"hnsw": dict(HNSW)}, embedding_function=None
            )

    def exists(self, name: str) -> bool:
        """Whether there is a collection of that name."""
        with self._reading() as client:
            return any(c.name == name for c in client.list_collections())

    def upsert(self, name: str, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors [n, d]."""
        for start in range(0, len(ids), BATCH):
            with self._writing() as client:
                self._collection(client, name).upsert(
                    ids=list(ids[start : start + BATCH]), embeddings=vectors[start : start + BATCH]
                )

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Remove vectors; ids that are not there are no error."""
        for start in range(0, len(ids), BATCH):
            with self._writing() as client:
                self._collection(client, name).delete(ids=list(ids[start : start + BATCH]))

    def drop(self, name: str) -> None:
        """Remove a whole collection, if it is there."""
        with self._writing() as client:
            if any(c.name == name for c in client.list_collections()):
                client.delete_collection(name)
            self._collections.pop(name, None)

    def query(self, name: str, vector: NDArray[np.float32], limit: int) -> list[tuple[str, float]]:
        """The nearest ids with their cosines, best first; approximate beyond a few hundred (HNSW)."""
        with self._reading() as client:
            collection = self._collection(client, name)
            found = collection.query(query_embeddings=[vector], n_results=max(limit, 1), include=["distances"])
        return [(i, 1.0 - d) for i, d in zip(found["ids"][0], found["distances"][0], strict=True)]

    def count(self, name: str) -> int:
        """How many vectors the collection says it has."""
        with self._reading() as client:
            return int(self._collection(client, name).count())

    def listed(self, name: str) -> set[str]:
        """The ids that the collection's table has; whether a search reaches them is `query`'s to show."""
        with self._reading() as client:
            return set(self._collection(client, name).get(include=[])["ids"])

    def crashed(self) -> bool:
        """Whether a process died while writing, so that what a search reaches must be checked. Cleared by `mended`."""
        return not self.url and self._stamp.broken()

    def mended(self) -> None:
        """The collections have been checked after a crash."""
        self._stamp.mend()

    def close(self) -> None:
        """Let go of the client; the next call opens a new one."""
        with self._thread:
            self._collections.clear()
            if self._client is not None:
                from retrieval.vectors.client import close

                client, self._client = self._client, None
                close(client)

    def _collection(self, client: Any, name: str) -> Any:
        if name not in self._collections:
            self._collections[name] = client.get_collection(name, embedding_function=None)
        return self._collections[name]

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        with self._thread, _explained(self.where):
            if self.url:
                yield self._open()
                return
            with self.folder.lock("vectors", timeout=60):
                yield self._fresh()

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._thread, _explained(self.where):
            if self.url:
                yield self._open()
                return
            with self.folder.lock("vectors", timeout=60):
                client = self._fresh()
                with self._stamp.write():
                    yield client

    def _fresh(self) -> Any:
        """A client that has seen the last write and whose files are still there."""
        file = self._identity()
        if self._client is not None and (self._stamp.stale() or file != self._file):
            self.close()
        if self._client is None:
            client = self._open()
            self._stamp.seen()
            self._file = self._identity()
            return client
        return self._client

    def _identity(self) -> tuple[int, int] | None:
        """Of the file on disk: a deleted and remade folder has another."""
        try:
            found = (self.folder.vectors / "chroma.sqlite3").stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _open(self) -> Any:
        if self._client is None:
            from retrieval.vectors.client import embedded, remote

            self._client = remote(self.url) if self.url else embedded(self.folder.vectors)
        return self._client


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Map Chroma's errors once."""
    import httpx
    from chromadb.errors import ChromaError, NotFoundError

    try:
        yield
    except NotFoundError as cause:
        raise VectorsMissing(
            f"The vector index is not at {where} any more.", "Run: docgraft doctor, or docgraft reindex"
        ) from cause
    except (ChromaError, ValueError, RuntimeError, OSError, httpx.HTTPError) as cause:
        if _full(where):
            raise BackendFailed(
                f"The disk of {where} is full.", "Free some space, then try again; nothing was lost."
            ) from cause
        raise BackendFailed(
            f"The vector store at {where} could not be used: {str(cause).splitlines()[0] if str(cause) else cause!r}",
            "Check that the folder can be written, or that the Chroma server of retrieval.chroma_url runs.",
        ) from cause


def _full(where: str) -> bool:
    """Whether an embedded store has no room; of a server nothing is known."""
    try:
        return shutil.disk_usage(where).free < ROOM
    except OSError:
        return False
