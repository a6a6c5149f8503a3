"""What processes tell each other about the one click: how far it is, and that somebody wants it to stop.

Two small files beside the way itself; they say nothing once the process that goes it has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from memory.records import Record
from memory.workspace import KnowledgeBaseFolder, write_json

if TYPE_CHECKING:
    from finetune.records import Event

Step = Literal["pairs", "train", "compare"]
STEPS: tuple[Step, ...] = ("pairs", "train", "compare")
EVERY = 0.5
"""Seconds between two reports to others, and between two looks whether somebody wants it to stop."""


class Stage(Record):
    """What is being done, and how far that is."""

    step: Step
    done: float
    total: float
    message: str = ""
    notice: str = ""
    """Id of the message in finetune.notices, with its values among `values`; "" for words that have none."""
    values: dict[str, Any] = Field(default_factory=dict)
    left: float | None = None
    """Seconds left of this step."""

    @property
    def share(self) -> float:
        """How much of the whole way is done, 0 to 1."""
        return min(1.0, (STEPS.index(self.step) + (self.done / self.total if self.total else 0.0)) / len(STEPS))


def pass_on(event: Event, progress: Callable[[Stage], None]) -> None:
    """Tell how far training is, where one of its events says so."""
    if event.kind in ("step", "started", "probe", "evaluation"):
        progress(
            Stage(
                step="train",
                done=event.step,
                total=event.values.get("steps") or 0,
                message=event.message,
                notice=event.notice,
                values=event.values,
                left=event.values.get("seconds_left"),
            )
        )


class AtWork:
    """The side of the process that goes the way: it reports, and finds out that it should stop."""

    def __init__(self, folder: KnowledgeBaseFolder) -> None:
        self._folder = folder
        self._step = ""
        self._told = self._looked = float("-inf")
        self._stop = False

    def __enter__(self) -> AtWork:
        _cleared(self._folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _cleared(self._folder)

    def tell(self, stage: Stage) -> None:
        """Let others know, now and then and at the beginning of every step."""
        if stage.step != self._step or time.monotonic() - self._told >= EVERY:
            self._step, self._told = stage.step, time.monotonic()
            write_json(self._folder.live, stage.model_dump(mode="json"))

    def stopping(self) -> bool:
        """Whether another process asked for a stop."""
        if not self._stop and time.monotonic() - self._looked >= EVERY:
            self._looked = time.monotonic()
            self._stop = self._folder.halt.exists()
        return self._stop


def seen(folder: KnowledgeBaseFolder) -> Stage | None:
    """How far the way is that another process goes; None before its first report."""
    try:
        return Stage.model_validate_json(folder.live.read_bytes())
    except (OSError, ValidationError):
        return None


def halt(folder: KnowledgeBaseFolder) -> None:
    """Ask whoever goes the way to stop."""
    folder.halt.touch()


def halting(folder: KnowledgeBaseFolder) -> bool:
    """Whether somebody asked for a stop that has not come yet."""
    return folder.halt.exists()


def _cleared(folder: KnowledgeBaseFolder) -> None:
    for left in (folder.live, folder.halt):
        left.unlink(missing_ok=True)
