"""Tokens into text as they come: never half a character, never a piece of a stop text. Knows a tokenizer's decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_HALF = "\ufffd"
"""What a decoder writes for a character whose bytes have not all come."""


class Unfolding:
    """The text of one answer. What `add` and `rest` gave, joined, is `text`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str] = ()) -> None:
        self.text = ""
        """What has been given out."""
        self.stopped = False
        """One of the stop texts has come; it is not part of the text."""
        self._tokenizer = tokenizer
        self._stop = [text for text in stop if text]
        self._tokens: list[int] = []
        self._whole = ""

    def add(self, token: int) -> str:
        """The text that this token makes certain; "" while a character or a stop text may still be unfinished."""
        self._tokens.append(token)
        self._whole = str(self._tokenizer.decode(self._tokens, skip_special_tokens=True))
        for text in self._stop:
            found = self._whole.find(text)
            if found >= 0:
                self._whole, self.stopped = self._whole[:found], True
        certain = self._whole if self.stopped else self._whole.rstrip(_HALF)
        held = 0 if self.stopped else max((_overlap(certain, text) for text in self._stop), default=0)
        return self._give(certain[: len(certain) - held])

    def rest(self) -> str:
        """What was held back, once no more tokens come."""
        return self._give(self._whole)

    def _give(self, upto: str) -> str:
        new = upto[len(self.text) :]
        self.text += new
        return new


def _overlap(text: str, stop: str) -> int:
    """How many of the last characters of `text` may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
