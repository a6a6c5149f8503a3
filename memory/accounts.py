"""A local file of accounts with scrypt-hashed passwords. Knows nothing of sessions or pages."""

from __future__ import annotations

from pathlib import Path


class Accounts:
    """The accounts of one file, which only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Every account, sorted."""
        raise NotImplementedError

    def add(self, name: str, password: str) -> None:
        """A new account; DocgraftError when the name is taken or the password too short."""
        raise NotImplementedError

    def set_password(self, name: str, password: str) -> None:
        """Give an account a new password."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Remove an account; its conversations stay until they are deleted."""
        raise NotImplementedError

    def check(self, name: str, password: str) -> bool:
        """Whether the password is right; takes as long for an unknown name. DocgraftError after too many failures."""
        raise NotImplementedError
