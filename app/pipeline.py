"""The one click: pairs → training → comparison → verdict. Every step is on disk, so it goes on after anything.

Finished work is never repeated: a dataset is renewed only when documents have changed since, and only where they have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from app import comparing, signals, talk, training
from app.forecast import LEAST, Forecast, counted, forecast, speeds
from app.signals import Stage
from finetune.notices import Failed, notice
from finetune.records import Effort, TrainingSpec
from memory.errors import DocgraftError, RunFailed
from memory.records import Record, new_id, now
from memory.workspace import write_json

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.datasets import Dataset
    from finetune.evaluation.records import ComparisonCard

KIND = "tune"
PLAN = "tune-plan"
"""The kind of the job that looks ahead."""
PARTS = ("facts", "pairs", "checks", "writing")
"""Of building a dataset, in order."""
MOST: dict[Effort, int] = {"quick": 48, "balanced": 120, "thorough": 300}
"""Questions of the comparison unless somebody wants another number."""
BUDGET: dict[Effort, float | None] = {"quick": 240.0, "balanced": None, "thorough": None}
"""Seconds that training may take; passes over the rows are cut to fit, but never below LEAST."""


class Wish(Record):
    """What a person chose."""

    effort: Effort = "balanced"
    model: str = ""
    """A local model; empty: the one that is trained by default."""
    most: int | None = None
    """Questions of the comparison, at most; 0: all; None: as the effort says."""
    language: str = "en"
    """Of the verdict: en or zh-Hant."""

    @property
    def questions(self) -> int:
        """Questions of the comparison, at most; 0: all."""
        return MOST[self.effort] if self.most is None else self.most


class Way(Record):
    """How far a knowledge base has come; written after every step."""

    id: str
    created: str
    wish: Wish
    revision: int
    """Of the library when the pairs were made."""
    base: str = ""
    """Fingerprint of the model that is trained."""
    dataset: str
    """Its id, from the moment that building it begins."""
    run: str = ""
    comparison: str = ""
    """Set when the comparison has finished."""
    going: bool = False
    """Somebody wants it to go on: neither stopped, nor failed, nor finished. After a crash it still says so."""


Report = Callable[[Stage], None]
Stop = Callable[[], bool]


def way(wiring: Wiring, user: str, kb: str) -> Way | None:
    """How far the last one click came; None when there was none."""
    try:
        return Way.model_validate_json(wiring.folder(kb, user).pipeline.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def plan(wiring: Wiring, user: str, kb: str, wish: Wish) -> Forecast:
    """What the click would do now, and about how long that takes. DocgraftError when it could not be done at all."""
    from app.wiring import models
    from finetune.models import fetch
    from finetune.pairs.settings import preset

    if not wiring.library(kb, user).documents():
        raise DocgraftError(f"The knowledge base {kb!r} is empty.", "Add documents first: docgraft add PATH")
    base = fetch.local(wiring.training_base(wish.model), wiring.home)
    known = way(wiring, user, kb)
    goes_on = known is not None and _same(wiring, user, kb, known, wish)
    done = _finished(wiring, user, kb, known) if known and goes_on else frozenset()
    settings = preset(wish.effort)
    return forecast(
        counted(wiring, user, kb, settings, known.dataset if known and goes_on else ""),
        speeds(wiring, user, kb, wish.model),
        base=base,
        effort=wish.effort,
        trained=settings.plan,
        read=models.plan(wiring.settings, wiring.pick(wiring.training_base(wish.model))),
        questions=wish.questions,
        budget=BUDGET[wish.effort],
        done=done,
    )


def look(wiring: Wiring, user: str, kb: str, wish: Wish) -> Job:
    """`plan` in the background, once for what it depends on; the job's result is the Forecast."""
    known = way(wiring, user, kb)
    parts = (
        kb,
        wish.effort,
        wish.model,
        str(wiring.library(kb, user).revision),
        known.model_dump_json() if known else "",
    )
    key = "|".join(parts)
    return wiring.jobs().latest(user, PLAN, key) or wiring.jobs().start(
        user, PLAN, key, lambda job: plan(wiring, user, kb, wish)
    )


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
    folder = wiring.folder(kb, user)
    with folder.lock("pipeline", timeout=1), signals.AtWork(folder) as here:

        def told(stage: Stage) -> None:
            here.tell(stage)
            progress(stage)

        def stopping() -> bool:
            return stop() or here.stopping()

        try:
            if not _fetched(wiring, user, kb, wish, progress=told, stop=stopping):
                return None
            found = _kept(wiring, user, kb, _begun(wiring, user, kb, wish).model_copy(update={"going": True}))
            return _walked(wiring, user, kb, found, progress=told, stop=stopping)
        finally:
            # Only a crash leaves it going: then it goes on by itself when the page is opened again.
            if last := way(wiring, user, kb):
                _kept(wiring, user, kb, last.model_copy(update={"going": False}))


