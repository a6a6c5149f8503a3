"""The questions of a comparison: a dataset's test sets, a user's file, or typed in. Knows no arms and no models."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from finetune.records import Pair, Question
from memory.errors import BadDataset
from memory.records import digest

_FIELDS = ("id", "question", "answer", "accept", "kind", "language", "history", "section", "evidence", "test_set")


def from_file(path: Path) -> list[Question]:
    """Questions of a JSONL or CSV file, in order.

    Fields: `question`, `answer` (null or an empty CSV cell: not in the documents), `accept` (a list; in CSV separated
    by `|`), `kind`, `language`, `history`, `section`, `evidence`. Others are ignored. BadDataset names row and field.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as cause:
        raise BadDataset(f"{path.name} is not UTF-8 text.", "Save it as UTF-8 and try again.") from cause
    except OSError as cause:
        raise BadDataset(
            f"{path.name} cannot be read: {cause.strerror}.", "Give the path of a JSONL or CSV file."
        ) from cause
    rows = _csv_rows(text) if path.suffix.lower() in {".csv", ".tsv"} else _json_rows(text)
    questions = [_question(number, row) for number, row in rows]
    if not questions:
        raise BadDataset(f"{path.name} holds no questions.", "Give at least one row with a `question` field.")
    return _distinct(questions)


def from_texts(texts: Iterable[str], language: str = "en") -> list[Question]:
    """Typed questions: answered side by side, but without a reference they are not marked."""
    return [
        Question(id=digest(text)[:12], question=text.strip(), answer=None, kind="open", language=language)
        for text in texts
        if text.strip()
    ]


def from_pairs(pairs: Iterable[Pair]) -> list[Question]:
    """The test sets of a dataset, general questions included; refusals become questions without an answer."""
    return [
        Question(
            id=pair.id,
            question=pair.instruction,
            answer=None if pair.test_set == "unanswerable" else pair.output,
            accept=pair.accept,
            kind="unanswerable" if pair.test_set == "unanswerable" else pair.kind,
            language=pair.language,
            history=pair.history,
            section_id=pair.section_id,
            test_set=pair.test_set or "",
            evidence=pair.quote,
        )
        for pair in pairs
        if pair.split == "test" and pair.status != "dropped"
    ]


def sample(questions: list[Question], most: int, seed: int = 0) -> list[Question]:
    """At most `most` questions, the same ones every time: spread over sections, then by hash of the id."""
    if most <= 0 or len(questions) <= most:
        return questions
    ranked = sorted(questions, key=lambda q: digest(str(seed), q.id))
    seen: dict[str, int] = {}
    depth = []
    for question in ranked:
        cluster = question.section_id or question.id
        seen[cluster] = seen.get(cluster, 0) + 1
        depth.append((seen[cluster], question))
    chosen = {q.id for _, q in sorted(depth, key=lambda pair: pair[0])[:most]}
    return [q for q in questions if q.id in chosen]


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as cause:
            raise BadDataset(
                f"not valid JSON at line {cause.lineno}: {cause.msg}.", "One JSON object per line is safest."
            ) from cause
        yield from enumerate(rows, 1)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as cause:
            raise BadDataset(
                f"not valid JSON: {cause.msg}.", "Each line must be one JSON object.", row=number
            ) from cause


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.DictReader(io.StringIO(text), dialect=dialect)
    if "question" not in (reader.fieldnames or ()):
        raise BadDataset(
            "the header has no column `question`.", f"Columns found: {', '.join(reader.fieldnames or ())}.", row=1
        )
    for number, row in enumerate(reader, 2):
        cleaned: dict[str, Any] = {k: v for k, v in row.items() if k in _FIELDS and v not in (None, "")}
        cleaned.setdefault("answer", None)
        if "accept" in cleaned:
            cleaned["accept"] = [part.strip() for part in cleaned["accept"].split("|") if part.strip()]
        cleaned.pop("history", None)
        yield number, cleaned


def _question(number: int, row: Any) -> Question:
    if not isinstance(row, dict):
        raise BadDataset("is not an object.", "Each row needs at least a `question` field.", row=number)
    text = row.get("question")
    if not isinstance(text, str) or not text.strip():
        raise BadDataset("is missing or empty.", "Write the question as text.", row=number, field="question")
    if "answer" not in row:
        raise BadDataset(
            "is missing.", "Write the answer, or null when the documents do not say.", row=number, field="answer"
        )
    for field in ("answer", "section", "kind", "language"):
        if row.get(field) is not None and not isinstance(row[field], str):
            raise BadDataset(
                f"is a {type(row[field]).__name__}, not text.", "Put it in quotes.", row=number, field=field
            )
    answer = row["answer"]
    try:
        return Question(
            id=str(row.get("id") or digest(str(number), text)[:12]),
            question=text.strip(),
            answer=answer.strip() if answer else None,
            accept=tuple(row.get("accept") or ()),
            kind=row.get("kind") or ("lookup" if answer else "unanswerable"),
            language=row.get("language") or _language(text),
            history=_history(row.get("history"), number),
            section_id=_section(row),
            test_set=row.get("test_set") or "",
            evidence=_evidence(row.get("evidence")),
        )
    except ValidationError as cause:
        first = cause.errors()[0]
        raise BadDataset(
            first["msg"] + ".", "See docs/HOW-IT-DECIDES.md for the fields.", row=number, field=str(first["loc"][0])
        ) from cause


def _section(row: dict[str, Any]) -> str:
    """The cluster: document and section as the file names them."""
    return " > ".join(str(row[k]) for k in ("document", "section") if row.get(k))


def _evidence(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _history(value: Any, number: int) -> tuple[tuple[str, str], ...]:
    """(user, assistant) turns from [[u, a], …], [{"question", "answer"}, …] or chat messages."""
    if not value:
        return ()
    if not isinstance(value, list):
        raise BadDataset("is not a list.", "Give earlier turns as a list.", row=number, field="history")
    turns: list[tuple[str, str]] = []
    for item in value:
        user, assistant = _turn(item, number)
        if user is None and turns:
            turns[-1] = (turns[-1][0], assistant)
        elif user is not None:
            turns.append((user, assistant))
    return tuple(turns)


def _turn(item: Any, number: int) -> tuple[str | None, str]:
    """One entry of a history; the user part is None where an entry holds only the assistant's reply."""
    match item:
        case [str(user), str(assistant)] | {"question": str(user), "answer": str(assistant)}:
            return user, assistant
        case {"role": "user", "content": str(user)} | str(user):
            return user, ""
        case {"role": "assistant", "content": str(assistant)}:
            return None, assistant
    raise BadDataset(
        "holds something that is not a turn.", 'Use {"role": …, "content": …}.', row=number, field="history"
    )


def _language(text: str) -> str:
    from retrieval.tokens import language

    return language(text)


def _distinct(questions: list[Question]) -> list[Question]:
    """The same, with a suffix on ids that occur twice, so that no answer is stored under another's question."""
    seen: dict[str, int] = {}
    result = []
    for question in questions:
        seen[question.id] = seen.get(question.id, 0) + 1
        count = seen[question.id]
        result.append(question if count == 1 else question.model_copy(update={"id": f"{question.id}-{count}"}))
    return result
