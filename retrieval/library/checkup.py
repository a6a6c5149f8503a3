"""Where a library's stores disagree, and mending them. For `docgraft doctor`, and for what a crash left behind."""

from __future__ import annotations

from collections.abc import Iterator

from memory.database import Database
from memory.errors import BackendFailed, NotConfigured
from memory.workspace import KnowledgeBaseFolder
from retrieval.keyword import Keyword
from retrieval.library import rows
from retrieval.library.generations import Generations, keyword
from retrieval.library.index import Index
from retrieval.library.rows import Generation
from retrieval.library.stores import Stores
from retrieval.records import Issue

_REPAIR = "Run: docgraft doctor"


class Checkup:
    """One look at all stores of a library."""

    def __init__(
        self,
        database: Database,
        folder: KnowledgeBaseFolder,
        generations: Generations,
        index: Index,
        stores: Stores,
    ) -> None:
        self.database = database
        self.folder = folder
        self.generations = generations
        self.index = index
        self.stores = stores

    def issues(self) -> list[Issue]:
        """Everything that is wrong, worst first."""
        found = list(self._integrity())
        if found:
            return found
        with self.database.read() as connection:
            active = rows.generation(connection)
        found += self._unfinished()
        found += self._originals()
        if active:
            found += self._embedder(active)
            found += self._keyword(active)
            found += self._vectors(active)
        return found

    def repair(self, found: list[Issue]) -> None:
        """Mend what can be mended: from library.db, which is told first and therefore knows."""
        kinds = {issue.kind for issue in found if issue.repairable}
        with self.database.read() as connection:
            active = rows.generation(connection)
        if "original" in kinds:
            self.tidy_originals()
        if active is None:
            return
        # With another embedder there is nothing to finish with: a reindex does it.
        if "unfinished" in kinds and not any(issue.kind == "index" for issue in found):
            self._complete(active)
        with self.folder.lock("library", timeout=60):
            if "keyword" in kinds:
                self._rebuild_keyword(active)
            if kinds & {"vectors_missing", "vectors_surplus"}:
                self.stores.mend(active)
            self.stores.bury()
        self.stores.sweep()

    def tidy_originals(self) -> None:
        """Delete bytes of no document: a crash came between writing them and recording the document, or after."""
        # Somebody who is adding has such bytes too, for a moment.
        with self.folder.lock("adding", timeout=60):
            for surplus in self._surplus_originals():
                self.folder.original(surplus).unlink(missing_ok=True)

    def _integrity(self) -> Iterator[Issue]:
        with self.database.read() as connection:
            answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if answer != "ok":
            yield Issue(
                kind="integrity",
                message=f"library.db is damaged: {answer}",
                hint="Restore a copy, or add the files again: their bytes are in originals/.",
                repairable=False,
            )

    def _unfinished(self) -> Iterator[Issue]:
        with self.database.read() as connection:
            names = [n for (n,) in connection.exec_driver_sql("SELECT name FROM documents WHERE state = 'pending'")]
            active = rows.generation(connection)
        lacking = self.index.lacking(active, "indexed") if active else 0
        if names:
            yield Issue(
                kind="unfinished",
                message=f"Adding {', '.join(names[:3])}{' …' if len(names) > 3 else ''} was interrupted.",
                hint="Adding anything continues with it.",
            )
        if lacking:
            yield Issue(kind="unfinished", message=f"{lacking} characters of text are not indexed.", hint=_REPAIR)

    def _originals(self) -> Iterator[Issue]:
        with self.database.read() as connection:
            known = connection.exec_driver_sql("SELECT id, name FROM documents").all()
        for document_id, name in known:
            if not self.folder.original(document_id).exists():
                yield Issue(
                    kind="original",
                    message=f"The original bytes of {name} are gone; its text and index are whole.",
                    hint=f"Add {name} again to keep a copy.",
                    repairable=False,
                )
        if surplus := self._surplus_originals():
            yield Issue(kind="original", message=f"{len(surplus)} stored files belong to no document.", hint=_REPAIR)

    def _surplus_originals(self) -> list[str]:
        with self.database.read() as connection:
            known = {i for (i,) in connection.exec_driver_sql("SELECT id FROM documents")}
        if not self.folder.originals.is_dir():
            return []
        return [p.name for p in self.folder.originals.iterdir() if not p.name.startswith(".") and p.name not in known]

    def _embedder(self, active: Generation) -> Iterator[Issue]:
        try:
            self.generations.usable()
        except NotConfigured as cause:
            yield Issue(kind="index", message=cause.message, hint=cause.hint, repairable=False)

    def _keyword(self, active: Generation) -> Iterator[Issue]:
        index = keyword(active.generation)
        with self.database.begin() as connection:
            indexed = index.numbers(connection)
            visible = set(_visible(connection, active))
            sound = index.sound(connection)
        if indexed != visible or not sound:
            differing = len(indexed ^ visible)
            yield Issue(kind="keyword", message=f"The keyword index differs in {differing} chunks.", hint=_REPAIR)

    def _vectors(self, active: Generation) -> Iterator[Issue]:
        with self.database.read() as connection:
            waiting = connection.exec_driver_sql("SELECT count(*) FROM tombstones").scalar_one()
        try:
            with self.folder.lock("library", timeout=60):
                lacking, surplus = self.stores.differences(active, deep=True)
        except BackendFailed as cause:
            yield Issue(kind="vectors_missing", message=cause.message, hint=cause.hint)
            return
        if lacking:
            message = f"The vector store lacks {len(lacking)} of the library's chunks."
            yield Issue(kind="vectors_missing", message=message, hint=_REPAIR)
        if surplus or waiting:
            number = max(len(surplus), waiting)
            message = f"The vector store still holds {number} vectors of removed documents; no search returns them."
            yield Issue(kind="vectors_surplus", message=message, hint=_REPAIR)

    def _complete(self, active: Generation) -> None:
        """Finish what was interrupted, when this is the embedder for it."""
        with self.folder.lock("adding", timeout=60):
            target = self.generations.usable()
            for state in ("indexed", "pending"):
                self.index.fill(target, state)
            with self.database.read() as connection:
                pending = connection.exec_driver_sql("SELECT id FROM documents WHERE state = 'pending'").all()
                indexed = connection.exec_driver_sql("SELECT id FROM documents WHERE state = 'indexed'").all()
            for (document_id,) in (*indexed, *pending):
                self.index.publish(target, document_id)

    def _rebuild_keyword(self, active: Generation) -> None:
        index = keyword(active.generation)
        with self.database.begin() as connection:
            index.drop(connection)
            index.create(connection)
            index.add(connection, Keyword.prepared(_visible(connection, active).values()))
            rows.bump(connection)


def _visible(connection, active: Generation) -> dict[int, tuple[int, str, str]]:  # type: ignore[no-untyped-def]
    found = connection.exec_driver_sql(
        "SELECT number, (SELECT heading FROM sections WHERE id = c.section LIMIT 1), text FROM chunks c "
        "WHERE generation = ? AND visible = 1",
        (active.generation,),
    )
    return {n: (n, heading or "", text) for n, heading, text in found}
