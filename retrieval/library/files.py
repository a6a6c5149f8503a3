"""What the user hands in → named bytes, one at a time. Knows folders, uploads and web addresses; parses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from memory.errors import BadDocument, DocgraftError
from memory.records import Record
from retrieval.loaders import Limits, walk
from retrieval.loaders.names import shown, written
from retrieval.records import FileResult, Upload

Source = Path | str | Upload
"""A file, a folder, a web address, or an upload."""


class File(Record):
    """The bytes of one document to be."""

    name: str
    """What it will be called: the file's name, its path within the folder that was given, or the web address."""
    source: str
    """Where it came from, to know it again: an absolute path or a web address; "" for an upload."""
    data: bytes
    suffixed: str
    """The name that the loaders judge it by: for a web page, with the suffix of its content type."""
    encoding: str = ""
    """As a web server declared it."""


class Entry(NamedTuple):
    """A file that can be opened when its turn comes."""

    name: str
    open: Callable[[], File | FileResult]
    """Its bytes, or its failed result."""


def listed(sources: Iterable[Source], limits: Limits) -> list[Entry]:
    """The files behind the sources, in order, unopened."""
    found: list[Entry] = []
    for source in sources:
        if isinstance(source, Upload):
            found.append(_upload(source))
        elif isinstance(source, str) and source.lower().startswith(("http://", "https://")):
            found.append(Entry(source, partial(_page, source, limits)))
        elif Path(source).is_dir():
            inside = walk(Path(source))
            name = written(str(source))
            nothing = FileResult(name=name, status="skipped", reason="the folder holds no visible files.")
            found += [Entry(name, partial(_file, path, name, limits)) for path, name in inside]
            found += [] if inside else [Entry(name, partial(_same, nothing))]
        else:
            name = written(Path(source).name)
            found.append(Entry(name, partial(_file, Path(source), name, limits)))
    return found


def _same(result: FileResult) -> FileResult:
    return result


def _upload(upload: Upload) -> Entry:
    name = shown(upload.name)
    return Entry(name, lambda: File(name=name, source="", data=upload.data, suffixed=name))


def _file(path: Path, name: str, limits: Limits) -> File | FileResult:
    if not path.exists():
        return FileResult(name=written(str(path)), status="failed", reason="there is no such file.")
    if not path.is_file():
        return FileResult(name=written(str(path)), status="skipped", reason="it is not a file.")
    try:
        size = path.stat().st_size
        if size > limits.size:
            megabytes = limits.size // 1024**2
            return FileResult(name=name, status="skipped", reason=f"it is larger than {megabytes} MB.")
        return File(name=name, source=written(str(path.resolve())), data=path.read_bytes(), suffixed=name)
    except OSError as cause:
        return FileResult(name=name, status="failed", reason=f"it cannot be opened: {cause.strerror or cause}.")


def _page(url: str, limits: Limits) -> File | FileResult:
    from retrieval.loaders.web import fetch

    try:
        page = fetch(url, limits=limits)
    except BadDocument as cause:
        return FileResult(name=url, status="failed", reason=f"{cause.reason} {cause.hint}".strip())
    except DocgraftError as cause:
        return FileResult(name=url, status="failed", reason=cause.message)
    suffixed = page.name if page.name.lower().endswith(page.suffix) else page.name + page.suffix
    return File(name=url, source=url, data=page.data, suffixed=suffixed, encoding=page.charset)
