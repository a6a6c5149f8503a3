"""A chat model that says what a test wrote down, piece by piece, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr


class Scripted(BaseChatModel):
    """Replies come from a list (the last one repeats) or from a function of the messages; an exception is raised."""

    replies: list[Any]
    finish_reason: str = "stop"
    _asked: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _pieces: int = PrivateAttr(default=0)
    _closed: int = PrivateAttr(default=0)

    @property
    def asked(self) -> list[list[BaseMessage]]:
        """The messages of every call."""
        return self._asked

    @property
    def pieces(self) -> int:
        """How many pieces were taken from the streams so far."""
        return self._pieces

    @property
    def closed(self) -> int:
        """How many streams were closed before their end."""
        return self._closed

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _reply(self, messages: list[BaseMessage]) -> str:
        self._asked.append(messages)
        reply = self.replies[min(len(self._asked), len(self.replies)) - 1]
        reply = reply(messages) if isinstance(reply, Callable) else reply
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _generate(self, messages, stop=None, run_manager=None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._reply(messages)))])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        text = self._reply(messages)
        try:
            for start in range(0, len(text), 5):
                self._pieces += 1
                yield ChatGenerationChunk(message=AIMessageChunk(text[start : start + 5]))
            yield ChatGenerationChunk(
                message=AIMessageChunk(
                    "", response_metadata={"finish_reason": self.finish_reason}, chunk_position="last"
                )
            )
        except GeneratorExit:
            self._closed += 1
            raise
