"""The library: what a person can do to a knowledge base, and what a search may ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memory.database import Database
from memory.errors import BackendFailed, DocgraftError
from memory.workspace import KnowledgeBaseFolder
from retrieval.chunking import units
from retrieval.embedders import Embedder
from retrieval.keyword import Keyword
from retrieval.library import rows
from retrieval.library.checkup import Checkup
from retrieval.library.clock import Clock, Report
from retrieval.library.exact import Exact
from retrieval.library.files import Source
from retrieval.library.generations import Generations, keyword
from retrieval.library.index import Index, Stop
from retrieval.library.intake import PATIENCE, Intake, Options
from retrieval.library.learned import learned
from retrieval.library.rows import Generation
from retrieval.library.schema import MIGRATIONS
from retrieval.library.stores import Stores
from retrieval.loaders import Limits
from retrieval.records import (
    Chunk,
    Document,
    FileResult,
    IndexIdentity,
    Issue,
    Language,
    Removed,
    Section,
    Statistics,
    Unit,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK_TOKENS = 400
"""The most tokens of a chunk, when the embedder reads as many."""


EXACT_CHUNKS = 20_000
"""Up to so many chunks, each is compared with the question; beyond, the vector store's graph chooses."""


class UnitVectors(NamedTuple):
    """The vectors of the units of some sections; all about unit length, so a dot product is the cosine."""

    ids: list[tuple[str, int]]
    """(section id, unit ordinal) of each row."""
    with_heading: NDArray[np.float32]
    """[n, d]: heading path and rendered unit, embedded together."""
    bare: NDArray[np.float32]
    """[n, d]: the rendered unit alone."""


