"""A small file that tells the processes sharing a vector store who wrote last, and whether a write was cut off.

Called only while the store's lock is held. Knows no vectors.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITING, DONE, BROKEN = "writing", "done", "broken"


class Stamp:
    """`STATE TOKEN`: a new token for every write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mine = ""

    def stale(self) -> bool:
        """Whether somebody has written since this process last looked or wrote."""
        return self._read()[1] != self._mine

    def seen(self) -> None:
        """This process has now read everything. A write that never ended is noted: nobody else holds the lock."""
        state, self._mine = self._read()
        if state == WRITING:
            self._write(BROKEN)

    def broken(self) -> bool:
        """Whether some write was cut off and nobody has checked the store since; asked without the lock, it may also
        be another process's write that is going on. A write of this process is no sign of anything."""
        state, token = self._read()
        return state == BROKEN or (state == WRITING and token != self._mine)

    def mend(self) -> None:
        """The store has been checked."""
        self._write(DONE)

    @contextmanager
    def write(self) -> Iterator[None]:
        """Around one write; a store that is broken stays so."""
        after = BROKEN if self._read()[0] == BROKEN else DONE
        self._mine = secrets.token_hex(8)
        self._write(WRITING)
        try:
            yield
        finally:
            self._write(after)

    def _read(self) -> tuple[str, str]:
        try:
            state, _, token = self.path.read_text(encoding="ascii").partition(" ")
        except (OSError, UnicodeDecodeError):
            return DONE, ""
        return state, token

    def _write(self, state: str) -> None:
        # Not the atomic write of the workspace: this file is no data, and it is written twice per batch.
        self.path.write_text(f"{state} {self._mine}", encoding="ascii")
