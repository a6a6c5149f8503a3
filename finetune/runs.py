"""Training runs: a run is a folder and a process. Knows nothing of models; states come from both together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from finetune.models.devices import describe
from finetune.notices import Notice, notice
from finetune.records import Event, Run, TrainingSpec
from finetune.runfolder import GRACE, TERMINAL, RunFolder, Ticket, alive, end, launch_command, worker_command
from memory.errors import DocgraftError
from memory.records import new_id, now
from memory.workspace import KnowledgeBaseFolder, Workspace, write_json

PACKAGES = Path(__file__).resolve().parents[1]
"""Where `python -m finetune.worker` finds the packages, whatever the working directory."""
ACTIVE = ("starting", "running", "stopping")


class Runs:
    """The runs of one knowledge base. Every method may be called from any process at any time."""

    def __init__(self, workspace: Workspace, kb: KnowledgeBaseFolder) -> None:
        self.workspace = workspace
        self.kb = kb

    def create(self, spec: TrainingSpec, *, base: Path, licence: str = "", device: str = "default") -> Run:
        """Write a new run's folder, queued. `base` is the base model's folder; the dataset is `spec.dataset`.

        Runs with the same `device` wait for each other.
        """
        folder = RunFolder(self.kb.run(new_id()))
        ticket = Ticket(
            id=folder.id,
            kb=self.kb.name,
            created=now(),
            spec=spec,
            home=str(self.workspace.root),
            base=str(base),
            licence=licence,
            device=device,
        )
        write_json(folder.ticket_file, ticket.model_dump(mode="json"))
        return folder.run()

    def start(self, spec: TrainingSpec, *, base: Path, licence: str = "", device: str = "default") -> Run:
        """`create` and `tick`: the run starts at once when its device is free, else it stays queued."""
        run = self.create(spec, base=base, licence=licence, device=device)
        self.tick()
        return self.show(run.id)

    def all(self) -> list[Run]:
        """All runs, newest first."""
        return [self.show(folder.id) for folder in reversed(_folders(self.kb))]

    def show(self, run: str) -> Run:
        """One run as its folder and process say now, a queued one with what it waits for; reaps a worker that hangs."""
        folder = self._folder(run)
        found, process = folder.run(), folder.process()
        if found.state == "queued":
            said = self._waiting(folder)
            return found.model_copy(update={"message": said.text, "notice": said.id, "values": said.values})
        if found.state in TERMINAL and process and alive(process) and _overdue(folder):
            end(process)
        return found

    def active(self) -> int:
        """How many runs of this home are queued or at work, in any knowledge base of any account."""
        return sum(run.state in (*ACTIVE, "queued") for _, _, run in self._everybody())

    def events(self, run: str) -> list[Event]:
        """Every event so far: what the curves are drawn from."""
        return self._folder(run).events()

    def watch(self, run: str, *, poll: float = 0.5, until: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Events from the first one on, following the file until the run has ended, or `until` says so.

        A run may say nothing for a minute: while it waits for its turn, or in an exam. Closing it stops only watching.
        """
        folder, seen = self._folder(run), 0
        while not until():
            ended = self.show(run).state in TERMINAL
            for event in folder.events()[seen:]:
                seen += 1
                yield event
            if ended:
                return
            self.tick()
            time.sleep(poll)

    def log(self, run: str, lines: int = 40) -> str:
        """The last lines of worker.log."""
        return self._folder(run).log(lines)

    def stop(self, run: str) -> Run:
        """Ask a run to stop; what it has learned best so far becomes its adapter. A queued run never starts."""
        folder = self._folder(run)
        with self._queue():
            state = folder.run().state
            if state == "queued":
                folder.claim(None)
                folder.emit("stopped", message=notice("stopped_before"))
            elif state in ACTIVE:
                folder.ask_stop()
                _interrupt(folder)
        return self.show(run)

    def resume(self, run: str) -> Run:
        """Queue a stopped or failed run again; it goes on from its last good checkpoint."""
        folder = self._folder(run)
        with self._queue():
            state = folder.run().state
            if state not in ("stopped", "failed"):
                raise DocgraftError(f"Run {run} is {state}; only a stopped or failed run can be resumed.")
            process = folder.process()
            if process:
                end(process)
            folder.stop_file.unlink(missing_ok=True)
            folder.card_file.unlink(missing_ok=True)
            folder.process_file.unlink(missing_ok=True)
        self.tick()
        return self.show(run)

    def remove(self, run: str) -> None:
        """Delete an ended run with everything in its folder."""
        folder = self._folder(run)
        with self._queue():
            if folder.run().state in ACTIVE:
                raise DocgraftError(f"Run {run} is still at work.", f"Stop it first: docgraft train stop {run}")
            folder.ticket_file.unlink()
            shutil.rmtree(folder.root)

    def tick(self) -> list[Run]:
        """Start queued runs (of every knowledge base of every account) whose device is free; returns those started."""
        launched = []
        with self._queue():
            runs = self._everybody()
            busy = {device for _, device, run in runs if run.state in ACTIVE}
            for folder, device, run in runs:
                if run.state == "queued" and device not in busy:
                    busy.add(device)
                    self._launch(folder)
                    launched.append(folder.run())
        return launched

    def command(self, run: str) -> list[str]:
        """The command line that trains, for showing: a launcher's when the spec asks for several devices."""
        folder = self._folder(run)
        if folder.ticket().spec.devices == 1:
            return worker_command(folder)
        return launch_command(folder, describe().kind)

    def _everybody(self) -> list[tuple[RunFolder, str, Run]]:
        """Every run of this home with its device, in the order of the queue."""
        folders = sorted((f for kb in self.workspace.every_base() for f in _folders(kb)), key=lambda folder: folder.id)
        return [(folder, folder.ticket().device, folder.run()) for folder in folders]

    def _waiting(self, folder: RunFolder) -> Notice:
        """What a queued run waits for. Of other accounts' runs no more is said than that there are some."""
        device, own = folder.ticket().device, self.workspace.bases
        runs = [(f, run) for f, other, run in self._everybody() if other == device and f.root != folder.root]
        before = [f for f, run in runs if run.state == "queued" and f.id < folder.id]
        at_work = next((f for f, run in runs if run.state in ACTIVE), before[0] if before else None)
        if at_work is None:
            return notice("waits_turn")
        ahead = len(before) + (at_work not in before)
        if at_work.root.is_relative_to(own):
            return notice("waits_own", run=at_work.id[-6:], kb=at_work.ticket().kb, ahead=ahead)
        return notice("waits_other", ahead=ahead)

    def _launch(self, folder: RunFolder) -> None:
        # Until the child is known, this process stands for it: the run counts as starting, and its logs are marked off
        # before the child can write to them.
        folder.claim(os.getpid())
        with folder.log_file.open("ab") as log:
            try:
                child = subprocess.Popen(
                    worker_command(folder),
                    cwd=PACKAGES,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as cause:
                folder.emit("failed", message=notice("not_started", reason=str(cause)))
                return
        folder.adopt(child.pid)
        # Waiting for it in the background leaves no zombie, and the worker outlives this process all the same.
        threading.Thread(target=child.wait, daemon=True).start()

    def _folder(self, run: str) -> RunFolder:
        folder = RunFolder(self.kb.run(run))
        folder.ticket()
        return folder

    @contextmanager
    def _queue(self) -> Iterator[None]:
        self.workspace.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.workspace.root / ".training.lock", timeout=30):
                yield
        except Timeout as cause:
            raise DocgraftError("Another Docgraft process holds the training queue.", "Try again.") from cause


def _folders(kb: KnowledgeBaseFolder) -> list[RunFolder]:
    if not kb.runs.is_dir():
        return []
    found = (RunFolder(path) for path in sorted(kb.runs.iterdir()) if path.is_dir())
    return [folder for folder in found if folder.ticket_file.is_file()]


def _interrupt(folder: RunFolder) -> None:
    """Signal a worker that listens by now (it says "started" after it began to); the stop file tells the others."""
    process = folder.process()
    if process is None or not process.pid or folder.ticket().spec.devices > 1:
        return
    if alive(process) and any(folder.events(process.events)):
        with suppress(OSError):
            os.kill(process.pid, signal.SIGTERM)


def _overdue(folder: RunFolder) -> bool:
    return time.time() - folder.events_file.stat().st_mtime > GRACE
