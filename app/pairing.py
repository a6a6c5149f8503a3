"""Building pairs as a background job. Knows jobs, libraries and builds; no page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.datasets import Dataset
    from finetune.pairs import BuildProgress, PairSettings

KIND = "pairs"


def latest(wiring: Wiring, user: str, kb: str) -> Job | None:
    """The last build of this knowledge base whose result nobody has put away yet."""
    return wiring.jobs().latest(user, KIND, kb)


def start(
    wiring: Wiring,
    user: str,
    kb: str,
    settings: PairSettings | None,
    *,
    title: str = "",
    resume: str = "",
    model: str = "",
) -> Job:
    """Build a dataset, or go on with the unfinished one called `resume`. The result is a Dataset, None when paused.

    One build per knowledge base at a time; whoever starts another meanwhile gets the one that runs.
    """

    def work(job: Job) -> Any:
        from finetune.pairs.build import build

        return build(
            wiring.library(kb, user),
            wiring.search(kb, user),
            settings,
            id=resume or None,
            model=wiring.chat_model(model) if model else None,
            progress=lambda step: told(job, step),
            stop=job.stopping,
        )

    put_away(wiring, user, kb)
    return wiring.jobs().start(user, KIND, kb, work, title=title, info={"stage": "facts"})


def renew(wiring: Wiring, user: str, kb: str, dataset: Dataset, *, title: str = "") -> Job:
    """Build a new dataset in which only what changed since `dataset` is made again."""

    def work(job: Job) -> Any:
        from finetune.pairs.build import refresh

        library, search = wiring.library(kb, user), wiring.search(kb, user)
        return refresh(library, search, dataset, progress=lambda step: told(job, step), stop=job.stopping)

    put_away(wiring, user, kb)
    return wiring.jobs().start(user, KIND, kb, work, title=title, info={"stage": "facts"})


def put_away(wiring: Wiring, user: str, kb: str) -> None:
    """The results of ended builds of this knowledge base have been read."""
    for job in wiring.jobs().of(user, KIND, kb):
        job.acknowledged = job.acknowledged or not job.running


def told(job: Job, step: BuildProgress) -> None:
    """A build's progress as a job's; the stage and the counts go beside it."""
    job.info.update(stage=step.stage, kept=step.kept, dropped=step.dropped)
    job.progress(step.done, step.total, step.name, left=step.seconds_left)
