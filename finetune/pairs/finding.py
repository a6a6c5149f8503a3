"""The first pass of a build: every section's facts, and which of them the dataset has room for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from finetune.pairs.evidence import Trail
from finetune.pairs.facts import facts
from finetune.pairs.filters import speaks_to_a_model
from finetune.pairs.settings import PairSettings
from finetune.pairs.splits import fraction
from finetune.pairs.wording import askable
from finetune.pairs.work import SectionFacts
from finetune.records import Fact
from retrieval.chunking import units
from retrieval.records import Section

if TYPE_CHECKING:
    from retrieval.library import Library

_LAST = frozenset({"sentence", "item", "passage", "phrase", "list"})
"""Kinds that give way first when there are more facts than room."""


def found(
    library: Library, trail: Trail, settings: PairSettings, tick: Callable[[str], None]
) -> Iterator[SectionFacts]:
    """The facts of every section in reading order, document by document; teaches the trail each section's words."""
    for document in library.documents():
        for section in library.sections(document.id):
            trail.learn(f"{section.heading}\n{section.text}")
            yield of_section(section, settings)
            tick(document.name)


def of_section(section: Section, settings: PairSettings) -> SectionFacts:
    """One section's facts, and why nothing is asked about it. Text that gives orders to a model gives none (B29)."""
    code = [(b.start, b.end) for b in section.blocks if b.kind == "code"]
    plain = [
        unit for unit in units(section) if unit.kind != "heading" and not any(a <= unit.start < b for a, b in code)
    ]
    all_found = facts(section, plain, per_unit=settings.per_sentence)
    orders = {s for s in {f.statement for f in all_found} if speaks_to_a_model(s)}
    kept = [f for f in all_found if f.statement not in orders]
    asked = any(askable(f, topic(section)) for f in kept)
    return SectionFacts(
        section_id=section.id,
        document_id=section.document_id,
        document=section.document,
        facts=tuple(kept),
        text=bool(plain),
        why="" if asked else _why(section, bool(plain), bool(all_found) and not kept, bool(code)),
    )


def topic(section: Section) -> str:
    """The heading a question may name: the last one that says something."""
    names = [name for name in section.heading_path if any(c.isalpha() for c in name)]
    return names[-1].rstrip(" ?？") if names else ""


def _why(section: Section, text: bool, only_orders: bool, code: bool) -> str:
    if only_orders:
        return "speaks to a model"
    if not text:
        return "only code" if code else "only a heading"
    return "no words" if not re.search(r"[^\W\d]{2}", section.text) else "nothing to ask for"


class Gauge:
    """How many facts there are, and what share of them a question can be asked about, by whether they give way first.

    In a large library only a sample is tried: to find the question is most of the work.
    """

    SURE, SHARE = 2000, 0.02

    def __init__(self) -> None:
        self.counts: Counter[bool] = Counter()
        self._tried: Counter[bool] = Counter()
        self._fit: Counter[bool] = Counter()

    def add(self, fact: Fact) -> None:
        """One more fact."""
        last = gives_way(fact)
        self.counts[last] += 1
        if self._tried.total() < self.SURE or fraction("gauge", fact.id) < self.SHARE:
            self._tried[last] += 1
            self._fit[last] += askable(fact, fact.about)

    def askable(self, last: bool) -> float:
        """Facts of a sort that can be asked about."""
        return self.counts[last] * self._fit[last] / self._tried[last] if self._tried[last] else 0.0


class Room:
    """Which facts a dataset of limited size takes: values before sentences, then by hash, so that it is stable."""

    def __init__(self, gauge: Gauge, most: int) -> None:
        """`most` facts that can be asked about."""
        first, last = gauge.askable(False), gauge.askable(True)
        self._first = min(1.0, most / first) if first else 1.0
        self._last = min(1.0, max(0, most - first) / last) if last else 1.0

    def takes(self, fact: Fact) -> bool:
        """Whether the fact is in."""
        return fraction("room", fact.id) < (self._last if gives_way(fact) else self._first)


def gives_way(fact: Fact) -> bool:
    """Whether the fact is of a kind that gives way first."""
    return fact.kind in _LAST
