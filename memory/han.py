"""Chinese characters: the one place that knows which they are."""

from __future__ import annotations


def has_han(text: str) -> bool:
    """Whether any of its characters is a Chinese one."""
    return any(map(is_han, text))


def is_han(character: str) -> bool:
    """Whether a character is a Chinese one."""
    return "\u3400" <= character <= "\u9fff"
