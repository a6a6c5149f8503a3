"""Word lists written as running text, so that they stay readable."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The set of the words of a text."""
    return frozenset(text.split())
