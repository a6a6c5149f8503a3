"""Metadata that a store accepts: scalars and lists of words, from front matter or a file's properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from retrieval.loaders.cleaning import Cleaner
from retrieval.loaders.marks import key_value
from retrieval.loaders.reading import lines_of
from retrieval.loaders.structure import span
from retrieval.records import Block, Note

Metadata = dict[str, str | int | float | bool | list[str]]

_FENCED = re.compile(r"---[ \t]*\n(?P<body>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_LONGEST = 500
_MOST = 64


class FrontMatter(NamedTuple):
    """What stands between --- at the top of a file."""

    end: int
    """Where the document itself begins."""
    metadata: Metadata
    blocks: list[Block]
    """The lines `key: value` of it, so that a search can find them too."""
    notes: list[Note]


def front_matter(text: str) -> FrontMatter:
    """The YAML front matter of a text; broken YAML is said and left in the text."""
    import yaml

    match = _FENCED.match(text)
    if not match or not re.search(r"^[\w\u4e00-\u9fff][^:\n]*:", match["body"], re.MULTILINE):
        return FrontMatter(0, {}, [], [])
    try:
        loaded = yaml.load(match["body"], _safe_loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:200]
        return FrontMatter(
            0, {}, [], [Note(kind="front_matter", detail=f"The front matter is not valid YAML: {words}")]
        )
    metadata = flat(loaded) if isinstance(loaded, Mapping) else {}
    return FrontMatter(match.end(), metadata, _pairs(text, match.start("body"), match.end("body")), [])


def flat(values: Mapping[Any, Any], prefix: str = "") -> Metadata:
    """Scalars and lists of strings: nested maps as `outer.inner`, empty values left out, at most 64 entries."""
    found: Metadata = {}
    for key, value in values.items():
        name = f"{prefix}{_words(key)}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.") if prefix.count(".") < 4 else {}
        elif isinstance(value, list | tuple | set):
            words = [_words(v) for v in value if v is not None and not isinstance(v, Mapping | list)]
            found |= {name: [w for w in words if w]} if any(words) else {}
        elif isinstance(value, bool | int | float):
            found[name] = value
        elif value is not None and _words(value):
            found[name] = _words(value)
        if len(found) >= _MOST:
            break
    return dict(list(found.items())[:_MOST])


def _words(value: object) -> str:
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return " ".join(Cleaner()(text[: 2 * _LONGEST]).split())[:_LONGEST]


def _pairs(text: str, start: int, end: int) -> list[Block]:
    rows = []
    for line in lines_of(text, start, end):
        match = key_value(line.text)
        if match:
            key = span(text, line.start + match.start("key"), line.start + match.end("key"))
            rows.append((key, span(text, line.start + match.start("value"), line.end)))
    return [Block(kind="keyvalue", start=rows[0][0].start, end=rows[-1][1].end, rows=tuple(rows))] if rows else []


def _safe_loader() -> type:
    """YAML's safe loader without aliases, which can grow a few bytes into gigabytes."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not read")
            return super().compose_node(parent, index)

    return Loader
