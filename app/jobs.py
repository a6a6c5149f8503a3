"""Long work in background threads: progress, stop, result. Pages poll a Job; a Job knows nothing of pages."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from app.system import refused
from memory.errors import DocgraftError
from memory.records import new_id

logger = logging.getLogger("docgraft.jobs")
State = Literal["running", "done", "stopped", "failed"]
EVERYBODY = ""
"""Owner of jobs whose result all users share."""
KEPT = 50
"""Ended jobs that are kept per owner, so that a page which comes back still finds the result."""


class Job:
    """One piece of work, as its thread and everybody who looks at it see it. Safe from any thread."""

    def __init__(self, owner: str, kind: str, key: str, *, title: str = "", info: dict[str, Any] | None = None) -> None:
        self.id = new_id()
        self.info = info or {}
        self.owner = owner
        self.kind = kind
        self.key = key
        self.title = title
        self.state: State = "running"
        self.result: Any = None
        self.error: DocgraftError | None = None
        self.message = ""
        self.done = 0.0
        self.total = 0.0
        self.left: float | None = None
        self.started = time.monotonic()
        self.seconds = 0.0
        self.seen = time.monotonic()
        self.acknowledged = False
        self._pieces: list[str] = []
        self._stop = threading.Event()
        self._ended = threading.Event()

    def progress(self, done: float, total: float, message: str = "", *, left: float | None = None) -> None:
        """Say how far the work is, and (when it knows) how many seconds are left. Called by the work."""
        self.done, self.total, self.message, self.left = done, total, message, left

    def write(self, piece: str) -> None:
        """Add a piece of text to what the job has written so far. Called by the work."""
        self._pieces.append(piece)

    def text(self) -> str:
        """What the job has written so far."""
        return "".join(self._pieces)

    def look(self) -> Job:
        """Note that somebody is still watching, and give the job back."""
        self.seen = time.monotonic()
        return self

    def stop(self) -> None:
        """Ask the work to stop."""
        self._stop.set()

    def stopping(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time."""
        return self._ended.wait(timeout)

    @property
    def running(self) -> bool:
        """Whether the work goes on."""
        return self.state == "running"

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start, or that the whole took."""
        return (time.monotonic() - self.started) if self.running else self.seconds

    @property
    def remaining(self) -> float | None:
        """Seconds to go, as the work says or at the pace so far; None while there is nothing to judge by."""
        if self.running and self.left is not None:
            return self.left
        if not self.running or self.share < 0.02 or self.elapsed < 1:
            return None
        return self.elapsed * (1 - self.share) / self.share

    def run(self, work: Callable[[Job], Any]) -> None:
        """The thread's outermost frame: whatever happens, the job ends and says how."""
        state: State = "failed"
        try:
            self.result = work(self)
            state = "stopped" if self.stopping() else "done"
        except DocgraftError as error:
            self.error = error
        except Exception as bug:
            logger.exception("The job %r of kind %s failed", self.key, self.kind)
            unknown = DocgraftError(f"Unexpected: {type(bug).__name__}: {bug}", "The log holds the details.")
            self.error = refused(bug) or unknown
        finally:
            self.seconds = time.monotonic() - self.started
            self.state = state
            self._ended.set()


class Jobs:
    """The jobs of one process."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(
        self,
        owner: str,
        kind: str,
        key: str,
        work: Callable[[Job], Any],
        *,
        title: str = "",
        info: dict[str, Any] | None = None,
    ) -> Job:
        """Start `work(job)` in a thread. While a job of the same owner, kind and key runs, that one is given back.

        `info` is whatever the starter wants to find again beside the job.
        """
        with self._lock:
            for job in self._jobs.values():
                if job.running and (job.owner, job.kind, job.key) == (owner, kind, key):
                    return job
            job = Job(owner, kind, key, title=title, info=info)
            self._jobs[job.id] = job
            self._tidy(owner)
            threading.Thread(target=job.run, args=(work,), name=f"docgraft-{kind}-{job.id}", daemon=True).start()
        return job

    def of(self, owner: str, kind: str | None = None, key: str | None = None) -> list[Job]:
        """The owner's jobs, newest first. Nobody else's are ever shown."""
        with self._lock:
            found = [j for j in self._jobs.values() if j.owner == owner]
        found = [j for j in found if kind in (None, j.kind) and key in (None, j.key)]
        return sorted(found, key=lambda job: job.id, reverse=True)

    def latest(self, owner: str, kind: str, key: str | None = None) -> Job | None:
        """The owner's newest job of a kind that has not been acknowledged."""
        return next((job for job in self.of(owner, kind, key) if not job.acknowledged), None)

    def stop_all(self) -> None:
        """Ask every running job to stop."""
        with self._lock:
            for job in self._jobs.values():
                job.stop()

    def _tidy(self, owner: str) -> None:
        ended = [j for j in self._jobs.values() if j.owner == owner and not j.running]
        for job in sorted(ended, key=lambda job: job.id)[:-KEPT]:
            del self._jobs[job.id]
