"""Rows that teach a small model to read: real questions over the evidence that chat shows, distractors, refusals.

Several questions are asked about each piece of evidence: which of its lines answers depends on the question alone, and
training computes the evidence once. Knows how a row is made; knows neither training nor where knowledge bases lie.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from finetune.evaluation.arms import turns
from finetune.records import Pair, Question
from finetune.skills.changes import changes
from memory.records import Record, digest
from retrieval.library import Library
from retrieval.packing import Count, EvidencePlan, Packed, evidence
from retrieval.prompts import REFUSAL
from retrieval.records import Evidence, Hit, Language, SearchResult, Unit
from retrieval.search import Search
from retrieval.tokens import fold


class Mix(Record):
    """How the rows are mixed."""

    whole: float = 0.3
    """Share of evidence that is whole sections: the answering one, alone or beside others."""
    as_found: float = 0.4
    """Share of evidence that is exactly what search found, when that holds the answer."""
    companions: int = 4
    """At most so many other people's questions that the same evidence answers."""
    made: int = 1
    """At most so many of our own."""
    refused: float = 0.17
    """Share of rows whose answer the evidence does not hold: the right reply is the refusal."""
    changed: float = 0.7
    """Share of evidence whose numbers, days and names are changed (changes.py)."""
    missed: float = 0.3
    """Share of evidence in which search missed the answer that stays as it is: the question is then refused."""
    amounts: tuple[int, ...] = (1, 1, 2, 2, 3, 3, 3, 4, 5, 8)
    """Units of evidence, each as likely as another: the chat shows three and one (packing.py)."""
    sentences: float = 0.05
    """Share of answered questions that want a whole sentence, which quotes the line that holds the answer."""


class _Asked(Record):
    """A question and the units that hold its answer."""

    question: Question
    gold: frozenset[tuple[str, int]]


def rows(
    library: Library,
    search: Search,
    questions: Sequence[Question],
    *,
    plan: EvidencePlan,
    count: Count,
    mix: Mix | None = None,
    more: Sequence[Question] = (),
    names: Sequence[str] = (),
    seed: int = 0,
    epochs: float = 1,
) -> Iterator[Pair]:
    """For each of `questions`, `epochs` times: evidence that search finds for it, and rows about that evidence.

    `epochs` below 1 is the share of the questions that evidence is found for; others are asked about it beside them.

    Rows of the same evidence have the same `input`: the question itself, others of `questions` and of `more` (our own)
    that it answers, and some that it does not. `count` is the tokens of a text for the model that will read. Questions
    whose answer is not found in the library are left out; the caller counts them by comparing.
    """
    mix = mix or Mix()
    units = [unit for section in library.sections() for unit in library.units(section.id)]
    texts = [(text, place_of(unit)) for unit in units if len(text := letters(unit.text)) > 3]
    asked, made = ([_Asked(question=q, gold=answering(q, texts)) for q in some] for some in (questions, more))
    by_key = {place_of(unit): unit for unit in units}
    asked = [one for one in asked if one.gold or one.question.answer is None]
    for one in asked:
        question = one.question
        if random.Random(f"{seed}:{question.id}").random() >= epochs * (1 if one.gold else ABSENT):
            continue
        result = search.search(question.question, history=turns(question), limit=20)
        alone = question if plan.turns else question.model_copy(update={"question": result.question, "history": ()})
        first = one.model_copy(update={"question": alone})
        for epoch in range(math.ceil(epochs)):
            rng = random.Random(f"{seed}:{epoch}:{question.id}")
            hits, whole = _choose(result, [by_key[key] for key in sorted(one.gold)], library=library, mix=mix, rng=rng)
            packed = evidence(hits, plan.model_copy(update=WHOLE if whole else {}), count=count)
            yield from _block(first, packed, asked, made, names=names, mix=mix, rng=rng)


ABSENT = 4
"""Evidence is drawn so many times as often for questions that nothing answers, of which there are few."""
WHOLE = {"form": "sections", "most": 0, "budget": 640}
"""How the plan changes where whole sections are shown."""


def _choose(
    result: SearchResult, gold: Sequence[Unit], *, library: Library, mix: Mix, rng: random.Random
) -> tuple[tuple[Hit, ...], bool]:
    """What is shown, and whether sections are shown whole."""
    scored = sorted(((e, h) for h in result.hits for e in h.evidence), key=lambda pair: -pair[0].score)
    ranked = [(piece.unit, hit) for piece, hit in scored]
    most = rng.choice(mix.amounts)
    found = ranked[:most]
    wanted = set(map(place_of, gold))
    draw = rng.random()
    if gold and draw < mix.whole:
        return _sections(gold, result, library, rng), True
    hit = wanted <= {place_of(unit) for unit, _ in found}
    if draw < mix.whole + mix.as_found if hit else rng.random() < mix.missed:
        return _regrouped(found), False
    distractors = [pair for pair in found if place_of(pair[0]) not in wanted][: max(0, most - len(gold))]
    shown = [*distractors, *((unit, _hit(unit, library)) for unit in gold)]
    rng.shuffle(shown)
    return _regrouped(shown), False


