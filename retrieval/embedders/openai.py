"""Any server that speaks the OpenAI embeddings API: OpenAI, Ollama, vLLM, llama.cpp, LM Studio."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from memory.errors import BackendFailed, NotConfigured
from memory.records import digest
from retrieval.embedders import Embedder, cleaned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROBES = ("The quick brown fox.", "保固三年", "42 kg, 7 days, gen-itgc")


class OpenAI(Embedder):
    """A remote embedder. Its tokenizer is not known here, so tokens are counted from above (2 bytes each)."""

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str = "none",
        max_tokens: int = 512,
        timeout: float = 60.0,
        batch: int = 64,
    ) -> None:
        if not model:
            raise NotConfigured("No embedding model is named.", "Write openai:<model>.")
        from langchain_openai import OpenAIEmbeddings

        self.name = f"openai:{model}"
        self.max_tokens = max_tokens
        self.batch = batch
        # The length check would fetch OpenAI's own tokenizer from the network, and it fits no other server.
        self._client = OpenAIEmbeddings(
            model=model,
            openai_api_base=base_url,
            openai_api_key=SecretStr(api_key),
            check_embedding_ctx_length=False,
            request_timeout=timeout,
            max_retries=2,
        )

    @cached_property
    def _probe(self) -> NDArray[np.float32]:
        return self._ask(list(PROBES))

    @cached_property
    def dimension(self) -> int:  # type: ignore[override]
        """As the server answers; asks it once."""
        return int(self._probe.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """Of the model's name and the largest places of the vectors of fixed texts, since weights are out of reach.

        Places, not values: servers differ in the last digits from one run to the next.
        """
        import numpy as np

        places = np.sort(np.argsort(-np.abs(self._probe), axis=1)[:, :3], axis=1)
        return digest(self.name, str(self.dimension), str(places.tolist()))

    def count(self, text: str) -> int:
        """An upper estimate: half the UTF-8 bytes, and eight for what the server adds."""
        return len(text.encode("utf-8", "replace")) // 2 + 8

    def encode(self, texts: list[str], *, query: bool = False) -> NDArray[np.float32]:
        """[n, dimension] float32, unit length."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        parts = [self._ask(texts[i : i + self.batch]) for i in range(0, len(texts), self.batch)]
        return np.concatenate(parts)

    def _ask(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np
        import openai

        try:
            # An empty text is refused by several servers.
            answer = self._client.embed_documents([cleaned(t) if t.strip() else " ." for t in texts])
            vectors = np.asarray(answer, dtype=np.float32)
        except (openai.OpenAIError, ValueError, TypeError) as cause:
            raise BackendFailed(
                f"The embedding server did not answer ({self.name}): {cause}",
                "Check retrieval.embedder, its base_url and key, and that the server is running.",
            ) from cause
        if (
            vectors.ndim != 2
            or vectors.shape[:1] != (len(texts),)
            or not vectors.size
            or not np.isfinite(vectors).all()
        ):
            raise BackendFailed(f"The embedding server gave no usable vectors ({self.name}).")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
