"""Opens Chroma clients. Knows no collections."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from memory.errors import NotConfigured

_numbers = itertools.count()


def embedded(folder: Path) -> Any:
    """A client of its own on a folder.

    Chroma shares one client per path string among everybody in a process and closes it only when the last user does,
    which would make a stale one impossible to replace; the same folder under another spelling is a client of its own.
    """
    import chromadb

    folder.mkdir(parents=True, exist_ok=True)
    spelling = str(folder) + "/." * (next(_numbers) + 1)
    return chromadb.PersistentClient(spelling, settings=_settings())


def remote(url: str) -> Any:
    """A client of a Chroma server; user name and password of the URL become basic authentication."""
    import chromadb

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfigured(f"{url!r} is not the address of a Chroma server.", "Write it as http://host:8000.")
    settings = _settings()
    if parts.username:
        settings.chroma_client_auth_provider = "chromadb.auth.basic_authn.BasicAuthClientProvider"
        settings.chroma_client_auth_credentials = f"{parts.username}:{parts.password or ''}"
    port = parts.port or (443 if parts.scheme == "https" else 8000)
    return chromadb.HttpClient(host=parts.hostname, port=port, ssl=parts.scheme == "https", settings=settings)


def close(client: Any) -> None:
    """Let go of a client's files or connections; Chroma's own close leaves those of its two HTTP sessions open."""
    servers = [getattr(c, "_server", None) for c in (client, getattr(client, "_admin_client", None))]
    client.close()
    for session in filter(None, (getattr(server, "_session", None) for server in servers)):
        session.close()


def _settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)
