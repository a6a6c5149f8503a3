"""Pairs into training rows: the very prompt of the chat, then answer and end token. Knows tokenizers, no models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune.datasets import CONTEXT_KINDS, GENERAL_KINDS, messages
from finetune.models.templates import Row, supervised
from finetune.recipes import dealt
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
    groups: Sequence[int] = ()
    """Rows of the same number are about the same evidence."""
    general: Sequence[int] = ()
    """Numbers of the rows that are about none of the documents."""

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
    known: dict[str, int] = {}
    rows, groups, general = [], [], []
    for number, pair in enumerate(pairs):
        if pair.kind in GENERAL_KINDS:
            general.append(number)
        rows.append(supervised(messages(pair), pair.output, tokenizer))
        shown = shown_to(pair)
        groups.append(known.setdefault(shown, number) if shown else number)
    return Rows(rows, 0, max((len(row.ids) for row in rows), default=0), groups, general)


def shown_to(pair: Pair) -> str:
    """The evidence that a row is about; "" for one that shows none."""
    return pair.input if pair.kind in CONTEXT_KINDS else ""


def fitted(whole: Rows, *, max_length: int, truncate: bool) -> Rows:
    """Rows of at most `max_length` tokens. BadDataset when one is longer and may not be cut."""
    too_long = [number for number, row in enumerate(whole.rows, 1) if len(row.ids) > max_length]
    if too_long and not truncate:
        raise BadDataset(
            f"{len(too_long)} rows are longer than max_length {max_length}; the longest has {whole.longest} tokens.",
            f"Set max_length to {whole.longest}, allow truncation, or build the dataset with less context.",
            row=too_long[0],
        )
    return whole._replace(rows=[cut(row, max_length) for row in whole.rows], truncated=len(too_long))


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


def in_pass(rows: Rows, epochs: float, *, seed: int = 0, epoch: int = 0) -> list[int]:
    """The numbers of the rows of one pass: all that teach, and the general ones whose turn it is.

    General rows are dealt out over the passes. Seen once each they keep a model's manners; seen in every pass they are
    learned by heart and keep nothing (docs/BENCHMARKS.md). Every pass has as many rows; rows about the same evidence
    have their turn together.
    """
    import random

    apart = set(rows.general)
    rng = random.Random(seed)
    turns = {group: rng.random() for group in dict.fromkeys(_group(rows, number) for number in rows.general)}
    shuffled = sorted(rows.general, key=lambda number: turns[_group(rows, number)])
    share = dealt(len(shuffled), epochs)
    turn = [shuffled[(epoch * share + place) % len(shuffled)] for place in range(share)]
    return [number for number in range(len(rows.rows)) if number not in apart] + turn


def _group(rows: Rows, number: int) -> int:
    return rows.groups[number] if rows.groups else number


def pass_order(rows: Rows, epochs: float, batch: int, *, seed: int, epoch: int) -> list[int]:
    """The numbers of the rows of one pass, in the order they are learned in."""
    some = in_pass(rows, epochs, seed=seed, epoch=epoch)
    lengths, groups = [len(rows.rows[number].ids) for number in some], [_group(rows, number) for number in some]
    return [some[place] for place in order(lengths, batch, seed=seed, epoch=epoch, groups=groups)]


def order(
    lengths: Sequence[int], batch: int, *, seed: int, epoch: int, window: int = 8, groups: Sequence[int] = ()
) -> list[int]:
    """The order of one epoch: shuffled globally, then rows of like length put into the same batch.

    Lengths are compared within `window` batches only, so that the order stays random; the batches themselves are
    shuffled again. Rows of one group (about the same evidence, which is then computed once) stay together, at most half
    a batch of them at a time. The same seed and epoch give the same order, in any process.
    """
    import random

    rng = random.Random(f"{seed}:{epoch}")
    parts = _parts(len(lengths), max(1, batch // 2), groups, rng)
    rng.shuffle(parts)
    span = batch * window
    grouped = [
        row for some in _spans(parts, span) for part in sorted(some, key=lambda part: lengths[part[0]]) for row in part
    ]
    batches = [grouped[at : at + batch] for at in range(0, len(grouped), batch)]
    short = batches.pop() if batches and len(batches[-1]) < batch else []
    rng.shuffle(batches)
    return [index for one in batches for index in one] + short


def _parts(rows: int, most: int, groups: Sequence[int], rng: Any) -> list[list[int]]:
    """Row numbers by group, in pieces of at most `most`, of rows by chance."""
    members: dict[int, list[int]] = {}
    for row in range(rows):
        members.setdefault(groups[row] if groups else row, []).append(row)
    for group in members.values():
        if len(group) > 1:
            rng.shuffle(group)
    return [group[at : at + most] for group in members.values() for at in range(0, len(group), most)]


def _spans(parts: Sequence[list[int]], rows: int) -> Iterator[list[list[int]]]:
    """Consecutive parts of at least `rows` rows together."""
    some: list[list[int]] = []
    count = 0
    for part in parts:
        some.append(part)
        count += len(part)
        if count >= rows:
            yield some
            some, count = [], 0
    if some:
        yield some
