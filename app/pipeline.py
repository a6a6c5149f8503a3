"""The one click: pairs → training → comparison → verdict. Every step is on disk, so it goes on after anything.

Finished work is never repeated: a dataset is renewed only when documents have changed since, and only where they have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from app import comparing, talk, training
from finetune.records import Effort
from memory.errors import DocgraftError, RunFailed
from memory.records import Record, new_id, now
from memory.workspace import write_json

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.datasets import Dataset
    from finetune.evaluation.records import ComparisonCard
    from finetune.records import Event

KIND = "tune"
Step = Literal["pairs", "train", "compare"]
STEPS: tuple[Step, ...] = ("pairs", "train", "compare")


class Wish(Record):
    """What a person chose."""

    effort: Effort = "balanced"
    model: str = ""
    """A local model; empty: the one that is trained by default."""
    most: int = comparing.MOST
    """Questions of the comparison, at most."""
    language: str = "en"
    """Of the verdict: en or zh-Hant."""


class Way(Record):
    """How far a knowledge base has come; written after every step."""

    id: str
    created: str
    wish: Wish
    revision: int
    """Of the library when the pairs were made."""
    dataset: str
    """Its id, from the moment that building it begins."""
    run: str = ""
    comparison: str = ""
    """Set when the comparison has finished."""


class Stage(Record):
    """What is being done, and how far that is."""

    step: Step
    done: float
    total: float
    message: str = ""
    left: float | None = None
    """Seconds left of this step."""


Report = Callable[[Stage], None]
Stop = Callable[[], bool]


def way(wiring: Wiring, user: str, kb: str) -> Way | None:
    """How far the last one click came; None when there was none."""
    try:
        return Way.model_validate_json(wiring.folder(kb, user).pipeline.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def tune(
    wiring: Wiring,
    user: str,
    kb: str,
    wish: Wish,
    *,
    progress: Report = lambda stage: None,
    stop: Stop = lambda: False,
) -> ComparisonCard | None:
    """Go from documents to a verdict, doing only what is not done yet; None when stopped. RunFailed, BackendFailed."""
    with wiring.folder(kb, user).lock("pipeline", timeout=1):
        found = _begun(wiring, user, kb, wish)
        dataset = _pairs(wiring, user, kb, found, progress=progress, stop=stop)
        if dataset is None or stop():
            return None
        found = _trained(wiring, user, kb, found, progress=progress, stop=stop)
        if not found.run or stop():
            return None
        return _compared(wiring, user, kb, found, progress=progress, stop=stop)


def start(wiring: Wiring, user: str, kb: str, wish: Wish, *, title: str = "") -> Job:
    """`tune` in the background. Whoever presses again meanwhile gets the same job."""

    def work(job: Job) -> Any:
        def told(stage: Stage) -> None:
            share = stage.done / stage.total if stage.total else 0.0
            job.info["stage"] = stage.step
            job.progress(STEPS.index(stage.step) + share, len(STEPS), stage.message, left=stage.left)

        return tune(wiring, user, kb, wish, progress=told, stop=job.stopping)

    for job in wiring.jobs().of(user, KIND, kb):
        job.acknowledged = job.acknowledged or not job.running
    return wiring.jobs().start(user, KIND, kb, work, title=title)


def use(wiring: Wiring, user: str, kb: str, card: ComparisonCard) -> talk.Choice:
    """Ask this knowledge base by the winner's way from now on; DocgraftError when there is none."""
    if card.verdict.winner == "undecided":
        raise DocgraftError("The comparison has no winner.", "Ask more questions: docgraft compare --most 0")
    arm = next(arm for arm in card.arms if arm.name == card.verdict.winner)
    choice = talk.Choice(mode=arm.name, adapter=arm.adapter or "", model=arm.model)
    talk.make_usual(wiring, kb, choice, user)
    return choice


