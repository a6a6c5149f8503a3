"""A knowledge base: documents, chunks and both indexes in step. Knows no questions and no models that answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memory.workspace import KnowledgeBaseFolder
from retrieval.records import (
    Chunk,
    Document,
    FileResult,
    IndexIdentity,
    Issue,
    Progress,
    Removed,
    Section,
    Statistics,
    Unit,
    Upload,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedders import Embedder

Source = Path | str | Upload
"""A file, a folder, a web address, or an upload."""
Report = Callable[[Progress], None]
Stop = Callable[[], bool]


class UnitVectors(NamedTuple):
    """The vectors of the units of some sections; all unit length, so a dot product is the cosine."""

    ids: list[tuple[str, int]]
    """(section id, unit ordinal) of each row."""
    with_heading: NDArray[np.float32]
    """[n, d]: heading path and rendered unit, embedded together."""
    bare: NDArray[np.float32]
    """[n, d]: the rendered unit alone."""


class Library:
    """One knowledge base. Safe to share between threads, and between processes that work on the same folder."""

    def __init__(self, folder: KnowledgeBaseFolder, embedder: Embedder, *, chroma_url: str = "") -> None:
        """Open (and create) the library; unfinished clean-up of a crash is done now, embedding is left to `add`."""
        self.folder = folder
        self.embedder = embedder
        raise NotImplementedError

    # Changing it

    def add(
        self,
        sources: Iterable[Source],
        *,
        progress: Report | None = None,
        stop: Stop | None = None,
        passwords: dict[str, str] | None = None,
        encodings: dict[str, str] | None = None,
        ocr: bool = False,
    ) -> list[FileResult]:
        """Add files, folders, web addresses and uploads; one result per file, and one bad file stops no other."""
        raise NotImplementedError

    def remove(self, document: str) -> Removed:
        """Remove a document, by id or name, everywhere; BackendFailed when a store could not be cleaned (retried)."""
        raise NotImplementedError

    def reindex(self, *, progress: Report | None = None, stop: Stop | None = None) -> bool:
        """Build a new index with the current embedder beside the old one and swap at the end; False when stopped."""
        raise NotImplementedError

    def check(self, *, repair: bool = False) -> list[Issue]:
        """Where the stores disagree; with `repair`, what is left after mending."""
        raise NotImplementedError

    # Reading it

    @property
    def revision(self) -> int:
        """A number that grows whenever what a search can find changes, also from another process."""
        raise NotImplementedError

    @property
    def index(self) -> IndexIdentity | None:
        """Which embedder built the index in use; None while it is empty."""
        raise NotImplementedError

    @property
    def statistics(self) -> Statistics:
        """Counts and sizes."""
        raise NotImplementedError

    def documents(self) -> list[Document]:
        """All documents, in order of adding; their `text` is left empty (see `document`)."""
        raise NotImplementedError

    def document(self, document: str) -> Document:
        """One document with its text, by id or name; DocgraftError when there is none."""
        raise NotImplementedError

    def sections(self, document_id: str | None = None) -> list[Section]:
        """All sections of a document or of the library, in reading order."""
        raise NotImplementedError

    def section(self, section_id: str) -> Section:
        """One section; DocgraftError when there is none (any more)."""
        raise NotImplementedError

    def units(self, section_id: str) -> list[Unit]:
        """The units of a section, in order; `Unit.ordinal` is what `unit_vectors` calls it."""
        raise NotImplementedError

    def chunks(self, document_id: str | None = None) -> list[Chunk]:
        """All chunks of a document or of the library, in reading order."""
        raise NotImplementedError

    # What a search asks

    def keyword_scores(self, tokens: Sequence[str], limit: int) -> dict[str, float]:
        """{chunk id: BM25} of the best chunks that hold any of the tokens (see `retrieval.tokens.tokens`)."""
        raise NotImplementedError

    def vector_scores(self, vector: NDArray[np.float32], limit: int) -> dict[str, float]:
        """{chunk id: cosine} of the nearest chunks to a query vector of this embedder; more than it holds is all.

        NotConfigured when another embedder built the index (reindex), DocgraftError when the folder has gone.
        """
        raise NotImplementedError

    def sections_of(self, chunk_ids: Sequence[str]) -> dict[str, str]:
        """{chunk id: section id} for the chunks that are still there."""
        raise NotImplementedError

    def unit_vectors(self, section_ids: Sequence[str]) -> UnitVectors:
        """The unit vectors of these sections, grouped by section in the order given; unknown ids are left out."""
        raise NotImplementedError
