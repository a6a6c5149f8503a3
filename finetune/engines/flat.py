"""A batch as one flat sequence: no padding, and what all its rows begin with is computed once.

Linear layers see every real token once. Attention gathers each row back from the flat sequence, so rows never see each
other and the losses are those of separate rows. Knows token ids and attention; no texts, no adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from finetune.models.templates import Row

if TYPE_CHECKING:
    import torch

NAME = "docgraft_flat"
"""How the attention is called in transformers' registry."""
SHORT = 192
"""Up to this many tokens a row's attention is cheaper written out."""
LEAST = 4
"""Shorter common beginnings are not worth sharing."""


class Flattening:
    """The layout of the batch that is being computed; None outside of a flat batch."""

    def __init__(self) -> None:
        self.index: torch.Tensor | None = None
        """(rows, longest): where each row's tokens stand in the flat sequence; its end is filled with 0."""
        self.home: torch.Tensor | None = None
        """(tokens,): where each flat token stands in `index`, flattened."""

    def clear(self) -> None:
        """What comes next is no flat batch."""
        self.index = self.home = None


def flatten(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """The tensors of one flat batch.

    input_ids, position_ids (1, tokens); index (rows, longest), home (tokens,) as in Flattening; logits_to_keep
    (supervised,): flat positions whose next token is learned; labels (supervised,): those next tokens.
    """
    import torch

    shared = common(rows)
    ids, positions = list(rows[0].ids[:shared]), list(range(shared))
    longest = max(len(row.ids) for row in rows)
    index, home, predict, labels = [], list(range(shared)), [], []
    for number, row in enumerate(rows):
        own = len(row.ids) - shared
        places = [*range(shared), *range(len(ids), len(ids) + own)]
        ids += row.ids[shared:]
        positions += range(shared, len(row.ids))
        home += range(number * longest + shared, number * longest + len(row.ids))
        predict += places[row.prompt - 1 : -1]
        labels += row.ids[row.prompt :]
        index.append(places + [0] * (longest - len(places)))
    targets = torch.tensor(labels)
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "index": torch.tensor(index),
        "home": torch.tensor(home),
        "logits_to_keep": torch.tensor(predict),
        "labels": targets,
    }


def in_pieces(
    rows: Sequence[Row], batch: Callable[[Sequence[Row]], dict[str, torch.Tensor]], limit: int
) -> dict[str, Any]:
    """A batch as `batch` makes it, in pieces of at most `limit` tokens (or one row), and all their labels together.

    labels and shift_labels are what a trainer counts the supervised tokens by.
    """
    import torch

    groups: list[list[Row]] = [[]]
    for row in rows:
        if groups[-1] and sum(len(one.ids) for one in groups[-1]) + len(row.ids) > limit:
            groups.append([])
        groups[-1].append(row)
    pieces = [batch(group) for group in groups]
    labels = torch.cat([piece["labels"].reshape(-1) for piece in pieces])
    return {"pieces": pieces, "labels": labels, "shift_labels": labels}


def common(rows: Sequence[Row]) -> int:
    """How many prompt tokens all rows begin with; 0 when too few to matter."""
    length = min(row.prompt for row in rows)
    first = rows[0].ids
    shared = next((at for at in range(length) if any(row.ids[at] != first[at] for row in rows)), length)
    return shared if shared >= LEAST and len(rows) > 1 else 0


def install(network: Any, flattening: Flattening) -> bool:
    """Let the network's attention follow `flattening`; False when this architecture cannot."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    if not possible(network):
        return False

    def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **more: Any) -> tuple[Any, None]:
        if flattening.index is None or flattening.home is None:
            result: tuple[Any, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **more)
            return result
        return _attend((query, key, value), flattening.index, flattening.home, more.get("scaling")), None

    def mask(*args: Any, **more: Any) -> Any:
        return None if flattening.index is not None else sdpa_mask(*args, **more)

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


def _attend(states: tuple[Any, Any, Any], index: Any, home: Any, scaling: float | None) -> Any:
    """Causal attention row by row. States: query, key, value (1, heads, tokens, size) → (1, tokens, heads, size)."""
    query, key, value = states

    def gather(tensor: Any) -> Any:
        flat = tensor[0].transpose(0, 1).reshape(tensor.shape[2], -1)
        rows = flat.index_select(0, index.reshape(-1))
        return rows.view(*index.shape, tensor.shape[1], tensor.shape[3]).transpose(1, 2)

    rows = gather(query), gather(key), gather(value)
    short = index.shape[1] <= SHORT and query.device.type == "cpu"
    out = _short(*rows, scaling) if short else _long(*rows, scaling)
    back = out.transpose(1, 2).reshape(index.numel(), -1).index_select(0, home)
    return back.view(1, home.shape[0], query.shape[1], -1)


def _long(query: Any, key: Any, value: Any, scaling: float | None) -> Any:
    """Rows are filled at their end, and causal attention never looks ahead: no mask is needed."""
    from torch.nn import functional

    if query.shape[1] != key.shape[1]:
        key, value = (one.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for one in (key, value))
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)


def _short(query: Any, key: Any, value: Any, scaling: float | None) -> Any:
    """The same written out, the heads that share a key in one product: for short rows torch's own is slower on a CPU,
    backwards in bfloat16 six times."""
    import torch

    rows, heads, length, size = query.shape
    groups = key.shape[1]
    shape = (rows * groups, heads // groups * length, size)
    k, v = (one.reshape(rows * groups, length, size) for one in (key, value))
    ahead = torch.full((length, length), float("-inf"), dtype=query.dtype).triu(1).repeat(heads // groups, 1)
    scores = torch.baddbmm(ahead, query.reshape(shape), k.transpose(1, 2), alpha=scaling or size**-0.5)
    chances = scores.float().softmax(-1).to(query.dtype)
    return torch.bmm(chances, v).view(rows, heads, length, size)


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
