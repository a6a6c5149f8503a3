"""Other people's files → pairs: Alpaca, ShareGPT, messages and CSV, each row checked and every fault named.

A wrong type never becomes text: a number, a list or null in a field is a fault of that row, said with row and field.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from finetune.records import Pair
from memory.errors import BadDataset
from memory.records import Record, digest
from retrieval.tokens import language


class Problem(Record):
    """One row that cannot be used, or one field that was repaired."""

    row: int
    """From 1: the element of an array, the line of a JSONL file, the line of a CSV's record."""
    field: str
    message: str
    repaired: bool = False
    """Whether the row was read all the same."""


class ReadRows(Record):
    """What a file held."""

    format: str
    pairs: tuple[Pair, ...]
    problems: tuple[Problem, ...]
    rows: int
    """All rows of the file: pairs and rows with an unrepaired problem add up to it."""


def read_rows(path: Path, *, strict: bool = True) -> ReadRows:
    """The pairs of a file of any known format, found by its content and not by its suffix.

    BadDataset when the file as a whole cannot be read; with `strict` also for the first row that cannot be used, and
    the message says how many there are. Otherwise unusable rows are left out and listed.
    """
    text = decoded(path)
    name, rows = _rows(path, text)
    pairs: list[Pair] = []
    problems: list[Problem] = []
    total = 0
    for number, row in rows:
        total += 1
        pair, found = _pair(number, row)
        problems += found
        if pair is not None:
            pairs.append(pair)
    bad = [p for p in problems if not p.repaired]
    if strict and bad:
        more = f" {len(bad) - 1} more rows have problems." if len(bad) > 1 else ""
        raise BadDataset(
            f"{bad[0].message}{more}",
            "Correct the rows, or import the others only.",
            row=bad[0].row,
            field=bad[0].field,
        )
    if not total:
        raise BadDataset(f"{path.name} holds no rows.", "Give a file with at least one question and answer.")
    return ReadRows(format=name, pairs=tuple(pairs), problems=tuple(problems), rows=total)


def decoded(path: Path) -> str:
    """The text of somebody's file: UTF-8 or UTF-16 with or without a mark, Big5, GB 18030. BadDataset for any other."""
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise BadDataset(f"{path.name} cannot be read: {cause.strerror}.", "Check the path.") from cause
    encodings = ["utf-16"] if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ["utf-8-sig"]
    if data[1:2] == b"\0" or data[:1] == b"\0":
        encodings = ["utf-16-le" if data[1:2] == b"\0" else "utf-16-be"]
    for encoding in [*encodings, "cp950", "gb18030"]:
        try:
            return data.decode(encoding).lstrip("\ufeff")
        except UnicodeDecodeError:
            continue
    raise BadDataset(f"{path.name} is not text in a known encoding.", "Save it as UTF-8.")


def _rows(path: Path, text: str) -> tuple[str, Iterator[tuple[int, Any]]]:
    """The family of a file and its rows with their numbers."""
    start = text.lstrip()[:1]
    if start == "[":
        return "json", enumerate(_array(path, text), 1)
    if start == "{":
        whole = _one_object(text)
        if isinstance(whole, list):
            return "json", enumerate(whole, 1)
        return "jsonl", _lines(text)
    return "csv", _table(path, text)


