"""Taking turns: threads that ask are served in the order they asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that is fair: a thread that gives it up and asks again goes to the end of the line."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._tickets = 0
        self._serving = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and hold it."""
        with self._condition:
            mine = self._tickets
            self._tickets += 1
            self._condition.wait_for(lambda: self._serving == mine)
        try:
            yield
        finally:
            with self._condition:
                self._serving += 1
                self._condition.notify_all()
