"""Title, author and dates that Office files and e-books keep about themselves (Dublin Core)."""

from __future__ import annotations

from typing import Any

from retrieval.loaders.archive import Archive
from retrieval.loaders.metadata import Metadata, flat

_KEPT = {
    "title",
    "creator",
    "subject",
    "description",
    "keywords",
    "created",
    "modified",
    "language",
    "publisher",
    "date",
}


def properties(file: Archive) -> Metadata:
    """What docProps/core.xml says; empty values left out."""
    return dublin_core(file.xml_if_there("docProps/core.xml"))


def dublin_core(root: Any | None) -> Metadata:
    """Elements of Dublin Core by their local names; several of one kind joined."""
    found: dict[str, str] = {}
    for element in root if root is not None else ():
        name = element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
        text = (element.text or "").strip()
        if name in _KEPT and text:
            found[name] = f"{found[name]}; {text}" if name in found else text
    return flat(found)
