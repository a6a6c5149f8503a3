"""From choices to a training run: the recipe's spec, the card shown before it, the start. Knows no page, no command."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from finetune.records import AdapterCard, Effort, Run, TrainingSpec
from memory.errors import BadDataset, DocgraftError
from memory.records import Record, digest

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.adapters import Staleness
    from finetune.datasets import Dataset
    from finetune.engines import Readiness
    from finetune.export.recipes import Recipe
    from finetune.preflight import Preflight

KIND = "preflight"
ACTIVE = ("queued", "starting", "running", "stopping")
_starting = threading.Lock()
GONE = 10.0
"""Seconds after which a page that has not looked at its job is taken to be closed."""
_measuring = threading.Lock()
"""One measurement at a time: two would slow each other down, and both would be wrong."""


class Wish(Record):
    """What a person chose; empty fields follow the settings and the recipe."""

    dataset: str = ""
    """Empty: the newest."""
    effort: Effort | None = None
    base: str = ""
    engine: str = ""
    changes: dict[str, Any] = Field(default_factory=dict)
    """Fields of the spec that were set by hand."""


class Plan(Record):
    """A run that could be started: its spec, where its base lies, and the licence it will carry."""

    spec: TrainingSpec
    base: Path
    dataset: Path
    licence: str = ""


def dataset(wiring: Wiring, user: str, kb: str, name: str = "") -> Dataset:
    """The dataset of that id, the newest one without; BadDataset when there is none."""
    from finetune import datasets

    if name:
        return datasets.read(wiring.folder(kb, user).dataset(name))
    found = wiring.datasets(kb, user)
    if not found:
        raise BadDataset(f"The knowledge base {kb!r} has no dataset.", "Build one with: docgraft pairs build")
    return found[0]


def plan(wiring: Wiring, user: str, kb: str, wish: Wish) -> tuple[Plan, Preflight]:
    """The recipe for this dataset, base and machine, with what was set by hand, and its card as far as it is counted.

    DocgraftError when a value is wrong.
    """
    from finetune import preflight
    from finetune.engines.rows import encode
    from finetune.models import fetch
    from finetune.models.catalog import entry_for
    from finetune.models.devices import describe
    from finetune.models.templates import load_tokenizer
    from finetune.modelsize import size_of
    from finetune.recipes import EPOCHS, recipe

    chosen = dataset(wiring, user, kb, wish.dataset)
    name = wiring.training_base(wish.base)
    base = fetch.local(name, wiring.home)
    whole = encode(chosen.pairs("train"), load_tokenizer(base))
    effort, engine = wish.effort or wiring.settings.training.effort, wish.engine or wiring.settings.training.engine
    rows = preflight.a_pass(whole, engine, EPOCHS[effort])
    counts = {"facts": chosen.card.counts.get("facts", 0), "rows": rows, "longest": max(whole.longest, 16)}
    size = size_of(base).model_copy(update=counts)
    spec = recipe(effort, base=name, dataset=chosen.id, size=size, device=describe(), engine=engine)
    spec = changed(spec, wish.changes)
    made = Plan(spec=spec, base=base, dataset=chosen.folder, licence=entry_for(name).licence)
    return made, preflight.card(spec, base=base, dataset=chosen.folder, whole=whole, home=wiring.home.root)


def changed(spec: TrainingSpec, changes: dict[str, Any]) -> TrainingSpec:
    """The spec with fields set by hand, checked. What follows from a change follows, unless it was set too."""
    extra: dict[str, Any] = {}
    if "rank" in changes and "alpha" not in changes:
        extra["alpha"] = 2 * int(changes["rank"])
    if "method" in changes and "bits" not in changes:
        extra["bits"] = 4 if changes["method"] == "qlora" else max(spec.bits, 16)
    if "bits" in changes and "method" not in changes:
        extra["method"] = "qlora" if int(changes["bits"]) < 16 else "lora"
    try:
        return TrainingSpec.model_validate(spec.model_dump() | extra | changes)
    except (ValidationError, ValueError) as cause:
        raise DocgraftError(_reason(cause), "See: docgraft train start --help") from cause


def _reason(cause: Exception) -> str:
    if not isinstance(cause, ValidationError):
        return f"A training value is wrong: {cause}."
    first = cause.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"Training has no setting {name!r}. There are: {', '.join(TrainingSpec.model_fields)}."
    return f"The training setting {name!r} cannot be {first['input']!r}: {first['msg']}."


def measured(made: Plan, card: Preflight, *, stop: Callable[[], bool] = lambda: False) -> Preflight:
    """The card with time and memory measured on this machine; as it was when `stop` said so."""
    from finetune import preflight

    return preflight.measured(card, made.spec, base=made.base, dataset=made.dataset, stop=stop)


def write_out(made: Plan, folder: Path) -> Recipe:
    """Write the planned run into a folder that trains the same without Docgraft."""
    from finetune import datasets
    from finetune.export.recipes import write_recipe

    return write_recipe(made.spec, list(datasets.read(made.dataset).pairs()), base=made.base, folder=folder)


def paced(made: Plan, card: Preflight, budget: float, least: float) -> Plan:
    """The plan with as many steps as fit into `budget` seconds, but `least` passes; as it is when that is not known."""
    if not card.seconds or card.seconds <= budget or card.epochs <= least:
        return made
    steps = max(round(card.steps * budget / card.seconds), math.ceil(card.steps * least / card.epochs))
    return made.model_copy(update={"spec": made.spec.model_copy(update={"max_steps": steps})})


def begin(wiring: Wiring, user: str, kb: str, made: Plan) -> Run:
    """Start the run now, or queue it when another one trains."""
    return wiring.runs(kb, user).start(made.spec, base=made.base, licence=made.licence)


def busy(wiring: Wiring, user: str) -> bool:
    """Whether a training runs or waits now on this machine's devices, whoever's it is."""
    return bool(wiring.runs("default", user).active())


def look(wiring: Wiring, user: str, kb: str, wish: Wish) -> Job:
    """Make plan and card in the background: first what can be counted, then what must be measured.

    `job.info` holds "plan" and "card" as soon as they are there. The same wish on the same data gives the same job.
    """
    chosen = dataset(wiring, user, kb, wish.dataset)
    key = digest(
        kb, wish.model_dump_json(), chosen.id, chosen.card.fingerprint, wiring.settings.training.model_dump_json()
    )
    known = wiring.jobs().latest(user, KIND, key)
    if known and not known.stopping():
        return known.look()
    for other in wiring.jobs().of(user, KIND):
        other.info["replaced"] = True
        other.stop()  # Only the last wish is worth measuring.

    def work(job: Job) -> Any:
        job.info["plan"], job.info["card"] = plan(wiring, user, kb, wish)
        with _measuring:
            # Measuring beside a running training would slow it down and measure wrongly.
            if not job.stopping() and not busy(wiring, user):
                job.info["card"] = measured(job.info["plan"], job.info["card"], stop=lambda: _unwatched(job))
        return job.info["card"]

    job = wiring.jobs().start(user, KIND, key, work)
    # What was found before is shown until it is found again; the page does not fall back to nothing.
    found = known.info if known else {}
    for name in {"plan", "card"} & found.keys():
        job.info.setdefault(name, found[name])
    return job


def _unwatched(job: Job) -> bool:
    """Whether nobody wants the measurement any more: stopped, or the page that asked for it is gone."""
    if time.monotonic() - job.seen > GONE:
        job.stop()
    return job.stopping()


def start_once(wiring: Wiring, user: str, kb: str, job: Job) -> Run | None:
    """Start what a look found, once, however often it is asked for; None while there is nothing to start.

    The button of a look that another wish has replaced, still there while the page is drawn, starts nothing.
    """
    with _starting:
        if "run" not in job.info and "replaced" not in job.info and job.info.get("plan") and job.info["card"].ok:
            job.info["run"] = begin(wiring, user, kb, job.info["plan"])
            job.acknowledged = True
            job.stop()
        run: Run | None = job.info.get("run")
        return run


def readiness(wiring: Wiring, engine: str) -> Readiness:
    """Whether an engine can train here at all, and in words what is missing. Loads no model."""
    from finetune import engines

    return engines.load(engine, wiring.home.root).readiness(TrainingSpec(engine=engine, base="", dataset=""))


def closed(wiring: Wiring, spec: TrainingSpec, name: str, choices: Sequence[Any]) -> dict[Any, Readiness]:
    """The choices of a setting that cannot work here, and what each lacks; none where the engine itself cannot work."""
    from finetune import engines

    engine = engines.load(spec.engine, wiring.home.root)
    found = {choice: engine.readiness(changed(spec, {name: choice})) for choice in choices}
    shut = {choice: ready for choice, ready in found.items() if not ready.ready}
    return shut if len(shut) < len(found) else {}


def staleness(wiring: Wiring, user: str, kb: str, adapter: str) -> Staleness:
    """What an adapter learned from passages that have changed or gone since."""
    from finetune import adapters

    return adapters.staleness(
        wiring.folder(kb, user), adapter, [chunk.id for chunk in wiring.library(kb, user).chunks()]
    )


def checked(wiring: Wiring, user: str, kb: str, model: str, adapter: str) -> AdapterCard:
    """The adapter's card when it is there and belongs to the model; DocgraftError says which model it belongs to."""
    from app.wiring.models import goes_with
    from finetune import adapters

    card = adapters.show(wiring.folder(kb, user), adapter)
    if not goes_with(wiring.settings, wiring.home, model, card):
        raise DocgraftError(
            f"The adapter {card.id} belongs to {card.base}, not to {model}.", "Choose that model, or another adapter."
        )
    return card


def model_of(wiring: Wiring, made: AdapterCard) -> str:
    """The name by which the model that an adapter belongs to is picked; "" when it is in no list."""
    from app.wiring.models import goes_with

    names = wiring.model_names()
    return next((name for name in names if goes_with(wiring.settings, wiring.home, name, made)), "")


def base_of(wiring: Wiring, made: AdapterCard) -> Path:
    """The folder of the model that an adapter belongs to."""
    from finetune.models import fetch

    known = model_of(wiring, made)
    return fetch.local(wiring.training_base(known) if known else made.base, wiring.home)
