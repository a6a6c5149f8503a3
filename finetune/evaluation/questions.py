"""The questions of a comparison: a dataset's test sets, a user's file, or typed in. Knows no arms and no models."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from finetune.evaluation.marks import tokens
from finetune.formats.reading import decoded, kind_of
from finetune.records import Pair, Question
from memory.errors import BadDataset
from memory.records import digest

_FIELDS = ("id", "question", "answer", "accept", "kind", "language", "history", "section", "evidence", "test_set")


def from_file(path: Path) -> list[Question]:
    """Questions of a JSONL or CSV file, in order.

    Fields: `question`, `answer` (null or an empty CSV cell: not in the documents), `accept` (a list; in CSV separated
    by `|`), `kind`, `language`, `history`, `section`, `evidence`. Others are ignored. BadDataset names row and field.
    """
    text = decoded(path)
    rows = _csv_rows(text) if path.suffix.lower() in {".csv", ".tsv"} else _json_rows(text)
    questions = [_question(number, row) for number, row in rows]
    if not questions:
        raise BadDataset(f"{path.name} holds no questions.", "Give at least one row with a `question` field.")
    return _distinct(questions)


def typed(
    text: str, answer: str | None = None, *, absent: bool = False, history: tuple[tuple[str, str], ...] = ()
) -> Question:
    """A question as a person typed it: with a reference, marked as not in the documents, or with neither.

    With neither it is answered side by side but not marked.
    """
    text, answer = text.strip(), (answer or "").strip() or None
    kind = "unanswerable" if absent else "lookup" if answer else "open"
    return Question(
        id=digest(text, *(part for turn in history for part in turn), length=12),
        question=text,
        answer=None if absent else answer,
        kind=kind,
        language=_language(text),
        history=history,
    )


LONGEST_REFERENCE = 24
"""Tokens of a reference that an answer can be asked to hold word for word. Of the 1,040 that people wrote about the
practice documents the longest has 17 in English and 21 in Chinese; no answer that we looked at held one of 46."""


def within_reach(pair: Pair) -> bool:
    """Whether an answer can be expected to hold the pair's own: a passage of half a page is recited by nobody."""
    return any(len(tokens(text)) <= LONGEST_REFERENCE for text in (pair.output, *pair.accept))


def from_pairs(pairs: Iterable[Pair]) -> tuple[list[Question], int]:
    """The test sets of a dataset, general questions included; refusals become questions without an answer. And how
    many are left out because their answer is out of reach: who asks them measures nothing.

    Beside them one training row of every fact that is also tested in other words: only the two together tell learning
    from memorising; and every training row that a person wrote, who wants to see it answered. Those are called
    `trained_wording`, and the verdict does not rest on them.
    """
    found: list[Question] = []
    trained: dict[str, Pair] = {}
    tested: set[str] = set()
    left_out = 0
    for pair in pairs:
        if pair.split == "test":
            if pair.test_set not in ("unanswerable", "general") and not within_reach(pair):
                left_out += 1
                continue
            found.append(asked(pair, pair.test_set or ""))
            tested |= {pair.fact_id} if pair.test_set == "unseen_wording" else set()
        elif pair.split == "train" and pair.kind == "closed_book" and pair.fact_id:
            trained.setdefault(pair.fact_id, pair)
    again = [pair for fact, pair in trained.items() if fact in tested or pair.maker == "person"]
    reached = [asked(pair, "trained_wording") for pair in again if within_reach(pair)]
    return found + reached, left_out + len(again) - len(reached)


SHARES = {
    "unseen_wording": 0.40,
    "unseen_section": 0.20,
    "unanswerable": 0.15,
    "general": 0.15,
    "trained_wording": 0.10,
}
"""Of the questions of a dataset that are asked, by test set; what one set lacks goes to the others."""
GENERAL = 20
"""General questions, if half of a comparison's are as many: they are short, asked of two ways only, and fewer of them
would say by chance that much was forgotten."""


