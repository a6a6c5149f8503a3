"""The folder of one run: its files, its log of events and the process that writes them. Knows no engine.

run.json       what was asked for; written once
process.json   which process works on it, and where in the logs its attempt begins; none: the run is queued
events.jsonl   append-only
worker.log     what the process printed
stop           its presence asks the worker to stop
checkpoints/   to resume from
adapter/       what came out; adapter.json, written last, says that it was verified
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from pydantic import ValidationError

from finetune.engines.environments import Environment
from finetune.engines.pins import PINS
from finetune.notices import Notice, notice
from finetune.records import AdapterCard, Event, Run, RunState, TrainingSpec
from memory.errors import DocgraftError
from memory.records import Record, now
from memory.workspace import (
    KnowledgeBaseFolder,
    Workspace,
    append_line,
    mend_lines,
    write_json,
    write_text,
)

TERMINAL = ("completed", "stopped", "failed")
GRACE = 5.0
"""Seconds that a worker may live on after its last event; then it hangs and is ended."""
LATE = 120.0
"""Seconds after which a process without a first event is named slow in the run's message."""


class Ticket(Record):
    """run.json: everything that a worker needs to know, so that it reads no settings."""

    id: str
    kb: str
    created: str
    spec: TrainingSpec
    home: str
    """Root of the workspace."""
    base: str
    """Folder of the base model."""
    licence: str = ""
    device: str = "default"
    """Runs of one device wait for each other."""


class Process(Record):
    """process.json: one attempt."""

    pid: int | None
    """None: the attempt ended before a process was started."""
    started: float = 0.0
    """The process's start time by the system's clock; tells it from another one that got the same pid later."""
    launched: float = 0.0
    events: int = 0
    """Bytes of events.jsonl that belong to earlier attempts."""
    log: int = 0
    """The same for worker.log."""


class Said(NamedTuple):
    """A message with what it takes to translate it."""

    message: str = ""
    notice: str = ""
    values: dict[str, Any] = {}  # noqa: RUF012 - never written to

    @classmethod
    def of(cls, source: Event | Notice) -> Said:
        """What an event or a notice says."""
        if isinstance(source, Notice):
            return cls(source.text, source.id, source.values)
        return cls(source.message, source.notice, source.values if source.notice else {})


