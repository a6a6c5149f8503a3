"""Rows that show evidence as the chat does: the right passage among real ones from the search, or only the others."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.pairs.filters import stands_in
from finetune.pairs.splits import fraction
from finetune.records import Fact
from retrieval.packing import EvidencePlan, Packed, estimate, evidence
from retrieval.records import Evidence, Hit, Section, Unit


def with_gold(
    fact: Fact, section: Section, units: Sequence[Unit], hits: Sequence[Hit], plan: EvidencePlan, *, seed: str
) -> tuple[Packed, int] | None:
    """Packed evidence that holds the fact, and the number of its passage; None when it does not fit the plan.

    The search's own order is kept where it found the fact. Where it did not, the passage takes a place that the seed
    decides, as if the search had been better.
    """
    unit = unit_of(fact, units)
    if unit is None:
        return None
    packed = evidence(hits, plan, count=estimate)
    number = place(packed, fact, units)
    if number is None:
        packed = evidence(_placed(section, unit, hits, fraction(seed), plan.most or DEEPEST), plan, count=estimate)
        number = place(packed, fact, units)
    return None if number is None else (packed, number)


def without_gold(fact: Fact, hits: Sequence[Hit], plan: EvidencePlan) -> Packed | None:
    """Packed evidence from every section but the fact's, in which the answer does not stand; None when it does."""
    others = [hit for hit in hits if hit.section.id != fact.section_id]
    packed = evidence(others, plan, count=estimate)
    return None if not packed.passages or stands_in(fact.value, packed.text) else packed


def unit_of(fact: Fact, units: Sequence[Unit]) -> Unit | None:
    """The unit that states the fact."""
    return next((u for u in units if u.kind != "heading" and u.start <= fact.start and fact.end <= u.end), None)


def place(packed: Packed, fact: Fact, units: Sequence[Unit]) -> int | None:
    """The number of the passage that states the fact, None when none does."""
    unit = unit_of(fact, units)
    if unit is None:
        return None
    for passage in packed.passages:
        shown = any(u.ordinal == unit.ordinal for u in passage.units) or stands_in(unit.rendered, passage.text)
        if passage.section.id == fact.section_id and shown:
            return passage.number
    return None


DEEPEST = 6
"""The fact's unit stands among so many best ones."""


def _placed(section: Section, unit: Unit, hits: Sequence[Hit], where: float, most: int) -> list[Hit]:
    """The hits with the fact's unit among them, scored so that it comes at a share `where` of the `most` shown."""
    scores = sorted((piece.score for hit in hits for piece in hit.evidence), reverse=True)
    score = scores[int(where * min(len(scores), most, DEEPEST))] + 1e-6 if scores else 1.0
    gold = Hit(
        section=section,
        document=section.document,
        chunk_id="",
        score=score,
        evidence=(Evidence(unit=unit, score=score),),
    )
    others = [hit for hit in hits if hit.section.id != section.id]
    place = int(where * min(len(others), 3))
    return [*others[:place], gold, *others[place:]]
