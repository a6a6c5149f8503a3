"""The process of one run: `python -m finetune.worker RUN_DIR`. Reads run.json, runs its engine, says how it ended.

The only module that catches every exception: whatever happens becomes the run's last event.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from finetune import datasets
from finetune.engines import Job, NothingLearned, load
from finetune.modelcard import write_readme
from finetune.models.devices import describe
from finetune.notices import Failed, Notice, notice
from finetune.records import AdapterCard, TrainingSpec
from finetune.runfolder import RunFolder, Ticket, launch_command
from memory.errors import DocgraftError, disk_full
from memory.workspace import Workspace, write_json

OUT_OF_MEMORY = ("not enough memory", "out of memory", "cannot allocate memory", "bad_alloc")
NO_EFFECT = 1e-4
"""A logit difference below this is rounding, not learning."""


def main(root: str) -> int:
    """Run the job of that folder; 0 when it completed or was stopped, 1 when it failed, 3 when another works on it."""
    folder = RunFolder(Path(root))
    if "RANK" not in os.environ and folder.ticket().spec.devices > 1:
        command = launch_command(folder, describe().kind)
        os.execv(command[0], command)  # The same process goes on as the launcher, so the run keeps its pid.
    if _rank():
        return _follow(folder)
    try:
        with FileLock(folder.root / ".worker.lock", timeout=0):
            code = _work(folder)
    except Timeout:
        sys.stderr.write("Another process already works on this run.\n")
        return 3
    _hand_over(folder)
    return code


def _work(folder: RunFolder) -> int:
    if "RANK" not in os.environ:  # With a launcher above, the run is known by the launcher.
        folder.adopt(os.getpid())
    try:
        ticket = folder.ticket()
        stopping = _listen(folder)
        folder.emit("started", message=notice("reading_dataset"), pid=os.getpid())
        _train(folder, ticket, stopping)
        return 0
    except Exception as cause:
        traceback.print_exc()
        sys.stderr.flush()
        folder.emit("failed", message=explain(cause, folder))
        return 1


def _train(folder: RunFolder, ticket: Ticket, stopping: Callable[[], bool]) -> None:
    engine, job = load(ticket.spec.engine, Path(ticket.home)), job_of(folder, ticket, stopping)
    ready = engine.readiness(ticket.spec)
    if not ready.ready:
        raise ready.failure()
    try:
        card = engine.train(job)
    except NothingLearned:
        folder.emit("stopped", message=notice("stopped_nothing"))
        return
    effect = engine.effect(job)
    if effect > NO_EFFECT:
        _finish(folder, card.model_copy(update={"effect": effect}), stopped=stopping())
    elif stopping():
        folder.emit("stopped", message=notice("stopped_nothing"))
    else:
        raise Failed(notice("no_effect"))


def _finish(folder: RunFolder, card: AdapterCard, *, stopped: bool) -> None:
    """Say that it is done, the card last of all files: it is what makes the adapter one."""
    folder.emit("verified", message=notice("verified"), effect=card.effect)
    write_readme(folder.adapter, card)
    write_json(folder.card_file, card.model_dump(mode="json"))
    kind, said = ("stopped", "stopped_kept") if stopped else ("completed", "done")
    folder.emit(kind, message=notice(said), scores=card.scores)


def job_of(folder: RunFolder, ticket: Ticket, stopping: Callable[[], bool]) -> Job:
    """The job of a run folder: its dataset read and every pair checked."""
    kb = folder.kb()
    dataset = datasets.read(kb.dataset(ticket.spec.dataset))
    return Job(
        folder=folder.root,
        run=ticket.id,
        kb=ticket.kb,
        spec=ticket.spec,
        base=Path(ticket.base),
        dataset_fingerprint=dataset.card.fingerprint,
        chunk_hashes=dataset.card.chunk_hashes,
        pairs=list(dataset.pairs()),
        licence=ticket.licence,
        emit=folder.emit,
        stopping=stopping,
    )


def explain(cause: BaseException, folder: RunFolder) -> str | Notice:
    """What happened, in words for the person who started the run."""
    text = str(cause).lower()
    if disk_full(cause):
        return notice("disk_full", free=shutil.disk_usage(folder.root).free / 1e6)
    if isinstance(cause, MemoryError) or any(word in text for word in OUT_OF_MEMORY):
        return smaller(folder.ticket().spec)
    if isinstance(cause, Failed):
        return cause.notice
    if isinstance(cause, DocgraftError):
        return str(cause)
    return f"{type(cause).__name__}: {cause}"


def smaller(spec: TrainingSpec) -> Notice:
    """What would fit after memory ran out."""
    if spec.batch > 1:
        return notice("out_of_memory_batch", batch=spec.batch // 2, accumulation=spec.accumulation * 2)
    if spec.bits > 4:
        return notice("out_of_memory_bits")
    return notice("out_of_memory_length", length=max(spec.max_length // 2, 64))


def _listen(folder: RunFolder) -> Callable[[], bool]:
    """Whether someone asked to stop, by signal or by the stop file."""
    asked = []

    def remember(number: int, frame: object) -> None:
        asked.append(number)

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)
    return lambda: bool(asked) or folder.stop_file.exists()


def _rank() -> int:
    # accelerate tells its processes apart by this variable; it is the launcher's protocol, not a setting.
    return int(os.environ.get("RANK", "0"))


def _follow(folder: RunFolder) -> int:
    """The part of every process but the first: train along, say nothing, write nothing."""
    ticket = folder.ticket()
    job = job_of(folder, ticket, folder.stop_file.exists)
    load(ticket.spec.engine, Path(ticket.home)).train(_silent(job))
    return 0


def _silent(job: Job) -> Job:
    from dataclasses import replace

    return replace(job, emit=lambda kind, **values: None)


def _hand_over(folder: RunFolder) -> None:
    """Start the next queued run, now that this one has ended."""
    from finetune.runs import Runs

    try:
        Runs(Workspace(Path(folder.ticket().home)), folder.kb()).tick()
    except DocgraftError as cause:  # The next one to look at the queue starts it instead.
        sys.stderr.write(f"{cause}\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
