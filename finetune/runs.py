"""Training runs: a run is a folder and a process. Knows nothing of models; states come from both together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finetune.records import Event, Run, TrainingSpec
from memory.workspace import KnowledgeBaseFolder, Workspace


class Runs:
    """The runs of one knowledge base. Every method may be called from any process at any time."""

    def __init__(self, workspace: Workspace, kb: KnowledgeBaseFolder) -> None:
        self.workspace = workspace
        self.kb = kb

    def create(self, spec: TrainingSpec, *, base: Path, licence: str = "") -> Run:
        """Write a new run's folder, queued. `base` is the base model's folder; the dataset is `spec.dataset`."""
        raise NotImplementedError

    def start(self, spec: TrainingSpec, *, base: Path, licence: str = "") -> Run:
        """`create` and `tick`: the run starts at once when its device is free, else it stays queued."""
        raise NotImplementedError

    def all(self) -> list[Run]:
        """All runs, newest first."""
        raise NotImplementedError

    def show(self, run: str) -> Run:
        """One run as its folder and process say now; reaps a worker that finished but hangs."""
        raise NotImplementedError

    def events(self, run: str) -> list[Event]:
        """Every event so far: what the curves are drawn from."""
        raise NotImplementedError

    def watch(self, run: str, *, poll: float = 0.5) -> Iterator[Event]:
        """Events from the first one on, following the file until the run has ended. Closing it stops only watching."""
        raise NotImplementedError

    def log(self, run: str, lines: int = 40) -> str:
        """The last lines of worker.log."""
        raise NotImplementedError

    def stop(self, run: str) -> Run:
        """Ask a run to stop; what it has learned best so far becomes its adapter. A queued run never starts."""
        raise NotImplementedError

    def resume(self, run: str) -> Run:
        """Queue a stopped or failed run again; it goes on from its last good checkpoint."""
        raise NotImplementedError

    def remove(self, run: str) -> None:
        """Delete an ended run with everything in its folder."""
        raise NotImplementedError

    def tick(self) -> list[Run]:
        """Start queued runs (of every knowledge base of the workspace) whose device is free; returns those started."""
        raise NotImplementedError

    def command(self, run: str) -> list[str]:
        """The command line of the worker, for showing: `accelerate launch` when the spec asks for several devices."""
        raise NotImplementedError
