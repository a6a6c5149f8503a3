"""Blanking what is to be forgotten out of texts that quote it. Pure; knows no database."""

from __future__ import annotations

import re
from typing import Any

from memory.facts import FORGOTTEN, exact, sentences
from memory.facts.statement import fold
from memory.han import has_han
from memory.overlap import PERSONAL, of_fact, words
from memory.records import Record

REPEATS = 0.6
"""Share of a forgotten text's content words from which a sentence counts as saying it again."""
OF_DOCUMENTS = {"hits", "sources", "citations", "quote"}
"""Keys of kept data that hold words of documents, which are not the user's and stay."""


class Redaction(Record):
    """One thing to forget."""

    key: str
    text: str
    values: tuple[str, ...]
    """The fact's value, and values that it had before."""

    def of(self, text: str, *, near: bool) -> str:
        """`text` with what says the fact blanked.

        Everywhere: values that stand for nothing else (codes, addresses, long numbers, the user's name), the words
        themselves and sentences that repeat them. In the conversation where it was said (`near`): every value.
        """
        for value in self.values:
            if near or self._distinctive(value):
                text = _replaced(text, value)
        text = _replaced(text, self.text)
        if self._may_repeat(text):
            for sentence in sentences(text):
                if self._repeats(sentence):
                    text = text.replace(sentence, _mark(sentence))
        return text

    def of_data(self, data: Any, *, near: bool) -> Any:
        """`of` for every string of a JSON value but what documents say."""
        if isinstance(data, str):
            return self.of(data, near=near)
        if isinstance(data, list):
            return [self.of_data(item, near=near) for item in data]
        if isinstance(data, dict):
            return {k: v if k in OF_DOCUMENTS else self.of_data(v, near=near) for k, v in data.items()}
        return data

    def _distinctive(self, value: str) -> bool:
        if exact.shape(value) == "number":
            return len(value) >= 5
        return exact.shape(value) == "code" or (self.key == "name" and len(value) > 1)

    def _may_repeat(self, text: str) -> bool:
        """A cheap look before the sentences are taken apart: most turns have nothing to do with the fact."""
        folded = fold(text).replace("臺", "台")
        return any(word[:4] in folded for word in words(self.text))

    def _repeats(self, sentence: str) -> bool:
        told = of_fact(self.key, self.text)
        shared = told & of_fact("", sentence)
        holds = any(_pattern(value).search(sentence) for value in self.values)
        about = bool(PERSONAL.search(sentence)) or len(shared) >= 4
        return about and len(shared) >= REPEATS * len(told) and (holds or len(shared) >= 3)


def _replaced(text: str, words: str) -> str:
    return _pattern(words).sub(lambda match: _mark(match.group()), text) if fold(words) else text


def _pattern(words: str) -> re.Pattern[str]:
    """The words as whole words, in any case and spacing."""
    body = r"\s+".join(re.escape(word) for word in words.split())
    return re.compile(rf"(?<![A-Za-z0-9]){body}(?![A-Za-z0-9])", re.IGNORECASE)


def _mark(words: str) -> str:
    return FORGOTTEN[has_han(words)]
