"""Token by token: prompt ids in, answer ids out, with a key-value cache. Knows tensors; no texts, files or locks.

Every call of `advance` is one step, so that whoever calls can stop, take turns or look at the clock in between.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from finetune.models.caches import keep_rows, new_cache, repeated
from memory.records import Record

if TYPE_CHECKING:
    import torch

CHUNK = 512
"""Prompt tokens read in one step: bounds memory, and the wait until a stop is noticed."""


class Sampling(Record):
    """How the next token is chosen. The default takes the likeliest."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Decoding:
    """One answer in the making. The model is handed in at every step and never kept."""

    def __init__(self, ids: Sequence[int], sampling: Sampling) -> None:
        self.ids = list(ids)
        self.sampling = sampling
        self.tokens: list[int] = []
        self._cache: Any = None
        self._read = 0
        self._generator: torch.Generator | None = None

    @property
    def rows(self) -> list[list[int]]:
        """The prompt, as the only row."""
        return [self.ids]

    def start_from(self, cache: Any, length: int) -> None:
        """Begin behind a prefix whose keys and values are known; `cache` is copied."""
        self._cache, self._read = copy.deepcopy(cache), length

    def advance(self, network: Any) -> int | None:
        """One step: read the next piece of the prompt (None), or choose the next token (its id)."""
        import torch

        with torch.inference_mode():
            if self._cache is None:
                self._cache = new_cache(network)
            piece = self.ids[self._read : self._read + CHUNK] or self.tokens[-1:]
            logits = forward(network, [piece], self._cache)
            self._read += len(piece)
            if self._read < len(self.ids):
                return None
            token = self._choose(logits[0, -1])
            self.tokens.append(token)
            return token

    def _choose(self, logits: torch.Tensor) -> int:
        if self.sampling.temperature <= 0:
            return int(logits.argmax())
        import torch

        if self._generator is None:
            self._generator = torch.Generator().manual_seed(self.sampling.seed)
        chances, order = (logits.float().cpu() / self.sampling.temperature).softmax(-1).sort(descending=True)
        # The token that crosses top_p stays in, so that at least one does.
        chances[chances.cumsum(-1) - chances >= self.sampling.top_p] = 0
        return int(order[torch.multinomial(chances, 1, generator=self._generator)])


class BatchDecoding:
    """Several answers in step. Prompts are padded on the left, so that every row's next token stands last."""

    def __init__(
        self, rows: Sequence[Sequence[int]], ends: Sequence[int], limit: int, *, unless: Sequence[int] = ()
    ) -> None:
        """`ends`: tokens that finish a row; `limit`: most new tokens of each row; `unless`: for each row the token that
        it must not begin with, whose chance is kept in `declined`."""
        self.rows = [list(row) for row in rows]
        self.ends = set(ends)
        self.limit = limit
        self.tokens: list[list[int]] = [[] for _ in rows]
        self.chances: list[list[float]] = [[] for _ in rows]
        """Log-probability of each token."""
        self.unless = list(unless)
        self.declined: list[float] = []
        self._alive = list(range(len(rows)))
        self._cache: Any = None
        self._mask: Any = None
        self._next: Any = None

    def start_from(self, cache: Any, length: int) -> None:
        """Begin every row behind the prefix that all share; `cache` holds it in one row and is copied."""
        import torch

        self.rows = [row[length:] for row in self.rows]
        self._cache = repeated(cache, len(self.rows))
        self._mask = torch.ones(len(self.rows), length, dtype=torch.long)

    @property
    def done(self) -> bool:
        """Whether every row has ended or reached the limit."""
        return not self._alive

    def advance(self, network: Any) -> None:
        """One step for every row that has not ended: the prompts at first, then a token each."""
        import torch

        with torch.inference_mode():
            if self._next is None:
                ids, own = left_padded(self.rows, next(iter(self.ends)), network.device)
                self._mask = own if self._mask is None else torch.cat([self._mask.to(own.device), own], dim=1)
                self._cache = new_cache(network) if self._cache is None else self._cache
            else:
                ids = self._next
                self._mask = torch.cat([self._mask, torch.ones_like(ids)], dim=1)
            logits = forward(network, ids, self._cache, mask=self._mask)
            if self.unless and not self.declined:
                self._hold_back(logits[:, -1])
            chances, self._next = logits[:, -1].float().log_softmax(-1).max(-1, keepdim=True)
        found = zip(self._alive, self._next[:, 0].tolist(), chances[:, 0].tolist(), strict=True)
        for position, token, chance in found:
            self.tokens[position].append(token)
            self.chances[position].append(chance)
        self._drop_finished()

    def _hold_back(self, logits: torch.Tensor) -> None:
        """Keep the chance of each row's `unless`, and take it away."""
        rows = range(len(self.unless))
        self.declined = logits.float().softmax(-1)[rows, self.unless].tolist()
        logits[rows, self.unless] = float("-inf")

    def _drop_finished(self) -> None:
        going = [place for place, position in enumerate(self._alive) if not self._finished(self.tokens[position])]
        if len(going) == len(self._alive):
            return
        self._alive = [self._alive[place] for place in going]
        if going:
            self._mask, self._next = self._mask[going], self._next[going]
            keep_rows(self._cache, going)

    def _finished(self, tokens: list[int]) -> bool:
        return tokens[-1] in self.ends or len(tokens) >= self.limit


def left_padded(rows: Sequence[Sequence[int]], pad: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask), each (rows, longest): the prompts against the right edge, mask 1 where a prompt stands."""
    import torch

    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for position, row in enumerate(rows):
        ids[position, longest - len(row) :] = torch.tensor(row, device=device)
        mask[position, longest - len(row) :] = 1
    return ids, mask


def forward(network: Any, ids: Any, cache: Any, *, mask: torch.Tensor | None = None) -> torch.Tensor:
    """The logits (rows, 1, vocabulary) behind the last of `ids` (rows, length); the cache grows by them.

    With a mask, padding stands before a row's own tokens: ValueError when a row ends in padding.
    """
    import torch

    given = ids if isinstance(ids, torch.Tensor) else torch.tensor(ids, device=network.device)
    more: dict[str, Any] = {}
    if mask is not None:
        if not bool(mask[:, -1].all()):
            raise ValueError("prompts must be padded on the left")
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -given.shape[1] :]
        more = {"attention_mask": mask, "position_ids": positions}
    return network(
        input_ids=given, use_cache=True, logits_to_keep=1, **{_cache_name(type(network).forward): cache}, **more
    ).logits


@functools.cache
def _cache_name(method: Callable[..., Any]) -> str:
    """What a model class's forward calls its cache: transformers is renaming `past_key_values` to `cache`."""
    return "cache" if "cache" in inspect.signature(method).parameters else "past_key_values"


def read_prefix(network: Any, ids: Sequence[int]) -> Any:
    """The cache after reading `ids`: what every prompt that begins with them may start from."""
    import torch

    with torch.inference_mode():
        cache = new_cache(network)
        forward(network, [list(ids)], cache)
        return cache