def _fetched(wiring: Wiring, user: str, kb: str, wish: Wish, *, progress: Report, stop: Stop) -> bool:
    """Fetch the model that is trained where it is not here yet; False when stopped. DocgraftError when that fails."""
    name = wiring.training_base(wish.model)
    found = wiring.model_state(name)
    if found.ready:
        return True
    if not found.fetchable:
        raise DocgraftError(found.text, found.fix)
    library = wiring.library(kb, user)
    # Kept without the model's fingerprint, so that what follows the fetch begins anew, and goes on after a crash.
    begun = Way(id=new_id(), created=now(), wish=wish, revision=library.revision, dataset="", going=True)
    _kept(wiring, user, kb, begun)
    job = wiring.fetch(name)
    while True:
        progress(Stage(step="pairs", done=0, total=1, message="model"))
        if job.wait(0.2):
            break
        if stop():
            return False
    if job.error:
        raise job.error
    return not stop()


def _walked(wiring: Wiring, user: str, kb: str, found: Way, *, progress: Report, stop: Stop) -> ComparisonCard | None:
    dataset = _pairs(wiring, user, kb, found, progress=progress, stop=stop)
    if dataset is None or stop():
        return None
    found = _trained(wiring, user, kb, found, progress=progress, stop=stop)
    if not found.run or stop():
        return None
    return _compared(wiring, user, kb, found, progress=progress, stop=stop)


def start(wiring: Wiring, user: str, kb: str, wish: Wish) -> Job:
    """`tune` in the background. Whoever presses again meanwhile gets the same job."""

    def work(job: Job) -> Any:
        def told(stage: Stage) -> None:
            job.info.update(stage=stage)
            job.progress(stage.share, 1.0, left=stage.left)

        return tune(wiring, user, kb, wish, progress=told, stop=job.stopping)

    for job in wiring.jobs().of(user, KIND, kb):
        job.acknowledged = job.acknowledged or not job.running
    return wiring.jobs().start(user, KIND, kb, work)


def attach(wiring: Wiring, user: str, kb: str) -> Job | None:
    """Go on with a way that a crash or a restart of the page interrupted; None when there is none, or it is at work.

    Raises nothing when another process works on it: see `elsewhere`.
    """
    known = way(wiring, user, kb)
    if known is None or not known.going or wiring.jobs().latest(user, KIND, kb) or elsewhere(wiring, user, kb):
        return None
    return start(wiring, user, kb, known.wish)


def elsewhere(wiring: Wiring, user: str, kb: str) -> bool:
    """Whether somebody works on it now: this process's own job, or another process such as a terminal."""
    try:
        with wiring.folder(kb, user).lock("pipeline", timeout=0):
            return False
    except DocgraftError:
        return True


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
    known = way(wiring, user, kb)
    if known and _same(wiring, user, kb, known, wish):
        return known.model_copy(update={"wish": wish})
    library = wiring.library(kb, user)
    if not library.documents():
        raise DocgraftError(f"The knowledge base {kb!r} is empty.", "Add documents first: docgraft add PATH")
    return Way(
        id=new_id(),
        created=now(),
        wish=wish,
        revision=library.revision,
        base=_fingerprint(wiring, wish),
        dataset=_current(wiring, user, kb, wish) or new_id(),
    )


def _current(wiring: Wiring, user: str, kb: str, wish: Wish) -> str:
    """A dataset that was made in the same way from the very same passages; "" when there is none."""
    from finetune.pairs.settings import preset

    passages = {chunk.id for chunk in wiring.library(kb, user).chunks()}
    settings = preset(wish.effort).model_dump(mode="json")
    made = (d for d in wiring.datasets(kb, user) if set(d.card.chunk_hashes) == passages)
    return next((d.id for d in made if d.card.settings.get("pairs") == settings), "")


def _same(wiring: Wiring, user: str, kb: str, known: Way, wish: Wish) -> bool:
    """Whether a way rests on what there is now: these documents, this effort, this very model."""
    same = (known.wish.effort, known.wish.model) == (wish.effort, wish.model)
    return same and known.revision == wiring.library(kb, user).revision and known.base == _fingerprint(wiring, wish)


