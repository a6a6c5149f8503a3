"""Progress with the time that is left. Knows a report function and no work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from retrieval.records import Progress

Report = Callable[[Progress], None]


class Clock:
    """Counts work that is done and reports it."""

    def __init__(self, report: Report | None) -> None:
        self.report = report
        self._begun = 0.0
        self._done = 0
        self._total = 0
        self._name = ""

    def start(self, total: int, name: str = "") -> None:
        """Begin a piece of embedding of that many characters."""
        self._begun, self._done, self._total, self._name = time.monotonic(), 0, total, name
        self.tell("embedding", name, 0, total)

    def step(self, characters: int) -> None:
        """So many more are done."""
        self._done = min(self._done + characters, self._total)
        spent = time.monotonic() - self._begun
        left = spent / self._done * (self._total - self._done) if self._done else None
        self.tell("embedding", self._name, self._done, self._total, left)

    def tell(
        self,
        stage: Literal["reading", "embedding", "storing"],
        name: str,
        done: int,
        total: int,
        left: float | None = None,
    ) -> None:
        """Report, when anybody listens."""
        if self.report:
            self.report(Progress(stage=stage, name=name, done=done, total=total, seconds_left=left))
