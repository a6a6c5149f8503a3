"""Adding: files are read, their sections recorded as pending, embedded in batches, then published, one result each.

Works in rounds that several small files share, so that the embedder always has a full batch.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import Field
from sqlalchemy import Connection

from memory.database import Database
from memory.errors import BadDocument, DocgraftError
from memory.records import Record, digest, now
from memory.workspace import KnowledgeBaseFolder, write_bytes
from retrieval.chunking import sections
from retrieval.library import rows
from retrieval.library.clock import Clock, Report
from retrieval.library.files import Entry, File, Source, listed
from retrieval.library.generations import Generations
from retrieval.library.index import Index, Stop, drop_document
from retrieval.library.rows import Generation
from retrieval.loaders import Limits, read
from retrieval.records import FileResult, FileStatus, Note, Parsed
from retrieval.tokens import language

ROUND = 40_000
"""Characters to embed that end a round: about a minute of work on two cores."""
PATIENCE = 900.0
"""Seconds to wait for another process that is adding."""


class Options(Record):
    """How files are to be read."""

    limits: Limits = Limits()
    passwords: dict[str, str] = Field(default_factory=dict)
    """By file name; "" for any."""
    encodings: dict[str, str] = Field(default_factory=dict)
    """By file name; "" for any."""
    ocr: bool = False

    def of(self, chosen: dict[str, str], name: str) -> str | None:
        """The value for a file."""
        return chosen.get(name) or chosen.get("") or None


class _Pending(NamedTuple):
    place: int
    """Where its result belongs: the number of its file; -1 for what an earlier process left behind."""
    id: str
    name: str
    notes: tuple[Note, ...]
    again: bool = False
    """It was there before, and was read again in another way."""


_Placed = tuple[int, FileResult]


class Intake:
    """One call of `Library.add`."""

    def __init__(
        self,
        database: Database,
        folder: KnowledgeBaseFolder,
        generations: Generations,
        index: Index,
        options: Options,
    ) -> None:
        self.database = database
        self.folder = folder
        self.generations = generations
        self.index = index
        self.options = options
        self.target: Generation
        self.total = 0

    def add(self, sources: Iterable[Source], report: Report | None, stop: Stop | None) -> list[FileResult]:
        """See `Library.add`."""
        stop = stop or (lambda: False)
        clock = Clock(report)
        entries = deque(listed(sources, self.options.limits))
        self.total = len(entries)
        results: list[_Placed] = []
        while True:
            with self.folder.lock("adding", timeout=PATIENCE):
                self.target = self.generations.for_adding()
                pending, done = self._round(entries, clock, stop)
                finished, well = self._finish(pending, clock, stop)
            results += done + finished
            if not entries or not well:
                break
            # Let a process that waits for its turn have it: the lock is not fair.
            time.sleep(0.1)
        unread = "not read, because embedding failed."
        results += [(self.total, FileResult(name=e.name, status="failed", reason=unread)) for e in entries]
        return [result for _, result in sorted(results, key=lambda placed: placed[0])]

    def _round(self, entries: deque[Entry], clock: Clock, stop: Stop) -> tuple[list[_Pending], list[_Placed]]:
        """Take entries until there is enough to embed: what is pending, and what is settled already."""
        pending = self._left_behind()
        done: list[_Placed] = []
        while entries and self.index.lacking(self.target, "pending") < ROUND:
            place = self.total - len(entries)
            clock.tell("reading", entries[0].name, place, self.total)
            entry = entries.popleft()
            if stop():
                done.append(
                    (place, FileResult(name=entry.name, status="skipped", reason="stopped before it was read."))
                )
                continue
            found = entry.open()
            outcome = found if isinstance(found, FileResult) else self._take(found, place, pending)
            if isinstance(outcome, FileResult):
                done.append((place, outcome))
            else:
                pending.append(outcome)
        return pending, done

    def _left_behind(self) -> list[_Pending]:
        """Documents that a process recorded and did not live to finish."""
        with self.database.read() as connection:
            found = connection.exec_driver_sql(
                "SELECT id, name, notes FROM documents WHERE state = 'pending' ORDER BY number"
            ).all()
        return [_Pending(-1, i, name, rows.notes_of(notes)) for i, name, notes in found]

    def _take(self, file: File, place: int, pending: list[_Pending]) -> FileResult | _Pending:
        """Record a file as pending; its result when there is nothing to embed."""
        document_id = digest(file.data, length=32)
        for number, left in enumerate(pending):
            if left.id == document_id and left.place < 0:
                return pending.pop(number)._replace(place=place)
        encoding = self.options.of(self.options.encodings, file.name)
        again = bool(encoding) or self.options.ocr
        with self.database.read() as connection:
            name = _name(connection, file)
            known = connection.exec_driver_sql("SELECT name FROM documents WHERE id = ?", (document_id,)).scalar()
        if known is not None and not (again and known == name):
            return self._known(file, document_id, known, name)
        write_bytes(self.folder.original(document_id), file.data)
        try:
            parsed = read(
                self.folder.original(document_id),
                name=file.suffixed,
                limits=self.options.limits,
                password=self.options.of(self.options.passwords, file.name),
                encoding=encoding or file.encoding or None,
                ocr=self.options.ocr,
            )
        except BadDocument as cause:
            if known is None:
                self.folder.original(document_id).unlink(missing_ok=True)
            skipped = cause.kind in ("unsupported", "empty")
            reason = f"{cause.reason} {cause.hint}".strip()
            return FileResult(name=file.name, status="skipped" if skipped else "failed", reason=reason)
        self._record(document_id, name, file, parsed)
        return _Pending(place, document_id, name, parsed.notes, again=known is not None)

    def _known(self, file: File, document_id: str, known: str, name: str) -> FileResult:
        """These bytes are there already; an older document under the new name is no longer what the user has."""
        with self.database.read() as connection:
            old = connection.exec_driver_sql(
                "SELECT id FROM documents WHERE name = ? AND state = 'indexed' AND id <> ?", (name, document_id)
            ).scalar()
            chunks = rows.chunk_count(connection, document_id)
        if known == name:
            return FileResult(name=name, id=document_id, status="unchanged", chunks=chunks)
        reason = f"the same content is there as {known}."
        if old:
            self.index.withdraw(old)
            self.index.stores.bury()
            reason += f" The older version of {name} was removed."
        return FileResult(name=file.name, id=document_id, status="duplicate", chunks=chunks, reason=reason)

    def _record(self, document_id: str, name: str, file: File, parsed: Parsed) -> None:
        """The document and its sections, pending."""
        found = sections(parsed, name, document_id)
        size, metadata = len(file.data), json.dumps(parsed.metadata, ensure_ascii=False)
        with self.database.begin() as connection:
            drop_document(connection, document_id)
            connection.exec_driver_sql(
                "INSERT INTO documents (id, name, source, state, title, format, encoding, language, text, pages, size, "
                "added, notes, metadata) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(document_id, name, file.source, parsed.title, parsed.format, parsed.encoding),
                    *(language(parsed.text), parsed.text, parsed.pages, size, now()),
                    *(rows.notes_json(parsed.notes), metadata),
                ),
            )
            if found:
                connection.exec_driver_sql(
                    'INSERT INTO sections (document, ordinal, id, heading, start, "end", text, language, pages, '
                    "blocks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            *(document_id, s.ordinal, s.id, json.dumps(s.heading_path, ensure_ascii=False)),
                            *(s.start, s.end, s.text, s.language, json.dumps(s.pages), rows.blocks_json(s)),
                        )
                        for s in found
                    ],
                )

    def _finish(self, pending: list[_Pending], clock: Clock, stop: Stop) -> tuple[list[_Placed], bool]:
        """Embed what is pending and publish it; what was stopped is forgotten, what failed is tried again next time.
        The results, and whether the embedder did its work."""
        if not pending:
            return [], True
        label = pending[0].name if len(pending) == 1 else ""
        clock.start(self.index.lacking(self.target, "pending"), label)
        try:
            finished = self.index.fill(self.target, "pending", step=clock.step, stop=stop)
        except DocgraftError as cause:
            reason = f"it could not be embedded: {cause.message} Adding anything later continues with it."
            return [(p.place, _result(p, "failed", reason)) for p in pending], False
        if finished:
            return [(p.place, self._publish(p)) for p in pending], True
        return self._stopped(pending, clock), True

    def _stopped(self, pending: list[_Pending], clock: Clock) -> list[_Placed]:
        """What was new is forgotten. A document that was there before and only read again is finished all the same:
        stopping must not lose it. What another process left behind waits for the next adding."""
        fresh = [p for p in pending if not p.again and p.place >= 0]
        for p in fresh:
            self.index.withdraw(p.id)
        self.index.stores.bury()
        again = [p for p in pending if p.again]
        if again:
            self.index.fill(self.target, "pending", step=clock.step, stop=lambda: False)
        left = [p for p in pending if p.place < 0]
        return [
            *((p.place, _result(p, "skipped", "stopped.")) for p in fresh),
            *((p.place, self._publish(p)) for p in (again + left if again else [])),
        ]

    def _publish(self, pending: _Pending) -> FileResult:
        updated = self.index.publish(self.target, pending.id)
        with self.database.read() as connection:
            chunks = rows.chunk_count(connection, pending.id)
        return _result(pending, "updated" if updated else "added", chunks=chunks)


def _result(pending: _Pending, status: FileStatus, reason: str = "", chunks: int = 0) -> FileResult:
    return FileResult(
        name=pending.name, id=pending.id, status=status, chunks=chunks, reason=reason, notes=pending.notes
    )


def _name(connection: Connection, file: File) -> str:
    """What the document is called: as before when its source is known; with folders in front when another file that
    still exists has the name, since that is no update of it."""
    if file.source:
        known = connection.exec_driver_sql(
            "SELECT name FROM documents WHERE source = ? ORDER BY state, number DESC", (file.source,)
        ).scalar()
        if known:
            return str(known)
    name = file.name
    folders = list(Path(file.source).parts[1 : -name.count("/") - 1]) if file.source and "://" not in name else []
    while True:
        taken = connection.exec_driver_sql("SELECT source FROM documents WHERE name = ?", (name,)).scalar()
        if not taken or not file.source or not folders or not Path(taken).exists():
            return name
        name = f"{folders.pop()}/{name}"
