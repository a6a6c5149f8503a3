"""What Python's own SQLite can do, and how a connection of ours is set up. Knows no tables."""

from __future__ import annotations

import sqlite3
import time

from memory.errors import NotConfigured
from memory.records import Record

NEEDED = (3, 35, 0)
"""RETURNING and DROP COLUMN; Chroma needs it too."""

FIX = (
    "The sqlite3 command does not count: Python brings its own copy. Install a newer Python (python.org, conda or uv "
    "carry a new one) and set Docgraft up again with it."
)


class Feature(Record):
    """One ability of SQLite and who needs it."""

    name: str
    ok: bool
    found: str
    needed: str
    used_for: str
    fix: str = ""
    """Empty when it works."""


def features() -> list[Feature]:
    """Version, full-text search and trigram tokeniser, each tried out in memory; for `doctor`."""
    found = version()
    full_text = _probe("CREATE VIRTUAL TABLE t USING fts5(x)")
    trigram = full_text and _probe("CREATE VIRTUAL TABLE t USING fts5(x, tokenize='trigram')")
    new_enough = sqlite3.sqlite_version_info >= NEEDED
    return [
        _feature("SQLite", new_enough, found, _dotted(NEEDED), "conversations, memory and knowledge bases"),
        _feature("SQLite FTS5", full_text, found, "built with FTS5", "adding and searching documents"),
        _feature("SQLite FTS5 trigram", trigram, found, "3.34.0 built with FTS5", "nothing; everything works without"),
    ]


def version() -> str:
    """The version that Python is linked with."""
    return _dotted(sqlite3.sqlite_version_info)


def check() -> None:
    """NotConfigured when SQLite is too old for any database, with the version found, the needed one and a fix."""
    if sqlite3.sqlite_version_info < NEEDED:
        raise NotConfigured(f"Python's SQLite is {version()}; Docgraft needs {_dotted(NEEDED)} or newer.", FIX)


def check_full_text() -> None:
    """NotConfigured when FTS5 is missing: call before making a keyword index; conversations work without."""
    if not _probe("CREATE VIRTUAL TABLE t USING fts5(x)"):
        raise NotConfigured(
            f"Python's SQLite {version()} was built without FTS5, which searching documents needs; "
            f"chatting without documents works.",
            FIX,
        )


def tune(connection: sqlite3.Connection, busy_ms: int) -> None:
    """Set up a connection: explicit transactions, WAL, foreign keys, waiting for others, deleted rows zeroed."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={busy_ms}", "foreign_keys=ON", "secure_delete=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection, busy_ms / 1000)


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Turning WAL on does not wait for other processes by itself: two first starts at once would fail."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as cause:
            if "locked" not in str(cause) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _probe(statement: str) -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(statement)
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _feature(name: str, ok: bool, found: str, needed: str, used_for: str) -> Feature:
    return Feature(name=name, ok=ok, found=found, needed=needed, used_for=used_for, fix="" if ok else FIX)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
