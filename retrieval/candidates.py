"""The sections worth a closer look: the nearest chunks and the best by keywords, of every query. Knows no ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from retrieval.tokens import tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.library import Library, UnitVectors

EACH = 100
"""Chunks taken from each leg per query; an index that holds no more is looked at whole."""


class Candidate(NamedTuple):
    """One section with what the two indexes say about its best chunk, per query."""

    section_id: str
    chunk_id: str
    cosine: tuple[float, ...]
    keyword: tuple[float, ...]


def candidates(library: Library, texts: Sequence[str], vectors: NDArray[np.float32]) -> list[Candidate]:
    """Sections of the best chunks of either leg, for any of the queries; a leg that lacks a section gives it 0."""
    near = library.vector_scores_each(vectors, EACH)
    worded = library.keyword_scores_each([tokens(text) for text in texts], EACH)
    chunks = list(dict.fromkeys(chunk for scores in (*near, *worded) for chunk in scores))
    found: dict[str, list[str]] = {}
    for chunk, section in library.sections_of(chunks).items():
        found.setdefault(section, []).append(chunk)
    return [
        Candidate(section, _nearest(own, near), cosine=_best(own, near), keyword=_best(own, worded))
        for section, own in found.items()
    ]


def _nearest(own: list[str], near: list[dict[str, float]]) -> str:
    if len(own) == 1:
        return own[0]
    return max(own, key=lambda chunk: (sum(scores.get(chunk, 0.0) for scores in near), chunk))


def _best(own: list[str], legs: list[dict[str, float]]) -> tuple[float, ...]:
    """The best of a section's chunks, per query."""
    if len(own) == 1:
        return tuple(scores.get(own[0], 0.0) for scores in legs)
    return tuple(max(scores.get(chunk, 0.0) for chunk in own) for scores in legs)


def starts(vectors: UnitVectors) -> tuple[list[str], NDArray[np.intp]]:
    """The sections in the order of their rows, and the first row of each."""
    import numpy as np

    names: list[str] = []
    first: list[int] = []
    for row, (section, _) in enumerate(vectors.ids):
        if not names or names[-1] != section:
            names.append(section)
            first.append(row)
    return names, np.array(first, dtype=np.intp)
