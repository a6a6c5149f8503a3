"""How many rows of a fact show evidence, which of them refuse, and which questions nothing answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from finetune.pairs import context, refusals
from finetune.pairs.evidence import Trail
from finetune.pairs.settings import PairSettings
from finetune.pairs.splits import fraction
from finetune.records import Fact, Pair
from memory.records import digest
from retrieval.packing import estimate, evidence
from retrieval.prompts import REFUSAL
from retrieval.records import Hit, Language, Section, Unit
from retrieval.tokens import tokens

_BARE = frozenset({"cloze", "true_false"})
"""Families that nobody asks a chat."""
UNANSWERABLE = 0.1
"""Share of facts that give a question to which the documents have no answer, for testing."""


class Shown:
    """Rows with evidence, for the facts of one build in order. Remembers one earlier search, for passages from far."""

    def __init__(self, trail: Trail, settings: PairSettings) -> None:
        self.trail = trail
        self.settings = settings
        self._elsewhere: tuple[str, tuple[Hit, ...]] = ("", ())

    def rows(self, section: Section, units: Sequence[Unit], fact: Fact, trained: list[Pair]) -> Iterator[Pair]:
        """Rows with evidence for a fact that is trained closed-book in these wordings."""
        wanted = self._count(fact, len(trained))
        hits = self.trail.hits(trained[0].instruction) if wanted else ()
        for number in range(wanted):
            plain = [pair for pair in trained if pair.family not in _BARE and pair.kind != "reversed"] or trained[:1]
            pair = plain[(number * 3 + 1) % len(plain)]
            row = self._row(section, units, fact, pair, hits=hits, seed=f"{fact.id}{number}")
            if row is not None:
                yield row
        if hits and self._elsewhere[0] != section.document_id:
            self._elsewhere = (section.document_id, hits)
        yield from self.unanswerable(section, fact)

    def _count(self, fact: Fact, closed: int) -> int:
        """Rows with evidence per fact, so that their share comes out right over many facts."""
        s = self.settings
        exact = closed * s.context / max(0.05, 1 - s.context - s.replay)
        return int(exact) + (fraction("rows", fact.id) < exact % 1)

    def _row(
        self, section: Section, units: Sequence[Unit], fact: Fact, pair: Pair, *, hits: Sequence[Hit], seed: str
    ) -> Pair | None:
        plan = self.settings.plan
        if fraction("refuses", seed) < self.settings.refusals:
            near = fraction("near", seed) < self.settings.near
            packed = context.without_gold(fact, hits if near else self._elsewhere[1], plan)
            return self._refusal(pair, packed.text, "near" if near else "far") if packed else None
        found = context.with_gold(fact, section, units, hits, plan, seed=seed)
        if found is None:
            return None
        packed, number = found
        return pair.model_copy(
            update={
                "id": digest(pair.id, "context", packed.text),
                "kind": "context",
                "input": packed.text,
                "output": f"{pair.output} [{number}]",
            }
        )

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
        """A question about this fact's subject that nothing answers: to test abstaining, never to train it."""
        if fraction("unanswerable", fact.id) >= UNANSWERABLE:
            return
        text = section.text + "\n" + "\n".join(hit.section.text for hit in self.trail.hits(fact.about)[:8])
        question = refusals.near(fact, text, seed="near")
        if question:
            yield self._without_answer(question, fact.language, "near").model_copy(
                update={"document_id": section.document_id, "section_id": section.id}
            )

    def far(self, language: str) -> Iterator[Pair]:
        """Questions from other walks of life: a part to test, the others to train with passages from the search."""
        for question in refusals.far(language, self._known):
            pair = self._without_answer(question, language, "far")
            if fraction("far", question) < 0.5:
                yield pair
                continue
            packed = evidence(self.trail.hits(question), self.settings.plan, count=estimate)
            if packed.passages:
                yield pair.model_copy(update={"input": packed.text, "split": "train", "test_set": None})

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
