"""Exact facts in what a user writes: names, codes, numbers, statements. Rules only; English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import Record


class Fact(Record):
    """Something the user stated."""

    key: str
    """What it is about, folded: name, site, deadline, 站點. Later facts of a key supersede earlier ones."""
    value: str
    """Exactly as written."""
    text: str
    """The clause it stands in, exactly as written."""
    turn: int = 0
    """Ordinal of the turn."""
    personal: bool = False
    """About the user ("my …", 我的…), so worth remembering across conversations."""
    standing: bool = False
    """A wish for every answer."""


def extract(text: str, *, turn: int = 0, known: Sequence[Fact] = ()) -> list[Fact]:
    """The facts that a user's message states, in order; corrections are resolved against `known`."""
    raise NotImplementedError


def current(facts: Sequence[Fact]) -> list[Fact]:
    """The latest fact of each key, in the order in which the keys were last stated."""
    raise NotImplementedError
