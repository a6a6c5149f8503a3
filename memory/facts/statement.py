"""What a rule finds in a sentence, and how rules are applied. Knows no language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple


class Statement(NamedTuple):
    """A match: where the statement begins in the sentence, and its value ends."""

    key: str
    value: str
    start: int
    end: int
    personal: bool = True
    standing: bool = False


class Rule(NamedTuple):
    """A pattern with a group `value` and perhaps a group `key`."""

    pattern: re.Pattern[str]
    key: str = "{key}"
    """May name {key}, {head} (last word of the value) and {value}, all folded."""
    personal: bool = True
    standing: bool = False
    exact: bool = False
    """The value must hold a number, code or name: keeps chit-chat out."""


Trim = Callable[[str], str]
"""The part of a matched value that belongs to it; "" refuses it."""


def apply(rules: Sequence[Rule], sentence: str, trim: Trim, is_exact: Callable[[str], bool]) -> Iterator[Statement]:
    """What the rules find in a sentence, an earlier rule first where two overlap, in order of appearance."""
    found: list[Statement] = []
    for rule in rules:
        position = 0
        while match := rule.pattern.search(sentence, position):
            statement = _statement(rule, match, trim, is_exact)
            position = statement.end if statement else match.start() + 1
            if statement and not any(_overlap(statement, other) for other in found):
                found.append(statement)
    yield from sorted(found, key=lambda statement: statement.start)


def _statement(rule: Rule, match: re.Match[str], trim: Trim, is_exact: Callable[[str], bool]) -> Statement | None:
    value = trim(match["value"])
    if not value or (rule.exact and not is_exact(value)):
        return None
    end = match.start("value") + match["value"].index(value) + len(value)
    subject = fold(match.groupdict().get("key") or "")
    key = rule.key.format(key=subject, head=fold(_head(value)), value=fold(value)).strip()
    return Statement(key, value, match.start(), end, rule.personal, rule.standing)


def _overlap(one: Statement, other: Statement) -> bool:
    return one.start < other.end and other.start < one.end


def fold(text: str) -> str:
    """Width, case, quotes and spacing folded, for comparing."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(text.split()).strip(" .,;:!?'\"「」『』“”。，；：！？、")


def _head(value: str) -> str:
    """Last word of a Latin value, the whole of another one."""
    return value.rsplit(maxsplit=1)[-1] if value.isascii() else value
