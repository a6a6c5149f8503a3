"""Any sentence-transformers model, by Hub name or folder. An optional extra."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from memory.errors import BackendFailed, MissingExtra, NotConfigured
from memory.records import digest
from retrieval.embedders import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE = 4096
"""Numbers of each tensor that go into the fingerprint, evenly spread."""


class SentenceTransformers(Embedder):
    """A sentence-transformers model; its own query and document prompts are used when it has them."""

    def __init__(self, model: str = "", *, device: str | None = None, batch: int = 32) -> None:
        if not model:
            raise NotConfigured("No sentence-transformers model is named.", "Write sentence-transformers:<model>.")
        self.name = f"sentence-transformers:{model}"
        self.batch = batch
        self._lock = threading.Lock()
        self._model = _open(model, device)
        # Renamed in 5.7.
        dimension = getattr(self._model, "get_embedding_dimension", None)
        self.dimension = int((dimension or self._model.get_sentence_embedding_dimension)())
        self.max_tokens = int(self._model.max_seq_length or 512)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of a sample of every tensor and of the prompts."""
        parts: list[str | bytes] = [str(sorted(self._model.prompts.items()))]
        for name, tensor in sorted(self._model.state_dict().items()):
            flat = tensor.detach().flatten()
            sample = flat[:: max(1, flat.numel() // SAMPLE)].float().cpu().numpy()
            parts += [f"{name} {tuple(tensor.shape)}", sample.tobytes()]
        return digest(*parts)

    def count(self, text: str) -> int:
        """Tokens of a passage with the document prompt and the special tokens."""
        tokenizer = self._model.tokenizer
        ids = tokenizer(self._prompt("document", "passage") + text, truncation=False, verbose=False)["input_ids"]
        return len(ids)

    def encode(self, texts: list[str], *, query: bool = False) -> NDArray[np.float32]:
        """[n, dimension] float32, unit length."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with self._lock:
            vectors = self._model.encode(
                texts,
                prompt=self._prompt("query") if query else self._prompt("document", "passage"),
                batch_size=self.batch,
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return np.asarray(vectors, dtype=np.float32)

    def _prompt(self, *names: str) -> str:
        """The first of the model's prompts by these names; "" when it has none."""
        return next((self._model.prompts[name] for name in names if self._model.prompts.get(name)), "")


def _open(model: str, device: str | None):  # type: ignore[no-untyped-def]
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as cause:
        raise MissingExtra("sentence-transformers", "sentence-transformers") from cause
    try:
        return SentenceTransformer(model, device=device)
    except (OSError, ValueError, RuntimeError) as cause:
        raise BackendFailed(
            f"The embedding model {model!r} could not be loaded: {str(cause).splitlines()[0]}",
            "Check the name, the folder or the connection.",
        ) from cause
