"""Databases: migrations, transactions, threads and processes, what SQLite must be able to do, deleted bytes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from memory import sqlite
from memory.database import Database, _explained
from memory.errors import DocgraftError, NotConfigured


def make_items(connection):
    connection.execute(text("CREATE TABLE items (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"))


def make_parts(connection):
    connection.execute(
        text("CREATE TABLE parts (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items(id) ON DELETE CASCADE)")
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "some.db"


@pytest.fixture
def database(path):
    opened = Database(path, [make_items, make_parts])
    yield opened
    opened.close()


def bodies(database):
    with database.read() as connection:
        return list(connection.execute(text("SELECT body FROM items ORDER BY id")).scalars())


def add(database, body):
    with database.begin() as connection:
        connection.execute(text("INSERT INTO items (body) VALUES (:body)"), {"body": body})


def test_only_missing_migrations_run_and_what_was_kept_stays(path):
    first = Database(path, [make_items])
    add(first, "kept")
    first.close()
    second = Database(str(path), [make_items, make_parts])
    assert bodies(second) == ["kept"]
    with second.read() as connection:
        assert connection.execute(text("SELECT version FROM schema_version")).scalars().all() == [2]
    second.close()


def test_a_migration_that_fails_changes_nothing(path):
    Database(path, [make_items]).close()

    def bad(connection):
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Database(path, [make_items, bad])
    again = Database(path, [make_items, make_parts])
    with again.read() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master")).scalars().all()
    assert "half" not in names
    assert "parts" in names
    again.close()


def test_a_file_from_a_newer_version_is_refused_and_left_alone(path):
    Database(path, [make_items, make_parts]).close()
    before = path.read_bytes()
    with pytest.raises(DocgraftError, match=r"newer Docgraft \(schema 2; this one knows 1\)"):
        Database(path, [make_items])
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(path):
    path.parent.mkdir()
    path.write_text("these are notes, not a database" * 50)
    with pytest.raises(DocgraftError, match=r"some\.db is damaged or no database"):
        Database(path, [make_items])


def test_a_url_works_and_a_database_in_memory_is_refused(path):
    path.parent.mkdir()
    by_url = Database(f"sqlite:///{path}", [make_items])
    add(by_url, "x")
    assert path.exists()
    by_url.close()
    with pytest.raises(NotConfigured, match="forget everything"):
        Database("sqlite://", [])


def test_a_missing_driver_is_named_without_the_password():
    with pytest.raises(NotConfigured, match="no driver for 'nosuch'") as caught:
        Database("nosuch://user:SECRET-1@host/name", [])
    assert "SECRET-1" not in str(caught.value)


def test_a_failed_transaction_leaves_nothing(database):
    with pytest.raises(KeyError), database.begin() as connection:
        connection.execute(text("INSERT INTO items (body) VALUES ('half')"))
        raise KeyError
    assert bodies(database) == []


def test_a_reader_keeps_its_snapshot_while_a_writer_commits(database):
    add(database, "one")
    with database.read() as connection:
        count = text("SELECT count(*) FROM items")
        assert connection.execute(count).scalar() == 1
        writer = threading.Thread(target=add, args=(database, "two"))
        writer.start()
        writer.join(10)
        assert not writer.is_alive()
        assert connection.execute(count).scalar() == 1
    assert bodies(database) == ["one", "two"]


def test_foreign_keys_cascade(database):
    add(database, "one")
    with database.begin() as connection:
        connection.execute(text("INSERT INTO parts (item) VALUES (1)"))
        connection.execute(text("DELETE FROM items"))
        assert connection.execute(text("SELECT count(*) FROM parts")).scalar() == 0


def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself(database):
    with pytest.raises(RuntimeError, match="inside another"), database.begin(), database.begin():
        pass
    add(database, "still works")
    assert bodies(database) == ["still works"]


def test_fifty_threads_lose_no_increment(database):
    add(database, "0")

    def work(_):
        for _ in range(10):
            with database.begin() as connection:
                value = int(connection.execute(text("SELECT body FROM items")).scalar())
                connection.execute(text("UPDATE items SET body = :value"), {"value": str(value + 1)})

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(work, range(50)))
    assert bodies(database) == ["500"]


def test_processes_that_start_at_once_make_one_schema(path):
    code = (
        "import sys; from pathlib import Path; from sqlalchemy import text\n"
        "from memory.database import Database\n"
        "def make(c): c.execute(text('CREATE TABLE items (id INTEGER PRIMARY KEY, body TEXT)'))\n"
        "d = Database(Path(sys.argv[1]), [make])\n"
        "for _ in range(5):\n"
        "    with d.begin() as c: c.execute(text(\"INSERT INTO items (body) VALUES ('x')\"))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE) for _ in range(4)]
    outcomes = [(p.communicate(timeout=60)[1], p.returncode) for p in running]
    assert outcomes == [(b"", 0)] * 4
    opened = Database(path, [make_items])
    assert bodies(opened) == ["x"] * 20
    opened.close()


def test_a_busy_database_says_so(database, path, monkeypatch):
    monkeypatch.setattr("memory.database.BUSY_SECONDS", 0)
    impatient = Database(path, [make_items, make_parts])
    with database.begin(), pytest.raises(DocgraftError, match="was busy"), impatient.begin():
        pass
    impatient.close()


def test_a_full_disk_is_said_and_what_is_kept_can_still_be_read(database, path, monkeypatch):
    add(database, "kept")
    with pytest.raises(DocgraftError, match=r"disk of .* is full"), database.begin() as connection:
        connection.execute(text("PRAGMA max_page_count=1"))
        connection.execute(text("INSERT INTO items (body) VALUES (hex(randomblob(90000)))"))

    def full(self, *, patience_ms):
        with _explained(self.url):
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Database, "_checkpoint", full)
    with pytest.raises(DocgraftError, match=r"disk of .* is full"):
        database.scrub()
    again = Database(path, [make_items, make_parts])
    assert bodies(again) == ["kept"]
    again.close()


def test_the_file_is_readable_by_its_owner_only(database, path):
    assert path.stat().st_mode & 0o077 == 0
    add(database, "x")
    assert all(side.stat().st_mode & 0o077 == 0 for side in path.parent.iterdir())


def stored(path):
    return b"".join(p.read_bytes() for p in path.parent.iterdir() if not p.name.endswith("-shm"))


def test_scrub_removes_deleted_text_from_every_byte_of_file_and_log(database, path):
    for number in range(300):
        add(database, f"MARKER-{number:04d}-" + "x" * (number * 37 % 5000))
    assert stored(path).count(b"MARKER-") >= 300
    with database.begin() as connection:
        connection.execute(text("UPDATE items SET body = 'gone' WHERE id % 2"))
        connection.execute(text("DELETE FROM items WHERE NOT id % 2"))
    assert database.scrub() is True
    assert b"MARKER-" not in stored(path)
    assert bodies(database) == ["gone"] * 150


def test_scrub_says_when_a_reader_still_holds_the_old_state(database, path):
    add(database, "MARKER-1")
    with database.read() as connection:
        connection.execute(text("SELECT count(*) FROM items")).scalar()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(add, database, "x").result()
        assert database.scrub() is False
    with database.begin() as connection:
        connection.execute(text("DELETE FROM items"))
    assert database.scrub() is True
    assert b"MARKER-1" not in stored(path)


def test_too_old_a_sqlite_is_refused_with_found_needed_and_fix(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(NotConfigured) as caught:
        Database(path, [make_items])
    assert "3.34.1" in caught.value.message
    assert "3.35.0" in caught.value.message
    assert "Python" in caught.value.hint
    assert not path.exists()
    assert [f.name for f in sqlite.features() if not f.ok] == ["SQLite"]


def test_what_does_not_need_sqlite_starts_with_an_old_one():
    code = (
        "import sqlite3; sqlite3.sqlite_version_info = (3, 34, 1)\n"
        "import memory.database, memory.conversations, memory.longterm, memory.window\n"
        "from memory.sqlite import features\n"
        "print([f.name for f in features() if f.fix])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "['SQLite']" in out


def test_missing_trigram_or_full_text_is_reported_per_feature_and_conversations_work(path, monkeypatch):
    real = sqlite3.connect

    class Poor(sqlite3.Connection):
        missing = "trigram"

        def execute(self, statement, *rest):
            if self.missing in statement:
                raise sqlite3.OperationalError(f"no such {self.missing}")
            return super().execute(statement, *rest)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **(k | {"factory": Poor})))
    assert [f.name for f in sqlite.features() if not f.ok] == ["SQLite FTS5 trigram"]
    sqlite.check_full_text()
    monkeypatch.setattr(Poor, "missing", "fts5")
    assert [f.name for f in sqlite.features() if not f.ok] == ["SQLite FTS5", "SQLite FTS5 trigram"]
    assert all(f.fix and f.used_for and f.found for f in sqlite.features() if not f.ok)
    with pytest.raises(NotConfigured, match="without FTS5"):
        sqlite.check_full_text()
    opened = Database(path, [make_items])
    add(opened, "works")
    assert bodies(opened) == ["works"]
    opened.close()
