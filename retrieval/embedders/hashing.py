"""A deterministic embedder that needs no model: the set of a text's tokens, hashed. For tests and rehearsals."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from memory.errors import NotConfigured
from memory.records import digest
from retrieval.embedders import Embedder
from retrieval.tokens import characters, tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Hashing(Embedder):
    """Each token adds ±1 in one of `dimension` places that the seed decides; texts that share tokens are near.

    `model` is "DIMENSION" or "DIMENSION/SEED", so that settings can name a second space of the same size.
    """

    def __init__(self, model: str = "384", *, max_tokens: int = 256) -> None:
        dimension, _, seed = model.partition("/")
        if not dimension.isdecimal() or not 8 <= int(dimension) <= 4096 or not (seed or "0").isdecimal():
            raise NotConfigured(f"hashing:{model} is not an embedder.", "Write it as hashing:384 or hashing:384/7.")
        self.name = f"hashing:{model}"
        self.dimension = int(dimension)
        self.seed = seed or "0"
        self.max_tokens = max_tokens

    @property
    def fingerprint(self) -> str:
        """Of dimension and seed."""
        return digest("hashing", str(self.dimension), self.seed)

    def count(self, text: str) -> int:
        """Characters of Chinese and words of English, and two for what a real model adds."""
        return len(characters(text)) + 2

    def encode(self, texts: list[str], *, query: bool = False) -> NDArray[np.float32]:
        """[n, dimension] float32, unit length. What is beyond `max_tokens` is not read, as in a real model."""
        import numpy as np

        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for token in set(tokens(self._within(text))):
                place, sign = _place(token, self.seed, self.dimension)
                vector[place] += sign
            if not vector.any():
                vector[0] = 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _within(self, text: str) -> str:
        if self.count(text) <= self.max_tokens:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.count(text[:middle]) <= self.max_tokens else (low, middle - 1)
        return text[:low]


@lru_cache(maxsize=100_000)
def _place(token: str, seed: str, dimension: int) -> tuple[int, int]:
    number = int.from_bytes(hashlib.blake2b(f"{seed}\0{token}".encode("utf-8", "replace"), digest_size=8).digest())
    return (number >> 1) % dimension, 1 if number & 1 else -1
