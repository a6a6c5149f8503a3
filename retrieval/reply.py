"""A chat model's words as they come, with its failures made ours. Knows LangChain's interface and no prompt."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from memory.errors import BackendFailed, DocgraftError
from retrieval.packing import Packed

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk, BaseMessage


@dataclass
class Reply:
    """What has come so far; filled while the stream runs."""

    text: str = ""
    packed: Packed | None = None
    first_seconds: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cut_off: bool = False
    stopped: bool = False


class Overflow(Exception):
    """A service said that the prompt is too long for its model."""

    def __init__(self, failure: BackendFailed) -> None:
        super().__init__(str(failure))
        self.failure = failure


# (module, class) of the error roots of libraries that a user's model may bring; only loaded ones are looked at.
_ROOTS = (
    ("openai", "OpenAIError"),
    ("anthropic", "AnthropicError"),
    ("httpx", "HTTPError"),
    ("requests", "RequestException"),
    ("ollama", "ResponseError"),
    ("google.api_core.exceptions", "GoogleAPIError"),
    ("google.genai.errors", "APIError"),
    ("mistralai.models", "SDKError"),
    ("groq", "GroqError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("langchain_core.exceptions", "LangChainException"),
)
_OVERFLOW = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum context|too many tokens|prompt is too long"
    r"|exceeds? the (?:available )?context|input (?:is )?too long|max(?:imum)?_?(?:input_|prompt_)?(?:tokens|length)",
    re.IGNORECASE,
)
_HINTS = (
    (
        re.compile(r"401|api[ _-]?key|unauthori[sz]ed|authentication", re.I),
        "Check the key of this model in the settings.",
    ),
    (re.compile(r"404|not found|does not exist", re.I), "Check the model's name in the settings."),
    (
        re.compile(r"429|rate limit|quota", re.I),
        "The service allows no more requests now; wait, or choose another model.",
    ),
    (
        re.compile(r"connect|refused|unreachable|resolve|timed? ?out", re.I),
        "Is the server running, and its address right?",
    ),
    (re.compile(r"out of memory|cannot allocate", re.I), "Close other programs, or choose a smaller model."),
)


def speak(model: BaseChatModel, messages: list[BaseMessage], reply: Reply) -> Generator[str, None, None]:
    """The pieces of the model's answer; closing the iterator closes the model's stream.

    A "thinking" block at the beginning is left out. Raises BackendFailed, or Overflow when the prompt was too long.
    """
    thinking = _Thinking()
    try:
        with closing(cast("Generator[AIMessageChunk, None, None]", model.stream(messages))) as chunks:
            for chunk in chunks:
                _note(chunk, reply)
                if piece := thinking.without(chunk.text):
                    yield piece
            if piece := thinking.rest():
                yield piece
    except foreign() as cause:
        raise mapped(cause) from cause


def foreign() -> tuple[type[Exception], ...]:
    """The exception types that a model's library may raise, DocgraftError not among them."""
    found: list[type[Exception]] = [OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError]
    for module, name in _ROOTS:
        root = getattr(sys.modules.get(module), name, None)
        if isinstance(root, type) and issubclass(root, Exception):
            found.append(root)
    return tuple(found)


def mapped(cause: Exception) -> Exception:
    """Ours for a library's exception: Overflow for a prompt that was too long, else BackendFailed with a hint."""
    if isinstance(cause, DocgraftError):
        return cause
    words = " ".join(str(cause).split())[:300] or type(cause).__name__
    failure = BackendFailed(
        f"The model failed: {words}", next((hint for pattern, hint in _HINTS if pattern.search(words)), "")
    )
    return Overflow(failure) if _OVERFLOW.search(words) else failure


def _note(chunk: AIMessageChunk, reply: Reply) -> None:
    usage = chunk.usage_metadata
    if usage:
        reply.prompt_tokens = usage.get("input_tokens") or reply.prompt_tokens
        reply.answer_tokens = max(reply.answer_tokens, usage.get("output_tokens") or 0)
    ended = chunk.response_metadata.get("finish_reason") or chunk.response_metadata.get("stop_reason") or ""
    reply.cut_off = reply.cut_off or str(ended).lower() in {"length", "max_tokens"}


class _Thinking:
    """Leaves out one `<think>…</think>` block at the beginning of a stream, however it is cut into pieces."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self.held = ""
        self.over = False

    def without(self, piece: str) -> str:
        if self.over:
            return piece
        self.held += piece
        begun = self.held.lstrip()
        if begun.startswith(self._OPEN):
            _, closed, rest = begun.partition(self._CLOSE)
            return self._release(rest.lstrip()) if closed else ""
        return "" if self._OPEN.startswith(begun) else self._release(self.held)

    def rest(self) -> str:
        """What was held back at the end; an unclosed block was all thinking."""
        return "" if self.over or self.held.lstrip().startswith(self._OPEN) else self._release(self.held)

    def _release(self, text: str) -> str:
        self.over, self.held = bool(text) or self.over, ""
        return text
