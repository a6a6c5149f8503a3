"""How likely it is that the documents hold the answer, from what search found. Knows no index and no model.

A score means nothing by itself: embedders, languages and collections differ. So the best score is measured against
the scores that ordinary questions about something else reach in the very same index, and turned into a probability by
a logistic curve fitted on the practice sets (questions on the knowledge base against questions on another one; see
docs/BENCHMARKS.md for the curve). It tells "another subject" well and "the right subject, but not this detail" hardly:
that is for the model that reads the evidence, and for the checks of its answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from retrieval.fusion import tokens_of
from retrieval.records import Hit
from retrieval.tokens import CJK, fold

FLOOR = 0.15
"""Relevance below which nothing is answered: wrong for about 5 % of the practice sets' answerable questions."""
SLOPE, MIDDLE = 0.65, 1.4
STRANGE = 0.3
"""What remains of the relevance when not one word of the question stands in the evidence."""
UNKNOWN = 0.05
"""What remains of the relevance when the question names something that stands in none of the evidence."""

_ONE_HAN = re.compile(f"[{CJK}]")
_LETTERS = 3
_MEASURES = (
    "kg g mg lb oz km m cm mm mi ml cl l kw w v a ah mah hz khz mhz ghz gb mb kb tb px dpi am pm st nd rd th s min h "
    "hr d day k x p c f kmh mph kph bn er yo yr usd eur gbp nt ntd twd"
)
_IDENTIFIER = re.compile(
    r"(?<![a-z0-9])(?:[a-z]{1,8}[-_]?\d[a-z0-9]*(?:[-_/.][a-z0-9]*\d[a-z0-9]*)*"
    rf"|\d+[-_]?(?!(?:{'|'.join(_MEASURES.split())})s?(?![a-z0-9]))[a-z]{{1,{_LETTERS}}}\d*)(?![a-z0-9])"
)


def identifiers(text: str) -> list[str]:
    """Model numbers, codes and the like: letters with digits, as "Q9", "VF-04" or "E26"; not "14 kg" or "5pm"."""
    return _IDENTIFIER.findall(fold(text))


def unknown(question: str, hits: Iterable[Hit]) -> list[str]:
    """Identifiers of the question that stand in none of the hits, their headings and documents' names included."""
    asked = identifiers(question)
    if not asked:
        return []
    held = _squeezed(" ".join(f"{hit.document} {hit.section.heading} {hit.section.text}" for hit in hits))
    return [name for name in asked if _squeezed(name) not in held]


def relevance(question: str, hits: Sequence[Hit], usual: float) -> float:
    """0 to 1: how likely the evidence answers the question; `usual` is the best score of ordinary questions here."""
    if not hits:
        return 0.0
    found = 1 / (1 + math.exp(-SLOPE * (hits[0].score - usual - MIDDLE)))
    if unknown(question, hits[:8]):
        # Q9 where only Q8 is covered: whatever was found is about something else.
        return found * UNKNOWN
    return found * STRANGE if _strange(question, hits) else found


def _strange(question: str, hits: Iterable[Hit]) -> bool:
    """Whether the question's words and pairs of characters are all foreign to what was found."""
    asked = {token for token in tokens_of(question) if not _ONE_HAN.fullmatch(token)}
    held = (token for hit in hits for e in hit.evidence for token in tokens_of(e.unit.rendered))
    named = (token for hit in hits for token in tokens_of(f"{hit.document} {hit.section.heading}"))
    return bool(asked) and asked.isdisjoint(named) and asked.isdisjoint(held)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\-_]", "", fold(text))
