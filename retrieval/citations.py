"""Numbered pointers from an answer to the passages that hold it. Knows no model and no prompt text.

Small models seldom write [1]; a sentence without a number is given the passage whose words it uses, if there is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from retrieval.fence import NUMBER
from retrieval.packing import Passage
from retrieval.quantities import quantities
from retrieval.records import Citation, Hit, Section, Unit
from retrieval.sentences import sentences
from retrieval.tokens import CJK, tokens

ENOUGH = 0.6
"""Share of what a sentence says beyond the question that a unit must hold to be named as its source."""
ASTRAY = 0.3
"""A model's own number stands for a passage that holds less than this, while another one holds enough: it is wrong."""

_FIGURE = re.compile(r"\d")


class Support(NamedTuple):
    """How well the best unit holds a sentence."""

    passage: Passage
    unit: Unit
    share: float
    """0 to 1: of the sentence's words and numbers beyond the question's, how much stands in the unit; figures count
    three times."""


class Cited(NamedTuple):
    """An answer with its citations."""

    text: str
    citations: tuple[Citation, ...]
    support: float
    """Best share of any sentence; 0 when nothing supports the answer."""


def cite(answer: str, passages: Sequence[Passage], question: str, *, hits: Sequence[Hit] = ()) -> Cited:
    """The answer with a number behind every supported sentence, and what each number points to.

    Numbers that the model wrote are kept when their passage exists, unless it plainly says something else and another
    one says this. `hits` break ties by their scores.
    """
    scores = {(e.unit.section_id, e.unit.ordinal): e.score for hit in hits for e in hit.evidence}
    text, found, best = "", [], 0.0
    for piece in _pieces(answer):
        numbers = {int(n) for n in NUMBER.findall(piece) if 1 <= int(n) <= len(passages)}
        said, supports = _supported(piece, passages, numbers, question, scores)
        if not numbers or NUMBER.search(said):  # Who points astray may be guessing: that is put right, and no support.
            best = max([best, *(s.share for s in supports)])
        if not NUMBER.search(said):
            supports = [s for s in supports if s.share >= ENOUGH]
            supports = [max(supports, key=lambda s: (s.share, _rank(s, scores)))] if supports else []
            said = _with_number(said, supports[0].passage.number) if supports else said
        found += supports
        text += said
    return Cited(text=text, citations=_distinct(found), support=best)


def _supported(
    piece: str, passages: Sequence[Passage], numbers: set[int], question: str, scores: dict[tuple[str, int], float]
) -> tuple[str, list[Support]]:
    """A sentence with the best unit of each passage that it may come from: those that it names, or any.

    Without its numbers when they point to what plainly says something else and another passage says this.
    """
    plain = strip(piece)
    named = [s for p in passages if p.number in numbers and (s := _best(plain, [p], question, scores))]
    if named and max(s.share for s in named) < ASTRAY:
        right = _best(plain, passages, question, scores)
        if right and right.share >= ENOUGH:
            return plain, [right]
    if numbers:
        return piece, named
    return plain, [s for p in passages if (s := _best(plain, [p], question, scores))]


def strip(text: str) -> str:
    """An answer without its citation numbers."""
    return re.sub(rf"\s*{NUMBER.pattern}", "", text)


def point(number: int, section: Section, document: str, unit: Unit) -> Citation:
    """A citation of one unit: verbatim, with its page."""
    pages = [b.page for b in section.blocks if b.start <= unit.start < b.end and b.page is not None]
    return Citation(
        number=number,
        document=document,
        document_id=section.document_id,
        section=section.heading,
        section_id=section.id,
        page=pages[0] if pages else (section.pages[0] if section.pages else None),
        start=unit.start,
        end=unit.end,
        quote=unit.text,
    )


def _pieces(answer: str) -> list[str]:
    """The answer cut after each sentence; a citation behind the full stop stays with the sentence it belongs to."""
    cuts = [start for start, _ in sentences(answer)][1:]
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    joined: list[str] = []
    for piece in pieces:
        leading = re.match(rf"(?:\s*{NUMBER.pattern})+\s*", piece)
        if leading and joined:
            joined[-1] += leading[0]
        rest = piece[leading.end() :] if leading and joined else piece
        if rest:
            joined.append(rest)
    return joined


def _best(
    sentence: str, passages: Sequence[Passage], question: str, scores: dict[tuple[str, int], float]
) -> Support | None:
    """The unit that holds most of what the sentence says beyond the question."""
    said = _content(sentence)
    asked = _content(question)
    new = said - asked or said
    if not new:
        return None
    weights = {key: 3.0 if _FIGURE.search(key) else 1.0 for key in new}
    best: Support | None = None
    for passage in passages:
        for unit in passage.units:
            held = _content(f"{passage.section.heading} {unit.rendered} {unit.text}")
            share = sum(weight for key, weight in weights.items() if key in held) / sum(weights.values())
            share += 0.001 * len(held & asked)  # between equals, the unit that the question is about
            support = Support(passage, unit, share)
            if best is None or (share, _rank(support, scores)) > (best.share, _rank(best, scores)):
                best = support
    return best


def _rank(support: Support, scores: dict[tuple[str, int], float]) -> float:
    return scores.get((support.unit.section_id, support.unit.ordinal), float("-inf"))


@lru_cache(maxsize=4096)
def _content(text: str) -> frozenset[str]:
    """Stems, Chinese bigrams and canonical numbers: what a sentence says, whatever its wording of figures."""
    words = {t for t in tokens(text) if not re.fullmatch(rf"[{CJK}]|\d[\d.,:]*", t)}
    return frozenset(words | {key for quantity in quantities(text) for key in quantity.keys})


def _with_number(piece: str, number: int) -> str:
    """` [n]` behind the sentence, before what blanks follow it."""
    body = piece.rstrip()
    return f"{body} [{number}]{piece[len(body) :]}"


def _distinct(supports: Sequence[Support]) -> tuple[Citation, ...]:
    """One citation per passage and unit, in order of number, then of place."""
    found = {(s.passage.number, s.unit.start): s for s in supports}
    return tuple(
        point(s.passage.number, s.passage.section, s.passage.document, s.unit) for _, s in sorted(found.items())
    )
