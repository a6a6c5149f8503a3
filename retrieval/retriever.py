"""Our search as a LangChain retriever, for chains that are not ours. Knows nothing of how it ranks."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever


class HybridRetriever(BaseRetriever):
    """One Document per section found, best first; none when the evidence is below the floor."""

    search: Any
    """A `retrieval.search.Search`."""
    limit: int = 5

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        result = self.search.search(query, limit=self.limit)
        if not result.relevant:
            return []
        return [
            Document(
                id=hit.section.id,
                page_content=hit.section.text,
                metadata={
                    "document": hit.document,
                    "section": hit.section.heading,
                    "score": hit.score,
                    "relevance": result.relevance,
                    "quote": hit.evidence[0].unit.text if hit.evidence else "",
                    **{f"score_{leg}": value for leg, value in hit.scores.items()},
                },
            )
            for hit in result.hits
        ]
