"""Which format a file is: from its first bytes, and from its suffix between formats that look alike."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from memory.errors import BadDocument

SUFFIXES: dict[str, str] = {
    ".txt": "txt",
    ".text": "txt",
    ".log": "txt",
    ".rst": "txt",
    ".md": "md",
    ".markdown": "md",
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".ppsx": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
"""{suffix: format}: what can be read."""

MODULES = {
    "txt": "retrieval.loaders.text",
    "md": "retrieval.loaders.markdown",
    "pdf": "retrieval.loaders.pdf",
    "docx": "retrieval.loaders.docx",
    "pptx": "retrieval.loaders.pptx",
    "xlsx": "retrieval.loaders.xlsx",
    "csv": "retrieval.loaders.tables",
    "html": "retrieval.loaders.html",
    "epub": "retrieval.loaders.epub",
    "json": "retrieval.loaders.data",
}

_TEXT = {"txt", "md", "csv", "html", "json"}
_PLAIN_NAMES = re.compile(
    r"(?i)(readme|licen[cs]e|copying|copyright|notice|authors|changelog|changes|news|install|todo)"
)
_LEGACY = {".doc": ".docx", ".xls": ".xlsx", ".ppt": ".pptx", ".dot": ".docx", ".rtf": ".docx", ".odt": ".docx"}
_HINT = "It reads " + ", ".join(sorted(SUFFIXES)) + "."
_BINARY = (
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"RIFF", "an image or sound"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x1f\x8b", "a compressed archive"),
    (b"7z\xbc\xaf", "a compressed archive"),
    (b"Rar!", "a compressed archive"),
    (b"BZh9", "a compressed archive"),
    (b"\xfd7zXZ", "a compressed archive"),
    (b"SQLite format 3", "a database"),
)


def detect(path: Path, name: str) -> str:
    """The format's name, a key of `MODULES`; BadDocument of kind `unsupported` or `password`."""
    suffix = PurePosixPath(name).suffix.lower()
    with path.open("rb") as file:
        head = file.read(1024)
    if b"%PDF-" in head:
        return "pdf"
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _packed(path, name)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _compound(path, name, suffix)
    for magic, what in _BINARY:
        if head.startswith(magic):
            raise BadDocument(name, f"this is {what}, which cannot be read as a document.", _HINT, kind="unsupported")
    return _by_suffix(name, suffix, head)


def _by_suffix(name: str, suffix: str, head: bytes) -> str:
    family = SUFFIXES.get(suffix)
    if family in _TEXT:
        return family
    if family:
        kind = "damaged" if head.strip(b"\x00 ") else "empty"
        raise BadDocument(name, f"it is named {suffix} but its content is not of that format.", kind=kind)
    if suffix in _LEGACY:
        raise BadDocument(
            name, f"{suffix} files cannot be read.", f"Save it as {_LEGACY[suffix]} and add that.", kind="unsupported"
        )
    if _PLAIN_NAMES.match(PurePosixPath(name).name) or (not suffix and b"\x00" not in head):
        return "txt"
    raise BadDocument(name, f"{suffix or 'this kind of'} files cannot be read.", _HINT, kind="unsupported")


def _packed(path: Path, name: str) -> str:
    """Which of the zip-based formats; the suffix is no evidence."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            kind = archive.read("mimetype")[:64] if "mimetype" in names and _small(archive) else b""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise BadDocument(name, "the file is damaged: its archive cannot be opened.", str(error)) from error
    for member, family in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if "[Content_Types].xml" in names and any(n.startswith(member) for n in names):
            return family
    if b"epub" in kind or "META-INF/container.xml" in names:
        return "epub"
    if kind.startswith(b"application/vnd.oasis"):
        raise BadDocument(
            name, "OpenDocument files cannot be read.", "Save it as .docx, .xlsx or .pptx.", kind="unsupported"
        )
    raise BadDocument(name, "this is a ZIP archive.", "Unpack it and add the folder, or its files.", kind="unsupported")


def _small(archive: zipfile.ZipFile) -> bool:
    return archive.getinfo("mimetype").file_size < 1024


def _compound(path: Path, name: str, suffix: str) -> BadDocument:
    """Old Office files, and new ones that are encrypted, share one container."""
    with path.open("rb") as file:
        content = file.read(4 * 1024 * 1024)
    if "EncryptedPackage".encode("utf-16-le") in content:
        return BadDocument(
            name, "the file is password-protected.", "Save it without a password and add that.", kind="password"
        )
    better = _LEGACY.get(suffix, ".docx, .xlsx or .pptx")
    return BadDocument(
        name, "old Office files (.doc, .xls, .ppt) cannot be read.", f"Save it as {better}.", kind="unsupported"
    )
