"""HTML elements → blocks: headings, paragraphs, lists, tables, definitions, code. Used for web pages and e-books."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from retrieval.loaders.layout import Item, Layout
from retrieval.loaders.spanning import Cell, spread

_INLINE = {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins"}
_INLINE |= {"kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub"}
_INLINE |= {"sup", "time", "tt", "u", "var", "wbr", "br", "nobr", "picture", "output", "meter", "progress", "acronym"}
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_DEEPEST = 120
_BLANKS = re.compile(r"[ \t\r\n\f]+")


def words(element: Any) -> str:
    """The text of an element on one line; empty for None."""
    return "" if element is None else " ".join("".join(element.itertext()).split())


def write(layout: Layout, root: Any, *, page: int | None = None) -> None:
    """Write the blocks of an element into a layout."""
    _Writer(layout, page).children(root, depth=0)


class _Writer:
    """Walks a tree; text between block elements gathers to a paragraph."""

    def __init__(self, layout: Layout, page: int | None) -> None:
        self._layout = layout
        self._page = page
        self._text: list[str] = []
        self._level = 1

    def children(self, element: Any, depth: int) -> None:
        """Everything inside an element."""
        self._add(element.text)
        for child in element:
            self._element(child, depth + 1)
            self._add(child.tail)
        if depth == 0 or element.tag not in _INLINE:
            self._flush()

    def _element(self, element: Any, depth: int) -> None:
        tag = element.tag
        if not isinstance(tag, str):
            return
        if tag == "br":
            self._text.append("\n")
        elif depth > _DEEPEST:
            self._add(words(element))
        elif tag in _INLINE and not _holds_blocks(element):
            self._inline(element)
        else:
            self._flush()
            self._block(element, tag, depth)
            self._flush()

    def _block(self, element: Any, tag: str, depth: int) -> None:
        if tag in _HEADINGS or tag == "summary":
            self._level = _HEADINGS.get(tag, min(self._level + 1, 6))
            self._layout.heading(words(element), self._level, page=self._page)
            self._level -= tag == "summary"
        elif tag in ("ul", "ol"):
            self._list(element)
        elif tag == "dl":
            self._definitions(element)
        elif tag == "table":
            self._table(element, depth)
        elif tag == "pre":
            self._layout.paragraph("".join(element.itertext()), page=self._page, kind="code")
        elif tag == "hr":
            return
        else:
            self.children(element, depth)

    def _inline(self, element: Any) -> None:
        if element.tag in {"rt", "rp"}:
            return
        self._add(element.text)
        for child in element:
            if child.tag == "br":
                self._text.append("\n")
            elif isinstance(child.tag, str):
                self._inline(child)
            self._add(child.tail)

    def _add(self, text: str | None) -> None:
        if text:
            self._text.append(_BLANKS.sub(" ", text))

    def _flush(self) -> None:
        if self._text:
            lines = [" ".join(line.split(" ")).strip() for line in re.sub(r" +", " ", "".join(self._text)).split("\n")]
            self._text = []
            self._layout.paragraph(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)), page=self._page)

    def _list(self, element: Any) -> None:
        """A list with the lists inside it; tables and code inside an item follow the list."""
        items: list[Item] = []
        later: list[Any] = []
        _items(element, 1, items, later)
        self._layout.items(items, page=self._page)
        for inner in later:
            self._block(inner, inner.tag, 1)

    def _definitions(self, element: Any) -> None:
        """Terms with what they mean: short ones as keys and values, long or asked ones as headings and text."""
        pairs: list[tuple[str, list[Any]]] = []
        for child in _terms(element):
            if child.tag == "dt":
                pairs.append((words(child), []))
            elif pairs:
                pairs[-1][1].append(child)
        plain = all(not key.endswith(("?", "？")) and len(key) < 60 for key, _ in pairs)
        if plain and all(len(words(d)) < 300 and not _holds_blocks(d) for _, dds in pairs for d in dds):
            self._layout.keyvalue([(k, "; ".join(words(d) for d in dds)) for k, dds in pairs], page=self._page)
            return
        for key, dds in pairs:
            self._layout.heading(key, min(self._level + 1, 6), page=self._page)
            for inner in dds:
                self.children(inner, 1)

    def _table(self, element: Any, depth: int) -> None:
        for caption in element.findall("caption"):
            self._layout.paragraph(words(caption), page=self._page)
        rows = [tr for tr in element.iter("tr") if next(tr.iterancestors("table")) is element]
        if _for_layout(element, rows):
            for row in rows:
                for cell in row:
                    if isinstance(cell.tag, str):
                        self.children(cell, depth + 1)
            return
        cells = [[_cell(c) for c in row if c.tag in ("td", "th")] for row in rows]
        heads = [_is_head(row) for row in rows]
        count = next((i for i, head in enumerate(heads) if not head), len(heads))
        table = spread(cells, head=count if count < len(rows) else 0)
        self._layout.table(table.rows, header=table.header, page=self._page)


def _terms(element: Any) -> Iterator[Any]:
    """The dt and dd of a dl, which may stand in a div each; not those of a dl inside."""
    for child in element:
        if child.tag in ("dt", "dd"):
            yield child
        elif child.tag == "div":
            yield from (inner for inner in child if inner.tag in ("dt", "dd"))


def _holds_blocks(element: Any) -> bool:
    return any(isinstance(e.tag, str) and e.tag not in _INLINE for e in element.iterdescendants())


def _items(element: Any, depth: int, items: list[Item], later: list[Any]) -> None:
    number = int(element.get("start") or 1) if (element.get("start") or "1").lstrip("-").isdecimal() else 1
    for child, tail in _entries(element):
        if child.tag in ("ul", "ol"):
            _items(child, min(depth + 1, 20), items, later)
        elif child.tag == "li":
            mark = f"{number}." if element.tag == "ol" else "•"
            number += 1
            place = len(items)
            text = _item_text(child, depth, items, later)
            if text:
                items.insert(place, Item(text, mark, depth))
        elif text := words(child) if isinstance(child.tag, str) else "":
            items.append(Item(text, "", depth))
        if text := " ".join(tail.split()):
            items.append(Item(text, "", depth))


def _entries(element: Any) -> Iterator[tuple[Any, str]]:
    """What stands in a list, with the bare text behind it; where an item is wrapped in something else, the item."""
    for child in element:
        inner = [] if child.tag in ("li", "ul", "ol") or not isinstance(child.tag, str) else list(child.iter("li"))
        own = [li for li in inner if next(li.iterancestors("ul", "ol"), None) is element]
        for li in own[:-1]:
            yield li, ""
        yield (own[-1] if own else child), child.tail or ""


def _item_text(item: Any, depth: int, items: list[Item], later: list[Any]) -> str:
    """An item's own text; the lists inside it become items, tables and code come after."""
    parts = [item.text or ""]
    for child in item:
        if child.tag in ("ul", "ol"):
            _items(child, min(depth + 1, 20), items, later)
        elif child.tag in ("table", "pre"):
            later.append(child)
        elif isinstance(child.tag, str) and depth < 20 and child.find(".//ul") is None and child.find(".//ol") is None:
            parts.append(" " + words(child) + " " if child.tag not in _INLINE else words_inline(child))
        elif isinstance(child.tag, str) and depth < 20:
            parts.append(" " + _item_text(child, depth, items, later) + " ")
        parts.append(child.tail or "")
    return " ".join("".join(parts).split())


