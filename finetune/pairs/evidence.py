"""Does a question lead back to its section, and what does the search bring beside it? Asks library and search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from retrieval.records import Hit, Section
from retrieval.tokens import tokens

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.search import Search

_RARE = 3
"""Sections that may hold a word for it to lead to each of them."""
_TELLING = 8
"""So many of a question's rarest tokens are looked up."""
_REMEMBERED = 512
"""Look-ups that are kept."""


class Trail:
    """Ways back from questions to sections. Holds token counts of the library, never its text."""

    def __init__(self, library: Library, search: Search | None, *, within: int = 10) -> None:
        self.library = library
        self.search = search
        self.within = within
        self.frequency: Counter[str] = Counter()
        self._sections: dict[str, str] = {}
        self._section: tuple[str, frozenset[str]] = ("", frozenset())
        self._answer = lru_cache(maxsize=256)(self._searched)
        self._known: dict[tuple[str, ...], frozenset[str]] = {(): frozenset()}

    def learn(self, text: str) -> None:
        """Count which tokens a section holds."""
        self.frequency.update(set(tokens(text)))

    def back(self, questions: Sequence[str], section: Section) -> list[bool]:
        """For each question whether a search finds the section: by its words, else by its meaning.

        A word that at most three sections hold, this one among them, settles it without a look-up.
        """
        section_id = section.id
        own = self._own(section)
        found = [self._rare(question, own) for question in questions]
        missing = [place for place, good in enumerate(found) if not good]
        for place, sections in zip(missing, self._by_words([questions[p] for p in missing]), strict=True):
            found[place] = section_id in sections
        missing = [place for place, good in enumerate(found) if not good]
        if missing and self.search is not None:
            for place, good in zip(missing, self._by_meaning([questions[p] for p in missing], section_id), strict=True):
                found[place] = good
        return found

    def hits(self, question: str) -> tuple[Hit, ...]:
        """What the chat's own search brings for the question."""
        return self._answer(question)

    def _own(self, section: Section) -> frozenset[str]:
        if self._section[0] != section.id:
            self._section = (section.id, frozenset(tokens(f"{section.heading}\n{section.text}")))
        return self._section[1]

    def _rare(self, question: str, own: frozenset[str]) -> bool:
        return any(token in own and self.frequency[token] <= _RARE for token in tokens(question))

    def _searched(self, question: str) -> tuple[Hit, ...]:
        return self.search.hits(question, limit=12) if self.search is not None else ()

    def _by_words(self, questions: Sequence[str]) -> list[frozenset[str]]:
        """Wordings of one fact mostly share their telling words, so many look-ups are remembered ones."""
        telling = [self._telling(question) for question in questions]
        if len(self._known) > _REMEMBERED:
            self._known = {(): frozenset()}
        unknown = [words for words in dict.fromkeys(telling) if words not in self._known]
        if unknown:
            looked_up = self.library.keyword_scores_each(unknown, 5 * self.within)
            self._known.update(zip(unknown, (frozenset(self._first(scores)) for scores in looked_up), strict=True))
        return [self._known[words] for words in telling]

    def _telling(self, question: str) -> tuple[str, ...]:
        held = [t for t in dict.fromkeys(tokens(question)) if self.frequency[t]]
        return tuple(sorted(sorted(held, key=lambda t: self.frequency[t])[:_TELLING]))

    def _by_meaning(self, questions: list[str], section_id: str) -> Iterable[bool]:
        vectors = self.library.embedder.encode(questions, query=True)
        for scores in self.library.vector_scores_each(vectors, 3 * self.within):
            yield section_id in self._first(scores)

    def _first(self, scores: dict[str, float]) -> set[str]:
        """The sections of the best chunks, `within` of them."""
        best = sorted(scores, key=lambda chunk: -scores[chunk])
        unknown = [chunk for chunk in best if chunk not in self._sections]
        if unknown:
            self._sections.update(self.library.sections_of(unknown))
        found: dict[str, None] = {}
        for chunk in best:
            if chunk in self._sections and len(found) < self.within:
                found[self._sections[chunk]] = None
        return set(found)
