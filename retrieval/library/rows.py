"""Rows of library.db ↔ records. Statements that read; every call runs in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection

from retrieval.records import Block, Chunk, Document, IndexIdentity, Language, Note, Section

_BLOCKS = TypeAdapter(tuple[Block, ...])
_NOTES = TypeAdapter(tuple[Note, ...])

_DOCUMENT = """SELECT d.id, d.name, d.title, d.format, d.encoding, d.language, {text}, d.pages, d.size, d.added,
    d.notes, d.metadata,
    (SELECT count(*) FROM sections s JOIN chunks c ON c.section = s.id
        AND c.generation = (SELECT number FROM generations WHERE state = 'active') WHERE s.document = d.id)
    FROM documents d WHERE d.state = 'indexed'"""
_SECTION = """SELECT s.id, s.document, d.name, s.ordinal, s.heading, s.start, s."end", s.text, s.language, s.pages,
    s.blocks FROM sections s JOIN documents d ON d.id = s.document AND d.state = 'indexed'"""
_CHUNK = """SELECT c.id, c.section, s.document, c.ordinal, s.start + c.start, s.start + c."end", c.text, c.tokens
    FROM documents d JOIN sections s ON s.document = d.id JOIN chunks c ON c.section = s.id
    AND c.generation = (SELECT number FROM generations WHERE state = 'active')
    WHERE d.state = 'indexed'"""

MANY = 500
"""How many values one statement names."""


class Generation(IndexIdentity):
    """One index and its collection in the vector store."""

    collection: str
    state: str


def parts(values: Iterable[Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """The values in portions that one statement can name, each with its question marks."""
    listed = list(values)
    for start in range(0, len(listed), MANY):
        part = tuple(listed[start : start + MANY])
        yield part, ",".join("?" * len(part))


def meta(connection: Connection, key: str, default: str = "") -> str:
    """A value of the meta table."""
    row = connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (key,)).first()
    return str(row[0]) if row else default


def set_meta(connection: Connection, key: str, value: str) -> None:
    """Write a value of the meta table."""
    connection.exec_driver_sql(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )


def bump(connection: Connection) -> None:
    """What a search can find has changed."""
    set_meta(connection, "revision", str(int(meta(connection, "revision", "0")) + 1))


def generation(connection: Connection, state: str = "active") -> Generation | None:
    """The index in use, or the one being built."""
    row = connection.exec_driver_sql(
        "SELECT number, embedder, fingerprint, dimension, max_tokens, collection, state FROM generations "
        "WHERE state = ?",
        (state,),
    ).first()
    if row is None:
        return None
    names = ("generation", "name", "fingerprint", "dimension", "max_tokens", "collection", "state")
    return Generation(**dict(zip(names, row, strict=True)))


def languages(connection: Connection) -> set[Language]:
    """The languages of all documents."""
    return set(connection.exec_driver_sql("SELECT language FROM documents WHERE state = 'indexed'").scalars())


def documents(connection: Connection) -> list[Document]:
    """All documents in order of adding, without their texts."""
    return [_document(r) for r in connection.exec_driver_sql(_DOCUMENT.format(text="''") + " ORDER BY d.number")]


def document(connection: Connection, key: str) -> Document | None:
    """One document with its text, by id, else by name."""
    for column in ("id", "name"):
        row = connection.exec_driver_sql(_DOCUMENT.format(text="d.text") + f" AND d.{column} = ?", (key,)).first()
        if row:
            return _document(row)
    return None


def sections(connection: Connection, document_id: str | None = None) -> list[Section]:
    """The sections of one document or of all, in reading order."""
    where, values = (" WHERE s.document = ?", (document_id,)) if document_id else ("", ())
    return [
        section_of(r) for r in connection.exec_driver_sql(f"{_SECTION}{where} ORDER BY d.number, s.ordinal", values)
    ]


def section_at(connection: Connection, document_id: str, ordinal: int) -> Section | None:
    """A section by its place, of a document in any state."""
    sql = _SECTION.replace(" AND d.state = 'indexed'", "") + " WHERE s.document = ? AND s.ordinal = ?"
    row = connection.exec_driver_sql(sql, (document_id, ordinal)).first()
    return section_of(row) if row else None


def sections_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Section]:
    """{id: section} of those that are there."""
    found: dict[str, Section] = {}
    for part, marks in parts(ids):
        for row in connection.exec_driver_sql(f"{_SECTION} WHERE s.id IN ({marks})", part):
            found.setdefault(row[0], section_of(row))
    return found


def chunks(connection: Connection, document_id: str | None = None) -> list[Chunk]:
    """The chunks of one document or of all, in reading order."""
    where, values = (" AND s.document = ?", (document_id,)) if document_id else ("", ())
    sql = f"{_CHUNK}{where} ORDER BY d.number, s.ordinal, c.ordinal"
    names = ("id", "section_id", "document_id", "ordinal", "start", "end", "text", "tokens")
    return [Chunk(**dict(zip(names, row, strict=True))) for row in connection.exec_driver_sql(sql, values)]


def section_of(row: Any) -> Section:
    """A row of `_SECTION`'s columns."""
    return Section(
        id=row[0],
        document_id=row[1],
        document=row[2],
        ordinal=row[3],
        heading_path=tuple(json.loads(row[4])),
        start=row[5],
        end=row[6],
        text=row[7],
        language=row[8],
        pages=tuple(json.loads(row[9])),
        blocks=_BLOCKS.validate_json(row[10]),
    )


