"""Rows that teach a small model to read: real questions over the evidence that chat shows, distractors, refusals.

Knows how a row is made; knows neither training nor where the knowledge bases lie.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence

from finetune.evaluation.arms import turns
from finetune.records import Pair, Question
from memory.records import Record, digest
from retrieval.library import Library
from retrieval.packing import Count, EvidencePlan, Packed, evidence
from retrieval.prompts import REFUSAL
from retrieval.records import Evidence, Hit, Language, SearchResult, Unit
from retrieval.search import Search
from retrieval.tokens import fold


class Mix(Record):
    """How the rows are mixed."""

    whole: float = 0.25
    """Share of answerable questions shown with the whole answering section, alone or beside others."""
    as_found: float = 0.4
    """Share of answerable questions shown with exactly what search found, when that holds the answer."""
    absent: float = 0.1
    """Share of answerable questions shown without the answering evidence: the right reply is the refusal."""
    fewest: int = 3
    """Fewest units of evidence in a row."""
    most: int = 8
    """Most units of evidence in a row."""


def rows(
    library: Library,
    search: Search,
    questions: Iterable[Question],
    *,
    plan: EvidencePlan,
    count: Count,
    mix: Mix | None = None,
    seed: int = 0,
    epochs: int = 1,
) -> Iterator[Pair]:
    """Context rows for each question, `epochs` different ones: other evidence, order and length each time.

    `count` is the tokens of a text for the model that will read. Questions whose evidence is not found in the library
    are left out; the caller counts them by comparing.
    """
    mix = mix or Mix()
    units = [(unit, section.id) for section in library.sections() for unit in library.units(section.id)]
    for question in questions:
        result = search.search(question.question, history=turns(question), limit=20)
        gold = _gold(question, [unit for unit, _ in units])
        if question.answer is not None and not gold:
            continue
        asked = question if plan.turns else question.model_copy(update={"question": result.question})
        for epoch in range(epochs):
            rng = random.Random(f"{seed}:{epoch}:{question.id}")
            choice = _choose(question, result, gold, library=library, mix=mix, rng=rng)
            yield _row(asked, choice, plan.model_copy(update=WHOLE if choice.whole else {}), count, epoch)


WHOLE = {"form": "sections", "most": 0, "budget": 640}
"""How the plan changes where whole sections are shown."""


class _Choice(Record):
    """What a row shows and whether the answer stands in it."""

    hits: tuple[Hit, ...]
    answered: bool
    whole: bool = False
    """Sections are shown whole, not units."""


def _choose(
    question: Question, result: SearchResult, gold: Sequence[Unit], *, library: Library, mix: Mix, rng: random.Random
) -> _Choice:
    scored = sorted(((e, h) for h in result.hits for e in h.evidence), key=lambda pair: -pair[0].score)
    ranked = [(piece.unit, hit) for piece, hit in scored]
    most = rng.randint(mix.fewest, mix.most)
    found = ranked[:most]
    wanted = {_key(unit) for unit in gold}
    here = {_key(unit) for unit, _ in found}
    if question.answer is None:
        return _Choice(hits=_regrouped(found), answered=False)
    draw = rng.random()
    if draw < mix.absent:
        return _Choice(hits=_regrouped([pair for pair in ranked if _key(pair[0]) not in wanted][:most]), answered=False)
    if draw > 1 - mix.whole:
        return _Choice(hits=_sections(gold, result, library, rng), answered=True, whole=True)
    if wanted <= here and draw < mix.absent + mix.as_found:
        return _Choice(hits=_regrouped(found), answered=True)
    distractors = [pair for pair in found if _key(pair[0]) not in wanted][: max(1, most - len(gold))]
    shown = [*distractors, *((unit, _hit(unit, library)) for unit in gold)]
    rng.shuffle(shown)
    return _Choice(hits=_regrouped(shown), answered=True)


def _sections(gold: Sequence[Unit], result: SearchResult, library: Library, rng: random.Random) -> tuple[Hit, ...]:
    """The answering sections whole, half of the time beside one or two that search found, in any order."""
    right = {unit.section_id: _hit(unit, library) for unit in gold}
    others = [hit for hit in result.hits if hit.section.id not in right][: rng.choice((0, 0, 1, 2))]
    shown = [*right.values(), *others]
    rng.shuffle(shown)
    return tuple(shown)


def _row(question: Question, choice: _Choice, plan: EvidencePlan, count: Count, epoch: int) -> Pair:
    packed = evidence(choice.hits, plan, count=count)
    language: Language = "zh-Hant" if question.language.startswith("zh") else "en"
    output = _spoken(question, packed) if choice.answered and question.answer else REFUSAL[language]
    return Pair(
        id=digest(question.id, str(epoch))[:16],
        instruction=question.question,
        input=packed.text,
        output=output,
        kind="context" if choice.answered else "refusal",
        language=language,
        section_id=question.section_id,
        family="practice",
        maker="practice",
    )


def _spoken(question: Question, packed: Packed) -> str:
    """The answer with the number of the passage that holds it."""
    answer = question.answer or ""
    for passage in packed.passages:
        if any(fold(text) in fold(passage.text) for text in (answer, *question.accept)):
            return f"{answer} [{passage.number}]"
    return f"{answer} [{packed.passages[0].number}]" if len(packed.passages) == 1 else answer


def _gold(question: Question, units: Sequence[Unit]) -> list[Unit]:
    """The units that the question's evidence quotes lie in."""
    quotes = [_squeezed(quote) for quote in question.evidence.split("\n") if quote.strip()]
    return [
        unit
        for unit in units
        if len(text := _squeezed(unit.text)) > 3 and any(text in quote or quote in text for quote in quotes)
    ]


def _regrouped(pieces: Sequence[tuple[Unit, Hit]]) -> tuple[Hit, ...]:
    """Hits that hold just these units, scored so that packing keeps their order."""
    grouped: dict[str, tuple[Hit, list[Evidence]]] = {}
    for place, (unit, hit) in enumerate(pieces):
        grouped.setdefault(hit.section.id, (hit, []))[1].append(Evidence(unit=unit, score=-float(place)))
    return tuple(hit.model_copy(update={"evidence": tuple(found)}) for hit, found in grouped.values())


def _hit(unit: Unit, library: Library) -> Hit:
    section = library.section(unit.section_id)
    return Hit(section=section, document=section.document, chunk_id="", score=0.0)


def _key(unit: Unit) -> tuple[str, int]:
    return unit.section_id, unit.ordinal


def _squeezed(text: str) -> str:
    """Letters and digits only: a CSV row and the table row it became are the same."""
    return re.sub(r"[\W_]+", "", text)
