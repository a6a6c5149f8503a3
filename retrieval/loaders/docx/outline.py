"""Paragraphs and tables of a Word document → blocks; headings by style, or by look where no style says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.loaders.layout import Item, Layout
from retrieval.loaders.marks import QUESTION, key_value, mark, titular
from retrieval.loaders.spanning import spread

if TYPE_CHECKING:
    from retrieval.loaders.docx.document import Table

_HEADING_MARKS = {"part", "chapter", "section", "article", "annex", "formal", "han"}


@dataclass
class Paragraph:
    """A paragraph of the body."""

    text: str
    level: int = 0
    title: bool = False
    mark: str | None = None
    """Its automatic number or bullet; None for none."""
    depth: int = 1
    bold: bool = False
    size: int = 0
    page: int | None = None
    margin: bool = False
    """From a header or footer."""
    note: bool = False
    """A footnote."""


def emit(layout: Layout, nodes: Sequence[Paragraph | Table]) -> None:
    """Write the nodes as blocks."""
    levels = _levels(nodes)
    items: list[Item] = []
    pairs: list[Paragraph] = []
    page: int | None = None
    for number, node in enumerate(nodes):
        level = levels.get(number, 0)
        listed = _item(node) if not level else None
        if listed and not (items and listed.depth == 1 and (listed.mark == "•") != (items[0].mark == "•")):
            _end_pairs(layout, pairs)
            page = page if items else node.page
            items.append(listed)
            continue
        if items:
            layout.items(items, page=page)
            items = []
        if listed:
            items, page = [listed], node.page
            continue
        if isinstance(node, Paragraph) and not level and not node.note and key_value(node.text):
            pairs.append(node)
            continue
        _end_pairs(layout, pairs)
        _write(layout, node, level)
    if items:
        layout.items(items, page=page)
    _end_pairs(layout, pairs)


def _write(layout: Layout, node: Paragraph | Table, level: int) -> None:
    if not isinstance(node, Paragraph):
        _table(layout, node)
    elif level:
        layout.heading(
            f"{node.mark} {node.text}" if node.mark and node.mark != "•" else node.text, level, page=node.page
        )
    else:
        layout.paragraph(node.text.replace("\t", " "), page=node.page)


def _item(node: Paragraph | Table) -> Item | None:
    """A paragraph as a list item: by its automatic number, or by the bullet typed in front of it."""
    if not isinstance(node, Paragraph) or node.note or node.margin:
        return None
    if node.mark is not None:
        return Item(node.text, node.mark, min(node.depth, 9))
    typed = mark(node.text)
    if typed and typed.style in ("bullet", "circled", "number", "number_paren", "letter", "han_paren"):
        return Item(node.text[typed.end :], node.text[: typed.end].strip(), 1)
    return None


def _end_pairs(layout: Layout, pairs: list[Paragraph]) -> None:
    """Lines `key: value`: two or more make a block."""
    if len(pairs) > 1:
        matches = [key_value(p.text) for p in pairs]
        layout.keyvalue([(m["key"], m["value"]) for m in matches if m], page=pairs[0].page)
    elif pairs:
        layout.paragraph(pairs[0].text, page=pairs[0].page)
    pairs.clear()


def _table(layout: Layout, table: Table) -> None:
    if table.keys:
        layout.keyvalue([(row[0].text.rstrip(":： "), row[1].text) for row in table.rows], page=table.page)
    else:
        grid = spread(table.rows, head=table.head or None)
        rows = [[cell.replace("\n", "; ") for cell in row] for row in grid.rows]
        layout.table(rows, header=grid.header, page=table.page)
    for note in table.notes:
        layout.paragraph(note, page=table.page)


def _levels(nodes: Sequence[Paragraph | Table]) -> dict[int, int]:
    """{node: heading level}: by style; where no style makes headings, by larger or bold letters and numbers."""
    styled = {n: p.level for n, p in enumerate(nodes) if isinstance(p, Paragraph) and p.level and len(p.text) < 400}
    titles = {n: 1 for n, p in enumerate(nodes) if isinstance(p, Paragraph) and p.title and len(p.text) < 400}
    return {**(styled or _by_look(nodes)), **titles}


def _by_look(nodes: Sequence[Paragraph | Table]) -> dict[int, int]:
    sizes: Counter[int] = Counter()
    for node in nodes:
        if isinstance(node, Paragraph) and not node.margin:
            sizes[node.size] += len(node.text)
    body = sizes.most_common(1)[0][0] if sizes else 0
    looks: dict[int, tuple[int, str]] = {}
    for number, node in enumerate(nodes):
        following = nodes[number + 1] if number + 1 < len(nodes) else None
        if isinstance(node, Paragraph) and following is not None and _heads(node, following, body):
            looks[number] = (-node.size if node.size > body else 0, _style(node) if node.size <= body else "")
    order = sorted({size for size, _ in looks.values() if size})
    marks = list(dict.fromkeys(style for size, style in looks.values() if not size))
    return {
        n: min(order.index(size) + 1 if size else len(order) + marks.index(style) + 1, 6)
        for n, (size, style) in looks.items()
    }


def _heads(node: Paragraph, following: Paragraph | Table, body: int) -> bool:
    """Whether a plain paragraph looks like a heading of the one below."""
    if node.note or node.margin or not titular(node.text, 90) or QUESTION.match(node.text) or "\n" in node.text:
        return False
    if node.size > body + 2 and (node.mark is None or node.bold):
        return True
    other = following if isinstance(following, Paragraph) else None
    if node.bold and (node.mark in (None, "") or node.mark != "•"):
        return other is None or not other.bold or other.size < node.size
    here = mark(node.text)
    if node.mark is not None or not here or here.style not in _HEADING_MARKS:
        return False
    below = mark(other.text) if other else None
    return below is None or below.style != here.style


def _style(node: Paragraph) -> str:
    here = mark(node.text)
    return here.style if here else f"depth {node.depth}" if node.mark else "bold"
