"""Bytes → text by evidence: marks, validity, and how likely the characters are. Never drops a byte unseen."""

from __future__ import annotations

from typing import NamedTuple

from retrieval.records import Note


class Decoded(NamedTuple):
    text: str
    encoding: str
    notes: tuple[Note, ...] = ()


def decode(data: bytes, *, name: str, encoding: str | None = None) -> Decoded:
    """placeholder while the scoring lands"""
    for candidate in [encoding] if encoding else ["utf-8-sig", "gb18030", "cp1252"]:
        try:
            return Decoded(data.decode(candidate), candidate)
        except UnicodeDecodeError:
            continue
    return Decoded(data.decode("utf-8", "replace"), "utf-8")
