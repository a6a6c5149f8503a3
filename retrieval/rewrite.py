"""A follow-up question made standalone. Knows conversations; knows no index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

History = Sequence[tuple[str, str]]
"""(role, text) with role "user" or "assistant", oldest first."""


def standalone(question: str, history: History, model: BaseChatModel | None = None) -> list[str]:
    """The queries to search with: the question as asked first, then (for a follow-up) its standalone form.

    With a model, its rewrite is used when it passes the checks (keeps numbers, identifiers and quoted words, at most
    three times as long, names nothing that the conversation does not); otherwise rules do it.
    """
    raise NotImplementedError
