"""Evidence that fits a token budget: which pieces of which sections, in what form and order. Knows no model.

Pieces are taken best first; the same text is never shown twice; what had no room is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from memory.records import Record
from retrieval.fence import escape, escape_line
from retrieval.records import Hit, Section, Unit
from retrieval.units import units as units_of

Count = Callable[[str], int]
"""The tokens of a text, by the tokenizer of the model that will read it."""


class EvidencePlan(Record):
    """How much evidence a model gets, in what form and order. Follows from how well it reads."""

    form: Literal["units", "sections", "mixed"] = "mixed"
    """units: the best single sentences, rows and items under their headings; sections: whole sections; mixed: the best
    section whole, for its context, then units. At equal tokens units hold the answer most often, sections least."""
    budget: int = 1200
    """Tokens of evidence, headings included, by the reading model's own tokenizer."""
    most: int = 0
    """At most so many units (or sections); 0: as many as fit the budget."""
    looks: tuple[int, ...] = ()
    """Ask once with each of these as `most`, and keep the answer that the model is surest of; only models that say how
    sure they are can be asked so. A small model reads few lines better, and finds more among many."""
    order: Literal["best_first", "best_last"] = "best_first"
    """Whether the best passage stands first or next to the question."""
    quote_first: bool = False
    """Ask for the supporting words before the answer: helps models that read badly."""
    turns: int = 4
    """How many earlier messages of the conversation the model sees; 0: only the question made standalone."""


WHOLE = 0.4
"""Share of the budget that the best section may take whole in a mixed plan."""
SMALL = EvidencePlan(form="units", budget=400, most=8, looks=(3, 1), turns=0)
"""For models that read badly: few, short, sentence-level pieces."""
LARGE = EvidencePlan(budget=2000)
"""For models that read well."""


class Passage(Record):
    """A numbered passage of a prompt: the units (or the whole text) of one section."""

    number: int
    section: Section
    document: str
    units: tuple[Unit, ...]
    """What of the section is shown, in document order; all of its units when it is shown whole."""
    text: str
    """As shown, escaped; without the number and heading line."""


class Packed(Record):
    """Evidence that fits a budget, ready for a prompt."""

    passages: tuple[Passage, ...]
    text: str
    """The passages with their number and heading lines, escaped; without the outer fence."""
    tokens: int
    left_out: int
    """Units (or sections) that search found and the plan had no room for."""
    cut: int = 0
    """Sections too long for the budget, of which only the best units are shown."""


def evidence(hits: Sequence[Hit], plan: EvidencePlan, *, count: Count) -> Packed:
    """The best evidence of `hits` that fits `plan`. `count` gives the tokens of a text for the reading model."""
    packer = _Packer(plan, count)
    if plan.form == "sections":
        for hit in hits:
            packer.offer_section(hit)
        return packer.packed()
    if plan.form == "mixed" and hits:
        packer.offer_whole(hits[0], int(plan.budget * WHOLE))
    ranked = sorted(((piece, hit) for hit in hits for piece in hit.evidence), key=lambda pair: -pair[0].score)
    for taken, (piece, hit) in enumerate(ranked):
        if packer.full:
            packer.left_out += len(ranked) - taken
            break
        packer.offer_unit(piece.unit, hit)
    return packer.packed()


class _Shown:
    """One section on its way into a prompt: whole, or some of its units."""

    def __init__(self, hit: Hit, *, whole: bool) -> None:
        self.hit = hit
        self.whole = whole
        self.units: list[Unit] = []

    @property
    def text(self) -> str:
        if self.whole:
            return escape(self.hit.section.text)
        return "\n".join(escape_line(unit.rendered) for unit in self._ordered)

    @property
    def _ordered(self) -> list[Unit]:
        return sorted(self.units, key=lambda unit: unit.start)

    def passage(self, number: int) -> Passage:
        units = units_of(self.hit.section) if self.whole else self.units
        return Passage(
            number=number,
            section=self.hit.section,
            document=self.hit.document,
            units=tuple(sorted(units, key=lambda unit: unit.start)),
            text=self.text,
        )


