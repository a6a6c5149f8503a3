"""Training engines behind one seam: what an engine is, and the registry that finds one. Imports no engine."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from finetune.engines.pins import PINS
from finetune.notices import Failed, Notice
from finetune.records import AdapterCard, Pair, TrainingSpec
from memory.errors import NotConfigured, RunFailed
from memory.records import Record

REGISTRY = {
    "trl": "finetune.engines.trl:Trl",
    "unsloth": "finetune.engines.unsloth:Unsloth",
    "axolotl": "finetune.engines.axolotl:Axolotl",
    "llamafactory": "finetune.engines.llamafactory:LlamaFactory",
    "rehearsal": "finetune.engines.rehearsal:Rehearsal",
}
"""Engine name → "module:Class"."""


class NothingLearned(RunFailed):
    """The run was stopped before there was anything to keep."""


class Readiness(Record):
    """Whether an engine can run a spec on this machine, and in words what is missing."""

    ready: bool
    device: str = "cpu"
    """cpu, cuda, rocm, mps or xpu: where it would train."""
    reason: str = ""
    """What is missing or cannot work, as one sentence; empty when ready."""
    hint: str = ""
    """What to do about it: the install line or the setting to change."""
    notice: Notice | None = None
    """The same with an id, to be told in another language; None for words that have none."""

    @classmethod
    def to(cls, device: str, missing: Notice | None) -> Readiness:
        """Ready when nothing is missing."""
        if missing is None:
            return cls(ready=True, device=device)
        return cls(ready=False, device=device, reason=missing.message, hint=missing.hint, notice=missing)

    def failure(self) -> RunFailed:
        """What to raise when it is not ready."""
        return Failed(self.notice) if self.notice else RunFailed(self.reason, self.hint)


@dataclass(frozen=True)
class Job:
    """One training run as its engine sees it: values in, events out. Paths exist; the pairs are checked."""

    folder: Path
    """The run's folder; the engine writes `checkpoints/` and `adapter/` in it and nothing else."""
    run: str
    kb: str
    spec: TrainingSpec
    base: Path
    """Folder of the base model."""
    dataset_fingerprint: str
    chunk_hashes: tuple[str, ...]
    pairs: Sequence[Pair]
    """Every kept pair of every split."""
    licence: str = ""
    emit: Callable[..., None] = field(default=lambda kind, **values: None)
    """`emit(kind, *, step=0, epoch=0.0, message="", **values)` appends one event; `message` may be a Notice."""
    tell: Callable[[str], None] = field(default=lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
    """Takes what an engine's own process prints, line by line; a worker's standard error is its log."""
    stopping: Callable[[], bool] = field(default=lambda: False)
    """Whether the user asked to stop; looked at between steps."""

    def split(self, name: str) -> list[Pair]:
        """The kept pairs of one split, in dataset order."""
        return [pair for pair in self.pairs if pair.split == name]


class Engine(Protocol):
    """Trains one adapter. `train` blocks; whoever calls it is a worker process that ends afterwards."""

    def readiness(self, spec: TrainingSpec) -> Readiness:
        """Whether this spec can be trained here. Cheap: loads no model."""

    def train(self, job: Job) -> AdapterCard:
        """Train, keep the best checkpoint and leave `adapter/` with weights and configuration.

        Resumes from `checkpoints/` when it holds a usable checkpoint. Returns the card with `effect` still 0: the
        worker measures that with `effect` and writes adapter.json last. Raises RunFailed.
        """

    def effect(self, job: Job) -> float:
        """Open the saved adapter again from disk, on a fresh base: the largest difference it makes to the outputs."""


def names() -> list[str]:
    """The engines there are, ready or not."""
    return list(REGISTRY)


def load(name: str, home: Path | None = None) -> Engine:
    """The engine of that name; NotConfigured for an unknown one.

    `home`: where engines with an environment of their own are installed; without it such an engine is never ready.
    """
    if name not in REGISTRY:
        raise NotConfigured(f"There is no training engine {name!r}.", f"Choose one of: {', '.join(REGISTRY)}.")
    module, _, attribute = REGISTRY[name].partition(":")
    engine: Any = getattr(importlib.import_module(module), attribute)
    return engine(home) if name in PINS else engine()
