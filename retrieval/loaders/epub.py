"""EPUB: the chapters of the spine in order, read as HTML; no package with a restrictive licence is needed."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from memory.errors import BadDocument
from retrieval.loaders import archive
from retrieval.loaders.archive import Archive
from retrieval.loaders.boilerplate import pruned
from retrieval.loaders.encoding import decode
from retrieval.loaders.html import parsed
from retrieval.loaders.layout import Layout
from retrieval.loaders.markup import words, write
from retrieval.loaders.properties import dublin_core
from retrieval.loaders.source import Source
from retrieval.records import Parsed

_TEXT = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


def load(source: Source) -> Parsed:
    """The book; `page` of a block is its chapter. Chapters under DRM are named as unreadable."""
    with archive.opened(source) as file:
        package = _package(source, file)
        root = file.xml(package)
        metadata = dublin_core(next((e for e in root if _local(e) == "metadata"), None))
        layout = Layout()
        locked = _locked(file)
        unread: list[str] = []
        hidden = 0
        chapters = _chapters(root, package)
        for number, path in enumerate(chapters, 1):
            if path not in file.names or path in locked:
                unread.append(posixpath.basename(path))
                continue
            hidden += _chapter(layout, source, file.read(path), number)
        if unread and len(unread) == len(chapters):
            reason = "the book is protected (DRM) and cannot be read." if locked else "the file is damaged."
            raise BadDocument(source.name, reason, kind="password" if locked else "damaged")
        listed = ", ".join(unread[:10])
        layout.note("unread_chapters", len(unread), f"{len(unread)} chapters could not be read: {listed}.")
        layout.note("hidden_text", hidden, f"{hidden} hidden pieces of text were left out.")
        title = str(metadata.get("title", ""))
        return layout.finish(source.name, "epub", title=title, pages=len(chapters), metadata=metadata)


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _package(source: Source, file: Archive) -> str:
    container = file.xml_if_there("META-INF/container.xml")
    elements = container.iter() if container is not None else ()
    path = next((e.get("full-path") for e in elements if _local(e) == "rootfile" and e.get("full-path")), None)
    path = path or next((n for n in sorted(file.names) if n.endswith(".opf")), None)
    if path is None:
        raise BadDocument(source.name, "the file is damaged: it names no contents.")
    return str(path)


def _chapters(root: Any, package: str) -> list[str]:
    """Entries of the spine in reading order; the table of contents is left out."""
    folder = posixpath.dirname(package)
    items = {}
    for element in root.iter():
        if _local(element) == "item" and "nav" not in (element.get("properties") or "").split():
            items[element.get("id")] = (element.get("href") or "", element.get("media-type") or "")
    found = []
    for element in root.iter():
        href, media = items.get(element.get("idref"), ("", "")) if _local(element) == "itemref" else ("", "")
        if href and media in _TEXT:
            found.append(posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0]))))
    return list(dict.fromkeys(found))


def _locked(file: Archive) -> set[str]:
    """Entries that META-INF/encryption.xml calls encrypted; scrambled fonts are among them and do no harm."""
    root = file.xml_if_there("META-INF/encryption.xml")
    elements = root.iter() if root is not None else ()
    return {unquote(e.get("URI") or "") for e in elements if _local(e) == "CipherReference"}


def _chapter(layout: Layout, source: Source, data: bytes, number: int) -> int:
    """Write one chapter; how much hidden text it had."""
    text = decode(data, name=source.name, declared="utf-8").text
    if not text.strip():
        return 0
    tree = parsed(text, source.name)
    page = pruned(tree)
    if page.root.find(".//h1") is None and page.root.find(".//h2") is None:
        title = words(tree.find(".//title"))
        if title and words(page.root).startswith(title):
            title = ""
        layout.heading(title, 1, page=number)
    write(layout, page.root, page=number)
    return page.hidden