def _begun(wiring: Wiring, user: str, kb: str, wish: Wish) -> Way:
    """The way that goes on, when nothing it rests on has changed; else a new one."""
    known, revision = way(wiring, user, kb), wiring.library(kb, user).revision
    same = known is not None and known.wish.model_copy(update={"most": wish.most, "language": wish.language}) == wish
    if known and same and known.revision == revision:
        return known.model_copy(update={"wish": wish})
    if not wiring.library(kb, user).documents():
        raise DocgraftError(f"The knowledge base {kb!r} is empty.", "Add documents first: docgraft add PATH")
    return _kept(wiring, user, kb, Way(id=new_id(), created=now(), wish=wish, revision=revision, dataset=new_id()))


def _kept(wiring: Wiring, user: str, kb: str, found: Way) -> Way:
    write_json(wiring.folder(kb, user).pipeline, found.model_dump(mode="json"))
    return found


def _pairs(wiring: Wiring, user: str, kb: str, found: Way, *, progress: Report, stop: Stop) -> Dataset | None:
    """The dataset of this way: there already, gone on with, or begun; sections that have not changed are taken over."""
    from finetune.pairs.build import build
    from finetune.pairs.settings import BuildProgress, preset

    settings, older = preset(found.wish.effort), wiring.datasets(kb, user)
    previous = next((d for d in older if d.card.settings.get("pairs") == settings.model_dump(mode="json")), None)

    def told(step: BuildProgress) -> None:
        progress(Stage(step="pairs", done=step.done, total=step.total, message=step.stage, left=step.seconds_left))

    return build(
        wiring.library(kb, user),
        wiring.search(kb, user),
        settings,
        id=found.dataset,
        previous=previous if previous and previous.id != found.dataset else None,
        progress=told,
        stop=stop,
    )


def _trained(wiring: Wiring, user: str, kb: str, found: Way, *, progress: Report, stop: Stop) -> Way:
    """The way with a finished run; without one when stopped."""
    runs = wiring.runs(kb, user)
    if not found.run:
        wish = training.Wish(dataset=found.dataset, effort=found.wish.effort, base=found.wish.model)
        made = training.plan(wiring, user, kb, wish)
        card = training.card(made, probe=False)
        if not card.ok:
            raise DocgraftError(card.problems[0].message, card.problems[0].hint)
        found = _kept(wiring, user, kb, found.model_copy(update={"run": training.begin(wiring, user, kb, made).id}))
    elif (known := runs.show(found.run)).state == "completed" and known.adapter:
        return found
    elif known.state in ("stopped", "failed"):
        runs.resume(found.run)
    for event in runs.watch(found.run):
        if stop():
            runs.stop(found.run)
            return found.model_copy(update={"run": ""})
        _tell(event, progress)
    run = runs.show(found.run)
    if not run.adapter:
        raise RunFailed(
            f"Training ended without an adapter: {run.message or run.state}.",
            f"The log: docgraft train show {run.id} --log",
        )
    return found


def _tell(event: Event, progress: Report) -> None:
    if event.kind == "step":
        total, left = event.values.get("steps") or 0, event.values.get("seconds_left")
        progress(Stage(step="train", done=event.step, total=total, message=event.message, left=left))
    elif event.kind in ("started", "probe", "evaluation"):
        progress(Stage(step="train", done=event.step, total=event.values.get("steps") or 0, message=event.message))


def _compared(wiring: Wiring, user: str, kb: str, found: Way, *, progress: Report, stop: Stop) -> ComparisonCard | None:
    from finetune.evaluation.comparison import Comparison
    from finetune.evaluation.comparison import Step as Asked

    folder = wiring.folder(kb, user)
    if found.comparison and Comparison(folder.comparison(found.comparison)).complete:
        known = Comparison(folder.comparison(found.comparison)).card()
        if known.questions >= found.wish.most or not found.wish.most:
            return known

    def told(step: Asked) -> None:
        progress(Stage(step="compare", done=step.done, total=step.total, message=step.arm, left=step.seconds_left))

    wish = comparing.Wish(
        model=wiring.pick(wiring.training_base(found.wish.model)),
        adapter=found.run,
        dataset=found.dataset,
        most=found.wish.most,
        language=found.wish.language,
    )
    card = comparing.compare(wiring, user, kb, wish, progress=told, stop=stop)
    if card is not None:
        _kept(wiring, user, kb, found.model_copy(update={"comparison": card.id}))
    return card