def words_inline(element: Any) -> str:
    """The text of an inline element with its outer blanks."""
    return " " if element.tag == "br" else "".join(element.itertext())


def _for_layout(element: Any, rows: list[Any]) -> bool:
    """Whether a table only places things on the page."""
    if element.get("role") in ("presentation", "none") or element.find(".//table") is not None:
        return True
    widest = max((sum(c.tag in ("td", "th") for c in row) for row in rows), default=0)
    if widest <= 1 or (len(rows) == 1 and element.find(".//th") is None):
        return True
    return any(element.find(f".//{tag}") is not None for tag in ("h1", "h2", "h3", "article"))


def _cell(element: Any) -> Cell:
    return Cell(_cell_text(element), _number(element.get("colspan")), _number(element.get("rowspan")))


def _cell_text(element: Any) -> str:
    parts = []
    for piece in element.iter():
        if piece is not element and piece.tag in ("p", "div", "li", "br"):
            parts.append("\n")
        parts.append(_BLANKS.sub(" ", piece.text or "") if isinstance(piece.tag, str) else "")
        parts.append(_BLANKS.sub(" ", piece.tail or "") if piece is not element else "")
    lines = [" ".join(line.split()) for line in "".join(parts).split("\n")]
    return "; ".join(line for line in lines if line) if len(lines) > 1 else lines[0]


def _number(value: str | None) -> int:
    return min(max(int(value), 1), 200) if value and value.isdecimal() else 1


def _is_head(row: Any) -> bool:
    if row.getparent() is not None and row.getparent().tag == "thead":
        return True
    cells = [c for c in row if c.tag in ("td", "th")]
    return bool(cells) and all(c.tag == "th" for c in cells)
