"""Names of files: listing a folder, and making a client's name fit to show. Never joins such a name to a path."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

_LONGEST = 200
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def files_of(folder: Path) -> list[tuple[Path, str]]:
    """See `retrieval.loaders.walk`."""
    root = folder.resolve()
    found = []
    for here, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not _hidden(f) and not Path(here, f).is_symlink())
        for file in files:
            path = Path(here, file)
            if not _hidden(file) and path.is_file() and path.resolve().is_relative_to(root):
                found.append((path, unicodedata.normalize("NFC", written(path.relative_to(root).as_posix()))))
    return sorted(found, key=lambda pair: pair[1])


def shown(name: str) -> str:
    """A client's file name as it is shown and stored: the last part, without control characters; never a path.

    `../../a.txt`, `..\\\\a.txt` and `a%2f..%2fa.txt` all become `a.txt`; a reserved device name gets an underscore.
    """
    while (plain := unquote(name)) != name:
        name = plain
    last = re.split(r"[/\\\\]", name.replace("\x00", ""))[-1]
    clean = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C").strip(" .")
    if _DEVICES.fullmatch(clean):
        clean = f"_{clean}"
    stem, dot, suffix = clean.rpartition(".")
    if len(clean) > _LONGEST:
        clean = f"{stem[: _LONGEST - len(suffix) - 1]}.{suffix}" if dot and len(suffix) < 10 else clean[:_LONGEST]
    return clean or "unnamed"


def written(name: str) -> str:
    """A name on disk as it can be stored and shown: bytes that are no UTF-8 are read as Big5, or spelled out."""
    raw = os.fsencode(name)
    for codec in ("utf-8", "cp950"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "backslashreplace")


def _hidden(name: str) -> bool:
    return name.startswith((".", "~$")) or name in {"__MACOSX", "Thumbs.db", "desktop.ini", "__pycache__"}
