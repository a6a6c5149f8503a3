"""Record: the frozen base of every domain type, with identifiers and clocks. Knows no domain."""

from __future__ import annotations

import hashlib
import secrets
import time
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value: unknown fields are refused, equality is by value, JSON is its file form."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def digest(*parts: str | bytes, length: int = 16) -> str:
    """SHA-256 of the parts in order, as `length` hex digits; parts are length-prefixed so they cannot run together."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.hexdigest()[:length]


def new_id() -> str:
    """A fresh identifier that sorts by creation time: 11 hex digits of milliseconds, then 6 random ones."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(3)}"


def now() -> str:
    """The current UTC time in ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
