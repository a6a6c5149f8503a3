"""JSON and JSON Lines: an object is keys with values, a list of like objects a table. Values as written in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memory.errors import BadDocument
from retrieval.loaders.encoding import decode
from retrieval.loaders.layout import Item, Layout
from retrieval.loaders.source import Source
from retrieval.records import Note, Parsed

_NAMES = ("title", "name", "question", "id", "key", "標題", "名稱", "品名", "編號")
_PAIRS = (("question", "answer"), ("q", "a"), ("問題", "答案"), ("问题", "答案"), ("問", "答"))
_LONG = 60
_DEEPEST = 40


def load(source: Source) -> Parsed:
    """A document of keys and values, tables and lists. Broken lines of JSON Lines are counted with their numbers."""
    decoded = decode(source.bytes(), name=source.name, encoding=source.encoding)
    value, notes = _parsed(decoded.text.lstrip("\ufeff"), source.name)
    layout = Layout()
    layout.notes += [*decoded.notes, *notes]
    try:
        _value(layout, value, level=1)
    except RecursionError as error:
        raise BadDocument(source.name, "its JSON is nested too deeply.") from error
    title = value.get("title", "") if isinstance(value, Mapping) else ""
    return layout.finish(source.name, "json", title=title if isinstance(title, str) else "", encoding=decoded.encoding)


def _parsed(text: str, name: str) -> tuple[Any, list[Note]]:
    """The value of a JSON file, or the list of the values of its lines."""
    try:
        return json.loads(text, parse_float=str, parse_int=str), []
    except RecursionError as error:
        raise BadDocument(name, "its JSON is nested too deeply.") from error
    except ValueError as error:
        values, broken = _lines(text)
        if not values or (len(values) == 1 and broken):
            raise BadDocument(name, f"it is not valid JSON: {error}.", "Check the file at that place.") from error
        listed = ", ".join(map(str, broken[:10])) + (" …" if len(broken) > 10 else "")
        detail = f"{len(broken)} lines are not valid JSON and were left out: {listed}."
        return values, [Note(kind="bad_lines", count=len(broken), detail=detail)] if broken else []


def _lines(text: str) -> tuple[list[Any], list[int]]:
    values, broken = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(json.loads(line, parse_float=str, parse_int=str))
            except (ValueError, RecursionError):
                broken.append(number)
    return values, broken


def _value(layout: Layout, value: Any, level: int) -> None:
    if level > _DEEPEST:
        layout.paragraph(_words(value))
    elif isinstance(value, Mapping):
        _object(layout, value, level)
    elif isinstance(value, list):
        _array(layout, value, level)
    elif value is not None:
        layout.paragraph(_words(value))


def _object(layout: Layout, value: Mapping[str, Any], level: int) -> None:
    """Plain values first, as keys and values; then each nested one under its key as a heading."""
    pair = _pair(value)
    if pair:
        layout.qa(str(value[pair[0]]), str(value[pair[1]]))
    layout.keyvalue([(k, _words(v)) for k, v in value.items() if _plain(v) and k not in pair])
    for key, inner in value.items():
        if not _plain(inner) and inner:
            layout.heading(key, level)
            _value(layout, inner, level + 1)


def _pair(value: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a question and its answer."""
    lower = {k.lower(): k for k in value}
    for question, answer in _PAIRS:
        if all(isinstance(value.get(lower.get(k, "")), str) and value[lower[k]].strip() for k in (question, answer)):
            return lower[question], lower[answer]
    return ()


def _array(layout: Layout, values: list[Any], level: int) -> None:
    """Short like objects are a table, other objects a heading each, plain values a list."""
    if values and all(isinstance(v, Mapping) for v in values):
        columns = list(dict.fromkeys(k for v in values for k in v))
        if all(map(_pair, values)):
            for record in values:
                _object(layout, record, level)
        elif _tabular(values, columns):
            layout.table([columns, *([_words(v.get(c)) for c in columns] for v in values)], header=True)
        else:
            for number, record in enumerate(values, 1):
                layout.heading(_name(record) or str(number), level)
                _object(layout, record, level + 1)
    elif all(map(_plain, values)):
        layout.items(Item(_words(v)) for v in values if v is not None)
    else:
        for number, inner in enumerate(values, 1):
            layout.heading(str(number), level)
            _value(layout, inner, level + 1)


def _tabular(values: Sequence[Mapping[str, Any]], columns: list[str]) -> bool:
    """Whether objects share their keys and hold short values."""
    cells = [v.get(c) for v in values for c in columns]
    filled = sum(c is not None for c in cells)
    return (
        2 <= len(columns) <= 20
        and all(map(_plain, cells))
        and filled >= 0.6 * len(cells)
        and sum(len(_words(c)) <= _LONG for c in cells) >= 0.9 * len(cells)
    )


def _plain(value: Any) -> bool:
    """A scalar, or a short list of scalars, which goes on one line."""
    if isinstance(value, list):
        return len(value) <= 12 and all(not isinstance(v, Mapping | list) for v in value) and len(_words(value)) <= 300
    return not isinstance(value, Mapping)


def _words(value: Any) -> str:
    """A value as it is shown: numbers as written, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_pieces(value))
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pieces(values: list[Any]) -> Iterator[str]:
    return (w for v in values if (w := _words(v)))


def _name(record: Mapping[str, Any]) -> str:
    """What an object calls itself."""
    lower = {k.lower(): v for k, v in record.items()}
    return next((str(lower[n])[:120] for n in _NAMES if isinstance(lower.get(n), str) and lower[n].strip()), "")