def divided(most: int, general: int) -> tuple[int, int]:
    """Of about `most` questions those about the documents, and the general ones, of which there are `general`.

    What general ones there are beyond their share comes on top (GENERAL).
    """
    share = round(most * SHARES["general"])
    return most - min(general, share), min(general, max(share, min(GENERAL, most // 2)))


def sample(questions: list[Question], most: int, seed: int = 0) -> list[Question]:
    """About `most` questions (see `divided`), the same ones every time, each test set with its share, spread over
    sections."""
    if most <= 0 or len(questions) <= most:
        return questions
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.test_set if question.test_set in SHARES else "", []).append(question)
    queues = {name: _spread(group, seed) for name, group in groups.items()}
    quotas = {name: round(most * SHARES.get(name, 1.0)) for name in groups}
    others, quotas["general"] = divided(most, len(queues.get("general", ())))
    chosen = [q for name, queue in queues.items() for q in queue[: quotas[name]]]
    rest = [q for name in sorted(queues, key=lambda n: -SHARES.get(n, 1.0)) for q in queues[name][quotas[name] :]]
    ids = {q.id for q in [*chosen, *rest][: others + quotas["general"]]}
    return [q for q in questions if q.id in ids]


def asked(pair: Pair, test_set: str) -> Question:
    """A pair as a question of a test set."""
    absent = test_set == "unanswerable"
    return Question(
        id=pair.id,
        question=pair.instruction,
        answer=None if absent else pair.output,
        accept=pair.accept,
        kind="unanswerable" if absent else pair.kind,
        language=pair.language,
        history=pair.history,
        section_id=pair.section_id,
        test_set=test_set,
        evidence=pair.quote,
    )


def _spread(questions: list[Question], seed: int) -> list[Question]:
    """By hash of the id, but one of every section before a second of any."""
    seen: dict[str, int] = {}
    depth = []
    for question in sorted(questions, key=lambda q: digest(str(seed), q.id)):
        cluster = question.section_id or question.id
        seen[cluster] = seen.get(cluster, 0) + 1
        depth.append((seen[cluster], question))
    return [question for _, question in sorted(depth, key=lambda entry: entry[0])]


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


LONGEST = 100_000
"""Characters of a cell: more come of a quotation mark that is never closed."""


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.reader(io.StringIO(text), dialect, strict=True)
    number = 0
    columns: list[str] = []
    try:
        for number, cells in enumerate(reader, 1):
            if any(len(cell) > LONGEST for cell in cells):
                # The csv module's own limit is the process's, and who reads documents raises it.
                raise _no_row(number, f"a cell has more than {LONGEST:,} characters")
            if columns and any(cells):
                yield number, _csv_row(number, columns, cells)
            elif not columns:
                columns = _columns(cells)
    except csv.Error as cause:
        raise _no_row(number + 1, str(cause)) from cause


def _no_row(number: int, why: str) -> BadDataset:
    hint = "Close every quotation mark, and put cells that hold the separator in quotes."
    return BadDataset(f"is no row of a table: {why}.", hint, row=number)


def _columns(cells: list[str]) -> list[str]:
    """The header's names. An answer that is nowhere asked for would pass for one that is nowhere in the documents."""
    columns = [cell.strip().lower() for cell in cells]
    for name in ("question", "answer"):
        if columns and name not in columns:
            raise BadDataset(f"the header has no column `{name}`.", f"Columns found: {', '.join(cells)}.", row=1)
    return columns


def _csv_row(number: int, columns: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) > len(columns):
        raise BadDataset("has more cells than the header.", "Put cells that hold the separator in quotes.", row=number)
    row: dict[str, Any] = {name: cell for name, cell in zip(columns, cells, strict=False) if name in _FIELDS and cell}
    row.setdefault("answer", None)
    if "accept" in row:
        row["accept"] = [part.strip() for part in row["accept"].split("|") if part.strip()]
    row.pop("history", None)
    return row


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
            raise BadDataset(f"is {kind_of(row[field])}, not text.", "Put it in quotes.", row=number, field=field)
    answer = row["answer"]
    try:
        return Question(
            id=str(row.get("id") or digest(str(number), text)[:12]),
            question=text.strip(),
            answer=answer.strip() if answer else None,
            accept=_accepted(row.get("accept"), number),
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


def _accepted(value: Any, number: int) -> tuple[str, ...]:
    """Accepted variants; a text alone would be taken apart into letters, each of them accepted."""
    if not value:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadDataset("is not a list of texts.", 'Write it as ["…", "…"].', row=number, field="accept")
    return tuple(one.strip() for one in value if one.strip())


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