class Library:
    """One knowledge base. Safe to share between threads, and between processes that work on the same folder."""

    def __init__(
        self,
        folder: KnowledgeBaseFolder,
        embedder: Embedder,
        *,
        chroma_url: str = "",
        chunk_tokens: int = CHUNK_TOKENS,
        exact_chunks: int = EXACT_CHUNKS,
    ) -> None:
        """Open (and create) the library. What a crash left behind is mended when the vector store is first used."""
        self.folder = folder
        self.embedder = embedder
        folder.root.mkdir(parents=True, exist_ok=True)
        self.database = Database(folder.library, MIGRATIONS)
        self._file = _identity(folder.library)
        self.stores = Stores(self.database, folder, chroma_url)
        # Who names a server wants it asked.
        self._exact = Exact(self.database, 0 if chroma_url else exact_chunks)
        self._words: tuple[tuple[int, str], Keyword] | None = None
        self.generations = Generations(self.database, embedder, chunk_tokens)
        self._index = Index(self.database, folder, embedder, self.stores)
        self._checkup = Checkup(self.database, folder, self.generations, self._index, self.stores)

    # Changing it

    def add(
        self,
        sources: Iterable[Source],
        *,
        progress: Report | None = None,
        stop: Stop | None = None,
        passwords: Mapping[str, str] | None = None,
        encodings: Mapping[str, str] | None = None,
        ocr: bool = False,
        limits: Limits | None = None,
    ) -> list[FileResult]:
        """Add files, folders, web addresses and uploads; one result per file, and one bad file stops no other.

        Idempotent: the same bytes are added once. A changed file under the same source or name replaces its old
        version the moment it is fully indexed. What a killed process left unfinished is finished first. `stop` is
        asked between batches; what was stopped is forgotten. `passwords` and `encodings` go by file name, "" for any.
        NotConfigured when another embedder built the index.
        """
        self._alive()
        options = Options(
            limits=limits or Limits(), passwords=dict(passwords or {}), encodings=dict(encodings or {}), ocr=ocr
        )
        intake = Intake(self.database, self.folder, self.generations, self._index, options)
        return intake.add(sources, progress, stop)

    def remove(self, document: str) -> Removed:
        """Remove a document, by id or name, from every store and from the bytes on disk, and say what learned from it.

        BackendFailed when the vector store could not be cleaned: no search finds the document any more, but the
        removal is not complete; it is tried again by the next removal, the next process and `check(repair=True)`.
        """
        found = self.document(document)
        with self.database.read() as connection:
            traces = {found.id, found.name, *rows.traces(connection, found.id)}
        taught = learned(self.folder, found.id, traces)
        chunks = self._index.withdraw(found.id)
        self._forget(found.name)
        return Removed(id=found.id, name=found.name, chunks=chunks, learned=taught)

    def reindex(self, *, progress: Report | None = None, stop: Stop | None = None) -> bool:
        """Build a new index with the present embedder beside the old one and swap when it is whole.

        The old one is searched until then. False when stopped; stopped or killed, the next call goes on from there.
        """
        self._alive()
        clock = Clock(progress)
        with self.folder.lock("adding", timeout=PATIENCE):
            target = self.generations.building()
            clock.start(self._index.lacking(target, "indexed"))
            if not self._index.fill(target, "indexed", step=clock.step, stop=stop):
                return False
            self.generations.swap(target)
        with self.folder.lock("library", timeout=60):
            self.stores.bury()
        self.stores.sweep()
        return True

    def check(self, *, repair: bool = False) -> list[Issue]:
        """Where the stores disagree; with `repair`, what is left after mending."""
        self._alive()
        found = self._checkup.issues()
        if found and repair:
            self._checkup.repair(found)
            return self._checkup.issues()
        return found

    def close(self) -> None:
        """Let go of the files."""
        self.stores.vectors.close()
        self.database.close()

    # Reading it

    @property
    def revision(self) -> int:
        """A number that grows whenever what a search can find changes, also from another process."""
        self._alive()
        with self.database.read() as connection:
            return int(rows.meta(connection, "revision", "0"))

    @property
    def index(self) -> IndexIdentity | None:
        """Which embedder built the index in use; None before the first document."""
        with self.database.read() as connection:
            found = rows.generation(connection)
        return found and IndexIdentity(**found.model_dump(exclude={"collection", "state"}))

    @property
    def statistics(self) -> Statistics:
        """Counts and sizes."""
        self._alive()
        with self.database.read() as connection:
            counts = rows.counts(connection)
        kept = (self.folder.originals.rglob("*"), self.folder.vectors.rglob("*"), self.folder.root.glob("library.db*"))
        size = sum(path.stat().st_size for paths in kept for path in paths if path.is_file())
        return Statistics(**counts, bytes_on_disk=size, index=self.index)

    @property
    def languages(self) -> set[Language]:
        """The languages that its documents are written in."""
        self._alive()
        with self.database.read() as connection:
            return rows.languages(connection)

    def documents(self, metadata: Mapping[str, str] | None = None) -> list[Document]:
        """All documents in order of adding, without their texts (see `document`); with `metadata`, those that have
        these values (of a list, among others)."""
        self._alive()
        with self.database.read() as connection:
            found = rows.documents(connection)
        return [d for d in found if all(_has(d, key, value) for key, value in (metadata or {}).items())]

    def document(self, document: str) -> Document:
        """One document with its text, by id or name; DocgraftError when there is none."""
        self._alive()
        with self.database.read() as connection:
            found = rows.document(connection, document)
        if found is None:
            raise DocgraftError(f"There is no document {document!r} here.", "docgraft docs lists what there is.")
        return found

    def sections(self, document_id: str | None = None) -> list[Section]:
        """All sections of a document or of the library, in reading order."""
        self._alive()
        with self.database.read() as connection:
            return rows.sections(connection, document_id)

    def section(self, section_id: str) -> Section:
        """One section; DocgraftError when there is none (any more)."""
        found = self.sections_by_id([section_id])
        if not found:
            raise DocgraftError(f"There is no section {section_id!r} any more.", "Its document was changed or removed.")
        return found[section_id]

    def sections_by_id(self, section_ids: Sequence[str]) -> dict[str, Section]:
        """{section id: section} of those that are there."""
        self._alive()
        with self.database.read() as connection:
            return rows.sections_by_id(connection, section_ids)

    def units(self, section_id: str) -> list[Unit]:
        """The units of a section, in order; `Unit.ordinal` is what `unit_vectors` calls it."""
        return units(self.section(section_id))

    def chunks(self, document_id: str | None = None) -> list[Chunk]:
        """All chunks of a document or of the library, in reading order."""
        self._alive()
        with self.database.read() as connection:
            return rows.chunks(connection, document_id)

    # What a search asks

    def keyword_scores(self, tokens: Sequence[str], limit: int) -> dict[str, float]:
        """{chunk id: BM25} of the best chunks that hold any of the tokens (see `retrieval.tokens.tokens`)."""
        return self.keyword_scores_each([tokens], limit)[0]

    def keyword_scores_each(self, queries: Sequence[Sequence[str]], limit: int) -> list[dict[str, float]]:
        """`keyword_scores` of several questions, in one look at the library."""
        self._alive()
        with self.database.read() as connection:
            active = rows.generation(connection)
            if active is None:
                return [{} for _ in queries]
            index = self._keyword(active, rows.meta(connection, "revision"))
            found = [index.scores(connection, tokens, limit) for tokens in queries]
            ids = rows.chunk_ids(connection, list({number for scores in found for number, _ in scores}))
        return [{ids[number]: score for number, score in scores if number in ids} for scores in found]

    def vector_scores(self, vector: NDArray[np.float32], limit: int) -> dict[str, float]:
        """{chunk id: cosine} of the nearest chunks to a query vector of this embedder; more than it holds is all.

        Exact up to EXACT_CHUNKS, by the vector store beyond and when it is a server. NotConfigured when another
        embedder built the index (reindex), DocgraftError when the folder has gone.
        """
        return self.vector_scores_each(vector[None, :], limit)[0]

    def vector_scores_each(self, vectors: NDArray[np.float32], limit: int) -> list[dict[str, float]]:
        """`vector_scores` of several query vectors [n, d], in one look at the library."""
        self._alive()
        with self.database.read() as connection:
            if rows.generation(connection) is None:
                return [{} for _ in vectors]
        target = self.generations.usable()
        exact = self._exact.scores(target, vectors, limit)
        return [self._by_graph(target, vector, limit) for vector in vectors] if exact is None else exact

    def _keyword(self, active: Generation, revision: str) -> Keyword:
        """The keyword index, kept while nothing changes."""
        state = (active.generation, revision)
        if self._words is None or self._words[0] != state:
            self._words = (state, keyword(active.generation))
        return self._words[1]

    def _by_graph(self, target: Generation, vector: NDArray[np.float32], limit: int) -> dict[str, float]:
        self.stores.ready(target)
        wanted = limit
        while True:
            found = self.stores.vectors.query(target.collection, vector, wanted)
            with self.database.read() as connection:
                visible = rows.visible(connection, target.generation, [i for i, _ in found])
            scores = {i: score for i, score in found if i in visible}
            # Chunks of documents that are being added or removed are in the store too, and may crowd out others.
            if len(scores) >= limit or len(found) < wanted:
                return dict(list(scores.items())[:limit])
            wanted *= 2

    def sections_of(self, chunk_ids: Sequence[str]) -> dict[str, str]:
        """{chunk id: section id} for the chunks that are still there."""
        with self.database.read() as connection:
            return rows.sections_of(connection, chunk_ids)

    def unit_vectors(self, section_ids: Sequence[str]) -> UnitVectors:
        """The unit vectors of these sections, grouped by section in the order given; unknown ids are left out."""
        import numpy as np

        target = self.generations.usable()
        with self.database.read() as connection:
            found = rows.unit_vectors(connection, target.generation, section_ids)
        known = [i for i in dict.fromkeys(section_ids) if i in found]
        ids = [(i, ordinal) for i in known for ordinal in range(found[i][0])]

        def stacked(blobs: list[bytes]) -> NDArray[np.float32]:
            return np.frombuffer(b"".join(blobs), dtype=np.float16).reshape(-1, target.dimension).astype(np.float32)

        return UnitVectors(ids, stacked([found[i][1] for i in known]), stacked([found[i][2] for i in known]))

    def _alive(self) -> None:
        """An open file outlives its folder: answers from a deleted library would be answers from a ghost."""
        if _identity(self.folder.library) != self._file:
            raise DocgraftError(
                f"The folder of knowledge base {self.folder.name!r} was deleted or replaced while it was in use.",
                f"It was {self.folder.root}. Restart Docgraft; if the folder is gone, add the documents again.",
            )

    def _forget(self, name: str) -> None:
        """Take what was removed out of the vector store and out of the bytes of library.db."""
        with self.folder.lock("library", timeout=60):
            with self.database.begin() as connection:
                active = rows.generation(connection)
                if active:
                    keyword(active.generation).rewrite(connection)
            self.database.scrub()
            try:
                self.stores.bury()
            except BackendFailed as cause:
                raise BackendFailed(
                    f"Removing {name!r} is not complete: {cause.message}",
                    "No search finds it any more. Its vectors go with the next removal or: docgraft doctor",
                ) from cause


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _has(document: Document, key: str, value: str) -> bool:
    own = document.metadata.get(key)
    return value in own if isinstance(own, list) else str(own) == value
