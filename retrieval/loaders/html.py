"""HTML: the page's own text without menus, scripts and notices; headings, lists and tables kept."""

from __future__ import annotations

import re
from typing import Any

from memory.errors import BadDocument
from retrieval.loaders.boilerplate import Pruned, pruned
from retrieval.loaders.encoding import decode
from retrieval.loaders.layout import Layout
from retrieval.loaders.markup import words, write
from retrieval.loaders.metadata import Metadata, flat
from retrieval.loaders.source import Source
from retrieval.records import Parsed

_CHARSET = re.compile(
    rb"""(?i)<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{3,20})|<\?xml[^>]{0,80}encoding=["']([\w-]+)"""
)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_BOXES = re.compile(r"(?i)</?(?:div|span|font|section|center|b|i|em|strong)\b[^>]*>")
"""What may be taken out of a page that is nested deeper than the parser goes."""
_META = {"description", "author", "keywords", "date", "article:published_time", "article:modified_time", "dc.title"}


def load(source: Source) -> Parsed:
    """The article of the page; a page that is only links keeps them."""
    data = source.bytes()
    match = _CHARSET.search(data[:4096])
    declared = (match[1] or match[2]).decode("ascii") if match else ""
    decoded = decode(data, name=source.name, encoding=source.encoding, declared=declared)
    tree = parsed(decoded.text, source.name)
    title, metadata = _head(tree)
    layout = Layout()
    layout.notes += decoded.notes
    page = pruned(tree)
    write(layout, page.root)
    _notes(layout, page)
    heading = _only_heading(page.root)
    return layout.finish(source.name, "html", title=heading or title, encoding=decoded.encoding, metadata=metadata)


def parsed(text: str, name: str) -> Any:
    """The tree of an HTML document; BadDocument when there is none."""
    from lxml import etree, html

    text = _DECLARATION.sub("", text.replace("\x00", ""))
    for attempt in (text, None):
        parser = html.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, recover=True, huge_tree=True)
        try:
            tree = html.document_fromstring(_BOXES.sub(" ", text) if attempt is None else attempt, parser=parser)
        except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
            raise BadDocument(name, "there is no text in it.", kind="empty") from error
        if not any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
            return tree
    raise BadDocument(name, "it is nested too deeply.")


def _head(tree: Any) -> tuple[str, Metadata]:
    title = words(tree.find(".//title"))
    found = {}
    for tag in tree.iterfind(".//meta"):
        key = (tag.get("name") or tag.get("property") or "").lower()
        if key in _META and tag.get("content"):
            found[key] = tag.get("content")
    language = tree.get("lang") or ""
    return title, flat({"title": title, **found, "lang": language})


def _only_heading(root: Any) -> str:
    top = [h for h in root.iter("h1") if words(h)]
    return words(top[0]) if len(top) == 1 else ""


def _notes(layout: Layout, page: Pruned) -> None:
    layout.note("boilerplate", page.dropped, f"{page.dropped} menus, notices, scripts and forms were left out.")
    layout.note("hidden_text", page.hidden, f"{page.hidden} hidden pieces of text were left out.")
