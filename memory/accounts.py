"""A local file of accounts with scrypt-hashed passwords. Knows nothing of sessions or pages."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
import tomllib
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from memory.conversations import LOCAL_USER
from memory.errors import DocgraftError, NotConfigured
from memory.records import now
from memory.workspace import check_name, write_bytes

SHORTEST = 8
"""Characters of a password."""
COST = 2**15
"""scrypt's N with r=8, p=1: 32 MB and about 0.1 s per try (RFC 7914; OWASP's second choice)."""
TRIES = 5
"""Wrong passwords in a row before an account waits."""
WAIT_SECONDS = 30.0


class Accounts:
    """The accounts of one file, which only its owner may read. Safe to share between threads and processes."""

    def __init__(self, path: Path, *, cost: int = COST) -> None:
        self.path = path
        self.cost = cost
        self._failures: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Every account, sorted."""
        return sorted(self._read())

    def add(self, name: str, password: str) -> None:
        """A new account; DocgraftError when the name is taken (in any case of letters) or the password is too short."""
        name = check_name(name, "account name")
        if _folded(name) == LOCAL_USER:
            raise DocgraftError(f"{name!r} stands for everybody when there is no login.", "Choose another name.")
        with self._changing() as accounts:
            if any(name.casefold() == other.casefold() for other in accounts):
                raise DocgraftError(f"There is an account {name!r} already.", "Choose another name.")
            accounts[name] = {"password": self._hashed(password), "created": now()}

    def set_password(self, name: str, password: str) -> None:
        """Give an account a new password."""
        with self._changing() as accounts:
            accounts[_known(accounts, name)]["password"] = self._hashed(password)
        self._failures.pop(_folded(name), None)

    def remove(self, name: str) -> None:
        """Remove an account; its conversations stay until they are deleted."""
        with self._changing() as accounts:
            del accounts[_known(accounts, name)]

    def check(self, name: str, password: str) -> bool:
        """Whether the password is right; takes as long for an unknown name. DocgraftError after too many failures."""
        self._admit(name)
        account = self._read().get(unicodedata.normalize("NFC", name))
        right = _matches(password, account["password"] if account else self._entry(os.urandom(16), os.urandom(32)))
        with self._lock:
            if right:
                self._failures.pop(_folded(name), None)
            else:
                self._failures.setdefault(_folded(name), []).append(time.monotonic())
        return right

    def _admit(self, name: str) -> None:
        """Refuse while the last wrong passwords are too many and too fresh; unknown names alike."""
        with self._lock:
            fresh = [then for then in self._failures.get(_folded(name), []) if time.monotonic() - then < WAIT_SECONDS]
            self._failures = {k: v for k, v in self._failures.items() if time.monotonic() - v[-1] < WAIT_SECONDS}
            if len(fresh) >= TRIES:
                raise DocgraftError("Too many wrong passwords.", f"Wait {int(WAIT_SECONDS)} seconds, then try again.")

    def _hashed(self, password: str) -> str:
        if len(password) < SHORTEST:
            raise DocgraftError("This password is too short.", f"Use at least {SHORTEST} characters.")
        salt = os.urandom(16)
        return self._entry(salt, _scrypt(password, salt, self.cost))

    def _entry(self, salt: bytes, key: bytes) -> str:
        return f"scrypt${self.cost}${b64encode(salt).decode()}${b64encode(key).decode()}"

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as cause:
            raise NotConfigured(
                f"{self.path} cannot be read: {cause}", "Correct it, or move it away and add the accounts again."
            ) from cause

    @contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, str]]]:
        """The accounts to change in place, written at the end; one writer at a time."""
        import tomlkit

        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=10):
                accounts = self._read()
                yield accounts
                write_bytes(self.path, tomlkit.dumps(accounts).encode("utf-8"), private=True)
        except Timeout as cause:
            raise DocgraftError("Another process changes the accounts.", "Try again in a moment.") from cause


def _known(accounts: dict[str, dict[str, str]], name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    if name not in accounts:
        raise DocgraftError(f"There is no account {name!r}.", "See `docgraft accounts` for the list.")
    return name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _matches(password: str, stored: str) -> bool:
    try:
        kind, cost, salt, key = stored.split("$")
        expected = b64decode(key)
        found = _scrypt(password, b64decode(salt), int(cost))
    except ValueError:
        return False
    return kind == "scrypt" and hmac.compare_digest(found, expected)


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    """The same password typed on another keyboard may be composed otherwise: NFC."""
    secret = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost, r=8, p=1, maxmem=256 * cost * 8, dklen=32)
