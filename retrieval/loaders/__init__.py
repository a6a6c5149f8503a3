"""Files → Parsed documents: stored text and blocks with exact offsets. Knows formats; knows no sections and no index.

`read` works in a child process that can be killed; `parse` is the same in this process, for the child and for tests.
One module per family of formats; each offers `load(Source) -> Parsed` and is imported when its first file comes.
"""

from __future__ import annotations

from pathlib import Path

from retrieval.loaders.formats import SUFFIXES
from retrieval.loaders.limits import DEFAULT, Fetched, Limits
from retrieval.records import Parsed

__all__ = ["SUFFIXES", "Fetched", "Limits", "parse", "read", "walk"]


def read(
    path: Path,
    *,
    name: str,
    limits: Limits = DEFAULT,
    password: str | None = None,
    encoding: str | None = None,
    ocr: bool = False,
) -> Parsed:
    """Read a file in a child process with limits on time and memory; safe to call from any thread.

    `name` is what the user calls it: it gives the suffix and stands in messages, and is never opened. The bytes decide
    the format, the suffix only between formats that look alike. BadDocument (its `kind` is a stable word) when the
    file is empty, damaged, encrypted, not supported, too big, without any text, or over a limit.
    """
    from retrieval.loaders.sandbox import shared

    return shared().read(path, name=name, limits=limits, password=password, encoding=encoding, ocr=ocr)


def parse(
    path: Path,
    *,
    name: str,
    limits: Limits = DEFAULT,
    password: str | None = None,
    encoding: str | None = None,
    ocr: bool = False,
) -> Parsed:
    """The same as `read` in this process: no protection against a file that hangs a parser or eats memory."""
    from retrieval.loaders.source import Source, load

    return load(Source(path=path, name=name, limits=limits, password=password, encoding=encoding, ocr=ocr))


def walk(folder: Path) -> list[tuple[Path, str]]:
    """Every file of a folder and its subfolders as (path, relative name with /), in order of name.

    Hidden files and folders (a leading dot, `__MACOSX`, `Thumbs.db`, Office's `~$` lock files) are left out; so are
    links that lead out of the folder. Files of unknown formats are in the list: reading them says why they are
    skipped.
    """
    from retrieval.loaders.names import files_of

    return files_of(folder)
