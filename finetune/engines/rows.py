"""Pairs into training rows: the very prompt of the chat, then answer and end token. Knows tokenizers, no models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from finetune.datasets import messages
from finetune.models.templates import Row, supervised
from finetune.records import Pair
from memory.errors import BadDataset

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KEPT_END = 64
"""Prompt tokens before the answer that a cut never touches: the question and the answer's opening."""


class Rows(NamedTuple):
    """Training rows in dataset order."""

    rows: list[Row]
    truncated: int
    """Rows that were cut, in the middle of their prompt."""
    longest: int
    """Tokens of the longest row before cutting."""

    @property
    def tokens(self) -> int:
        """Tokens of all rows."""
        return sum(len(row.ids) for row in self.rows)

    @property
    def supervised(self) -> int:
        """Answer and end tokens of all rows."""
        return sum(len(row.ids) - row.prompt for row in self.rows)


def encode(pairs: Iterable[Pair], tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Every pair as token ids, none of them cut."""
    rows = [supervised(messages(pair), pair.output, tokenizer) for pair in pairs]
    return Rows(rows, 0, max((len(row.ids) for row in rows), default=0))


def fitted(whole: Rows, *, max_length: int, truncate: bool) -> Rows:
    """Rows of at most `max_length` tokens. BadDataset when one is longer and may not be cut."""
    too_long = [number for number, row in enumerate(whole.rows, 1) if len(row.ids) > max_length]
    if too_long and not truncate:
        raise BadDataset(
            f"{len(too_long)} rows are longer than max_length {max_length}; the longest has {whole.longest} tokens.",
            f"Set max_length to {whole.longest}, allow truncation, or build the dataset with less context.",
            row=too_long[0],
        )
    return Rows([cut(row, max_length) for row in whole.rows], len(too_long), whole.longest)


def cut(row: Row, limit: int) -> Row:
    """A row of at most `limit` tokens: what goes is the prompt's middle, never the question's end or the answer."""
    surplus = len(row.ids) - limit
    if surplus <= 0:
        return row
    end = max(row.prompt - KEPT_END, 0)
    start = end - surplus
    if start < 0:
        raise BadDataset(f"A row's answer alone does not fit into max_length {limit}.", "Raise max_length.")
    return Row([*row.ids[:start], *row.ids[end:]], row.prompt - surplus)


def order(lengths: Sequence[int], batch: int, *, seed: int, epoch: int, window: int = 8) -> list[int]:
    """The order of one epoch: shuffled globally, then rows of like length put into the same batch.

    Lengths are compared within `window` batches only, so that the order stays random; the batches themselves are
    shuffled again. The same seed and epoch give the same order, in any process.
    """
    import random

    rng = random.Random(f"{seed}:{epoch}")
    shuffled = list(range(len(lengths)))
    rng.shuffle(shuffled)
    span = batch * window
    grouped = [
        i for at in range(0, len(shuffled), span) for i in sorted(shuffled[at : at + span], key=lengths.__getitem__)
    ]
    batches = [grouped[at : at + batch] for at in range(0, len(grouped), batch)]
    short = batches.pop() if batches and len(batches[-1]) < batch else []
    rng.shuffle(batches)
    return [index for one in batches for index in one] + short