def _block(
    first: _Asked,
    packed: Packed,
    asked: Sequence[_Asked],
    made: Sequence[_Asked],
    *,
    names: Sequence[str],
    mix: Mix,
    rng: random.Random,
) -> list[Pair]:
    """The rows about one piece of evidence."""
    shown = {place_of(unit) for passage in packed.passages for unit in passage.units}
    answered = [first] if first.gold and first.gold <= shown else []
    for others, most in ((asked, mix.companions), (made, mix.made)):
        fits = [o for o in others if o.gold and o.gold <= shown and o.question.id != first.question.id]
        alone = [one for one in fits if not one.question.history]
        answered += rng.sample(alone, min(most, len(alone)))
    refused = [first] if not first.gold & shown and _lacks(first, fold(packed.text)) else []
    wanted = mix.refused / (1 - mix.refused) * len(answered)
    for _ in range(int(wanted) + (rng.random() < wanted % 1) - len(refused)):
        refused += _absent(packed, shown, asked, rng)
    texts = [_standing(one.question, packed.text) for one in answered]
    change: Callable[[str], str] = str
    if rng.random() < mix.changed:
        change = changes(packed.text, texts, [one.question.question for one in (*answered, *refused)], names, rng)
    text = change(packed.text)
    passages = [(passage.number, change(passage.text)) for passage in packed.passages]
    found = []
    for one, answer in zip(answered, texts, strict=True):
        lines = [unit.rendered for p in packed.passages for unit in p.units if place_of(unit) in one.gold]
        quoting = len(lines) == 1 and lines[0] in packed.text and rng.random() < mix.sentences
        asking = rng.choice(SENTENCE[_language(one.question)]) if quoting else ""
        said = change(lines[0] if quoting else answer)
        found.append(_row(one.question, text, _cited(said, passages), asking=asking))
    return found + [_row(one.question, text, None) for one in refused]


SENTENCE: dict[Language, tuple[str, ...]] = {
    "en": ("Answer in a full sentence.", "Please quote the sentence.", "Give me the whole line."),
    "zh-Hant": ("請用完整的句子回答。", "請引用原文那一句。", "整句給我看。"),
}
"""How people ask for more than the bare answer."""


def _lacks(one: _Asked, text: str) -> bool:
    """Whether no form of the answer stands in this folded text."""
    return not any(fold(form) in text for form in (one.question.answer or "", *one.question.accept) if form)


def _absent(
    packed: Packed, shown: AbstractSet[tuple[str, int]], asked: Sequence[_Asked], rng: random.Random
) -> list[_Asked]:
    """A question that the evidence does not answer; half of the time one about the very sections that are shown."""
    sections = {section for section, _ in shown}
    text = fold(packed.text)

    def lacks(one: _Asked) -> bool:
        return not one.question.history and not one.gold & shown and _lacks(one, text)

    near = [one for one in asked if any(section in sections for section, _ in one.gold) and lacks(one)]
    if near and rng.random() < 0.5:
        return [rng.choice(near)]
    far = rng.choice(asked)
    return [far] if lacks(far) else []


def _sections(gold: Sequence[Unit], result: SearchResult, library: Library, rng: random.Random) -> tuple[Hit, ...]:
    """The answering sections whole, half of the time beside one or two that search found, in any order."""
    right = {unit.section_id: _hit(unit, library) for unit in gold}
    others = [hit for hit in result.hits if hit.section.id not in right][: rng.choice((0, 0, 1, 2))]
    shown = [*right.values(), *others]
    rng.shuffle(shown)
    return tuple(shown)


def _row(question: Question, text: str, answer: str | None, *, asking: str = "") -> Pair:
    """`answer` None: the refusal; `asking`: what is said after the question."""
    language = _language(question)
    maker = "rules" if question.test_set == "made" else "practice"
    return Pair(
        id=digest(question.id, text)[:16],
        instruction=f"{question.question} {asking}".rstrip(),
        input=text,
        output=REFUSAL[language] if answer is None else answer,
        kind="refusal" if answer is None else "context",
        language=language,
        section_id=question.section_id,
        family="practice",
        maker=maker,
    )


def _language(question: Question) -> Language:
    return "zh-Hant" if question.language.startswith("zh") else "en"


def _standing(question: Question, text: str) -> str:
    """The reference, or the accepted variant of it that the evidence says."""
    answer = question.answer or ""
    known = fold(text)
    return next((form for form in (answer, *question.accept) if fold(form) in known), answer)


def _cited(answer: str, passages: Sequence[tuple[int, str]]) -> str:
    """The answer with the number of the passage that holds it."""
    for number, text in passages:
        if fold(answer) in fold(text):
            return f"{answer} [{number}]"
    return f"{answer} [{passages[0][0]}]" if len(passages) == 1 else answer


def answering(question: Question, texts: Sequence[tuple[str, tuple[str, int]]]) -> frozenset[tuple[str, int]]:
    """The keys of the units, given by their squeezed texts, that the question's evidence quotes lie in."""
    quotes = [letters(quote) for quote in question.evidence.split("\n") if quote.strip()]
    return frozenset(key for text, key in texts if any(text in quote or quote in text for quote in quotes))


def _regrouped(pieces: Sequence[tuple[Unit, Hit]]) -> tuple[Hit, ...]:
    """Hits that hold just these units, scored so that packing keeps their order."""
    grouped: dict[str, tuple[Hit, list[Evidence]]] = {}
    for place, (unit, hit) in enumerate(pieces):
        grouped.setdefault(hit.section.id, (hit, []))[1].append(Evidence(unit=unit, score=-float(place)))
    return tuple(hit.model_copy(update={"evidence": tuple(found)}) for hit, found in grouped.values())


def _hit(unit: Unit, library: Library) -> Hit:
    section = library.section(unit.section_id)
    return Hit(section=section, document=section.document, chunk_id="", score=0.0)


def place_of(unit: Unit) -> tuple[str, int]:
    return unit.section_id, unit.ordinal


def letters(text: str) -> str:
    """Letters and digits only: a CSV row and the table row it became are the same."""
    return re.sub(r"[\W_]+", "", text)
