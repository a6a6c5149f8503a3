"""General rows hold a model to what it said before: their loss is the distance to the chances of the base itself.

Trained on as answers, they teach our wording while everything else drifts. So the model with its adapter off says how
likely each next token of such a row was, and the adapted model is kept near that (Kullback–Leibler divergence).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from finetune.models.templates import Row


def separated(
    rows: Sequence[Row], general: Sequence[bool], pieces: Callable[[Sequence[Row]], dict[str, Any]]
) -> dict[str, Any]:
    """A batch as `pieces` makes it, those of general rows under "kept", and all its labels together."""
    import torch

    parts = [[row for row, one in zip(rows, general, strict=True) if one is which] for which in (False, True)]
    taught, kept = (pieces(some) if some else {"pieces": []} for some in parts)
    labels = torch.cat([part["labels"] for part in (taught, kept) if part["pieces"]])
    return {"pieces": taught["pieces"], "kept": kept["pieces"], "labels": labels, "shift_labels": labels}


def drift(trainer: Any, model: Any, values: dict[str, Any], labels: Any) -> Any:
    """Summed divergence of the adapted model from its base over the supervised tokens of one piece."""
    import torch

    with torch.no_grad(), trainer.accelerator.unwrap_model(model).disable_adapter():
        before = _chances(model, values)
    apart = torch.nn.functional.kl_div(_chances(model, values), before, log_target=True, reduction="none")
    return apart.sum(-1)[labels.reshape(-1) != -100].sum()


def _chances(model: Any, values: dict[str, Any]) -> Any:
    logits = model(**values, use_cache=False).logits
    return logits.reshape(-1, logits.shape[-1]).float().log_softmax(-1)
