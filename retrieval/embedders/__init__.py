"""Embedders by name. An embedder is a LangChain `Embeddings` that also knows its identity and its limit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from memory.errors import NotConfigured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REGISTRY = {
    "e5": "retrieval.embedders.e5:E5",
    "hashing": "retrieval.embedders.hashing:Hashing",
    "sentence-transformers": "retrieval.embedders.sentence_transformers:SentenceTransformers",
    "openai": "retrieval.embedders.openai:OpenAI",
}


class Embedder(Embeddings, ABC):
    """Texts to unit-length vectors. Subclasses write `encode`; LangChain's two methods follow from it."""

    name: str
    """As in settings: `e5`, `hashing`, `sentence-transformers:<model>`, `openai:<model>`."""
    dimension: int
    max_tokens: int
    """The most tokens of one text that are read, prefixes and special tokens included."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Identity of the space: two embedders with the same fingerprint give the same vectors."""

    @abstractmethod
    def count(self, text: str) -> int:
        """Tokens of a passage by the model's own tokenizer, prefixes and special tokens included."""

    @abstractmethod
    def encode(self, texts: list[str], *, query: bool = False) -> NDArray[np.float32]:
        """[n, dimension] float32, each row of length 1. BackendFailed when the model or service answers badly."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's way to embed passages."""
        return [[float(x) for x in row] for row in self.encode(texts)]

    def embed_query(self, text: str) -> list[float]:
        """LangChain's way to embed a question."""
        return [float(x) for x in self.encode([text], query=True)[0]]


def cleaned(text: str) -> str:
    """What a C string and JSON can hold: no NUL (it would end the text) and no lone surrogate."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def load(name: str, **options: Any) -> Embedder:
    """The embedder of that name, `kind` or `kind:model`; NotConfigured when there is no such kind."""
    kind, _, model = name.partition(":")
    if kind not in REGISTRY:
        raise NotConfigured(f"There is no embedder {name!r}.", f"Choose one of: {', '.join(REGISTRY)}.")
    module, _, attribute = REGISTRY[kind].partition(":")
    if model:
        options["model"] = model
    embedder: Embedder = getattr(import_module(module), attribute)(**options)
    return embedder
