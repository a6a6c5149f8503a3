"""Answers from a model in this process: LangChain's chat model over one shared base, an adapter chosen per call.

Greedy unless asked otherwise; sampling settings that a model folder carries are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from finetune.models.bases import Bases
from memory.records import Record


class Generated(Record):
    """One finished answer of a local model."""

    text: str
    prompt_tokens: int
    tokens: int
    """Tokens generated, the end token included."""
    cut_off: bool = False
    """The limit ended it, not the model."""
    seconds: float = 0.0
    first_token_seconds: float = 0.0


class LocalChatModel(BaseChatModel):
    """A model folder, optionally with an adapter, as a LangChain chat model.

    `AIMessage.response_metadata["finish_reason"]` is "stop" or "length" (cut off); `usage_metadata` counts tokens.
    Closing the iterator of `stream` stops the generation. Many may share one `Bases`, from many threads.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    bases: Bases
    """Holds the one base in memory."""
    path: Path
    """Folder of the base model."""
    adapter: Path | None = None
    """Folder of the adapter; None answers from the base alone."""
    max_new_tokens: int = 256
    """Longest answer in tokens."""
    temperature: float = 0.0
    """0 is greedy: the same answer every time."""
    top_p: float = 1.0
    """Share of the probability mass that sampling draws from."""
    seed: int = 0
    """Seed of sampling."""

    @property
    def _llm_type(self) -> str:
        return "docgraft-local"

    def count(self, text: str) -> int:
        """Tokens of `text` by this model's tokenizer."""
        raise NotImplementedError

    @property
    def context_window(self) -> int:
        """Tokens that prompt and answer may have together."""
        raise NotImplementedError

    def batch_answer(
        self, conversations: Sequence[Sequence[BaseMessage]], *, adapter: Path | None = None, size: int = 8
    ) -> list[Generated]:
        """Answer many conversations in left-padded batches, in the given order. `adapter` None uses the model's own."""
        raise NotImplementedError

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        raise NotImplementedError
