"""How many rows of a fact show evidence, which of them refuse, and which questions nothing answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from finetune.pairs import context, refusals
from finetune.pairs.evidence import Trail
from finetune.pairs.filters import stands_in
from finetune.pairs.settings import PairSettings
from finetune.pairs.splits import fraction
from finetune.records import Fact, Pair, Split
from memory.records import digest
from retrieval.packing import EvidencePlan, estimate, evidence
from retrieval.prompts import REFUSAL
from retrieval.records import Language, Section, Unit
from retrieval.tokens import tokens

_BARE = frozenset({"true_false"})
"""Families that nobody asks a chat."""
UNANSWERABLE, WATCHED = 0.1, 0.05
"""Shares of facts that give a question to which the documents have no answer: to test, and to watch training."""

GROUP = 4
"""Questions that are asked about the same evidence, at most."""


class _Slot(NamedTuple):
    """A row with evidence that is wanted."""

    fact: Fact
    pair: Pair
    """The closed-book row whose question it asks."""
    seed: str
    refuses: bool


class Shown:
    """Rows with evidence, for the facts of one build in order. Remembers one earlier search, for passages from far."""

    def __init__(self, trail: Trail, settings: PairSettings) -> None:
        self.trail = trail
        self.settings = settings
        self._here = ("", "")
        self._elsewhere = ""

    def learn(self, section: Section, facts: Sequence[Fact]) -> None:
        """Every section in order, before its rows: the document before is where passages from far come from."""
        if facts and section.document_id != self._here[0]:
            self._elsewhere, self._here = self._here[1], (section.document_id, facts[0].statement)

    def rows(
        self, section: Section, units: Sequence[Unit], taught: Sequence[tuple[Fact, list[Pair]]]
    ) -> Iterator[Pair]:
        """Rows with evidence for the facts of one section, which are trained closed-book in these wordings.

        The same evidence is shown for up to GROUP of them: training then computes it once for all.
        """
        waiting = [slot for fact, trained in taught for slot in self._slots(fact, trained)]
        cited = {slot.fact.id: slot.pair.instruction for slot in reversed(waiting) if not slot.refuses}
        while waiting:
            first, *others = waiting
            if first.refuses:
                # Where a row of the same fact cites, what was found for its question is near enough.
                made = self._refused(first, others, cited.get(first.fact.id, first.pair.instruction))
            else:
                made = self._cited(section, units, first, others)
            yield from made.values()
            waiting = [slot for slot in others if slot.seed not in made]
        for fact, _ in taught:
            yield from self.unanswerable(section, fact)

    def _slots(self, fact: Fact, trained: list[Pair]) -> Iterator[_Slot]:
        """The rows with evidence that a fact gets, so that their share comes out right over many facts."""
        s = self.settings
        exact = len(trained) * s.context / max(0.05, 1 - s.context)
        plain = [pair for pair in trained if pair.family not in _BARE and pair.kind != "reversed"] or trained[:1]
        # Chosen by section, so that the facts that get one more can share its evidence.
        for number in range(int(exact) + (fraction("rows", fact.section_id) < exact % 1)):
            seed = f"{fact.id}{number}"
            refuses = fraction("refuses", seed) < s.refusals
            yield _Slot(fact, plain[(number * 3 + 1) % len(plain)], seed, refuses)

    def _cited(self, section: Section, units: Sequence[Unit], first: _Slot, others: Sequence[_Slot]) -> dict[str, Pair]:
        """Rows by seed that answer from the evidence for the first of them; each says in which passage it stands."""
        hits = self.trail.hits(first.pair.instruction)
        found = context.with_gold(first.fact, section, units, hits, self._plan(first.seed), seed=first.seed)
        if found is None:
            return {}
        packed, number = found
        made = {first.seed: _citing(first.pair, packed.text, number)}
        # Other facts before more wordings of the first one.
        for slot in sorted(others, key=lambda slot: slot.fact.id == first.fact.id):
            place = None if slot.refuses else context.place(packed, slot.fact, units)
            row = None if place is None else _citing(slot.pair, packed.text, place)
            if row is not None and len(made) < GROUP and all(row.id != other.id for other in made.values()):
                made[slot.seed] = row
        return made

    def _refused(self, first: _Slot, others: Sequence[_Slot], question: str) -> dict[str, Pair]:
        """Rows by seed that refuse: the best evidence for a question about the first one's fact but the right one, or
        evidence from far."""
        near = self._near(first)
        hits = self.trail.hits(question if near else self._elsewhere)
        packed = context.without_gold(first.fact, hits, self._plan(first.seed))
        if packed is None:
            return {}
        same = [slot for slot in others if slot.refuses and self._near(slot) is near]
        fitting = [slot for slot in same if not stands_in(slot.fact.value, packed.text)]
        kind = "near" if near else "far"
        return {slot.seed: self._refusal(slot.pair, packed.text, kind) for slot in [first, *fitting][:GROUP]}

    def _plan(self, seed: str) -> EvidencePlan:
        """As much evidence as one of the chat's looks shows."""
        plan = self.settings.plan
        looks = plan.looks or (plan.most,)
        return plan.model_copy(update={"most": looks[int(fraction("look", seed) * len(looks))]})

    def _near(self, slot: _Slot) -> bool:
        return not self._elsewhere or fraction("near", slot.seed) < self.settings.near

    def _refusal(self, pair: Pair, text: str, family: str) -> Pair:
        refusal = REFUSAL[cast(Language, pair.language)]
        return pair.model_copy(
            update={
                "id": digest(pair.id, "refusal", text),
                "kind": "refusal",
                "family": family,
                "input": text,
                "output": refusal,
                "accept": (),
                "start": 0,
                "end": 0,
                "quote": "",
            }
        )

    def unanswerable(self, section: Section, fact: Fact) -> Iterator[Pair]:
        """A question about this fact's subject that nothing answers: to test or watch abstaining, never to train it."""
        place = fraction("unanswerable", fact.id)
        if place >= UNANSWERABLE + WATCHED or not refusals.subject(fact):
            return
        found = "\n".join(hit.section.text for hit in self.trail.hits(fact.about)[:8])
        question = refusals.near(fact, section.text, found, seed="near")
        if question:
            pair = self._without_answer(question, fact.language, "near").model_copy(
                update={"document_id": section.document_id, "section_id": section.id}
            )
            yield from (pair,) if place < UNANSWERABLE else self._grounded(pair, "dev")

    def far(self, language: str) -> Iterator[Pair]:
        """Questions from other walks of life: to test; to watch training and to train, with what a search brings."""
        for question in refusals.far(language, self._known):
            pair, place = self._without_answer(question, language, "far"), fraction("far", question)
            if place < 0.5:
                yield pair
            else:
                yield from self._grounded(pair, "dev" if place < 0.65 else "train")

    def _grounded(self, pair: Pair, split: Split) -> Iterator[Pair]:
        """The question with the passages that a search brings for it; nothing when it brings none."""
        packed = evidence(self.trail.hits(pair.instruction), self._plan(pair.instruction), count=estimate)
        if packed.passages:
            yield pair.model_copy(update={"input": packed.text, "split": split, "test_set": None})

    def _known(self, word: str) -> bool:
        """Whether the documents hold the word."""
        found = tokens(word)
        return bool(found) and all(self.trail.frequency[token] for token in found)

    def _without_answer(self, question: str, language: str, family: str) -> Pair:
        return Pair(
            id=digest("unanswerable", question),
            instruction=question,
            output=REFUSAL[cast(Language, language)],
            kind="refusal",
            maker="rules",
            family=family,
            language=language,
            split="test",
            test_set="unanswerable",
        )


def _citing(pair: Pair, text: str, number: int) -> Pair:
    return pair.model_copy(
        update={
            "id": digest(pair.id, "context", text),
            "kind": "context",
            "input": text,
            "output": f"{pair.output} [{number}]",
        }
    )
