"""Sections → chunks and vectors, in batches across sections. Knows an embedder and no store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from retrieval.chunking import chunks, heading_within, passage, units
from retrieval.embedders import Embedder
from retrieval.records import Chunk, Section
from retrieval.units import clauses

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXTS = 96
"""Texts per batch: enough to keep every core busy, few enough that a stop is obeyed within seconds."""


class Embedded(NamedTuple):
    """A section with its chunks and all of its vectors, ready to be stored."""

    section: Section
    heading: str
    """As embedded: the heading path, shortened when it is too long for the embedder."""
    chunks: list[Chunk]
    vectors: NDArray[np.float16]
    """[chunks, d]: heading and body."""
    with_heading: NDArray[np.float16]
    """[units, d]"""
    bare: NDArray[np.float16]
    """[units, d]"""


class _Texts:
    """The different texts of a batch, each embedded once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def add(self, texts: Iterable[str]) -> list[int]:
        return [self.places.setdefault(text, len(self.places)) for text in texts]


class _Plan(NamedTuple):
    section: Section
    heading: str
    chunks: list[Chunk]
    bodies: list[int]
    with_heading: list[int]
    bare: list[int]


def embedded(sections: Iterable[Section], embedder: Embedder, limit: int) -> Iterator[list[Embedded]]:
    """Batches of embedded sections, in order; each batch is about TEXTS texts."""
    texts, plans = _Texts(), []
    for section in sections:
        plans.append(_plan(section, embedder, limit, texts))
        if len(texts.places) >= TEXTS:
            yield _done(plans, texts, embedder)
            texts, plans = _Texts(), []
    if plans:
        yield _done(plans, texts, embedder)


def _plan(section: Section, embedder: Embedder, limit: int, texts: _Texts) -> _Plan:
    heading = heading_within(section.heading_path, embedder.count, limit)
    pieces = chunks(section, embedder.count, limit)
    rendered = [unit.rendered for unit in units(section)]
    return _Plan(
        section=section,
        heading=heading,
        chunks=pieces,
        bodies=texts.add(passage(heading, piece.text) for piece in pieces),
        with_heading=texts.add(passage(heading, r) for r in rendered),
        bare=texts.add(rendered),
    )


def _done(plans: list[_Plan], texts: _Texts, embedder: Embedder) -> list[Embedded]:
    import numpy as np

    vectors = encode(list(texts.places), embedder).astype(np.float16)
    return [
        Embedded(p.section, p.heading, p.chunks, vectors[p.bodies], vectors[p.with_heading], vectors[p.bare])
        for p in plans
    ]


def encode(texts: list[str], embedder: Embedder) -> NDArray[np.float32]:
    """[n, d]; a text over the embedder's limit is read in parts and their mean taken, so that no end is cut off."""
    import numpy as np

    parts: list[str] = []
    owners: list[int] = []
    for index, text in enumerate(texts):
        cut = list(_within(text, embedder))
        parts += cut
        owners += [index] * len(cut)
    vectors = embedder.encode(parts)
    if len(parts) == len(texts):
        return vectors
    sums = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, owners, vectors)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def _within(text: str, embedder: Embedder) -> Iterator[str]:
    """The text in parts within the embedder's limit; short texts are not counted, no tokenizer is that wasteful."""
    if len(text) <= embedder.max_tokens // 4 or embedder.count(text) <= embedder.max_tokens or len(text) < 2:
        yield text
        return
    for start, end in clauses(text, max(len(text) // 2, 1)):
        if end - start == len(text):
            middle = len(text) // 2
            yield from _within(text[:middle], embedder)
            yield from _within(text[middle:], embedder)
        else:
            yield from _within(text[start:end], embedder)
