"""An optional second look at the best hits, through LangChain's document compressors. Never required.

Anything with `compress_documents` plugs in: a cross-encoder, a hosted reranker, or a chat model asked for an order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor
from langchain_core.language_models import BaseChatModel
from pydantic import ConfigDict, PrivateAttr

from memory.errors import BackendFailed, DocgraftError, MissingExtra
from retrieval.records import Evidence, Hit
from retrieval.reply import foreign, mapped

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks

BEST = 20
"""Hits that are looked at again."""


def rerank(hits: Sequence[Hit], question: str, reranker: BaseDocumentCompressor) -> list[Hit]:
    """The best hits in the reranker's order, then the rest; what it leaves out stays behind what it keeps.

    A hit takes over the score of the place it comes to, so that its units are packed in the new order too.
    """
    looked, rest = list(hits[:BEST]), list(hits[BEST:])
    documents = [
        Document(page_content=f"{hit.section.heading}\n{hit.section.text}".strip(), metadata={"place": place})
        for place, hit in enumerate(looked)
    ]
    try:
        kept = reranker.compress_documents(documents, question)
    except DocgraftError:
        raise
    except foreign() as cause:
        failure = mapped(cause)
        raise failure if isinstance(failure, BackendFailed) else BackendFailed(str(failure)) from cause
    scores = {int(d.metadata["place"]): d.metadata.get("relevance_score") for d in kept if "place" in d.metadata}
    order = [*scores, *(place for place in range(len(looked)) if place not in scores)]
    moved = [_moved(looked[old], looked[new].score, scores.get(old)) for new, old in enumerate(order)]
    return [*moved, *rest]


def _moved(hit: Hit, score: float, given: float | None) -> Hit:
    shift = score - hit.score
    legs = hit.scores if given is None else {**hit.scores, "rerank": float(given)}
    evidence = tuple(Evidence(unit=e.unit, score=e.score + shift) for e in hit.evidence)
    return hit.model_copy(update={"score": score, "scores": legs, "evidence": evidence})


class CrossEncoder(BaseDocumentCompressor):
    """A sentence-transformers cross-encoder by name; loaded at its first use."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: str
    _model: Any = PrivateAttr(default=None)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """All documents, best first, with `relevance_score`."""
        scores = self._loaded().predict([(query, document.page_content) for document in documents])
        for document, score in zip(documents, scores, strict=True):
            document.metadata["relevance_score"] = float(score)
        return sorted(documents, key=lambda document: -document.metadata["relevance_score"])

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                from sentence_transformers import CrossEncoder as Model
            except ImportError as cause:
                raise MissingExtra("sentence-transformers", "sentence-transformers") from cause
            self._model = Model(self.name)
        return self._model


class ModelReranker(BaseDocumentCompressor):
    """A chat model asked which passages answer the question; an unusable reply leaves the order as it was."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    model: BaseChatModel
    most: int = 10
    """Passages shown to the model."""

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """The passages that the model names, in its order, then the others."""
        from retrieval.prompts import rerank_messages

        shown = list(documents[: self.most])
        reply = self.model.invoke(rerank_messages(query, [d.page_content for d in shown])).text
        named = [int(n) - 1 for n in re.findall(r"\d+", reply) if 1 <= int(n) <= len(shown)]
        order = list(dict.fromkeys(named))
        return [*(shown[i] for i in order), *(d for i, d in enumerate(documents) if i not in set(order))]
