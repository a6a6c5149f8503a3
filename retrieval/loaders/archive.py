"""Zip-based files (DOCX, PPTX, XLSX, EPUB): opened only after every entry was inflated once and counted.

Sizes that a file declares are not believed. Knows zip and XML, no document format.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from memory.errors import BadDocument
from retrieval.loaders.limits import MEGABYTE
from retrieval.loaders.source import Source

_STEP = 256 * 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError)


class Archive:
    """The entries of a checked file."""

    def __init__(self, source: Source, file: zipfile.ZipFile) -> None:
        self._file = file
        self._source = source
        self.names = frozenset(file.namelist())

    def read(self, name: str) -> bytes:
        """An entry; BadDocument when it is missing or damaged."""
        try:
            return self._file.read(name)
        except KeyError as error:
            raise BadDocument(self._source.name, f"the file is damaged: {name} is missing.") from error
        except _BROKEN as error:
            raise BadDocument(self._source.name, f"the file is damaged: {name} cannot be read.", str(error)) from error

    def xml(self, name: str) -> Any:
        """The root element of an entry; entities are not followed, the network is not asked."""
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            return etree.fromstring(self.read(name), parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise BadDocument(
                self._source.name, f"the file is damaged: {name} is not valid XML.", str(error)
            ) from error

    def xml_if_there(self, name: str) -> Any | None:
        """The same; None when there is no such entry."""
        return self.xml(name) if name in self.names else None

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """{relation id: (kind, entry)} of an entry's relations inside the file (Open Packaging Conventions)."""
        folder, base = posixpath.split(name)
        root = self.xml_if_there(posixpath.join(folder, "_rels", f"{base}.rels"))
        found = {}
        for relation in root if root is not None else ():
            if relation.get("TargetMode") == "External" or not relation.get("Target"):
                continue
            target = relation.get("Target")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[relation.get("Id")] = (relation.get("Type", "").rsplit("/", 1)[-1], path)
        return found

    def main(self) -> str:
        """The entry that the package calls its document."""
        related = self.related("")
        return next((path for kind, path in related.values() if kind == "officeDocument" and path in self.names), "")


@contextmanager
def opened(source: Source) -> Iterator[Archive]:
    """The archive once it has been measured. BadDocument of kind `too_large`, `damaged` or `password`."""
    try:
        with zipfile.ZipFile(source.path) as file:
            _measure(source, file)
            yield Archive(source, file)
    except _BROKEN as error:
        raise BadDocument(source.name, "the file is damaged: its archive cannot be read.", str(error)) from error


def _measure(source: Source, file: zipfile.ZipFile) -> None:
    entries = file.infolist()
    limits = source.limits
    if len(entries) > limits.entries:
        raise _bomb(source, f"it holds {len(entries):,} entries; the limit is {limits.entries:,}")
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadDocument(
            source.name, "the file is password-protected.", "Save it without a password.", kind="password"
        )
    packed = max(source.path.stat().st_size, 1)
    total = 0
    for entry in entries:
        with file.open(entry) as stream:
            while block := stream.read(_STEP):
                total += len(block)
                if total > limits.inflated:
                    raise _bomb(source, f"it unpacks to more than {limits.inflated / MEGABYTE:,.0f} MB")
                if total > limits.small and total > limits.ratio * packed:
                    raise _bomb(source, f"it unpacks to more than {limits.ratio:g} times its size")


def _bomb(source: Source, reason: str) -> BadDocument:
    return BadDocument(
        source.name, f"{reason}.", "Such a file can exhaust the memory; it was not opened.", kind="too_large"
    )
