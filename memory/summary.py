"""A running summary of the turns that left the window, beside a ledger of exact facts. Works without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from memory.conversations import Turn
from memory.facts import Fact
from memory.records import Record
from memory.window import Count

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class Summary(Record):
    """What is known of the folded turns."""

    text: str = ""
    facts: tuple[Fact, ...] = ()
    """Every fact in order, superseded ones too; `memory.facts.current` gives those that hold."""
    folded: int = 0
    """How many turns from the start are folded in."""
    last: str = ""
    """Id of the last folded turn: after an edit it is gone, and the summary is made anew."""
    source: Literal["rules", "model"] = "rules"
    """Who wrote the text."""


def fold(
    summary: Summary, turns: Sequence[Turn], *, count: Count, limit: int = 300, model: BaseChatModel | None = None
) -> Summary:
    """`summary` with further turns folded in, its text at most `limit` tokens.

    With a model its text is kept only if every number, name and code survives and none is new.
    """
    raise NotImplementedError
