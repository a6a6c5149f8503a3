"""Question → hits: both legs, fused, with a calibrated relevance and an optional reranker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.records import SearchResult
from retrieval.rewrite import History

if TYPE_CHECKING:
    from langchain_core.documents.compressor import BaseDocumentCompressor
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever

    from retrieval.embedders import Embedder
    from retrieval.library import Library


class Search:
    """Searches one library."""

    def __init__(
        self,
        library: Library,
        embedder: Embedder,
        *,
        reranker: BaseDocumentCompressor | None = None,
        rewriter: BaseChatModel | None = None,
    ) -> None:
        self.library = library
        self.embedder = embedder
        self.reranker = reranker
        self.rewriter = rewriter

    def search(self, question: str, *, history: History = (), limit: int = 20) -> SearchResult:
        """The best `limit` sections for the question, best first, each with its best units, and the relevance."""
        raise NotImplementedError

    def retriever(self, *, limit: int = 5) -> BaseRetriever:
        """This search as a LangChain retriever: one Document per hit, with its scores in the metadata."""
        raise NotImplementedError
