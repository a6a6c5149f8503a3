"""One score for every unit of the candidate sections, from both legs. Pure arithmetic; knows no store and no model.

Reciprocal rank throws away how sure a leg is, and with people's own words the keyword leg seldom is: fusing by rank
loses to the dense leg alone. Here every unit gets a weighted sum of similarities measured from the embedder's
background, and of BM25, whose size says by itself how much the words agree. A section is as good as its best unit.
The weights were fitted as a logistic choice among units on the practice sets, one knowledge base left out at a time
(benchmarks/search_quality.py), and hold unchanged on the data sets they were not fitted on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from memory.records import Record
from retrieval.kinds import asked, match
from retrieval.tokens import tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.background import Background

K1, B = 1.2, 0.75


class Weights(Record):
    """What each sign is worth, in units of log-odds that this unit holds the answer."""

    headed: float = 12.0
    """Cosine with the unit under its heading path."""
    bare: float = 12.0
    """Cosine with the unit alone."""
    section: float = 4.0
    """Cosine with the mean of the section's units."""
    keyword: float = 0.08
    """BM25 of the section's best chunk."""
    words: float = 0.14
    """BM25 of the unit among the candidates."""
    kind: float = 0.9
    """Holding the kind of thing that is asked for."""


WEIGHTS = Weights()


class Dense(NamedTuple):
    """Cosines with one question, from the background; arrays over the units of the candidates."""

    headed: NDArray[np.float32]
    bare: NDArray[np.float32]
    section: NDArray[np.float32]
    """The section's, repeated for each of its units."""

    def total(self, weights: Weights = WEIGHTS) -> NDArray[np.float32]:
        """The weighted sum."""
        total: NDArray[np.float32] = (
            weights.headed * self.headed + weights.bare * self.bare + weights.section * self.section
        )
        return total


def dense(
    question: NDArray[np.float32],
    headed: NDArray[np.float32],
    bare: NDArray[np.float32],
    starts: NDArray[np.intp],
    background: Background,
) -> Dense:
    """[d] question against [n, d] unit vectors; `starts` are the first rows of each section, ascending from 0."""
    import numpy as np

    direction = background.questions(question)
    with_heading, alone = background.passages(headed), background.passages(bare)
    sizes = np.diff(np.append(starts, len(headed)))
    means = section_means(with_heading, starts)
    return Dense(with_heading @ direction, alone @ direction, np.repeat(means @ direction, sizes))


def section_means(with_heading: NDArray[np.float32], starts: NDArray[np.intp]) -> NDArray[np.float32]:
    """[sections, d], of length 1: the direction that the units of each section have in common."""
    import numpy as np

    means: NDArray[np.float32] = np.add.reduceat(with_heading, starts, axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return means


def words(question: Sequence[str], units: Sequence[Sequence[str]]) -> list[float]:
    """BM25 of each unit's tokens for the question's, with these units as the collection."""
    counts = [_counted(tuple(unit)) for unit in units]
    average = max(sum(map(len, units)) / max(len(units), 1), 1.0)
    scores = [0.0] * len(units)
    for token in set(question):
        holding = [index for index, count in enumerate(counts) if token in count]
        rarity = math.log(1 + (len(units) - len(holding) + 0.5) / (len(holding) + 0.5))
        for index in holding:
            often, length = counts[index][token], len(units[index])
            scores[index] += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * length / average))
    return scores


@lru_cache(maxsize=20_000)
def _counted(unit: tuple[str, ...]) -> Counter[str]:
    return Counter(unit)


def lexical(query: str, texts: Sequence[str], question: str, weights: Weights = WEIGHTS) -> list[float]:
    """The weighted part of each unit's score that its words give: BM25 for the query, and the kind of thing it holds.

    What kind is wanted is said by `question`, the newest one, whatever the query puts in front of it.
    """
    kinds = asked(question)
    scores = words(tokens(query), [tokens_of(text) for text in texts])
    return [
        weights.words * score + weights.kind * match(kinds, text) for score, text in zip(scores, texts, strict=True)
    ]


@lru_cache(maxsize=20_000)
def tokens_of(text: str) -> tuple[str, ...]:
    """The tokens of a short text, remembered: the same units are weighed for many questions."""
    return tuple(tokens(text))
