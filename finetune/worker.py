"""The process of one run: `python -m finetune.worker RUN_DIR`. Reads run.json, runs its engine, says how it ended.

The only module that catches every exception: whatever happens becomes the run's last event.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from finetune import datasets
from finetune.engines import Job, load
from finetune.modelcard import write_readme
from finetune.models.devices import describe
from finetune.records import AdapterCard
from finetune.runfolder import RunFolder, Ticket, launch_command
from memory.errors import DocgraftError, RunFailed
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
        folder.emit("started", message="Reading the dataset.", pid=os.getpid())
        _train(folder, ticket, stopping)
        return 0
    except Exception as cause:
        traceback.print_exc()
        sys.stderr.flush()
        folder.emit("failed", message=explain(cause, folder))
        return 1


def _train(folder: RunFolder, ticket: Ticket, stopping: Callable[[], bool]) -> None:
    engine, job = load(ticket.spec.engine), job_of(folder, ticket, stopping)
    ready = engine.readiness(ticket.spec)
    if not ready.ready:
        raise RunFailed(ready.reason, ready.hint)
    card = engine.train(job)
    effect = engine.effect(job)
    if effect > NO_EFFECT:
        _finish(folder, card.model_copy(update={"effect": effect}), stopped=stopping())
    elif stopping():
        folder.emit("stopped", message="Stopped before it had learned anything; there is no adapter.")
    else:
        raise RunFailed(
            "The trained adapter has no effect on the model's answers.",
            "Train longer or with a higher learning rate; nothing was kept as finished.",
        )


def _finish(folder: RunFolder, card: AdapterCard, *, stopped: bool) -> None:
    """Say that it is done, the card last of all files: it is what makes the adapter one."""
    folder.emit("verified", message="Opened again from disk: it changes the answers.", effect=card.effect)
    write_readme(folder.adapter, card)
    write_json(folder.card_file, card.model_dump(mode="json"))
    kind, word = ("stopped", "Stopped; the best so far is kept.") if stopped else ("completed", "Done.")
    folder.emit(kind, message=word, scores=card.scores)


def job_of(folder: RunFolder, ticket: Ticket, stopping: Callable[[], bool]) -> Job:
    """The job of a run folder: its dataset read and every pair checked."""
    kb = Workspace(Path(ticket.home)).base(ticket.kb)
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


def explain(cause: BaseException, folder: RunFolder) -> str:
    """What happened, in words for the person who started the run."""
    text = str(cause).lower()
    if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
        free = shutil.disk_usage(folder.root).free
        return (
            f"The disk is full ({free / 1e6:,.0f} MB free). The last checkpoint is kept: free some space, then resume."
        )
    if isinstance(cause, MemoryError) or any(word in text for word in OUT_OF_MEMORY):
        return f"Out of memory. {smaller(folder)}"
    if isinstance(cause, DocgraftError):
        return str(cause)
    return f"{type(cause).__name__}: {cause}"


def smaller(folder: RunFolder) -> str:
    """What would fit after memory ran out."""
    spec = folder.ticket().spec
    if spec.batch > 1:
        half, more = spec.batch // 2, spec.accumulation * 2
        return f"Try batch {half} with accumulation {more}: the same training in half the memory."
    if spec.bits > 4:
        return "Try method qlora (4 bits), or a smaller base model."
    return f"Try max_length {max(spec.max_length // 2, 64)}, or a smaller base model."


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
    load(ticket.spec.engine).train(_silent(job))
    return 0


def _silent(job: Job) -> Job:
    from dataclasses import replace

    return replace(job, emit=lambda kind, **values: None)


def _hand_over(folder: RunFolder) -> None:
    """Start the next queued run, now that this one has ended."""
    from finetune.runs import Runs

    try:
        workspace = Workspace(Path(folder.ticket().home))
        Runs(workspace, workspace.base(folder.ticket().kb)).tick()
    except DocgraftError as cause:  # The next one to look at the queue starts it instead.
        sys.stderr.write(f"{cause}\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
