"""A knowledge base in memory that answers what a search asks a Library: real sections, units, vectors and BM25."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from memory.records import digest
from retrieval.fusion import words
from retrieval.library import UnitVectors
from retrieval.library.embedding import embedded
from retrieval.loaders import parse
from retrieval.records import Block, Document, Parsed, Section
from retrieval.sections import sections
from retrieval.tokens import language, tokens
from retrieval.units import units


class MemoryLibrary:
    """Holds documents given as Parsed, files or plain text."""

    def __init__(self, embedder) -> None:
        self.embedder = embedder
        self.revision = 0
        self._documents: list[Document] = []
        self._embedded = []

    def add_text(self, name: str, text: str) -> None:
        """A Markdown text as a document."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            path = Path(folder) / "text.md"
            path.write_text(text, encoding="utf-8")
            self.add(parse(path, name=name))

    def add_paragraphs(self, name: str, heading: str, paragraphs: list[str]) -> None:
        """Each paragraph a section of its own, as data sets of reading comprehension have them."""
        made = []
        for ordinal, text in enumerate(paragraphs):
            block = Block(kind="paragraph", start=0, end=len(text))
            made.append(
                Section(
                    id=digest(name, str(ordinal), text), document_id=digest(name), document=name, ordinal=ordinal,
                    heading_path=(heading,), start=0, end=len(text), text=text, language=language(text),
                    blocks=(block,),
                )
            )  # fmt: skip
        self._store(name, "\n\n".join(paragraphs), made)

    def add(self, parsed: Parsed) -> None:
        self._store(parsed.name, parsed.text, sections(parsed, parsed.name, digest(parsed.name, parsed.text)))

    def _store(self, name: str, text: str, made: list[Section]) -> None:
        batches = [e for batch in embedded(made, self.embedder, min(self.embedder.max_tokens, 480)) for e in batch]
        self._embedded += batches
        self.revision += 1
        self._documents.append(
            Document(
                id=digest(name, text), name=name, title=name, format="md", encoding="", language=language(text),
                text=text, pages=0, size=len(text), chunks=sum(len(e.chunks) for e in batches), added="",
            )
        )  # fmt: skip
        self._by_id = {e.section.id: e for e in self._embedded}
        self._chunks = [(c.id, c.section_id) for e in self._embedded for c in e.chunks]
        self._vectors = np.concatenate([e.vectors.astype(np.float32) for e in self._embedded])
        self._words = None

    def documents(self) -> list[Document]:
        return list(self._documents)

    def sections(self, document_id=None) -> list[Section]:
        return [e.section for e in self._embedded if document_id in {None, e.section.document_id}]

    def section(self, section_id: str) -> Section:
        return self._by_id[section_id].section

    def sections_by_id(self, section_ids):
        return {i: self._by_id[i].section for i in section_ids if i in self._by_id}

    def units(self, section_id: str):
        return units(self.section(section_id))

    def sections_of(self, chunk_ids):
        known = dict(self._chunks)
        return {c: known[c] for c in chunk_ids if c in known}

    def vector_scores(self, vector, limit: int) -> dict[str, float]:
        if not self._embedded:
            return {}
        scores = self._vectors @ vector
        return {self._chunks[i][0]: float(scores[i]) for i in np.argsort(-scores)[:limit]}

    def vector_scores_each(self, vectors, limit: int) -> list[dict[str, float]]:
        return [self.vector_scores(vector, limit) for vector in vectors]

    def keyword_scores(self, query, limit: int) -> dict[str, float]:
        if self._words is None:
            self._words = [tokens(f"{e.heading}\n{c.text}") for e in self._embedded for c in e.chunks]
        scores = words(query, self._words)
        best = sorted((i for i, s in enumerate(scores) if s), key=lambda i: -scores[i])[:limit]
        return {self._chunks[i][0]: scores[i] for i in best}

    def keyword_scores_each(self, queries, limit: int) -> list[dict[str, float]]:
        return [self.keyword_scores(query, limit) for query in queries]

    def unit_vectors(self, section_ids) -> UnitVectors:
        found = [self._by_id[s] for s in section_ids if s in self._by_id]
        ids = [(e.section.id, i) for e in found for i in range(len(e.bare))]
        if not ids:
            empty = np.zeros((0, self.embedder.dimension), dtype=np.float32)
            return UnitVectors([], empty, empty)
        stack = lambda name: np.concatenate([getattr(e, name) for e in found]).astype(np.float32)  # noqa: E731
        return UnitVectors(ids, stack("with_heading"), stack("bare"))
