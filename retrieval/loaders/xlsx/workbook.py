"""A whole workbook: sheets in order, each cut into its tables, titles and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from retrieval.loaders import archive
from retrieval.loaders.archive import Archive
from retrieval.loaders.layout import Layout
from retrieval.loaders.properties import properties
from retrieval.loaders.source import Source
from retrieval.loaders.spanning import Cell, tabulate
from retrieval.loaders.xlsx.sheet import Format, Sheet, read, rich
from retrieval.loaders.xlsx.shown import BUILT_IN
from retrieval.records import Parsed

_DEFAULT = re.compile(r"(?i)(?:sheet|工作表|tabelle|feuil)\s?\d*")
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def load(source: Source) -> Parsed:
    """Sheets as sections; hidden sheets, rows and columns are left out and counted."""
    with archive.opened(source) as file:
        main = file.main() or "xl/workbook.xml"
        book = file.xml(main)
        related = file.related(main)
        parts = dict(related.values())
        strings = _strings(file, parts.get("sharedStrings", ""))
        formats = _formats(file.xml_if_there(parts.get("styles", "")))
        since_1904 = any(_local(e) == "workbookPr" and e.get("date1904") in ("1", "true") for e in book)
        sheets = [e for e in book.iter() if _local(e) == "sheet"]
        shown = [e for e in sheets if e.get("state", "visible") == "visible"]
        layout = Layout()
        uncomputed = hidden = 0
        for number, element in enumerate(shown, 1):
            path = related.get(element.get(_ID) or "", ("", ""))[1]
            if path not in file.names or related[element.get(_ID)][0] != "worksheet":
                continue
            sheet = read(file.read(path), strings, formats, since_1904=since_1904, name=source.name)
            uncomputed, hidden = uncomputed + sheet.uncomputed, hidden + sheet.hidden
            _write(layout, sheet, element.get("name", ""), number, alone=len(shown) == 1)
        left = [e.get("name", "") for e in sheets if e not in shown]
        layout.note("hidden_sheets", len(left), f"Hidden sheets were left out: {', '.join(left)}.")
        layout.note("hidden_text", hidden, f"{hidden} cells in hidden rows and columns were left out.")
        advice = f"{uncomputed} formulas have no saved result and are empty; open it in Excel and save it once."
        layout.note("uncomputed", uncomputed, advice)
        metadata = properties(file)
        title = str(metadata.get("title", ""))
        return layout.finish(source.name, "xlsx", title=title, pages=len(shown), metadata=metadata)


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _strings(file: Archive, path: str) -> list[str]:
    root = file.xml_if_there(path)
    return [rich(e) for e in root if _local(e) == "si"] if root is not None else []


def _formats(root: Any | None) -> list[Format]:
    """The format of each cell style."""
    if root is None:
        return []
    codes = dict(BUILT_IN)
    fonts: list[bool] = []
    found: list[Format] = []
    for group in root:
        if _local(group) == "numFmts":
            codes |= {
                int(e.get("numFmtId", "0")): e.get("formatCode", "") for e in group if e.get("numFmtId", "").isdecimal()
            }
        elif _local(group) == "fonts":
            fonts = [any(_local(e) == "b" and e.get("val", "1") not in ("0", "false") for e in font) for font in group]
    for group in root:
        if _local(group) == "cellXfs":
            for style in group:
                font = int(style.get("fontId") or 0)
                code = codes.get(int(style.get("numFmtId") or 0), "General")
                found.append(Format(code, fonts[font] if font < len(fonts) else False))
    return found


def _write(layout: Layout, sheet: Sheet, name: str, number: int, *, alone: bool) -> None:
    if not sheet.cells:
        return
    if not (alone and _DEFAULT.fullmatch(name)):
        layout.heading(name, 1, page=number)
    for rows in _bands(sheet):
        for columns in _strips(sheet, rows):
            _region(layout, sheet, rows, columns, number)


def _bands(sheet: Sheet) -> Iterator[list[int]]:
    """Runs of rows without an empty one between them; a merged cell reaches over the rows it covers."""
    filled = {row for row, _ in sheet.cells}
    filled |= {
        r
        for (row, c), (tall, _) in sheet.merged.items()
        if (row, c) in sheet.cells
        for r in range(row, row + min(tall, 200))
    }
    band: list[int] = []
    for row in sorted(filled):
        if band and row > band[-1] + 1:
            yield band
            band = []
        band.append(row)
    if band:
        yield band


def _strips(sheet: Sheet, rows: list[int]) -> Iterator[list[int]]:
    """Runs of columns in these rows without an empty one between them: tables side by side."""
    inside = set(rows)
    filled: set[int] = set()
    for row, column in sheet.cells:
        if row in inside:
            filled |= set(range(column, column + min(sheet.merged.get((row, column), (1, 1))[1], 200)))
    strip: list[int] = []
    for column in sorted(filled):
        if strip and column > strip[-1] + 1:
            yield strip
            strip = []
        strip.append(column)
    if strip:
        yield strip


def _region(layout: Layout, sheet: Sheet, rows: list[int], columns: list[int], number: int) -> None:
    """A table, with the lines of one cell above and below it as text."""
    covered = _covered(sheet)
    table: list[list[Cell]] = []
    starts: list[int] = []
    for row in rows:
        line = [_cell(sheet, row, column, columns) for column in columns if (row, column) not in covered]
        if any(cell.text for cell in line) or any((row, c) in covered for c in columns):
            table.append(line)
            starts.append(row)
    above = 0
    while above < len(table) and _lone(table[above]) and len(columns) > 1:
        text = next(c.text for c in table[above] if c.text)
        layout.paragraph(text, page=number)
        above += 1
    below = len(table)
    while below > above and _lone(table[below - 1]) and len(columns) > 2:
        below -= 1
    if below > above:
        bold = [_all_bold(sheet, row, columns) for row in starts[above:below]]
        head = _heads(table[above:below], bold)
        tabulate(layout, table[above:below], head=head, page=number)
    for line in table[below:]:
        layout.paragraph(next(c.text for c in line if c.text), page=number)


def _covered(sheet: Sheet) -> set[tuple[int, int]]:
    """Places that a merged cell covers beside its first."""
    found: set[tuple[int, int]] = set()
    for (row, column), (tall, wide) in sheet.merged.items():
        if tall * wide <= 5000:
            found |= {(r, c) for r in range(row, row + tall) for c in range(column, column + wide)} - {(row, column)}
    return found - set(sheet.cells)


def _cell(sheet: Sheet, row: int, column: int, columns: list[int]) -> Cell:
    tall, wide = sheet.merged.get((row, column), (1, 1))
    return Cell(sheet.cells.get((row, column), ""), min(wide, columns[-1] - column + 1), min(tall, 5000))


def _lone(line: list[Cell]) -> bool:
    return sum(bool(c.text) for c in line) == 1 and next(c for c in line if c.text).tall == 1


def _all_bold(sheet: Sheet, row: int, columns: list[int]) -> bool:
    filled = [(row, c) for c in columns if (row, c) in sheet.cells]
    return bool(filled) and all(place in sheet.bold for place in filled)


def _heads(table: list[list[Cell]], bold: list[bool]) -> int | None:
    """Rows of names: with merged cells on top of them, or the only bold one; None leaves it to the words."""
    if len(table) > 2 and any(c.wide > 1 and c.text for c in table[0]):
        return 2
    if len(table) > 1 and bold[0] and not all(bold):
        return 1
    return None
