"""A library on the hashing embedder, closed when the test ends."""

from __future__ import annotations

import pytest

from retrieval.embedders import load
from retrieval.library import Library
from retrieval.records import Upload
from retrieval.tokens import tokens


@pytest.fixture
def opened(workspace):
    """Open libraries on one folder: `opened()`, `opened("hashing:768")`."""
    libraries = []

    def make(embedder="hashing:384", *, kb="default", **options):
        given = load(embedder) if isinstance(embedder, str) else embedder
        # The vector store's own path, which large libraries take; test_exact.py has the other.
        options.setdefault("exact_chunks", 0)
        libraries.append(Library(workspace.base(kb), given, **options))
        return libraries[-1]

    yield make
    for library in libraries:
        library.close()


@pytest.fixture
def library(opened):
    return opened()


def upload(name: str, text: str) -> Upload:
    return Upload(name=name, data=text.encode())


def by_keyword(library, question: str, limit: int = 10) -> list[str]:
    """Texts of the chunks that the keyword arm finds, best first."""
    return texts(library, library.keyword_scores(tokens(question), limit))


def by_vector(library, question: str, limit: int = 10) -> list[str]:
    """Texts of the chunks that the vector arm finds, best first."""
    return texts(library, library.vector_scores(library.embedder.encode([question], query=True)[0], limit))


def texts(library, scores) -> list[str]:
    known = {chunk.id: chunk.text for chunk in library.chunks()}
    return [known[i] for i in scores]


def bytes_on_disk(folder) -> bytes:
    return b"".join(p.read_bytes() for p in folder.root.rglob("*") if p.is_file())
