"""What the one click will take: questions, answers, seconds and memory of every step, before any of it is done.

Counts come from what is on disk already, else from a part of the documents; speeds from earlier work on this machine,
else from one short batch. Everything is "about". Starts nothing and changes nothing.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from memory.records import Record

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.pairs.settings import PairSettings
    from finetune.records import DatasetCard, Effort
    from retrieval.packing import EvidencePlan

Step = Literal["pairs", "train", "compare"]
LOOKED_AT = 40
"""Sections whose facts are counted when there is no dataset yet."""
PAIR_SECONDS = 0.012
"""Making and checking one pair, embedding included (docs/BENCHMARKS.md, Pairs)."""
KEPT = 0.85
"""Share of the wordings of trained facts that come through all checks."""
WATCHING, TESTING = 0.6, 0.55
"""Share of trained facts with a wording that watches training, and with one that is asked afterwards."""
UNSEEN, NEAR, FAR = 1.7, 0.04, 15
"""Test rows of a fact that is not trained; unanswerable ones for each fact, and for each language."""
CLOSED, AROUND, LINE, SAID = 80, 130, 45, 40
"""Tokens of a prompt without documents, of one around its passages, of a line of a passage, and of an answer."""
ALONE, OWN = 45, 0.45
"""What training computes of a row without documents, as its batch shares the system text; and the share of a row with
evidence that is not shared with other rows about the same evidence (docs/BENCHMARKS.md, Recipes)."""
LEAST = 2.0
"""Passes over the rows that training makes however slow the machine is: with fewer nothing is learned."""
TRAIN_PER_READ = 0.4
"""Tokens trained in the time in which one is read in the same precision: forwards and backwards."""
WATCHED = 0.25
"""Share of the training time that questions in between may take (finetune/engines/progress.py)."""


class Speeds(Record):
    """Tokens per second of one model on this machine."""

    read: float
    """Of prompts, in batches."""
    write: float
    """Of answers, in batches."""
    train: float = 0.0
    """0: not known yet; then it follows from reading."""


class Part(Record):
    """One step of the way."""

    step: Step
    count: int
    """Pairs made, rows trained on, answers given."""
    seconds: float
    done: bool = False
    """It is finished and will not be repeated."""


class Forecast(Record):
    """The whole way."""

    parts: tuple[Part, ...]
    memory: int
    """Bytes at most, in the step that needs most."""
    free: int

    @property
    def seconds(self) -> float:
        """Of what is still to be done."""
        return sum(part.seconds for part in self.parts if not part.done)

    @property
    def fits(self) -> bool:
        """Whether there is memory enough."""
        return self.memory <= self.free


class Amounts(Record):
    """How much there is to do."""

    closed: int
    """Training rows about the documents, without passages."""
    shown: int
    """Those with passages."""
    general: int
    """Training rows about general things."""
    reading: int
    """Those with passages of other documents."""
    checks: int
    """Rows that watch training."""
    tests: int
    """Questions of the comparison about the documents."""
    everyday: int
    """Its general questions."""
    repeated: int
    """Those of `tests` that are training rows."""

    @property
    def rows(self) -> int:
        """Training rows."""
        return self.closed + self.shown + self.general + self.reading

    @property
    def pairs(self) -> int:
        """Rows of all splits."""
        return self.rows + self.checks + self.tests - self.repeated + self.everyday

    def asked(self, most: int) -> tuple[int, int]:
        """Questions about the documents and general ones of a comparison of at most `most`; 0: of all."""
        from finetune.evaluation.questions import divided

        if not most or most >= self.tests + self.everyday:
            return self.tests, self.everyday
        documents, general = divided(most, self.everyday)
        return min(self.tests, documents), general


def counted(wiring: Wiring, user: str, kb: str, settings: PairSettings, dataset: str = "") -> Amounts:
    """The amounts of a finished dataset, of an earlier one with the same settings, or by looking at some sections."""
    wanted = settings.model_dump(mode="json")
    known = wiring.datasets(kb, user)
    found = next((d for d in known if d.id == dataset), None)
    found = found or next((d for d in known if d.card.settings.get("pairs") == wanted), None)
    return of_dataset(found.card) if found else _foreseen(wiring, user, kb, settings)


def of_dataset(card: DatasetCard) -> Amounts:
    """The amounts of a finished dataset."""
    shares, rows = card.settings.get("shares", {}), card.counts["train"]
    general, reading = round(rows * shares.get("replay", 0.0)), round(rows * shares.get("reading", 0.0))
    shown = round(rows * (shares.get("context", 0.0) + shares.get("refusal", 0.0)))
    everyday, repeated = card.counts.get("general", 0), card.counts.get("unseen_wording", 0)
    return Amounts(
        closed=rows - general - reading - shown,
        shown=shown,
        general=general,
        reading=reading,
        checks=card.counts["dev"],
        tests=card.counts["test"] - everyday + repeated,
        everyday=everyday,
        repeated=repeated,
    )


def foreseen(facts: int, languages: set[str], settings: PairSettings) -> Amounts:
    """The amounts of a dataset about so many facts, by the rules that building one follows."""
    from finetune.pairs import reading, replay

    chosen = min(facts, settings.most_facts)
    taught = chosen * (1 - settings.held_out)
    closed = round(taught * settings.forms * KEPT)
    shown = round(closed * settings.context / max(0.05, 1 - settings.context))
    repeated = round(taught * TESTING)
    others = (chosen - taught) * UNSEEN + chosen * NEAR + len(languages) * FAR
    return Amounts(
        closed=closed,
        shown=shown,
        general=len(replay.beside(languages, closed + shown, settings.replay)),
        reading=len(reading.beside(languages, round(settings.reading * shown))),
        checks=round(taught * WATCHING),
        tests=2 * repeated + round(others),
        everyday=len(replay.testing(languages)),
        repeated=repeated,
    )


def _foreseen(wiring: Wiring, user: str, kb: str, settings: PairSettings) -> Amounts:
    """The amounts of the whole library, from the facts of a part of its sections."""
    from finetune.pairs.finding import of_section
    from finetune.pairs.wording import askable

    sections = wiring.library(kb, user).sections()
    looked = sections[:: max(1, len(sections) // LOOKED_AT)]
    every = (fact for section in looked for fact in of_section(section, settings).facts)
    found = [fact for fact in every if askable(fact, fact.about)]
    facts = round(len(found) * len(sections) / max(1, len(looked)))
    return foreseen(facts, {fact.language for fact in found}, settings)


def trained_tokens(amounts: Amounts, plan: EvidencePlan, epochs: int) -> float:
    """Tokens that training computes in one pass; what rows share counts once, general rows are dealt out."""
    from finetune.recipes import dealt

    alone = amounts.closed + dealt(amounts.general, epochs)
    shown = amounts.shown + dealt(amounts.reading, epochs)
    return alone * ALONE + shown * OWN * (AROUND + _passages(plan) / len(_looks(plan)))


def _looks(plan: EvidencePlan) -> tuple[int, ...]:
    return plan.looks or (plan.most,)


def _passages(plan: EvidencePlan) -> float:
    """Tokens of the passages of all looks together."""
    return sum(min(plan.budget, LINE * most) if most else plan.budget for most in _looks(plan))


def speeds(wiring: Wiring, user: str, kb: str, model: str) -> Speeds:
    """The speeds of a local model, measured once per process; training as fast as it was the last time."""
    base = wiring.training_base(model)
    measured: Speeds = wiring.shelf.get(("speeds", base), lambda: measure(wiring.chat_model(wiring.pick(base))))
    return measured.model_copy(update={"train": _trained_at(wiring, user, kb, base)})


def measure(model: Any) -> Speeds:
    """One batch of eight prompts, sixteen tokens each: a few seconds."""
    from langchain_core.messages import HumanMessage

    prompts = [[HumanMessage(f"{number}. " + "How long does it take until " * 40)] for number in range(8)]
    short = model.model_copy(update={"max_new_tokens": 16})
    short.batch_answer(prompts[:1], size=1)  # The first batch of a process also loads and warms up.
    found = short.batch_answer(prompts, size=8)
    first, whole = found[0].first_token_seconds or found[0].seconds, found[0].seconds
    written = sum(one.tokens for one in found) - len(found)
    return Speeds(
        read=sum(one.prompt_tokens for one in found) / max(first, 1e-3),
        write=written / (whole - first) if written > 0 and whole > first else len(found) / max(first, 1e-3),
    )


def _trained_at(wiring: Wiring, user: str, kb: str, base: str) -> float:
    """Tokens per second of the last run on that base, 0 when there was none."""
    runs = wiring.runs(kb, user)
    for run in runs.all():
        seen = [e.values.get("tokens_per_second") for e in runs.events(run.id) if e.kind == "step"]
        rates = sorted(float(rate) for rate in seen if rate)
        if run.spec.base == base and rates:
            return rates[len(rates) // 2]
    return 0.0


def forecast(
    amounts: Amounts,
    speed: Speeds,
    *,
    base: Path,
    effort: Effort,
    trained: EvidencePlan,
    read: EvidencePlan,
    questions: int,
    budget: float | None,
    done: frozenset[str] = frozenset(),
) -> Forecast:
    """Put together. `trained`, `read`: passages as training and as the chat shows them; `budget`: seconds that
    training may take at most."""
    from finetune.models.devices import describe
    from finetune.modelsize import size_of
    from finetune.offers import HALF
    from finetune.recipes import EPOCHS, RANKS, batches, dealt, memory, passes, precision_bits, step_tokens

    device, size = describe(), size_of(base)
    bits = precision_bits(size, device)
    rows = amounts.closed + amounts.shown + dealt(amounts.general + amounts.reading, EPOCHS[effort])
    epochs = passes(effort, math.ceil(rows / math.prod(batches(size, device, bits))))
    # Answers are computed in float32 on a CPU, also where training is done in half of it.
    pace = speed.train or speed.read * TRAIN_PER_READ / (HALF if device.kind == "cpu" and bits == 16 else 1)
    training = trained_tokens(amounts, trained, epochs) * epochs / pace * (1 + WATCHED)
    least = training * LEAST / epochs
    asked, general = amounts.asked(questions)
    alone = CLOSED / speed.read + SAID / speed.write
    looks = len(_looks(read))
    grounded = (AROUND * looks + _passages(read)) / speed.read + SAID * looks / speed.write
    # General questions go to the two ways without documents only.
    answers = 4 * asked + 2 * general
    tokens = step_tokens(device.kind)
    needed = memory(size, bits=bits, rank=RANKS[effort], tokens=tokens, kind=device.kind) + 4 * size.parameters
    parts = (
        Part(step="pairs", count=amounts.pairs, seconds=5 + amounts.pairs * PAIR_SECONDS, done="pairs" in done),
        Part(
            step="train",
            count=amounts.rows,
            seconds=10 + (min(training, max(budget, least)) if budget else training),
            done="train" in done,
        ),
        Part(
            step="compare",
            count=answers,
            seconds=5 + 2 * (asked + general) * alone + 2 * asked * grounded,
            done="compare" in done,
        ),
    )
    return Forecast(parts=parts, memory=needed, free=device.free)