class _Log:
    """The events of one file. Each is read once: who follows a long run looks twice a second."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file, self._end = 0, 0
        self._found: list[tuple[int, Event]] = []
        self._lock = threading.Lock()

    def since(self, offset: int) -> list[Event]:
        """The events whose line begins at this byte or later."""
        with self._lock:
            if self.path.exists():
                self._read_on()
            else:
                self._file, self._end, self._found = 0, 0, []
            return [event for begin, event in self._found if begin >= offset]

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            there = os.fstat(file.fileno())
            if there.st_ino != self._file or there.st_size < self._end:
                self._file, self._end, self._found = there.st_ino, 0, []
            file.seek(self._end)
            for raw in file:
                if not raw.endswith(b"\n"):
                    return
                if raw.strip():
                    self._found.append((self._end, Event.model_validate_json(raw)))
                self._end += len(raw)


@lru_cache(maxsize=64)
def _log(path: Path) -> _Log:
    return _Log(path)


class RunFolder:
    """One run on disk. Cheap to make; every method reads what is there now."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.id = root.name
        self.ticket_file = root / "run.json"
        self.process_file = root / "process.json"
        self.events_file = root / "events.jsonl"
        self.log_file = root / "worker.log"
        self.stop_file = root / "stop"
        self.checkpoints = root / "checkpoints"
        self.adapter = root / "adapter"
        self.card_file = self.adapter / "adapter.json"

    def ticket(self) -> Ticket:
        """What was asked for; DocgraftError when this is no run."""
        try:
            return Ticket.model_validate_json(self.ticket_file.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as cause:
            raise DocgraftError(f"There is no run {self.id!r}.", "See: docgraft train list") from cause

    def kb(self) -> KnowledgeBaseFolder:
        """The knowledge base that the run lies in, whoever's it is."""
        return KnowledgeBaseFolder(self.root.parents[1], self.ticket().kb)

    def process(self) -> Process | None:
        """The present attempt, None while queued."""
        try:
            return Process.model_validate_json(self.process_file.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return None

    def claim(self, pid: int | None) -> Process:
        """Record the process of a new attempt; events and log lines from here on are its own."""
        made = Process(
            pid=pid,
            started=started(pid) if pid else 0.0,
            launched=time.time(),
            events=_size(self.events_file),
            log=_size(self.log_file),
        )
        write_json(self.process_file, made.model_dump())
        return made

    def adopt(self, pid: int) -> None:
        """Let the worker itself (which a launcher may have started) be the process that the attempt is known by."""
        known = self.process()
        if known is None:
            self.claim(pid)
        elif known.pid != pid:
            write_json(self.process_file, known.model_copy(update={"pid": pid, "started": started(pid)}).model_dump())

    def events(self, offset: int = 0) -> list[Event]:
        """Events from a byte offset on; a torn last line is left out."""
        return _log(self.events_file).since(offset)

    def emit(self, kind: str, *, step: int = 0, epoch: float = 0.0, message: str | Notice = "", **values: Any) -> None:
        """Append one event. Numbers that JSON has no word for are left out; a torn line of a dead writer is cut."""
        said = {"message": message}
        if isinstance(message, Notice):
            said, values = {"message": message.text, "notice": message.id}, {**message.values, **values}
        event = Event(time=now(), kind=kind, step=step, epoch=round(epoch, 4), values=_finite(values), **said)
        mend_lines(self.events_file)
        with self.events_file.open("a", encoding="utf-8") as file:
            append_line(file, event.model_dump())

    def log(self, lines: int = 40, *, attempt: bool = False) -> str:
        """The last lines of worker.log; with `attempt`, of the present attempt only."""
        if not self.log_file.exists():
            return ""
        known = self.process() if attempt else None
        with self.log_file.open("rb") as file:
            file.seek(max(known.log if known else 0, _size(self.log_file) - 200_000))
            text = file.read().decode("utf-8", "replace")
        return "\n".join(text.replace("\r", "\n").splitlines()[-lines:])

    def card(self) -> AdapterCard | None:
        """The verified adapter's card, None when there is none."""
        try:
            return AdapterCard.model_validate_json(self.card_file.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return None

    def ask_stop(self) -> None:
        """Ask the worker to stop; it looks between steps."""
        write_text(self.stop_file, now())

    def run(self) -> Run:
        """The run as folder and process say together."""
        ticket, process = self.ticket(), self.process()
        own, every = self.events(process.events) if process else [], self.events()
        state, said = self._state(process, own)
        steps = [event for event in own if event.step] or [event for event in every if event.step]
        total = next((e.values["steps"] for e in reversed(every) if e.values.get("steps")), 0)
        card = self.card()
        return Run(
            id=self.id,
            kb=ticket.kb,
            state=state,
            spec=ticket.spec,
            created=ticket.created,
            pid=process.pid if process else None,
            step=steps[-1].step if steps else 0,
            steps=int(total),
            message=said.message,
            notice=said.notice,
            values=said.values,
            adapter=self.id if card and state in ("completed", "stopped") else None,
        )

    def _state(self, process: Process | None, own: list[Event]) -> tuple[RunState, Said]:
        if process is None:
            return "queued", Said()
        last = next((event for event in reversed(own) if event.kind in TERMINAL), None)
        if last is not None:
            return last.kind, Said.of(last)  # type: ignore[return-value]
        if alive(process):
            return self._living(process, own)
        if self.card() is not None and any(event.kind == "verified" for event in own):
            return "completed", Said.of(notice("verified_unsaid"))
        tail = self.log(5, attempt=True).strip()
        return "failed", Said.of(notice("died", tail=tail) if tail else notice("died_silent"))

    def _living(self, process: Process, own: list[Event]) -> tuple[RunState, Said]:
        if self.stop_file.exists():
            return "stopping", Said.of(notice("stopping"))
        if own:
            told = [event for event in own if event.message and (event.kind != "started" or not own[-1].step)]
            return "running", Said.of(told[-1]) if told else Said()
        slow = time.time() - process.launched > LATE
        return "starting", Said.of(notice("silent")) if slow else Said()


def started(pid: int) -> float:
    """When a process started, by the system; 0 when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def alive(process: Process) -> bool:
    """Whether this very process still runs: same pid, same start time, not a zombie."""
    if process.pid is None:
        return False
    try:
        found = psutil.Process(process.pid)
        return found.status() != psutil.STATUS_ZOMBIE and abs(found.create_time() - process.started) < 1.0
    except psutil.Error:
        return False


def end(process: Process) -> None:
    """Kill this very process and its children; nothing when it is gone or the pid belongs to another by now."""
    if process.pid is None or process.pid == os.getpid() or not alive(process):
        return
    try:
        found = psutil.Process(process.pid)
        for one in [*found.children(recursive=True), found]:
            one.kill()
        found.wait(5)
    except psutil.Error:
        return


def worker_command(folder: RunFolder) -> list[str]:
    """The command line of a run's worker; it turns itself into `launch_command` when the spec asks for several."""
    return [interpreter(folder.ticket()), "-m", "finetune.worker", str(folder.root)]


def interpreter(ticket: Ticket) -> str:
    """The Python of a run's worker: the one of the engine's environment where the worker runs in it, else this one."""
    name = ticket.spec.engine
    if name in PINS and PINS[name].worker:
        place = Environment(Workspace(Path(ticket.home)), name)
        if place.fault() is None:
            return str(place.python)
    return sys.executable


def launch_command(folder: RunFolder, kind: str) -> list[str]:
    """The command line that runs one worker per device, on devices of this kind."""
    return [*launcher(kind, folder.ticket().spec.devices), "finetune.worker", str(folder.root)]


def launcher(kind: str, devices: int) -> list[str]:
    """What starts `-m MODULE` on several devices: accelerate, or for CPUs the launcher below it.

    accelerate starts several CPU processes through MPI only; torch's own launcher needs nothing else installed.
    """
    if kind == "cpu":
        run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(devices)]
        return [*run, "--standalone", "-m"]
    run = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(devices)]
    return [*run, "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m"]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    if isinstance(value, float):
        return round(value, 8) if math.isfinite(value) else None
    return value


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
