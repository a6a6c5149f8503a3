"""Question + history + hits → a streamed Answer with checked citations. Knows no backend: any BaseChatModel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.prompts import LARGE, Count, EvidencePlan, estimate
from retrieval.records import Answer, SearchResult
from retrieval.rewrite import History

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from retrieval.search import Search


class Answerer:
    """Answers from one search with one chat model."""

    def __init__(
        self,
        search: Search,
        model: BaseChatModel,
        *,
        plan: EvidencePlan = LARGE,
        count: Count = estimate,
        context_window: int = 8192,
        answer_tokens: int = 512,
        name: str = "",
        adapter: str = "",
    ) -> None:
        """`count` and `context_window` are the model's own; the evidence shrinks until prompt and answer fit."""
        self.search = search
        self.model = model
        self.plan = plan
        self.count = count
        self.context_window = context_window
        self.answer_tokens = answer_tokens
        self.name = name
        self.adapter = adapter

    def stream(
        self, question: str, *, history: History = (), memory: str = "", result: SearchResult | None = None
    ) -> Iterator[str | Answer]:
        """Pieces of the answer's text as they come, then the Answer. Closing the iterator stops the model.

        Give `result` to answer from hits already found (two arms of a comparison share the very same ones).
        """
        raise NotImplementedError

    def ask(
        self, question: str, *, history: History = (), memory: str = "", result: SearchResult | None = None
    ) -> Answer:
        """The finished Answer."""
        raise NotImplementedError


def safe_markdown(text: str) -> str:
    """Markdown that loads nothing from elsewhere: images become their text, links of unsafe schemes too, HTML shows."""
    raise NotImplementedError
