"""A run of another trainer: our rows into its folder, its process followed, its adapter brought back and looked at.

Knows processes and files. What is its own about a trainer (settings, command) is in the file of that engine.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from finetune.engines import Job, Readiness
from finetune.engines.card import make_card
from finetune.engines.effect import logit_difference
from finetune.engines.environments import Environment
from finetune.engines.outside_log import Step, pieces, read_step, read_total
from finetune.engines.rows import Rows
from finetune.engines.taking import adapter_of, newest, score, take
from finetune.engines.trl import identity, main_system, steps_of, training_rows
from finetune.models.adapter_files import WEIGHTS
from finetune.models.devices import Device, describe
from finetune.models.fingerprints import template_fingerprint
from finetune.models.templates import load_tokenizer
from finetune.notices import Failed, notice
from finetune.records import AdapterCard, Pair, TrainingSpec
from memory.workspace import Workspace, write_text

RUNNER = Path(__file__).with_name("outside_run.py")
POLL = 0.2
PATIENCE = 120.0
"""Seconds that a trainer may take to save and end once it was asked to stop or has trained; then it is ended."""
SECRET = re.compile(r"(?i)key|token|secret|password|credential")
OFFLINE = {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Plan:
    """What a trainer is asked to do: everything that its settings are made from."""

    spec: TrainingSpec
    base: str
    """Folder or Hub id of the base model, as its settings name it."""
    folder: str
    """Where rows and output lie, as its settings name it."""
    steps: int
    """Optimiser steps of the whole run."""
    device: Device
    checkpoint: str = ""
    """The checkpoint to resume from."""
    longest: int = 0
    """Tokens of the longest row."""


@dataclass(frozen=True)
class Trainer:
    """What is its own about one trainer."""

    name: str
    write: Callable[[Plan, Rows, Sequence[Pair], Path], None]
    """Writes rows (as token ids; the pairs are the same as text) and settings into the folder."""
    command: Callable[[Path], list[str]]
    """Module and arguments after `python -m`, for the folder."""
    alone: str
    """The command line that trains in such a folder without Docgraft."""
    output: str = "out"
    variables: Mapping[str, str] = field(default_factory=dict)
    """What it needs in its environment."""
    note: str = ""
    """What somebody who trains without Docgraft should know."""


class Outside:
    """LoRA and QLoRA by another trainer's own command, in its own environment. A subclass says which trainer."""

    trainer: ClassVar[Trainer]

    def __init__(self, home: Path | None = None) -> None:
        self.environment = Environment(Workspace(home), self.trainer.name) if home else None

    def readiness(self, spec: TrainingSpec) -> Readiness:
        """Environment, version, device, and what it has no word for."""
        name, device = self.trainer.name, describe()
        missing = self.environment.fault() if self.environment else notice("engine_missing", name=name)
        if not missing and spec.devices > 1:
            missing = notice("engine_devices", name=name)
        elif not missing and spec.bits < 16 and device.kind not in ("cuda", "rocm"):
            missing = notice("engine_bits", name=name, bits=spec.bits)
        elif not missing and spec.bits == 16 and device.kind == "cpu":
            missing = notice("engine_half", name=name)
        return Readiness.to(device.kind, missing)

    def train(self, job: Job) -> AdapterCard:
        """Train in the trainer's own process and bring the adapter into `adapter/`; resumes from its checkpoints."""
        assert self.environment
        tokenizer = load_tokenizer(job.base)
        rows = training_rows(job, tokenizer)
        folder = job.folder / "checkpoints" / self.trainer.name
        output = folder / self.trainer.output
        checkpoint = _prepared(job, folder, output)
        plan = _plan(job, rows, folder, checkpoint)
        self.trainer.write(plan, rows, job.split("train"), folder)
        pace = Pace(job, plan.steps, rows.tokens / max(len(rows.rows), 1), _step_of(checkpoint))
        environ = {**surroundings(), **self.trainer.variables}
        follow(job, self.environment, self.trainer.command(folder), pace, folder=folder, environ=environ)
        take(job, adapter_of(output, stopped=job.stopping()))
        system = main_system(job)
        scores = score(job, tokenizer, step=pace.step)
        made = make_card(job, scores=scores, system=system, template=template_fingerprint(tokenizer, system))
        found = self.environment.installed()
        return made.model_copy(update={"versions": dict(found.versions) if found else {}})

    def effect(self, job: Job) -> float:
        """On a fresh load of base and adapter, without the trainer."""
        return logit_difference(job.folder / "adapter", job.base)


def _plan(job: Job, rows: Rows, folder: Path, checkpoint: Path | None) -> Plan:
    return Plan(
        spec=job.spec,
        base=str(job.base.absolute()),
        folder=str(folder.absolute()),
        steps=steps_of(job.spec, len(rows.rows)),
        device=describe(),
        checkpoint=str(checkpoint.absolute()) if checkpoint else "",
        longest=rows.longest,
    )


