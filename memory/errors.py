"""Errors that a person is meant to read.

DocgraftError(message, hint)     shown as is
├── MissingExtra     a package is not installed; the hint is the pip line
├── NotConfigured    a key, path or model is not set; the hint names the setting
├── BadDocument      a file could not be read; which one and why
├── BadDataset       a row or file is wrong; row number and field
├── BackendFailed    a model or service answered badly; wraps the cause
└── RunFailed        training ended without an adapter; points to the log
"""

from __future__ import annotations

import errno


class DocgraftError(Exception):
    """Something the user can understand and usually fix: one sentence, and a hint that says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class MissingExtra(DocgraftError):
    """A package that this feature needs is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed.", f'Install it with: pip install "docgraft[{extra}]"')


class NotConfigured(DocgraftError):
    """A key, path or model is not set."""


class BadDocument(DocgraftError):
    """A file could not be read. `kind` is a stable word for why: empty, damaged, password, unsupported, too_large,
    no_text, timed_out, memory, encoding, missing, refused."""

    def __init__(self, name: str, reason: str, hint: str = "", *, kind: str = "damaged") -> None:
        super().__init__(f"{name}: {reason}", hint)
        self.name = name
        self.reason = reason
        self.kind = kind


class BadDataset(DocgraftError):
    """A row or file of a dataset is wrong."""

    def __init__(self, message: str, hint: str = "", *, row: int | None = None, field: str | None = None) -> None:
        where = "" if row is None else f"row {row}" + (f", field {field!r}" if field else "") + ": "
        super().__init__(where + message, hint)
        self.row = row
        self.field = field


class BackendFailed(DocgraftError):
    """A model or service answered badly."""


class RunFailed(DocgraftError):
    """Training ended without an adapter."""


_NO_ROOM = ("no space left on device", "disk quota exceeded", "disk is full")


def disk_full(error: BaseException) -> bool:
    """Whether an error tells of a full disk: by its number, or in words, as SQLite and the writers of weights do."""
    told = str(error).lower()
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(words in told for words in _NO_ROOM)
