"""A database file or server with numbered migrations, one writer at a time. Knows no tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

Migration = Callable[[Connection], None]
"""Brings the schema from one version to the next; runs inside a write transaction. Never edited once released."""


class Database:
    """SQLAlchemy Core over one database; safe to share between threads. SQLite by default, any SQLAlchemy URL works."""

    def __init__(self, url: str | Path, migrations: Sequence[Migration]) -> None:
        """Open (and create, for SQLite) the database and run the migrations it lacks, in order.

        `url` is a path or a SQLAlchemy URL. NotConfigured when SQLite is too old; DocgraftError when the file was
        written by a newer Docgraft, is no database, or cannot be opened.
        """
        raise NotImplementedError

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction (BEGIN IMMEDIATE on SQLite): commits at the end, rolls back on an exception.

        Writers of one process wait for each other in order. Not to be nested within one thread.
        """
        raise NotImplementedError
        yield

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent snapshot, never blocked by the writer."""
        raise NotImplementedError
        yield

    def scrub(self) -> bool:
        """Remove what was deleted from the files' bytes too (SQLite); False while another process still reads it."""
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection."""
        raise NotImplementedError
