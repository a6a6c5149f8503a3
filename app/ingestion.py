"""Adding and re-indexing as background jobs. Knows jobs and libraries; no page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from retrieval.library import Source
    from retrieval.records import Progress

KIND = "library"


def running(wiring: Wiring, user: str, kb: str) -> Job | None:
    """The job that is changing this knowledge base now."""
    job = latest(wiring, user, kb)
    return job if job and job.running else None


def latest(wiring: Wiring, user: str, kb: str) -> Job | None:
    """The last job on this knowledge base whose result nobody has put away yet."""
    return wiring.jobs().latest(user, KIND, kb)


def start(
    wiring: Wiring,
    user: str,
    kb: str,
    sources: Sequence[Source],
    *,
    title: str = "",
    passwords: dict[str, str] | None = None,
) -> Job:
    """Add sources in the background; the job's result is a list of FileResult. One job per knowledge base at a time."""
    put_away(wiring, user, kb)

    def work(job: Job) -> Any:
        return wiring.library(kb, user).add(
            sources,
            progress=lambda step: told(job, step),
            stop=job.stopping,
            passwords=passwords,
            ocr=wiring.settings.documents.ocr,
            limits=wiring.limits(),
        )

    return wiring.jobs().start(user, KIND, kb, work, title=title, info={"what": "add"})


def reindex(wiring: Wiring, user: str, kb: str, *, title: str = "") -> Job:
    """Rebuild the vectors in the background; the job's result says whether it was finished."""
    put_away(wiring, user, kb)

    def work(job: Job) -> Any:
        return wiring.library(kb, user).reindex(progress=lambda step: told(job, step), stop=job.stopping)

    return wiring.jobs().start(user, KIND, kb, work, title=title, info={"what": "reindex"})


def put_away(wiring: Wiring, user: str, kb: str) -> None:
    """The results of ended jobs on this knowledge base have been read."""
    for job in wiring.jobs().of(user, KIND, kb):
        job.acknowledged = job.acknowledged or not job.running


def told(job: Job, step: Progress) -> None:
    """A library's progress as a job's."""
    job.progress(step.done, step.total, Path(step.name).name if step.name else "", left=step.seconds_left)