def _array(path: Path, text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as cause:
        raise _syntax(path, text, cause) from cause
    return found if isinstance(found, list) else [found]


def _syntax(path: Path, text: str, cause: json.JSONDecodeError) -> BadDataset:
    """Says what is wrong in words, with line and column: a trailing comma is no "column changed from object"."""
    before = text[: cause.pos].rstrip()
    after = text[cause.pos :].lstrip()[:1]
    comma = before.endswith(",") and after in {"]", "}"}
    comma = comma or (cause.msg.startswith("Illegal trailing comma"))
    what = "a comma before the closing bracket" if comma else cause.msg[0].lower() + cause.msg[1:]
    return BadDataset(
        f"{path.name} is not valid JSON at line {cause.lineno}, column {cause.colno}: {what}.",
        "Remove the comma." if comma else "Repair that line, or save one JSON object per line.",
    )


def _one_object(text: str) -> Any:
    """The rows of a file that is one object around an array; None when it is one object per line."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return None
    inner = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    is_row = {"instruction", "question", "messages", "conversations", "output", "answer"} & {
        str(k).strip().lower() for k in whole
    }
    return inner[0] if len(inner) == 1 and not is_row else [whole]


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as cause:
            yield number, cause


def _table(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    head = text[:4096]
    try:
        dialect: Any = csv.Sniffer().sniff(head, delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.DictReader(io.StringIO(text), dialect=dialect)
    columns = [str(c).strip().lower() for c in reader.fieldnames or ()]
    if not set(columns) & set(_QUESTION) or not set(columns) & set(_ANSWER):
        raise BadDataset(
            f"{path.name} is neither JSON nor a table with a question and an answer column.",
            f"Columns found: {', '.join(columns) or 'none'}. Name them question and answer.",
        )
    for row in reader:
        cells = {k: v for k, v in row.items() if k is not None}
        yield reader.line_num, {k: v for k, v in cells.items() if v is not None}


_QUESTION = ("instruction", "question", "prompt", "query", "問題", "问题")
_ANSWER = ("output", "answer", "response", "completion", "答案", "回答")
_INPUT = ("input", "context")
Faults = list[Problem]


def _pair(number: int, row: Any) -> tuple[Pair | None, Faults]:
    """A row as a pair, or why not."""
    if isinstance(row, json.JSONDecodeError):
        return None, [Problem(row=number, field="", message=f"This line is not valid JSON: {row.msg}.")]
    if not isinstance(row, dict):
        return None, [Problem(row=number, field="", message=f"This row is {kind_of(row)}, not an object.")]
    faults: Faults = []
    named = _names(number, row, faults)
    for key, reader in (("messages", _messages), ("conversations", _turns)):
        if key in named:
            return _chatted(number, reader(number, key, named[key], faults), faults)
    return _plain(number, named, faults)


def _names(number: int, row: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The row with field names trimmed and in lower case; a name that had to be is reported."""
    named: dict[str, Any] = {}
    for key, value in row.items():
        trimmed = str(key).strip().strip("\ufeff").lower()
        if trimmed != key and trimmed in {*_QUESTION, *_ANSWER, *_INPUT, "messages", "conversations", "history"}:
            faults.append(
                Problem(
                    row=number,
                    field=str(key),
                    message=f"The field name {key!r} was read as {trimmed!r}.",
                    repaired=True,
                )
            )
        named[trimmed] = value
    return named


def _plain(number: int, row: dict[str, Any], faults: Faults) -> tuple[Pair | None, Faults]:
    question = _field(number, row, _QUESTION, faults)
    extra = _field(number, row, _INPUT, faults, optional=True)
    answer = _field(number, row, _ANSWER, faults)
    history = _history(number, row.get("history"), faults)
    if any(not fault.repaired for fault in faults):
        return None, faults
    return _made(number, question, answer, extra=extra, history=history), faults


def _field(number: int, row: dict[str, Any], names: tuple[str, ...], faults: Faults, *, optional: bool = False) -> str:
    name = next((n for n in names if n in row), None)
    value = row.get(name) if name else None
    if isinstance(value, str) and (value.strip() or optional):
        return value.strip()
    if optional and value is None:
        return ""
    if name is None:
        message = f"The field {names[0]!r} is missing."
    elif value is None or value == "" or (isinstance(value, str) and not value.strip()):
        message = f"The field {name!r} is empty."
    else:
        message = f"The field {name!r} is {kind_of(value)}, not text."
    faults.append(Problem(row=number, field=name or names[0], message=message))
    return ""


def _history(number: int, value: Any, faults: Faults) -> tuple[tuple[str, str], ...]:
    if value in (None, "", []):
        return ()
    good = isinstance(value, list) and all(
        isinstance(turn, list | tuple) and len(turn) == 2 and all(isinstance(part, str) for part in turn)
        for turn in value
    )
    if not good:
        faults.append(
            Problem(row=number, field="history", message="The field 'history' is not a list of [question, answer].")
        )
        return ()
    return tuple((turn[0], turn[1]) for turn in value)


Turns = list[tuple[str, str]]


def _messages(number: int, key: str, value: Any, faults: Faults) -> Turns:
    return _spoken(number, key, value, faults, lambda m: (m.get("role"), m.get("content")))


def _turns(number: int, key: str, value: Any, faults: Faults) -> Turns:
    names = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant", "system": "system"}
    return _spoken(number, key, value, faults, lambda m: (names.get(str(m.get("from"))), m.get("value")))


def _spoken(
    number: int, key: str, value: Any, faults: Faults, read: Callable[[dict[str, Any]], tuple[Any, Any]]
) -> Turns:
    if not isinstance(value, list):
        faults.append(Problem(row=number, field=key, message=f"The field {key!r} is {kind_of(value)}, not a list."))
        return []
    found: Turns = []
    for place, message in enumerate(value):
        role, content = read(message) if isinstance(message, dict) else (None, None)
        if role not in {"system", "user", "assistant"} or not isinstance(content, str):
            what = (
                "has no known role"
                if role not in {"system", "user", "assistant"}
                else f"has {kind_of(content)} as content"
            )
            faults.append(Problem(row=number, field=f"{key}[{place}]", message=f"Message {place + 1} {what}."))
            return []
        found.append((role, content))
    return found


def _chatted(number: int, turns: Turns, faults: Faults) -> tuple[Pair | None, Faults]:
    """A chat as a pair: the last question and answer, the turns before as history. The system text is ours."""
    if any(not fault.repaired for fault in faults):
        return None, faults
    spoken = [turn for turn in turns if turn[0] != "system"]
    roles = [role for role, _ in spoken]
    if len(spoken) < 2 or roles != ["user", "assistant"] * (len(spoken) // 2):
        faults.append(
            Problem(row=number, field="messages", message="The turns do not alternate from user to assistant.")
        )
        return None, faults
    history = tuple((spoken[i][1], spoken[i + 1][1]) for i in range(0, len(spoken) - 2, 2))
    if not spoken[-2][1].strip() or not spoken[-1][1].strip():
        faults.append(Problem(row=number, field="messages", message="The last question or answer is empty."))
        return None, faults
    return _made(number, spoken[-2][1].strip(), spoken[-1][1].strip(), history=history), faults


def _made(
    number: int, question: str, answer: str, *, extra: str = "", history: tuple[tuple[str, str], ...] = ()
) -> Pair:
    return Pair(
        id=digest("imported", str(number), question, extra, answer),
        instruction=question,
        input=extra,
        output=answer,
        history=history,
        kind="imported",
        maker="imported",
        family="imported",
        language=language(f"{question} {answer}"),
    )


def kind_of(value: Any) -> str:
    """What a wrong value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    names = {int: "a number", float: "a number", list: "a list", dict: "an object", type(None): "null", str: "text"}
    return names.get(type(value), type(value).__name__)
