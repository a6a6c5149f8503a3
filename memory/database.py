"""A database file or server with numbered migrations, one writer at a time. Knows no tables.

SQLite is the default; its deleted rows are zeroed, and `scrub` removes what that leaves in the files' bytes.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, ProgrammingError

from memory import sqlite
from memory.errors import DocgraftError, NotConfigured

Migration = Callable[[Connection], None]
"""Brings the schema from one version to the next; runs inside a write transaction. Never edited once released."""

BUSY_SECONDS = 30
"""How long to wait for another writer, in this process or another."""


class Database:
    """SQLAlchemy Core over one database; safe to share between threads. SQLite by default, any SQLAlchemy URL works."""

    def __init__(self, url: str | Path, migrations: Sequence[Migration]) -> None:
        """Open (and create, for SQLite) the database and run the migrations it lacks, in order.

        `url` is a path or a SQLAlchemy URL. NotConfigured when SQLite is too old; DocgraftError when the file was
        written by a newer Docgraft, is no database, or cannot be opened.
        """
        self.url = _parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.Lock()
        self._owner = 0
        if self.is_sqlite:
            sqlite.check()
            _make_private(self.url)
        self.engine = _engine(self.url)
        try:
            self._migrate(migrations)
        except BaseException:
            self.close()
            raise
        if self.is_sqlite:
            with suppress(DocgraftError):  # Housekeeping: on a full disk what is kept can still be read.
                self._checkpoint(patience_ms=0)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction (BEGIN IMMEDIATE on SQLite): commits at the end, rolls back on an exception.

        Writers of one process wait for each other. Not to be nested within one thread.
        """
        with self._turn(), self._transaction(write=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent snapshot, never blocked by the writer."""
        with self._transaction(write=False) as connection:
            yield connection

    def scrub(self) -> bool:
        """Remove what was deleted from the files' bytes too (SQLite); False while somebody still reads an old state.

        Zeroing deleted rows is not enough: copies stay behind when SQLite splits a page. So the file is rewritten
        (about a second per 100 MB) and the write-ahead log emptied. A server keeps its own housekeeping.
        """
        if not self.is_sqlite:
            return True
        with self._turn(), _explained(self.url), closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("VACUUM")
        return self._checkpoint(patience_ms=2000)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.engine.dispose()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        with (
            _explained(self.url),
            self.engine.connect().execution_options(write=write) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer at a time: waiting in line is fair, SQLite's own polling is not."""
        if self._owner == threading.get_ident():
            raise RuntimeError("A write transaction was begun inside another one of the same thread.")
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise _busy(self.url)
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = 0
            self._writer.release()

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        with self.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"))
            found = connection.execute(text("SELECT version FROM schema_version")).scalar()
            if found is None:
                connection.execute(text("INSERT INTO schema_version (version) VALUES (0)"))
            elif found > len(migrations):
                raise DocgraftError(
                    f"{_shown(self.url)} was written by a newer Docgraft (schema {found}; this one knows "
                    f"{len(migrations)}).",
                    "Update Docgraft, or use another home folder. Nothing was changed.",
                )
            for migration in migrations[found or 0 :]:
                migration(connection)
            if found != len(migrations):
                connection.execute(text("UPDATE schema_version SET version = :new"), {"new": len(migrations)})

    def _checkpoint(self, *, patience_ms: int) -> bool:
        """Move the write-ahead log into the file and empty it; False when a reader still needs it."""
        with _explained(self.url), closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={patience_ms}")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            return not busy


def _parsed(url: str | Path) -> URL:
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(Path(url).expanduser().absolute()))
    try:
        parsed = make_url(url)
    except ArgumentError as cause:
        raise NotConfigured(
            "The database address is not a URL.", "Give a path, or dialect://user@host/name."
        ) from cause
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise NotConfigured("A database in memory would forget everything.", "Give a path.")
    return parsed


def _make_private(url: URL) -> None:
    """Conversations are nobody else's business: SQLite gives its side files the mode of the file."""
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as cause:
        raise DocgraftError(
            f"{path} cannot be created: {cause.strerror}.", "Check the folder and its rights."
        ) from cause


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {
        "pool_size": 8,
        "max_overflow": 56,
        "pool_timeout": 60,
        "json_serializer": partial(json.dumps, ensure_ascii=False),
    }
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    else:
        options["pool_pre_ping"] = True
    try:
        engine = create_engine(url, **options)
    except (NoSuchModuleError, ModuleNotFoundError) as cause:
        raise NotConfigured(
            f"There is no driver for {url.drivername!r} databases.", "Install it with pip, e.g. psycopg for PostgreSQL."
        ) from cause
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", lambda connection, _: sqlite.tune(connection, BUSY_SECONDS * 1000))
        event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    """Map what the disk or another process did; what our own statements did wrong stays a bug with its traceback."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except DatabaseError as cause:
        raise (_explanation(url, str(cause.orig).lower()) or cause) from cause.orig
    except sqlite3.OperationalError as cause:  # What SQLAlchemy has no hand in: housekeeping on a bare connection.
        if told := _explanation(url, str(cause)):
            raise told from cause
        raise


def _explanation(url: URL, message: str) -> DocgraftError | None:
    where = _shown(url)
    if "locked" in message:
        return _busy(url)
    if "not a database" in message or "malformed" in message:
        return DocgraftError(
            f"{where} is damaged or no database.", "Move it away or restore a copy; nothing was changed."
        )
    if "full" in message:
        return DocgraftError(f"The disk of {where} is full.", "Free some space, then try again; nothing was lost.")
    if "readonly" in message or "unable to open" in message or "disk i/o" in message:
        return DocgraftError(f"{where} cannot be opened or written.", "Check that the folder exists, and its rights.")
    if "connection" in message or "could not translate host" in message:
        return DocgraftError(f"The database {where} cannot be reached.", "Check the address and that it runs.")
    return None


def _busy(url: URL) -> DocgraftError:
    return DocgraftError(
        f"{_shown(url)} was busy for {BUSY_SECONDS} seconds.",
        "Another Docgraft process writes; try again when it is done.",
    )


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)
