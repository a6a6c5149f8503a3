"""CSV and TSV: delimiter by evidence, cells with line breaks kept, header row found. Stored as a Markdown table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

from memory.errors import BadDocument
from retrieval.loaders.columns import headed
from retrieval.loaders.encoding import decode
from retrieval.loaders.layout import Layout
from retrieval.loaders.source import Source
from retrieval.records import Parsed

_DELIMITERS = ",\t;|"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LARGEST_CELL = 1_000_000
_SEP = re.compile(r"(?i)\s*sep=(.)\s*")


def load(source: Source) -> Parsed:
    """One table, with the lines above it that have fewer cells as paragraphs."""
    decoded = decode(source.bytes(), name=source.name, encoding=source.encoding)
    text = decoded.text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    declared = _SEP.fullmatch(text.split("\n", 1)[0])
    if declared:
        text = text.partition("\n")[2]
    delimiter = declared[1] if declared else _delimiter(text, source.name)
    rows = _rows(text, delimiter, source.name)
    layout = Layout()
    layout.notes += decoded.notes
    above, table = _preamble(rows)
    for row in above:
        layout.paragraph(" ".join(cell for cell in row if cell.strip()))
    header = headed(table)
    layout.table(table, header=header)
    uneven = sum(len(row) != len(table[0]) for row in table) if table else 0
    layout.note(
        "uneven_rows", uneven, f"{uneven} rows have more or fewer cells than the first; the rest was left empty."
    )
    if table and not header:
        layout.note("no_header", detail="The first row does not look like column names; it was read as data.")
    return layout.finish(source.name, "csv", encoding=decoded.encoding)


def _delimiter(text: str, name: str) -> str:
    """The candidate that gives the most lines the same number of cells, two or more; a tab for .tsv when none does."""
    sample = _QUOTED.sub("", text[:200_000])
    lines = [line for line in sample.split("\n") if line.strip(" ")][:200]
    best, best_score = "\t" if name.lower().endswith((".tsv", ".tab")) else ",", 0.0
    for delimiter in _DELIMITERS:
        counts = Counter(line.count(delimiter) for line in lines)
        cells, times = max(((n, t) for n, t in counts.items() if n), key=lambda p: (p[1], p[0]), default=(0, 0))
        score = times / max(len(lines), 1) + min(cells, 20) / 1000
        if cells and score > best_score:
            best, best_score = delimiter, score
    return best


def _rows(text: str, delimiter: str, name: str) -> list[list[str]]:
    """The rows as written; a quote that never closes is read as a letter."""
    csv.field_size_limit(_LARGEST_CELL)
    try:
        try:
            return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if any(row)]
        except csv.Error:
            quoted = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
            plain = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE)
            return max(quoted, [row for row in plain if any(row)], key=_evenness)
    except csv.Error as error:
        raise BadDocument(name, f"the table cannot be read: {error}.") from error


def _evenness(rows: list[list[str]]) -> int:
    """How many rows have the usual number of cells."""
    return Counter(len(row) for row in rows).most_common(1)[0][1] if rows else 0


def _preamble(rows: list[list[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Lines above the table with fewer filled cells than most rows: a title, a date of export."""
    usual = Counter(len(row) for row in rows).most_common(1)
    if not usual or usual[0][0] < 3:
        return [], rows
    start = 0
    while start < min(len(rows) - 2, 6) and sum(bool(c.strip()) for c in rows[start]) <= max(1, usual[0][0] // 3):
        start += 1
    return rows[:start], rows[start:]
