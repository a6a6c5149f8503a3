"""Answers from a model in this process: LangChain's chat model over one shared base, an adapter chosen per call.

Greedy unless asked otherwise; sampling settings that a model folder carries are not followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from finetune.models.bases import Bases, Lease
from finetune.models.decoding import BatchDecoding, Decoding, Sampling
from finetune.models.loading import context_window
from finetune.models.templates import end_tokens, render
from finetune.models.unfolding import Unfolding
from memory.errors import BackendFailed
from memory.records import Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Generated(Record):
    """One finished answer of a local model."""

    text: str
    prompt_tokens: int
    tokens: int
    """Tokens generated, the end token included."""
    cut_off: bool = False
    """The limit ended it, not the model."""
    confidence: float | None = None
    """Mean log-probability of its tokens, the end token included; None when nobody counted."""
    declined: float | None = None
    """How likely the refusal was that it was asked not to begin with; None when it was not."""
    seconds: float = 0.0
    """From the question to the last token; in a batch, of the whole batch."""
    first_token_seconds: float = 0.0


class LocalChatModel(BaseChatModel):
    """A model folder, optionally with an adapter, as a LangChain chat model.

    `response_metadata["finish_reason"]` is "stop" or "length" (cut off); `usage_metadata` counts tokens. Closing the
    iterator of `stream` stops the generation; so does `stopping=` (a function, asked at every step) of any call.
    Many may share one `Bases`, from many threads.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, use_attribute_docstrings=True)

    bases: Bases = Field(exclude=True, repr=False)
    """Holds the one base in memory."""
    path: Path
    """Folder of the base model."""
    adapter: Path | None = None
    """Folder of the adapter; None answers from the base alone."""
    strength: float = Field(1.0, ge=0, le=1)
    """How much of the adapter's change is made: 1 as it was trained."""
    max_new_tokens: int = Field(256, ge=1)
    """Longest answer in tokens."""
    temperature: float = Field(0.0, ge=0, le=2)
    """0 is greedy: the same answer every time."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Share of the probability mass that sampling draws from."""
    seed: int = 0
    """Seed of sampling."""
    unrecorded: bool = False
    """Accept an adapter that does not say which base and template it belongs to; only after asking the user."""

    @property
    def _llm_type(self) -> str:
        return "docgraft-local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self.effective

    @property
    def effective(self) -> dict[str, Any]:
        """Every setting that decides an answer, for reports."""
        return {
            "path": str(self.path),
            "adapter": str(self.adapter) if self.adapter else None,
            "strength": self.strength,
            "max_new_tokens": self.max_new_tokens,
            "sampling": "greedy" if self.temperature == 0 else "sampled",
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
        }

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer with the template that answers are made with."""
        return self.bases.tokenizer(self.path, self.adapter)

    def count(self, text: str) -> int:
        """Tokens of `text` by this model's tokenizer."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @property
    def context_window(self) -> int:
        """Tokens that prompt and answer may have together. Loads no weights."""
        return context_window(self.path)

    def answer(
        self, messages: Sequence[BaseMessage], *, stop: Sequence[str] = (), stopping: Callable[[], bool] | None = None
    ) -> Generated:
        """One finished answer with its counts and times."""
        last: Generated | None = None
        for piece in self.pieces(messages, stop=stop, stopping=stopping):
            last = piece if isinstance(piece, Generated) else last
        assert last is not None
        return last

    def pieces(
        self, messages: Sequence[BaseMessage], *, stop: Sequence[str] = (), stopping: Callable[[], bool] | None = None
    ) -> Iterator[str | Generated]:
        """The answer's text piece by piece as it is made, then the Generated."""
        started = time.monotonic()
        with self._lease() as lease:
            ids, prefix = self._prompt(messages, lease)
            limit = self._limit(len(ids), lease)
            ends = set(end_tokens(lease.tokenizer, lease.ends))
            sampling = Sampling(temperature=self.temperature, top_p=self.top_p, seed=self.seed)
            decoding, text = Decoding(ids, sampling), Unfolding(lease.tokenizer, stop)
            lease.step(lambda held: held.start(decoding, prefix))
            first, ended = 0.0, False
            while not ended and len(decoding.tokens) < limit and not (stopping and stopping()):
                token = lease.step(lambda held: decoding.advance(held.network))
                if token is None:
                    continue
                first = first or time.monotonic() - started
                ended = token in ends
                new = "" if ended else text.add(token)
                ended = ended or text.stopped
                if new:
                    yield new
        if rest := text.rest():
            yield rest
        yield Generated(
            text=text.text,
            prompt_tokens=len(ids),
            tokens=len(decoding.tokens),
            cut_off=not ended and len(decoding.tokens) >= limit,
            seconds=time.monotonic() - started,
            first_token_seconds=first,
        )

    def batch_answer(
        self,
        conversations: Sequence[Sequence[BaseMessage]],
        *,
        adapter: Path | None = None,
        size: int = 16,
        refusals: Sequence[str] = (),
        most: int = 0,
        progress: Callable[[int, int], None] | None = None,
        stopping: Callable[[], bool] | None = None,
    ) -> list[Generated]:
        """Answer many conversations greedily in left-padded batches of like lengths; results in the given order.

        `refusals`: for each conversation the words that its answer must not begin with; how likely they were is told.
        `most` below `max_new_tokens` ends answers sooner. `adapter` None uses the model's own. `progress(done, all)`
        after every batch. When `stopping` says so, the rest is left out: BackendFailed, since half a list would pass
        for a whole one.
        """
        limit = min(most or self.max_new_tokens, self.max_new_tokens)
        model = self.model_copy(update={"adapter": adapter or self.adapter, "max_new_tokens": limit})
        found: dict[int, Generated] = {}
        with model._lease() as lease:
            prompts = [model._prompt(messages, lease) for messages in conversations]
            order = sorted(range(len(prompts)), key=lambda position: (prompts[position][1], len(prompts[position][0])))
            for begin in range(0, len(order), size):
                batch = order[begin : begin + size]
                rows = [prompts[position][0] for position in batch]
                prefix = prompts[batch[0]][1]
                unless = [_first(lease.tokenizer, refusals[position]) for position in batch] if refusals else []
                found |= dict(zip(batch, model._batch(rows, prefix, unless, lease, stopping), strict=True))
                if progress:
                    progress(len(found), len(order))
        return [found[position] for position in range(len(prompts))]

    def _batch(
        self,
        rows: Sequence[Sequence[int]],
        prefix: Sequence[int],
        unless: Sequence[int],
        lease: Lease,
        stopping: Callable[[], bool] | None,
    ) -> list[Generated]:
        started, first = time.monotonic(), 0.0
        ends = end_tokens(lease.tokenizer, lease.ends)
        decoding = BatchDecoding(rows, ends, self._limit(max(map(len, rows)), lease), unless=unless)
        lease.step(lambda held: held.start(decoding, prefix))
        while not decoding.done:
            if stopping and stopping():
                raise BackendFailed("Stopped before every question was answered.")
            lease.step(lambda held: decoding.advance(held.network))
            first = first or time.monotonic() - started
        seconds = time.monotonic() - started
        refused: list[float | None] = [*decoding.declined] or [None] * len(rows)
        return [
            Generated(
                text=str(lease.tokenizer.decode([t for t in tokens if t not in ends], skip_special_tokens=True)),
                prompt_tokens=len(row),
                tokens=len(tokens),
                cut_off=tokens[-1] not in ends,
                confidence=sum(chances) / len(chances),
                declined=declined,
                seconds=seconds,
                first_token_seconds=first,
            )
            for row, tokens, chances, declined in zip(rows, decoding.tokens, decoding.chances, refused, strict=True)
        ]

    def _lease(self) -> Any:
        return self.bases.lease(self.path, self.adapter, strength=self.strength, recorded=not self.unrecorded)

    def _prompt(self, messages: Sequence[BaseMessage], lease: Lease) -> tuple[list[int], list[int]]:
        """The prompt's ids, and those of its system text. An adapter's own system text stands in for a missing one."""
        given = list(messages)
        if lease.system and not any(message.type == "system" for message in given):
            given.insert(0, SystemMessage(lease.system))
        ids = render(given, lease.tokenizer)
        return ids, lease.prefix(given)

    def _limit(self, prompt: int, lease: Lease) -> int:
        """New tokens there is room for, at most `max_new_tokens`. A prompt that does not fit is never cut silently."""
        room = lease.context_window - prompt
        if room < 1:
            raise BackendFailed(
                f"The prompt has {prompt:,} tokens; this model holds {lease.context_window:,}.",
                "Ask a shorter question, lower retrieval.budget, or choose a model with a larger context window.",
            )
        return min(self.max_new_tokens, room)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        done = self.answer(messages, stop=stop or (), **kwargs)
        message = AIMessage(content=done.text, response_metadata=_metadata(done), usage_metadata=_usage(done))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self.pieces(messages, stop=stop or (), **kwargs):
            if isinstance(piece, Generated):
                yield _last(piece)
                return
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk


def _first(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    return int(tokenizer(text, add_special_tokens=False)["input_ids"][0])


def _last(done: Generated) -> ChatGenerationChunk:
    message = AIMessageChunk(
        content="", response_metadata=_metadata(done), usage_metadata=_usage(done), chunk_position="last"
    )
    return ChatGenerationChunk(message=message)


def _metadata(done: Generated) -> dict[str, Any]:
    return {
        "finish_reason": "length" if done.cut_off else "stop",
        "seconds": done.seconds,
        "first_token_seconds": done.first_token_seconds,
    }


def _usage(done: Generated) -> UsageMetadata:
    total = done.prompt_tokens + done.tokens
    return UsageMetadata(input_tokens=done.prompt_tokens, output_tokens=done.tokens, total_tokens=total)
