"""A batch as one flat sequence: no padding, and what rows begin with in common is computed once.

All rows share the system text, those about the same evidence share that too. Linear layers see every token once.
Attention gathers each row back from the flat sequence, so rows never see each other and the losses are those of
separate rows. Knows token ids and attention; no texts, no adapters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune.models.templates import Row

if TYPE_CHECKING:
    import torch

NAME = "docgraft_flat"
"""How the attention is called in transformers' registry."""
SHORT = 1024
"""Up to this many tokens a row's attention is cheaper written out."""
LIKE = 2
"""Rows up to so many times as long as the shortest one are filled up to the longest: one call costs less than two."""
LEAST = 4
"""Shorter common beginnings are not worth sharing."""


class Bunch(NamedTuple):
    """Rows whose attention is one call."""

    places: torch.Tensor
    """(rows, longest): where each row's tokens stand in the flat sequence; its end is filled with 0."""
    asks: torch.Tensor
    """(rows, queries): those of them that attend, the row's last ones; the end is filled with 0."""
    seen: torch.Tensor | None
    """(rows, queries, longest): true where a query may look; None where all tokens attend, causally."""


class Flattening:
    """The layout of the batch that is being computed; None outside of a flat batch."""

    def __init__(self) -> None:
        self.bunches: list[Bunch] | None = None
        self.home: torch.Tensor | None = None
        """(tokens,): where each flat token stands in the bunches' `asks`, flattened one after the other."""

    def set(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take the layout out of a batch; what remains is the network's."""
        values = dict(batch)
        bunches, self.home = values.pop("bunches", None), values.pop("home", None)
        self.bunches = None if bunches is None else [Bunch(**bunch) for bunch in bunches]
        return values

    def clear(self) -> None:
        """What comes next is no flat batch."""
        self.bunches = self.home = None


def flatten(rows: Sequence[Row]) -> dict[str, Any]:
    """The tensors of one flat batch.

    input_ids, position_ids (1, tokens); bunches, home as in Flattening; logits_to_keep (supervised,): flat positions
    whose next token is learned; labels (supervised,): those next tokens.
    """
    import torch

    ids: list[int] = []
    positions: list[int] = []
    predict: list[int] = []
    labels: list[int] = []
    paths: list[tuple[list[int], int]] = []
    path: list[int] = []
    for row, shared in together(rows):
        path = [*path[:shared], *range(len(ids), len(ids) + len(row.ids) - shared)]
        paths.append((path, shared))
        ids += row.ids[shared:]
        positions += range(shared, len(row.ids))
        predict += path[row.prompt - 1 : -1]
        labels += row.ids[row.prompt :]
    bunches, home = _bunched(paths, len(ids))
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "bunches": [bunch._asdict() for bunch in bunches],
        "home": home,
        "logits_to_keep": torch.tensor(predict),
        "labels": torch.tensor(labels),
    }


def together(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """The rows in the order in which neighbours share most, each with how many tokens it shares with the one before."""
    found: list[tuple[Row, int]] = []
    for row in sorted(rows, key=lambda row: row.ids):
        shared = 0
        if found:
            before, most = found[-1][0].ids, min(len(found[-1][0].ids), len(row.ids) - 1)
            shared = next((at for at in range(most) if before[at] != row.ids[at]), most)
        found.append((row, shared if shared >= LEAST else 0))
    return found


def cross_entropy(model: Any, flattening: Flattening, piece: dict[str, Any]) -> torch.Tensor:
    """Summed over the supervised tokens of one piece, whose layout the attention follows meanwhile."""
    import torch

    values = flattening.set(piece)
    labels = values.pop("labels")
    logits = model(**values, use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1), ignore_index=-100, reduction="sum"
    )


def in_pieces(rows: Sequence[Row], batch: Callable[[Sequence[Row]], dict[str, Any]], limit: int) -> dict[str, Any]:
    """A batch as `batch` makes it, in pieces of at most `limit` tokens (or one row), and all their labels together.

    Flat pieces compute what rows share once; padded ones compute every row at the length of the longest.

    labels and shift_labels are what a trainer counts the supervised tokens by.
    """
    import torch

    groups: list[list[Row]] = [[]]
    tokens, flat = 0, batch is flatten
    for row, shared in together(rows) if flat else [(row, 0) for row in sorted(rows, key=lambda row: len(row.ids))]:
        tokens = tokens + len(row.ids) - shared if flat else (len(groups[-1]) + 1) * len(row.ids)
        if groups[-1] and tokens > limit:
            groups.append([])
            tokens = len(row.ids)
        groups[-1].append(row)
    pieces = [batch(group) for group in groups]
    labels = torch.cat([piece["labels"].reshape(-1) for piece in pieces])
    return {"pieces": pieces, "labels": labels, "shift_labels": labels}