class Pace:
    """Steps counted and timed as the log tells of them."""

    def __init__(self, job: Job, steps: int, tokens_per_row: float, begun: int) -> None:
        self.job, self.steps, self.step, self.begun = job, steps, begun, begun
        self.tokens_per_step = tokens_per_row * job.spec.batch * job.spec.accumulation
        self.clock = 0.0
        self.loss: float | None = None

    def read(self, text: str) -> None:
        """Take one line of the log; Failed when it tells of a loss that is no number."""
        if (total := read_total(text)) and total >= self.step:
            self.steps = total
        step = read_step(text)
        if step is not None:
            self._count(step)

    def _count(self, step: Step) -> None:
        self.step += 1
        if not step.finite:
            raise Failed(notice("not_finite_loss", step=self.step))
        self.loss, moment = step.loss, time.monotonic()
        if not self.clock:  # The first step carries the start; speed is measured after it.
            self.clock, self.begun = moment, self.step
        spent, done = moment - self.clock, self.step - self.begun
        speed = {"tokens_per_second": self.tokens_per_step * done / spent} if done and spent else {}
        left = {"seconds_left": (self.steps - self.step) * spent / done} if done else {}
        values = {"loss": step.loss, **step.values, **speed, **left}
        self.job.emit("step", step=self.step, epoch=step.epoch, steps=self.steps, **values)


def follow(
    job: Job,
    environment: Environment,
    command: Sequence[str],
    pace: Pace,
    *,
    folder: Path,
    environ: Mapping[str, str],
) -> None:
    """Run a trainer's command to its end, its output into our log and events. Failed when it ends badly.

    When asked to stop it is given time to save; it never outlives this process.
    """
    # -P: the folder of the runner must not be searched for modules; files there are named like the trainers.
    whole = [str(environment.python), "-P", str(RUNNER), str(folder), *command]
    (folder / "stop").unlink(missing_ok=True)
    tail: list[str] = []
    job.emit("started", message=notice("engine_starts", name=environment.name, version=environment.version()))
    end = _End(job, folder / "stop")
    with _Child(whole, folder, environ) as child:
        for text in _output(child, end):
            job.tell(text)
            tail = [*tail[-7:], text]
            pace.read(text)
        code = child.process.wait()
    if code < 0 and not end.excused:
        raise Failed(notice("engine_killed", name=environment.name, signal=-code))
    if code != 0 and not end.excused:
        raise Failed(notice("engine_ended", name=environment.name, code=code, reason=_reason(tail)))


class _End:
    """When a trainer must have ended: some time after it was asked to stop, or said that it has trained."""

    def __init__(self, job: Job, stop: Path) -> None:
        self.job, self.stop = job, stop
        self.asked = False
        self.since = 0.0
        self.excused = False
        """Whether how it ends says nothing: it was asked to stop, or is ended from here."""

    def read(self, text: str) -> None:
        """Look for the word that it has trained: what it does afterwards must not take forever."""
        if "'train_runtime'" in text and not self.since:
            self.since = time.monotonic()

    def overdue(self) -> bool:
        """Pass the wish to stop on; whether the time is up."""
        if self.job.stopping() and not self.asked:
            self.asked = self.excused = True
            self.since = time.monotonic()
            write_text(self.stop, "")
        late = bool(self.since) and time.monotonic() - self.since > PATIENCE
        self.excused = self.excused or late
        return late


def _output(child: _Child, end: _End) -> Iterator[str]:
    """Its output as it comes, to its end or until its time is up."""
    while True:
        if end.overdue():
            child.process.kill()
        try:
            text = child.lines.get(timeout=POLL)
        except queue.Empty:
            continue
        if text is None:
            return
        end.read(text)
        yield text


class _Child:
    """A process and its output, read as it comes; it has ended when the block has."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self.command, self.folder, self.environ = command, folder, environ
        self.lines: queue.Queue[str | None] = queue.Queue()
        """What it printed; None at its end."""

    def __enter__(self) -> _Child:
        try:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as cause:
            raise Failed(notice("not_started", reason=str(cause))) from cause
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        self.reader.join(5.0)
        # A grandchild that holds on to the other end keeps the reader reading; then it stays open.
        if self.process.stdout and not self.reader.is_alive():
            self.process.stdout.close()

    def _read(self) -> None:
        for text in pieces(self._chunks()):
            self.lines.put(text)
        self.lines.put(None)

    def _chunks(self) -> Iterator[bytes]:
        assert self.process.stdout
        while data := os.read(self.process.stdout.fileno(), 65_536):
            yield data


def surroundings() -> dict[str, str]:
    """The environment of a trainer: this process's own less whatever is named like a secret, and offline."""
    # A child process inherits its surroundings; they are handed on here, not read as settings.
    kept = {name: value for name, value in os.environ.items() if not SECRET.search(name)}
    kept.pop("PYTHONPATH", None)
    kept.pop("PYTHONHOME", None)
    visible = kept.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    return kept | OFFLINE | {"PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": visible}


def _prepared(job: Job, folder: Path, output: Path) -> Path | None:
    """The folder for this very run, and the newest good checkpoint in it."""
    mark, own = folder / "identity", identity(job)
    if mark.is_file() and mark.read_text(encoding="utf-8") != own:
        job.emit("warning", message=notice("checkpoints_foreign"))
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(mark, own)
    # A run that was stopped left its adapter there; what counts from now on is what this attempt leaves.
    (output / WEIGHTS).unlink(missing_ok=True)
    found, refused = newest(output)
    for reason in refused:
        job.emit("warning", message=notice("checkpoint_unused", reason=reason))
    if found is not None:
        job.emit("started", message=notice("resumed", checkpoint=found.name))
    return found


def _step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def _reason(tail: Sequence[str]) -> str:
    """The line that says what went wrong: the last that looks like an exception, else the last one."""
    errors = [line for line in tail if re.match(r"[\w.]*(Error|Exception|Killed)\b", line)]
    return (errors or list(tail) or ["it printed nothing"])[-1][:400]