def _fingerprint(wiring: Wiring, wish: Wish) -> str:
    from finetune.models import fetch
    from finetune.models.fingerprints import fingerprint

    return fingerprint(fetch.local(wiring.training_base(wish.model), wiring.home))


def _finished(wiring: Wiring, user: str, kb: str, known: Way) -> frozenset[str]:
    """The steps of a way that need not be done again."""
    done = {"pairs"} if any(d.id == known.dataset for d in wiring.datasets(kb, user)) else set()
    if known.run and wiring.runs(kb, user).show(known.run).adapter:
        done.add("train")
    return frozenset(done | ({"compare"} if known.comparison else set()))


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
        # The parts of a build count different things; one after the other they make one bar that never runs back.
        share = PARTS.index(step.stage) + (min(1.0, step.done / step.total) if step.total else 0.0)
        progress(Stage(step="pairs", done=share, total=len(PARTS), message=step.stage, left=step.seconds_left))

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
        found = _kept(wiring, user, kb, found.model_copy(update={"run": _run(wiring, user, kb, found, stop)}))
    if (known := runs.show(found.run)).state == "completed" and known.adapter:
        return found
    if known.state in ("stopped", "failed"):
        runs.resume(found.run)
    for event in runs.watch(found.run, until=stop):
        signals.pass_on(event, progress)
    if stop():
        runs.stop(found.run)
        return found.model_copy(update={"run": ""})
    run = runs.show(found.run)
    if not run.adapter:
        if run.notice:
            raise Failed(notice(run.notice, **run.values))
        raise RunFailed(
            f"Training ended without an adapter: {run.message or run.state}.",
            f"The log: docgraft train show {run.id} --log",
        )
    return found


def _run(wiring: Wiring, user: str, kb: str, found: Way, stop: Stop) -> str:
    """The run of this way: one that learned the very same rows in the very same way before, or a new one."""
    wish = training.Wish(dataset=found.dataset, effort=found.wish.effort, base=found.wish.model)
    made, card = training.plan(wiring, user, kb, wish)
    if known := _begun_already(wiring, user, kb, made) or _learned_already(wiring, user, kb, found, made):
        return known
    if not card.ok:
        raise DocgraftError(card.problems[0].message, card.problems[0].hint)
    budget = BUDGET[found.wish.effort]
    if budget and made.spec.max_steps < 0:
        made = training.paced(made, training.measured(made, card, stop=stop), budget, LEAST)
    return training.begin(wiring, user, kb, made).id


def _begun_already(wiring: Wiring, user: str, kb: str, made: training.Plan) -> str:
    """A run on this very dataset that a crash left before it was noted down as this way's; "" when there is none."""
    same = (run for run in wiring.runs(kb, user).all() if run.spec.dataset == made.spec.dataset)
    return next((run.id for run in same if _manner(run.spec) == _manner(made.spec)), "")


def _learned_already(wiring: Wiring, user: str, kb: str, found: Way, made: training.Plan) -> str:
    """A finished run on the same rows, base and settings; "" when there is none."""
    from finetune import adapters, datasets

    folder = wiring.folder(kb, user)
    fingerprint = datasets.read(folder.dataset(found.dataset)).card.fingerprint
    for card in adapters.cards(folder):
        same = (card.dataset_fingerprint, card.base_fingerprint) == (fingerprint, found.base)
        if same and _manner(card.spec) == _manner(made.spec):
            return card.id
    return ""


def _manner(spec: TrainingSpec) -> dict[str, Any]:
    """How a run learns, whatever its dataset is called and however long this machine let it learn."""
    return spec.model_dump(exclude={"dataset", "max_steps"})


def _compared(wiring: Wiring, user: str, kb: str, found: Way, *, progress: Report, stop: Stop) -> ComparisonCard | None:
    from finetune.evaluation.comparison import Step as Asked

    def told(step: Asked) -> None:
        progress(Stage(step="compare", done=step.done, total=step.total, message=step.arm, left=step.seconds_left))

    wish = comparing.Wish(
        model=wiring.pick(wiring.training_base(found.wish.model)),
        adapter=found.run,
        dataset=found.dataset,
        most=found.wish.questions,
        language=found.wish.language,
    )
    card = comparing.compare(wiring, user, kb, wish, anew=False, progress=told, stop=stop)
    if card is not None:
        _kept(wiring, user, kb, found.model_copy(update={"comparison": card.id}))
    return card
