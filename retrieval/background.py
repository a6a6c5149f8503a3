"""Where an embedder puts questions and passages in general, so that similarity can be measured from there.

Embedders of E5's kind give every pair a cosine between 0.7 and 0.9: all vectors share one large direction. Taking away
the mean of ordinary questions and of ordinary passages leaves what is particular to a text; on the practice sets that
is worth three points of recall at every rank. The means come from a small fixed sample of invented texts in English
and Chinese (background.json), so they do not depend on what is indexed. The same questions, asked of an index that
cannot answer them, say what score is usual there for nothing (retrieval.floor).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from retrieval import aim
from retrieval.aim import Aim

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedders import Embedder

SHIPPED = "background.safetensors"
"""The vectors for the bundled embedder, so that a first search need not wait (benchmarks/background.py makes it)."""


class Background(NamedTuple):
    """What an embedder makes of ordinary texts."""

    texts: list[str]
    """The ordinary questions."""
    vectors: NDArray[np.float32]
    """[n, d]: their vectors."""
    question: NDArray[np.float32]
    """[d]: mean vector of ordinary questions."""
    passage: NDArray[np.float32]
    """[d]: mean vector of ordinary passages."""
    aim: Aim | None = None
    """Turns questions towards what answers them, where that was learned."""

    def questions(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Question vectors ([d] or [n, d]) without what all questions share, of length 1, turned towards answers."""
        found = _unit(vectors - self.question)
        return _unit(self.aim.turned(found)) if self.aim else found

    def passages(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Passage vectors ([n, d]) without what all passages share, of length 1."""
        return _unit(vectors - self.passage)


def sample() -> tuple[list[str], list[str]]:
    """The ordinary questions and passages."""
    data = json.loads((files("retrieval") / "background.json").read_text(encoding="utf-8"))
    return data["questions"], data["passages"]


def measure(embedder: Embedder) -> Background:
    """The background of an embedder: shipped for the bundled one, else about a hundred short texts are embedded."""
    questions, passages = sample()
    shipped = aim.tensors(SHIPPED, embedder.fingerprint)
    if shipped is None:
        vectors, passage = embedder.encode(questions, query=True), embedder.encode(passages).mean(axis=0)
    else:
        vectors, passage = shipped["questions"].astype("float32"), shipped["passage"]
    return Background(questions, vectors, vectors.mean(axis=0), passage, aim.shipped(embedder.fingerprint))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
    return unit
