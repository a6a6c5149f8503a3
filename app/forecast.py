"""What the one click will take: questions, answers, seconds and memory of every step, before any of it is done.

Counts come from what is on disk already, else from a part of the documents; speeds from earlier work on this machine,
else from one short batch. Everything is "about". Starts nothing and changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from memory.records import Record

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.pairs.settings import PairSettings
    from finetune.records import Effort

Step = Literal["pairs", "train", "compare"]
LOOKED_AT = 40
"""Sections whose facts are counted when there is no dataset yet."""
PAIR_SECONDS = 0.012
"""Making and checking one pair, embedding included (docs/BENCHMARKS.md, Pairs)."""
CLOSED, AROUND, SAID = 80, 130, 40
"""Tokens of a row without documents, of a prompt around its evidence, and of an answer."""
ALONE, OWN = 45, 0.45
"""What training computes of a row without documents, as its batch shares the system text; and the share of a row with
evidence that is not shared with other rows about the same evidence (docs/BENCHMARKS.md, Recipes)."""
ROWS_PER_WORDING = 1.3
"""Rows for each wording of each fact: lists, comparisons, follow-ups, refusals and general rows come on top."""
LEAST = 2.0
"""Passes over the rows that training makes however slow the machine is: with fewer nothing is learned."""
TRAIN_PER_READ = 0.4
"""Tokens trained in the time in which so many are read: forwards, backwards, and evaluations in between."""


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

    rows: int
    """Training rows."""
    tokens: int
    """Computed for all training rows, once through: what rows share counts once."""
    tests: int
    sections: int


def counted(wiring: Wiring, user: str, kb: str, settings: PairSettings, dataset: str = "") -> Amounts:
    """The amounts of a finished dataset, of an earlier one with the same settings, or by looking at some sections."""
    sections = wiring.library(kb, user).statistics.sections
    wanted = settings.model_dump(mode="json")
    known = wiring.datasets(kb, user)
    found = next((d for d in known if d.id == dataset), None)
    found = found or next((d for d in known if d.card.settings.get("pairs") == wanted), None)
    if found:
        rows, tests = found.card.counts["train"], found.card.counts["test"]
    else:
        wordings = min(_facts(wiring, user, kb, settings), settings.most_facts) * settings.forms
        rows, tests = round(wordings * ROWS_PER_WORDING), round(wordings * 0.4)
    shown = settings.context * OWN * (AROUND + settings.plan.budget) + (1 - settings.context) * ALONE
    return Amounts(rows=rows, tokens=round(rows * shown), tests=tests, sections=sections)


def _facts(wiring: Wiring, user: str, kb: str, settings: PairSettings) -> int:
    """Facts of the whole library, from a part of its sections."""
    from finetune.pairs.finding import of_section

    sections = wiring.library(kb, user).sections()
    looked = sections[:: max(1, len(sections) // LOOKED_AT)]
    found = sum(len(of_section(section, settings).facts) for section in looked)
    return round(found * len(sections) / max(1, len(looked)))


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
    evidence: int,
    questions: int,
    budget: float | None,
    done: frozenset[str] = frozenset(),
) -> Forecast:
    """Put together. `evidence`: tokens of it in a prompt; `budget`: seconds that training may take at most."""
    from finetune.models.devices import describe
    from finetune.modelsize import size_of
    from finetune.recipes import EPOCHS, RANKS, memory, precision_bits, step_tokens

    device, size = describe(), size_of(base)
    training = amounts.tokens * EPOCHS[effort] / (speed.train or speed.read * TRAIN_PER_READ)
    least = training * LEAST / EPOCHS[effort]
    asked = min(questions, amounts.tests) if questions else amounts.tests
    alone = CLOSED / speed.read + SAID / speed.write
    grounded = (AROUND + evidence) / speed.read + SAID / speed.write
    # General questions go to the two ways without documents only.
    answers = 2 * asked + 2 * round(0.85 * asked)
    bits = precision_bits(size, device)
    needed = memory(size, bits=bits, rank=RANKS[effort], tokens=step_tokens(device.kind)) + 4 * size.parameters
    parts = (
        Part(
            step="pairs",
            count=amounts.rows + amounts.tests,
            seconds=5 + (amounts.rows + amounts.tests) * PAIR_SECONDS,
            done="pairs" in done,
        ),
        Part(
            step="train",
            count=amounts.rows,
            seconds=10 + (min(training, max(budget, least)) if budget else training),
            done="train" in done,
        ),
        Part(
            step="compare",
            count=answers,
            seconds=5 + 2 * asked * alone + 2 * 0.85 * asked * grounded,
            done="compare" in done,
        ),
    )
    return Forecast(parts=parts, memory=needed, free=device.free)
