"""A conversation as LangChain's chat message history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from memory.errors import DocgraftError

if TYPE_CHECKING:
    from memory.conversations import Conversations, Role


class History(BaseChatMessageHistory):
    """The turns of one conversation; messages that are added are kept at once."""

    def __init__(self, conversations: Conversations, user: str, conversation_id: str) -> None:
        self.conversations = conversations
        self.user = user
        self.conversation_id = conversation_id

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """Every turn, oldest first; each carries its turn's id."""
        return [
            HumanMessage(turn.text, id=turn.id) if turn.role == "user" else AIMessage(turn.text, id=turn.id)
            for turn in self.conversations.turns(self.user, self.conversation_id)
        ]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append human and AI messages as turns; other kinds belong to a prompt, not to a conversation."""
        strange = [message.type for message in messages if message.type not in ("human", "ai")]
        if strange:
            raise DocgraftError(f"A {strange[0]!r} message cannot be kept.", "Keep human and ai messages only.")
        for message in messages:
            role: Role = "user" if message.type == "human" else "assistant"
            self.conversations.add_turn(self.user, self.conversation_id, role, str(message.text))

    def clear(self) -> None:
        """Remove every turn; the conversation stays."""
        self.conversations.truncate(self.user, self.conversation_id, None)
