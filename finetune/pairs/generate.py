"""A section's facts → its pairs, each checked: the only place where a rule-made pair comes to be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from finetune.pairs import filters
from finetune.pairs.answers import variants
from finetune.pairs.duplicates import near_copy
from finetune.pairs.evidence import Trail
from finetune.pairs.finding import topic
from finetune.pairs.linked import Crossings, comparisons, follow_ups, gathered
from finetune.pairs.settings import PairSettings
from finetune.pairs.shown import Shown
from finetune.pairs.splits import held_out
from finetune.pairs.wording import HELD_OUT, Wording, spoken, wordings
from finetune.records import Fact, Pair
from memory.records import digest
from retrieval.records import Section, Unit
from retrieval.tokens import characters

COPY = 0.92
"""ROUGE-L from which two wordings of one fact count as one."""
LEAK = 0.7
"""ROUGE-L to a trained wording from which a held-out wording tests nothing."""


class Source(NamedTuple):
    """One section with what is known about it."""

    section: Section
    units: list[Unit]
    facts: list[Fact]
    chunks: tuple[str, ...]


class Generator:
    """Makes and checks the pairs of sections, one at a time. Knows no files."""

    def __init__(self, trail: Trail, settings: PairSettings) -> None:
        self.trail = trail
        self.settings = settings
        self.shown = Shown(trail, settings)
        self.crossings = Crossings()

    def pairs(self, source: Source) -> Iterator[Pair]:
        """Every pair of the section, dropped ones included with their reason."""
        held = held_out(source.section, self.settings.held_out)
        values = Counter((fact.attribute, fact.value) for fact in source.facts)
        taught: list[tuple[Fact, list[Pair]]] = []
        self.shown.learn(source.section, source.facts)
        name = topic(source.section)
        made_of = [
            (
                fact,
                [
                    self.pair(source, fact, w)
                    for w in wordings(fact, name, unique=values[fact.attribute, fact.value] == 1)
                ],
            )
            for fact in source.facts
        ]
        for fact, made in told_apart(made_of):
            yield from self._held(source, fact, made) if held else self._trained(source, fact, made, taught)
        yield from self.shown.rows(source.section, source.units, taught)
        if not held:
            name = spoken(name)
            linked = [
                *follow_ups(source.facts, name),
                *comparisons(source.section, source.facts),
                *gathered(source.section, source.facts, name),
            ]
            for fact, wording, history in linked:
                pair = self.pair(source, fact, wording).model_copy(update={"history": history})
                pair = pair.model_copy(update={"id": digest(pair.id, *(t for turn in history for t in turn))})
                yield self.judged([pair], source)[0]
            yield from self._crossing(source)

    def learn(self, source: Source) -> None:
        """A section whose pairs were made by an earlier process: those of later ones lean on it."""
        self.shown.learn(source.section, source.facts)
        self.crossings.learn(source.section, source.facts, source.chunks)

    def _crossing(self, source: Source) -> Iterator[Pair]:
        """Questions that need an earlier section too."""
        names = (topic(source.section),)
        for fact, wording, other, chunks in self.crossings.pairs(source.section, source.facts, source.chunks, names):
            pair = self.pair(source, fact, wording).model_copy(update={"chunk_ids": chunks})
            reason = filters.reason(pair, f"{other}\n{source.section.text}")
            yield _dropped(pair, reason) if reason else pair

    def pair(self, source: Source, fact: Fact, wording: Wording) -> Pair:
        """A fact in one wording, unchecked."""
        output = wording.answer or fact.value.strip()
        quote = (
            (fact.statement_start, fact.statement_end)
            if wording.kind in {"reversed", "comparison"}
            else (fact.start, fact.end)
        )
        section = source.section
        return Pair(
            id=digest(fact.id, wording.family, wording.question, wording.kind),
            instruction=wording.question,
            output=on_one_line(output, listed=fact.kind == "list" and not wording.answer),
            kind="list" if fact.kind == "list" else wording.kind,
            fact_id=fact.id,
            section_id=section.id,
            document_id=section.document_id,
            chunk_ids=source.chunks,
            start=quote[0],
            end=quote[1],
            quote=section.text[quote[0] - section.start : quote[1] - section.start],
            accept=variants(output, fact.language),
            maker="rules",
            family=wording.family,
            language=fact.language,
        )

    def judged(self, pairs: list[Pair], source: Source) -> list[Pair]:
        """The same pairs, dropped with a reason where a filter or the search says so."""
        reasons = [
            pair.reason if pair.status == "dropped" else filters.reason(pair, source.section.text) for pair in pairs
        ]
        sound = [place for place, reason in enumerate(reasons) if not reason]
        questions = [f"{_earlier(pairs[p])}{pairs[p].instruction}" for p in sound]
        for place, found in zip(sound, self.trail.back(questions, source.section), strict=True):
            if not found:
                reasons[place] = "not_retrievable"
        return [_dropped(pair, reason) if reason else pair for pair, reason in zip(pairs, reasons, strict=True)]

    def _trained(
        self, source: Source, fact: Fact, made: list[Pair], taught: list[tuple[Fact, list[Pair]]]
    ) -> Iterator[Pair]:
        """Training wordings up to the number asked for, which `taught` learns of, and the wordings that only test."""
        training = [pair for pair in made if pair.family not in HELD_OUT]
        ordered = training[:2] + sorted(training[2:], key=lambda p: digest(str(self.settings.seed), fact.id, p.family))
        kept: list[Pair] = []
        taken: list[list[str]] = []
        for judged in self.judged(ordered, source):
            if len(kept) == self.settings.forms:
                break
            copy = judged.status == "kept" and near_copy(judged.instruction, taken, COPY)
            pair = _dropped(judged, "duplicate: nearly another wording") if copy else judged
            if pair.status == "kept":
                kept.append(pair)
                taken.append(characters(pair.instruction))
            yield pair
        if not kept:
            return
        taught.append((fact, kept))
        testing = [pair for pair in made if pair.family in HELD_OUT]
        for pair in self.judged(testing, source):
            yield _tested(pair, taken)

    def _held(self, source: Source, fact: Fact, made: list[Pair]) -> Iterator[Pair]:
        """Two wordings of a fact that training never sees in any form."""
        wanted = [
            p for p in made if p.family in {"plain", "situation"} and fact.kind not in {"sentence", "item", "passage"}
        ]
        for pair in self.judged(wanted[:2], source):
            yield pair.model_copy(update={"split": "test", "test_set": "unseen_section"})
        yield from self.shown.unanswerable(source.section, fact)


def told_apart(made_of: list[tuple[Fact, list[Pair]]]) -> Iterator[tuple[Fact, list[Pair]]]:
    """The facts with their pairs, dropped where the plainest question has another answer in the section too.

    What a whole passage answers, it answers best.
    """
    asked: dict[str, list[tuple[str, str]]] = {}
    for fact, made in made_of:
        if made:
            asked.setdefault(made[0].instruction.casefold(), []).append((fact.kind, made[0].output))
    for fact, made in made_of:
        others = asked[made[0].instruction.casefold()] if made else []
        best = [output for kind, output in others if kind == "passage"] or [output for _, output in others]
        other = len(set(best)) > 1 or (made and made[0].output not in best)
        yield fact, [_dropped(p, "conflict: the section answers it otherwise too") for p in made] if other else made


def _tested(pair: Pair, trained: list[list[str]]) -> Pair:
    """A held-out wording as a dev or test row, dropped where it is too near to a trained one."""
    first = pair.family == HELD_OUT[0]
    pair = pair.model_copy(
        update={"split": "dev" if first else "test", "test_set": None if first else "unseen_wording"}
    )
    if pair.status == "kept" and near_copy(pair.instruction, trained, LEAK):
        return _dropped(pair, "leak: too near to a trained wording")
    return pair


def _dropped(pair: Pair, reason: str) -> Pair:
    return pair.model_copy(update={"status": "dropped", "reason": reason})


def _earlier(pair: Pair) -> str:
    return f"{pair.history[-1][0]} " if pair.history else ""


_BULLET = re.compile(r"^\s*(?:[-*•・‧–]|\d+[.)、]|[（(]?[一二三四五六七八九十\d]+[)）、])\s*")


_BULLETED = re.compile(r"^\s*(?:[-*•・‧–]\s|\d+[.)、]\s|[（(]?[一二三四五六七八九十]+[)）、])")


def on_one_line(text: str, *, listed: bool) -> str:
    """The lines of a list with marks between them and bullets gone; the lines of a sentence joined."""
    lines = text.splitlines()
    if listed or any(map(_BULLETED.match, lines[1:])):
        return "; ".join(line.rstrip(";；") for line in (_BULLET.sub("", line).strip() for line in lines) if line)
    joined = " ".join(line.strip() for line in lines)
    return (
        re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])", "", joined)
        if len(lines) > 1
        else text
    )
