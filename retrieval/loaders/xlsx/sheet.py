"""One sheet's XML → cells as shown, merged ones with their spans. Knows SpreadsheetML, not what a table is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

from memory.errors import BadDocument
from retrieval.loaders.xlsx.shown import plain, shown

_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_MOST = 3_000_000
_WIDEST = 2_000


class Format(NamedTuple):
    """How a cell looks."""

    code: str = "General"
    bold: bool = False


@dataclass
class Sheet:
    """Filled cells by (row, column), from 0."""

    cells: dict[tuple[int, int], str] = field(default_factory=dict)
    bold: set[tuple[int, int]] = field(default_factory=set)
    merged: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """{first cell: (rows, columns)}"""
    uncomputed: int = 0
    """Formulas whose result the file does not hold."""
    hidden: int = 0
    """Filled cells in hidden rows and columns."""


def read(data: bytes, strings: list[str], formats: list[Format], *, since_1904: bool, name: str) -> Sheet:
    """The sheet; hidden rows and columns are left out, but not rows that a filter hides."""
    return _Reader(strings, formats, since_1904).read(data, name)


class _Reader:
    def __init__(self, strings: list[str], formats: list[Format], since_1904: bool) -> None:
        self._strings = strings
        self._formats = formats
        self._since_1904 = since_1904
        self._sheet = Sheet()
        self._hidden_columns: set[int] = set()
        self._hidden_rows: dict[int, list[tuple[int, int]]] = {}
        self._filtered = False
        self._row = -1

    def read(self, data: bytes, name: str) -> Sheet:
        from lxml import etree

        try:
            for _, element in etree.iterparse(BytesIO(data), resolve_entities=False, no_network=True, huge_tree=False):
                self._element(element, etree.QName(element).localname)
                if len(self._sheet.cells) > _MOST:
                    raise BadDocument(name, f"a sheet has more than {_MOST:,} cells.", kind="too_large")
        except (etree.XMLSyntaxError, ValueError) as error:
            raise BadDocument(name, "the file is damaged: a sheet is not valid XML.", str(error)) from error
        if not self._filtered:
            for places in self._hidden_rows.values():
                for place in places:
                    self._sheet.hidden += self._sheet.cells.pop(place, None) is not None
        return self._sheet

    def _element(self, element: Any, kind: str) -> None:
        if kind == "col" and element.get("hidden") in ("1", "true"):
            first, last = int(element.get("min", "1")), int(element.get("max", "1"))
            self._hidden_columns |= set(range(first - 1, min(last, _WIDEST)))
        elif kind == "row":
            self._take_row(element)
            element.clear()
        elif kind == "mergeCell":
            self._merge(element.get("ref", ""))
        elif kind == "autoFilter":
            self._filtered = True

    def _take_row(self, row: Any) -> None:
        number = row.get("r")
        self._row = int(number) - 1 if number and number.isdecimal() else self._row + 1
        column = -1
        for cell in row:
            match = _PLACE.fullmatch(cell.get("r") or "")
            column = _column(match[1]) if match else column + 1
            if column >= _WIDEST:
                break
            text = self._text(cell).strip()
            if not text:
                continue
            if column in self._hidden_columns:
                self._sheet.hidden += 1
                continue
            place = (self._row, column)
            self._sheet.cells[place] = text
            if self._format(cell).bold:
                self._sheet.bold.add(place)
            if row.get("hidden") in ("1", "true"):
                self._hidden_rows.setdefault(self._row, []).append(place)

    def _format(self, cell: Any) -> Format:
        style = cell.get("s") or "0"
        index = int(style) if style.isdecimal() else 0
        return self._formats[index] if index < len(self._formats) else Format()

    def _text(self, cell: Any) -> str:
        kind = cell.get("t") or "n"
        found = {child.tag.rpartition("}")[2]: child for child in cell if isinstance(child.tag, str)}
        if kind == "inlineStr":
            return rich(found["is"]) if "is" in found else ""
        value = found["v"].text if "v" in found else None
        if value is None:
            self._sheet.uncomputed += "f" in found
            return ""
        if kind == "s":
            return self._strings[int(value)] if value.isdecimal() and int(value) < len(self._strings) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        return value if kind in ("str", "e", "d") else self._number(value, self._format(cell).code)

    def _number(self, value: str, code: str) -> str:
        try:
            number = float(value)
            return shown(number, code, since_1904=self._since_1904)
        except (ValueError, OverflowError):
            try:
                return plain(float(value))
            except (ValueError, OverflowError):
                return value

    def _merge(self, reference: str) -> None:
        places = _PLACE.findall(reference)
        if len(places) == 2 and len(self._sheet.merged) < 100_000:
            (a, b), (c, d) = ((int(row) - 1, _column(letters)) for letters, row in places)
            self._sheet.merged[a, b] = (max(c - a + 1, 1), max(d - b + 1, 1))


def rich(element: Any) -> str:
    """The text of a string with its runs; readings (phonetic runs) left out."""
    return "".join(
        t.text or ""
        for t in element.iter()
        if isinstance(t.tag, str)
        and t.tag.rpartition("}")[2] == "t"
        and not any(a.tag.rpartition("}")[2] == "rPh" for a in t.iterancestors())
    )


def _column(letters: str) -> int:
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1
