"""The memory side of one question in one call: facts, summary and turns that fit, everything else folded and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memory.conversations import Conversations
from memory.longterm import LongTerm, Memory
from memory.records import Record
from memory.window import Count, Window

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class Context(Record):
    """What an answer is given to remember by."""

    window: Window
    history: tuple[tuple[str, str], ...]
    """The turns that fit, as (role, text)."""
    memory: str
    """Facts and summary as one text, for the prompt's memory fence; "" when there are none."""
    recalled: tuple[Memory, ...] = ()
    """Facts from other conversations that went in."""


def prepare(
    conversations: Conversations,
    user: str,
    conversation_id: str,
    question: str,
    *,
    count: Count,
    limit: int,
    reserve: int,
    system: str = "",
    longterm: LongTerm | None = None,
    recall: int = 5,
    model: BaseChatModel | None = None,
) -> Context:
    """Call before the question is added as a turn. Folds what left the window into the kept summary.

    `limit - reserve` is the room for system text, question, facts, summary and turns; leave the evidence out of it.
    """
    raise NotImplementedError
