"""How likely it is that the documents hold the answer, from what search found. Knows no index and no model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrieval.records import Hit

FLOOR = 0.1


def features(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """What the relevance is computed from."""
    scores = sorted((e.score for hit in hits for e in hit.evidence), reverse=True)
    return {"best": scores[0] if scores else 0.0}


def relevance(question: str, hits: Sequence[Hit]) -> float:
    """0 to 1."""
    if not hits:
        return 0.0
    return 1 / (1 + math.exp(-(features(question, hits)["best"] - 6)))