def _document(row: Any) -> Document:
    return Document(
        id=row[0],
        name=row[1],
        title=row[2],
        format=row[3],
        encoding=row[4],
        language=row[5],
        text=row[6],
        pages=row[7],
        size=row[8],
        added=row[9],
        notes=notes_of(row[10]),
        metadata=json.loads(row[11]),
        chunks=row[12],
    )


def blocks_json(section: Section) -> str:
    """The blocks of a section as their column holds them."""
    return _BLOCKS.dump_json(section.blocks, exclude_defaults=True).decode()


def chunk_count(connection: Connection, document_id: str) -> int:
    """How many chunks of the active generation a document has, in any state."""
    sql = """SELECT count(*) FROM sections s JOIN chunks c ON c.section = s.id
        AND c.generation = (SELECT number FROM generations WHERE state = 'active') WHERE s.document = ?"""
    return int(connection.exec_driver_sql(sql, (document_id,)).scalar_one())


def chunk_ids(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """{chunk number: chunk id}."""
    found: dict[int, str] = {}
    for part, marks in parts(numbers):
        found.update(connection.exec_driver_sql(f"SELECT number, id FROM chunks WHERE number IN ({marks})", part).all())
    return found


def visible(connection: Connection, generation: int, ids: Sequence[str]) -> set[str]:
    """Which chunks a search may find."""
    found: set[str] = set()
    for part, marks in parts(ids):
        sql = f"SELECT id FROM chunks WHERE generation = ? AND visible = 1 AND id IN ({marks})"
        found |= {i for (i,) in connection.exec_driver_sql(sql, (generation, *part))}
    return found


def sections_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """{chunk id: section id} in the active generation."""
    found: dict[str, str] = {}
    for part, marks in parts(ids):
        sql = f"""SELECT id, section FROM chunks WHERE id IN ({marks}) AND visible = 1
            AND generation = (SELECT number FROM generations WHERE state = 'active')"""
        found.update(connection.exec_driver_sql(sql, part).all())
    return found


def unit_vectors(connection: Connection, generation: int, ids: Sequence[str]) -> dict[str, tuple[int, bytes, bytes]]:
    """{section id: (units, vectors with heading, bare vectors)}, vectors as float16 bytes."""
    found: dict[str, tuple[int, bytes, bytes]] = {}
    for part, marks in parts(ids):
        sql = f"SELECT section, count, with_heading, bare FROM units WHERE generation = ? AND section IN ({marks})"
        for section, count, with_heading, bare in connection.exec_driver_sql(sql, (generation, *part)):
            found[section] = (count, with_heading, bare)
    return found


def traces(connection: Connection, document_id: str) -> set[str]:
    """The ids of a document's sections and chunks, by which cards name what they learned from."""
    sql = "SELECT s.id, c.id FROM sections s LEFT JOIN chunks c ON c.section = s.id WHERE s.document = ?"
    return {i for row in connection.exec_driver_sql(sql, (document_id,)) for i in row if i}


def counts(connection: Connection) -> dict[str, int]:
    """The numbers of `Statistics`."""
    active = "(SELECT number FROM generations WHERE state = 'active')"
    questions = {
        "documents": "SELECT count(*) FROM documents WHERE state = 'indexed'",
        "sections": "SELECT count(*) FROM sections s JOIN documents d ON d.id = s.document AND d.state = 'indexed'",
        "chunks": f"SELECT count(*) FROM chunks WHERE generation = {active} AND visible = 1",
        "units": f"SELECT coalesce(sum(count), 0) FROM units WHERE generation = {active}",
        "characters": "SELECT coalesce(sum(length(text)), 0) FROM documents WHERE state = 'indexed'",
        "unfinished": "SELECT count(*) FROM documents WHERE state = 'pending'",
    }
    return {name: int(connection.exec_driver_sql(sql).scalar_one()) for name, sql in questions.items()}


def notes_of(data: str) -> tuple[Note, ...]:
    """Notes from their column."""
    return _NOTES.validate_json(data)


def notes_json(notes: tuple[Note, ...]) -> str:
    """Notes as their column holds them."""
    return _NOTES.dump_json(notes).decode()
