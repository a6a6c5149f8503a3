"""Key-value caches with room to grow, so that a step writes its own keys instead of copying all that were before."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ROOM = 64
"""Tokens of room added whenever a cache is full."""


def new_cache(network: Any) -> Any:
    """An empty cache for a model: plain layers with room to grow, other kinds (sliding windows, …) as they come."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    cache = DynamicCache(config=network.config)
    cache.layers = [_layer()() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def repeated(cache: Any, rows: int) -> Any:
    """A copy of a one-row cache with that many equal rows."""
    import torch

    with torch.inference_mode():
        copied = copy.deepcopy(cache)
        for layer in copied.layers:
            layer.batch_repeat_interleave(rows)
    return copied


def keep_rows(cache: Any, rows: list[int]) -> None:
    """Drop all but these rows of a batch."""
    import torch

    with torch.inference_mode():
        chosen = torch.tensor(rows)
        for layer in cache.layers:
            layer.batch_select_indices(chosen.to(layer.keys.device))


@functools.cache
def _layer() -> Any:
    """Roomy over transformers' own layer, which is imported on first use."""
    from transformers.cache_utils import DynamicLayer

    return type("RoomyLayer", (Roomy, DynamicLayer), {})


class Roomy:
    """What a DynamicLayer becomes: its `keys` and `values` are views of larger buffers, (rows, heads, tokens, size)."""

    keys: torch.Tensor
    values: torch.Tensor
    is_initialized: bool
    lazy_initialization: Callable[[torch.Tensor, torch.Tensor], None]
    _buffers: tuple[torch.Tensor, torch.Tensor]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new states behind the old ones and give all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers = (key_states[:, :, :0], value_states[:, :, :0])
        before = self._buffers[0].shape[-2] and self.keys.shape[-2]
        after = before + key_states.shape[-2]
        if after > self._buffers[0].shape[-2]:
            self._rebuild(before, lambda buffer: _larger(buffer, before, after + ROOM))
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, before:after] = states
        self.keys, self.values = (buffer[:, :, :after] for buffer in self._buffers)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows."""
        self._rebuild(self.keys.shape[-2], lambda buffer: buffer[indices])

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Every row so many times."""
        self._rebuild(self.keys.shape[-2], lambda buffer: buffer.repeat_interleave(repeats, dim=0))

    def _rebuild(self, length: int, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        first, second = map(change, self._buffers)
        self._buffers = (first, second)
        self.keys, self.values = first[:, :, :length], second[:, :, :length]


def _larger(buffer: torch.Tensor, length: int, room: int) -> torch.Tensor:
    new = buffer.new_empty((*buffer.shape[:2], room, buffer.shape[-1]))
    new[:, :, :length] = buffer[:, :, :length]
    return new
