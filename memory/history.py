"""A conversation as LangChain's chat message history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

if TYPE_CHECKING:
    from memory.conversations import Conversations


class History(BaseChatMessageHistory):
    """The turns of one conversation; messages that are added are kept at once."""

    def __init__(self, conversations: Conversations, user: str, conversation_id: str) -> None:
        self.conversations = conversations
        self.user = user
        self.conversation_id = conversation_id

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """Every turn, oldest first."""
        raise NotImplementedError

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append human and AI messages as turns."""
        raise NotImplementedError

    def clear(self) -> None:
        """Remove every turn; the conversation stays."""
        raise NotImplementedError