def _bunched(paths: Sequence[tuple[list[int], int]], tokens: int) -> tuple[list[Bunch], torch.Tensor]:
    """Bunches and home. Each path with how many of its first tokens attend in another row."""
    import torch

    home = torch.empty(tokens, dtype=torch.long)
    bunches: list[Bunch] = []
    begin = 0
    # A mask costs more than the queries it saves where a row shares less than half of itself.
    kinds = {whole: [one for one in paths if (2 * one[1] < len(one[0])) is whole] for whole in (True, False)}
    for whole, chosen in ((whole, some) for whole, of_kind in kinds.items() for some in _alike(of_kind)):
        longest = max(len(path) for path, _ in chosen)
        wide = longest if whole else max(len(path) - shared for path, shared in chosen)
        index = torch.zeros(len(chosen), longest, dtype=torch.long)
        asks = index if whole else torch.zeros(len(chosen), wide, dtype=torch.long)
        for number, (path, shared) in enumerate(chosen):
            index[number, : len(path)] = torch.tensor(path)
            first = 0 if whole else shared
            own = torch.tensor(path[shared:])
            if not whole:
                asks[number, : len(own)] = own
            home[own] = torch.arange(len(own)) + begin + number * wide + shared - first
        seen = None
        if not whole:
            starts = torch.tensor([shared for _, shared in chosen])
            last = starts[:, None] + torch.arange(wide)
            seen = torch.arange(longest) <= last[:, :, None]
        bunches.append(Bunch(index, asks, seen))
        begin += asks.numel()
    return bunches, home


def _alike(paths: Sequence[tuple[list[int], int]]) -> Iterator[list[tuple[list[int], int]]]:
    """The paths by length, those together that are at most LIKE times as long as the shortest."""
    some: list[tuple[list[int], int]] = []
    for one in sorted(paths, key=lambda one: len(one[0])):
        if some and len(one[0]) > LIKE * len(some[0][0]):
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def install(network: Any, flattening: Flattening) -> bool:
    """Let the network's attention follow `flattening`; False when this architecture cannot."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    if not possible(network):
        return False

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **more: Any) -> tuple[Any, None]:
        if flattening.bunches is None or flattening.home is None:
            result: tuple[Any, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **more)
            return result
        return _attend((query, key, value), flattening.bunches, flattening.home, more.get("scaling")), None

    def mask(*args: Any, **more: Any) -> Any:
        return None if flattening.bunches is not None else sdpa_mask(*args, **more)

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, mask)
    network.set_attn_implementation(NAME)
    return True


def possible(network: Any) -> bool:
    """Whether every layer of this architecture is plain causal attention through transformers' registry."""
    config = network.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    plain = kinds == {"full_attention"} and not getattr(config, "attn_logit_softcapping", None)
    sliding = getattr(config, "use_sliding_window", False) and getattr(config, "sliding_window", None)
    return bool(plain and not sliding and getattr(network, "_supports_attention_backend", False))


def _attend(states: tuple[Any, Any, Any], bunches: Sequence[Bunch], home: Any, scaling: float | None) -> Any:
    """Attention row by row. States: query, key, value (1, heads, tokens, size) → (1, tokens, heads, size)."""
    import torch

    query, key, value = states
    found = []
    for bunch in bunches:
        rows = _gather(query, bunch.asks), _gather(key, bunch.places), _gather(value, bunch.places)
        short = query.device.type == "cpu" and (bunch.places.shape[1] <= SHORT or bunch.seen is not None)
        out = _short(*rows, bunch.seen, scaling) if short else _long(*rows, bunch.seen, scaling)
        found.append(out.transpose(1, 2).reshape(bunch.asks.numel(), -1))
    back = torch.cat(found).index_select(0, home)
    return back.view(1, home.shape[0], query.shape[1], -1)