class _Packer:
    """Adds pieces best first while they fit. Token costs are counted per line, then checked on the whole text."""

    def __init__(self, plan: EvidencePlan, count: Count) -> None:
        self.plan = plan
        self.count = count
        self.shown: dict[str, _Shown] = {}
        self.seen: set[str] = set()
        self.left = plan.budget
        self.pieces = 0
        self.left_out = 0
        self.cut = 0

    def offer_section(self, hit: Hit) -> None:
        """The whole section if it fits, else those of its units that do, best first."""
        key = _squeezed(hit.section.text)
        if key in self.seen or not key:
            return
        if self.full or not self.offer_whole(hit, self.left):
            before = len(self.shown)
            for piece in sorted(hit.evidence, key=lambda piece: -piece.score) if not self.full else ():
                self._add_unit(piece.unit, hit)
            partly = len(self.shown) > before
            self.pieces += partly
            self.cut += partly
            self.left_out += not partly
        self.seen.add(key)

    def offer_whole(self, hit: Hit, most: int) -> bool:
        """The whole section if it costs no more than `most`; its units are then not shown again."""
        shown = _Shown(hit, whole=True)
        cost = self.count(f"[9] {_heading(hit)}\n") + self.count(shown.text)
        if cost > min(most, self.left):
            return False
        self.shown[hit.section.id] = shown
        self.seen.update(_squeezed(unit.rendered) for unit in units_of(hit.section))
        self.left -= cost
        self.pieces += 1
        return True

    def offer_unit(self, unit: Unit, hit: Hit) -> None:
        """One more unit, under its section's heading."""
        if _squeezed(unit.rendered) in self.seen:
            return
        added = self._add_unit(unit, hit)
        self.pieces += added
        self.left_out += not added

    def packed(self) -> Packed:
        """What was taken, numbered in the order shown; pieces are given up from the worst until the whole fits."""
        shown = list(self.shown.values())
        while True:
            ordered = shown if self.plan.order == "best_first" else shown[::-1]
            passages = tuple(item.passage(number) for number, item in enumerate(ordered, 1))
            text = "\n".join(
                f"[{p.number}] {_heading(i.hit)}\n{p.text}" for p, i in zip(passages, ordered, strict=True)
            )
            tokens = self.count(text) if text else 0
            if tokens <= self.plan.budget or not shown:
                return Packed(passages=passages, text=text, tokens=tokens, left_out=self.left_out, cut=self.cut)
            self.left_out += 1
            _give_up_one(shown)

    @property
    def full(self) -> bool:
        """Whether as many pieces as the plan allows are taken; more may still fit its budget."""
        return bool(self.plan.most) and self.pieces >= self.plan.most

    def _add_unit(self, unit: Unit, hit: Hit) -> bool:
        key = _squeezed(unit.rendered)
        shown = self.shown.get(hit.section.id)
        cost = self.count(escape_line(unit.rendered) + "\n") + (0 if shown else self.count(f"[9] {_heading(hit)}\n"))
        if cost > self.left or key in self.seen:
            return False
        if shown is None:
            shown = self.shown[hit.section.id] = _Shown(hit, whole=False)
        shown.units.append(unit)
        self.seen.add(key)
        self.left -= cost
        return True


def _give_up_one(shown: list[_Shown]) -> None:
    """Drop the piece added last from the last section shown."""
    last = shown[-1]
    if last.whole or len(last.units) == 1:
        shown.pop()
    else:
        last.units.pop()


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _heading(hit: Hit) -> str:
    name = re.sub(r"\.\w{1,5}$", "", hit.document)
    return escape_line(" > ".join([name, *hit.section.heading_path]))


_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_PIECE = re.compile(rf"[{_CJK}\U00020000-\U0003ffff]|[A-Za-z]+|\d|[^\sA-Za-z\d]")


def estimate(text: str) -> int:
    """Tokens of a text when no tokenizer is at hand: one per CJK character, digit, mark and five letters. Errs high."""
    return sum(-(-len(piece) // 5) for piece in _PIECE.findall(text))
