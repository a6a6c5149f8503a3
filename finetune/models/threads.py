"""Sharing the processors with other programs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import psutil

SPINS = "7000"
"""About a quarter of a millisecond. Measured on two cores with the embedded model: alone, 25 instead of 28 tokens/s;
beside a training run, 4 instead of 0.5, since a thread that spins keeps the one it waits for from running."""


def share_processors() -> None:
    """Let GNU OpenMP's idle threads sleep soon instead of spinning for some 10 ms. A user's own choice stays.

    Must run before torch is first imported; afterwards it does nothing.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


LOOK = 5.0
"""Seconds between two looks at what other programs take."""
SPARE = 0.3
"""A processor that others take this much of still counts as free."""


class Sharing:
    """As many threads for torch as other programs leave processors.

    Every step of a matrix product ends when its slowest thread does, so one thread too many on a busy processor costs
    far more than it gives: on two processors, two threads beside one busy program trained a quarter of what one does.
    """

    def __init__(
        self,
        most: int,
        *,
        processors: int | None = None,
        busy: Callable[[], float] | None = None,
        own: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most` threads when nobody else computes. `busy` and `own`: processor seconds so far, of all programs and of
        this one."""
        self.threads = self.most = most
        self._processors = processors or os.cpu_count() or most
        self._busy, self._own, self._clock = busy or _busy, own, clock
        self._seen = self._look()

    def settle(self) -> None:
        """Look again when it is time, and let torch compute with that many threads."""
        if self._clock() - self._seen[0] < LOOK:
            return
        before, self._seen = self._seen, self._look()
        passed, busy, own = (new - old for new, old in zip(self._seen, before, strict=True))
        free = self._processors - max(0.0, busy - own) / passed
        threads = max(1, min(self.most, int(free + SPARE)))
        if threads != self.threads:
            import torch

            torch.set_num_threads(threads)
            self.threads = threads

    def _look(self) -> tuple[float, float, float]:
        return self._clock(), self._busy(), self._own()


def _busy() -> float:
    """Processor seconds that all programs of this machine have used."""
    times = psutil.cpu_times()
    return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal")))