def _gather(tensor: Any, index: Any) -> Any:
    """(1, heads, tokens, size) by (rows, length) → (rows, heads, length, size)."""
    import torch

    flat = tensor[0].transpose(0, 1).reshape(tensor.shape[2], -1)
    if tensor.device.type == "cpu":
        rows = flat.index_select(0, index.reshape(-1))
    else:  # On a GPU this one adds up what comes back to a shared token in float32 and always in the same order.
        rows = torch.nn.functional.embedding(index, flat)
    return rows.view(*index.shape, tensor.shape[1], tensor.shape[3]).transpose(1, 2)


def _long(query: Any, key: Any, value: Any, seen: Any, scaling: float | None) -> Any:
    """Rows are filled at their end, and causal attention never looks ahead: whole rows need no mask."""
    from torch.nn import functional

    if query.shape[1] != key.shape[1]:
        key, value = (one.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for one in (key, value))
    mask = None if seen is None else seen[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask, is_causal=mask is None, scale=scaling)


def _short(query: Any, key: Any, value: Any, seen: Any, scaling: float | None) -> Any:
    """The same written out, the heads that share a key in one product: for short rows torch's own is slower on a CPU,
    backwards in bfloat16 six times."""
    import torch

    rows, heads, asked, size = query.shape
    groups, length = key.shape[1], key.shape[2]
    shape = (rows * groups, heads // groups * asked, size)
    k, v = (one.reshape(rows * groups, length, size) for one in (key, value))
    hidden = torch.ones(asked, length, dtype=torch.bool).triu(1)[None] if seen is None else ~seen
    out = _written().apply(query.reshape(shape), k, v, hidden, scaling or size**-0.5)
    return out.view(rows, heads, asked, size)


@functools.cache
def _written() -> Any:
    """softmax(s·Q·Kᵀ)·V whose chances are computed again on the way back: kept, they would be most of the memory of a
    step with rows of some hundred tokens."""
    import torch

    def chances(q: Any, k: Any, hidden: Any, scale: float) -> Any:
        """(rows × groups, heads of a group × queries, tokens) in float32."""
        scores = torch.bmm(q, k.transpose(1, 2)).float().mul_(scale)
        scores.view(hidden.shape[0], -1, *hidden.shape[1:]).masked_fill_(hidden[:, None], float("-inf"))
        return scores.softmax(-1)

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, q: Any, k: Any, v: Any, *how: Any) -> Any:
            hidden, scale = how
            ctx.save_for_backward(q, k, v, hidden)
            ctx.scale = scale
            return torch.bmm(chances(q, k, hidden, scale).to(v.dtype), v)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            q, k, v, hidden = ctx.saved_tensors
            p = chances(q, k, hidden, ctx.scale)
            dv = torch.bmm(p.to(v.dtype).transpose(1, 2), gradient)
            dp = torch.bmm(gradient, v.transpose(1, 2)).float()
            inner = (dp * p).sum(-1, keepdim=True)
            ds = dp.sub_(inner).mul_(p).mul_(ctx.scale).to(q.dtype)
            return torch.bmm(ds, k), torch.bmm(ds.transpose(1, 2), q), dv, None, None

    return Written


def padded(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """The same batch as separate rows filled at their end, for architectures that cannot follow a flat one.

    input_ids, attention_mask (rows, longest); logits_to_keep: the columns that some row learns from; labels (rows,
    columns), −100 where that row does not.
    """
    import torch

    longest, first = max(len(row.ids) for row in rows), min(row.prompt for row in rows) - 1
    ids = torch.tensor([row.ids + [row.ids[-1]] * (longest - len(row.ids)) for row in rows])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows])
    labels = [row.labels[1:] + [-100] * (longest - len(row.ids) + 1) for row in rows]
    targets = torch.tensor([one[first : longest - 1] for one in labels])
    keep = torch.arange(first, longest - 1)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "logits_to_keep": keep,
        "labels": targets,
    }


def labelled(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """The same batch as every trainer knows it: input_ids, attention_mask, labels (rows, longest), −100 elsewhere."""
    import torch

    longest = max(len(row.ids) for row in rows)
    return {
        "input_ids": torch.tensor([row.ids + [row.ids[-1]] * (longest - len(row.ids)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows]),
        "labels": torch.tensor([row.labels + [-100] * (longest - len(row.ids)) for row in rows]),
    }
