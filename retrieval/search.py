"""Question → hits: both legs, fused, with a calibrated relevance and an optional reranker.

Knows the library's scores and vectors; knows no store and no prompt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, overload

from retrieval import floor as floors
from retrieval.background import Background, measure
from retrieval.candidates import Candidate, candidates, starts
from retrieval.fusion import WEIGHTS, Dense, Weights, dense, lexical
from retrieval.records import Evidence, Hit, SearchResult, Section, Unit
from retrieval.rewrite import History, Query, queries
from retrieval.tokens import CJK
from retrieval.units import units

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.documents.compressor import BaseDocumentCompressor
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever
    from numpy.typing import NDArray

    from retrieval.embedders import Embedder
    from retrieval.library import Library

CLOSER = 48
"""Sections whose words are read after the vectors have ranked all candidates."""
ORDINARY = 12
"""Ordinary questions asked of an index to learn what score means nothing there."""
SHOWN = 12
"""Units kept as evidence per hit."""
KEPT = 4000
"""Sections kept with their units for the next question."""


_HAN = re.compile(f"[{CJK}]")


_Read = tuple[Section | None, list[Unit]]


class _Ranked(NamedTuple):
    """Scores over the units of the candidate sections; rows of one section stand together."""

    ids: list[tuple[str, int]]
    sections: list[str]
    first: NDArray[np.intp]
    legs: list[Dense]
    """One per query."""
    total: NDArray[np.float32]


class Search:
    """Searches one library. Safe to share between threads."""

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        *,
        reranker: BaseDocumentCompressor | None = None,
        rewriter: BaseChatModel | None = None,
        floor: float | None = None,
        weights: Weights = WEIGHTS,
    ) -> None:
        """`floor` None: the calibrated one. `rewriter`: a model that makes follow-ups standalone; None: by rules."""
        self.library = library
        self.embedder = embedder
        self.reranker = reranker
        self.rewriter = rewriter
        self.floor = floors.FLOOR if floor is None else floor
        self.weights = weights
        self._background: Background | None = None
        self._counted = (-1, 0)
        self._ordinary: dict[tuple[int, bool], float] = {}
        self._kept: tuple[int, dict[str, _Read]] = (-1, {})

    def search(self, question: str, *, history: History = (), limit: int = 20) -> SearchResult:
        """The best `limit` sections for the question, best first, each with its best units, and the relevance.

        A follow-up is searched as asked and in its standalone form. BackendFailed when the embedder fails.
        """
        began = time.perf_counter()
        asked = queries(question, history, self.rewriter)
        revision = self.library.revision
        documents = self._documents(revision)
        hits, relevance = self._search(asked, limit, revision) if documents and question.strip() else ((), 0.0)
        return SearchResult(
            question=asked[-1].text,
            hits=hits,
            relevance=relevance,
            floor=self.floor,
            documents=documents,
            seconds=time.perf_counter() - began,
        )

    def hits(self, question: str, *, limit: int = 20) -> tuple[Hit, ...]:
        """The hits that `search` gives for a question without history; not their relevance, which takes time too."""
        revision = self.library.revision
        if not question.strip() or not self._documents(revision):
            return ()
        asked = queries(question, (), self.rewriter)
        return tuple(self._reranked(self._found(asked, self._encoded(asked), revision), asked)[:limit])

    def retriever(self, *, limit: int = 5) -> BaseRetriever:
        """This search as a LangChain retriever: one Document per hit, with its scores in the metadata."""
        from retrieval.retriever import HybridRetriever

        return HybridRetriever(search=self, limit=limit)

    def _search(self, asked: list[Query], limit: int, revision: int) -> tuple[tuple[Hit, ...], float]:
        hits = self._found(asked, self._encoded(asked), revision)
        if not hits:
            return (), 0.0
        relevance = floors.relevance(asked[0].text, hits, self._usual(asked[0].text, revision))
        return tuple(self._reranked(hits, asked)[:limit]), relevance

    def _encoded(self, asked: list[Query]) -> NDArray[np.float32]:
        return self.embedder.encode([query.text for query in asked], query=True)

    def _reranked(self, hits: Sequence[Hit], asked: list[Query]) -> Sequence[Hit]:
        if self.reranker is None or not hits:
            return hits
        from retrieval.rerank import rerank

        return rerank(hits, asked[-1].text, self.reranker)

    def _found(self, asked: list[Query], vectors: NDArray[np.float32], revision: int) -> Sequence[Hit]:
        """All candidates' sections as hits, best first."""
        found = candidates(self.library, [query.text for query in asked], vectors)
        by_id = {candidate.section_id: candidate for candidate in found}
        ranked = self._rank(asked, vectors, by_id)
        return [] if ranked is None else self._hits(asked, ranked, by_id, revision)

    def _rank(self, asked: list[Query], vectors: NDArray[np.float32], found: dict[str, Candidate]) -> _Ranked | None:
        """What vectors and the keyword index say about every unit of the candidates."""
        import numpy as np

        shelf = self.library.unit_vectors(list(found))
        if not shelf.ids:
            return None
        sections, first = starts(shelf)
        sizes = np.diff(np.append(first, len(shelf.ids)))
        background = self._measured()
        legs = [dense(vector, shelf.with_heading, shelf.bare, first, background) for vector in vectors]
        total = np.zeros(len(shelf.ids), dtype=np.float32)
        for index, (query, leg) in enumerate(zip(asked, legs, strict=True)):
            keyword = np.repeat([found[s].keyword[index] for s in sections], sizes)
            total += _share(query, asked) * (leg.total(self.weights) + self.weights.keyword * keyword)
        return _Ranked(shelf.ids, sections, first, legs, total)

    def _hits(self, asked: list[Query], ranked: _Ranked, found: dict[str, Candidate], revision: int) -> Sequence[Hit]:
        """The best sections read and their words weighed."""
        import numpy as np

        best = np.maximum.reduceat(ranked.total, ranked.first)
        ends = np.append(ranked.first[1:], len(ranked.ids))
        chosen = [int(i) for i in np.argsort(-best, kind="stable")[:CLOSER]]
        read = dict(zip(chosen, self._read([ranked.sections[i] for i in chosen], revision), strict=True))
        pieces = [
            (index, row, known[ordinal])
            for index, (_, known) in read.items()
            for row in range(ranked.first[index], ends[index])
            if (ordinal := ranked.ids[row][1]) < len(known)
        ]
        scores = np.array([ranked.total[row] for _, row, _ in pieces], dtype=np.float64)
        texts = [unit.rendered for *_, unit in pieces]
        for query in asked:
            scores += _share(query, asked) * np.array(lexical(query.text, texts, asked[0].text, self.weights))
        grouped: dict[int, list[tuple[float, int, Unit]]] = {}
        for (index, row, unit), score in zip(pieces, scores, strict=True):
            grouped.setdefault(index, []).append((float(score), row, unit))
        return _Hits(
            _Scored(section, found[ranked.sections[index]], ranked.legs[-1], sorted(own, key=lambda s: -s[0]))
            for index, own in grouped.items()
            if (section := read[index][0])
        )

    def _read(self, section_ids: list[str], revision: int) -> list[_Read]:
        """Sections with their units; neither where one was removed a moment ago."""
        if self._kept[0] != revision or len(self._kept[1]) > KEPT:
            self._kept = (revision, {})
        kept = self._kept[1]
        missing = [i for i in section_ids if i not in kept]
        found = self.library.sections_by_id(missing) if missing else {}
        kept.update({i: (found[i], units(found[i])) if i in found else (None, []) for i in missing})
        return [kept[i] for i in section_ids]

    def _usual(self, question: str, revision: int) -> float:
        """The median best score of ordinary questions in the question's script: what this index gives for nothing.

        The median, because a few of them may well be answered here.
        """
        han = bool(_HAN.search(question))
        key = (revision, han)
        if key not in self._ordinary:
            background = self._measured()
            rows = [row for row, text in enumerate(background.texts) if bool(_HAN.search(text)) == han]
            found = [
                self._found([Query(background.texts[row], 1.0)], background.vectors[row : row + 1], revision)
                for row in rows[:: max(1, len(rows) // ORDINARY)]
            ]
            best = [hits[0].score for hits in found if hits]
            kept = {other: value for other, value in self._ordinary.items() if other[0] == key[0]}
            self._ordinary = {**kept, key: median(best) if best else 0.0}
        return self._ordinary[key]

    def _measured(self) -> Background:
        if self._background is None:
            self._background = measure(self.embedder)
        return self._background

    def _documents(self, revision: int) -> int:
        """How many documents there are; counted again when the library has changed."""
        if self._counted[0] != revision:
            self._counted = (revision, len(self.library.documents()))
        return self._counted[1]


def _share(query: Query, asked: Sequence[Query]) -> float:
    return query.weight / sum(other.weight for other in asked)


class _Scored(NamedTuple):
    """A section with the scores of its units, best first: everything that a hit is made of."""

    section: Section
    candidate: Candidate
    leg: Dense
    own: list[tuple[float, int, Unit]]

    def hit(self) -> Hit:
        """The record."""
        leg, own = self.leg, self.own
        return Hit(
            section=self.section,
            document=self.section.document,
            chunk_id=self.candidate.chunk_id,
            score=own[0][0],
            scores={
                "keyword": self.candidate.keyword[-1],
                "section": self.candidate.cosine[-1],
                "sentence": float(max(leg.headed[row] for _, row, _ in own)),
                "bare": float(max(leg.bare[row] for _, row, _ in own)),
            },
            evidence=tuple(Evidence(unit=unit, score=score) for score, _, unit in own[:SHOWN]),
        )


class _Hits(Sequence[Hit]):
    """Hits, best first, made when they are looked at: few of them ever are."""

    def __init__(self, scored: Iterable[_Scored]) -> None:
        self._scored = sorted(scored, key=lambda one: -one.own[0][0])
        self._made: dict[int, Hit] = {}

    def __len__(self) -> int:
        return len(self._scored)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> list[Hit]: ...
    def __getitem__(self, place: int | slice) -> Hit | list[Hit]:
        if isinstance(place, slice):
            return [self[i] for i in range(len(self))[place]]
        if place not in self._made:
            self._made[place] = self._scored[place].hit()
        return self._made[place]
