"""General rows hold a model to what it said before: their loss is the distance to the chances of the base itself.

Trained on as answers, they teach our wording while everything else drifts. So the model with its adapter off says how
likely each next token of such a row was, and the adapted model is kept near that (Kullback–Leibler divergence).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from finetune.engines.sft import finite, trainer_class
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


def drift(trainer: Any, model: Any, piece: dict[str, Any]) -> Any:
    """Summed divergence of the adapted model from its base over the supervised tokens of one piece."""
    import torch

    values = trainer.flattening.set(piece)
    learned = values.pop("labels").reshape(-1) != -100
    trainer.progress.count(values["input_ids"].numel())
    with torch.no_grad(), trainer.accelerator.unwrap_model(model).disable_adapter():
        before = _chances(model, values)
    apart = torch.nn.functional.kl_div(_chances(model, values), before, log_target=True, reduction="none")
    return apart.sum(-1)[learned].sum()


@functools.cache
def keeping_class() -> Any:
    """The trainer of sft.py for batches that bring general rows apart, under "kept"."""

    class Keeper(trainer_class()):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None):  # type: ignore[no-untyped-def]
            kept, values = inputs.get("kept") or [], {name: one for name, one in inputs.items() if name != "kept"}
            count = num_items_in_batch if num_items_in_batch is not None else (inputs["labels"] != -100).sum()
            before: Any = 0.0
            *pieces, last = kept if kept and not values["pieces"] else [*kept, None]
            for piece in pieces:
                loss = finite(self, drift(self, model, piece) / count)
                if model.training:
                    self.accelerator.backward(loss)
                before = before + loss.detach()
            if last is None:
                return super().compute_loss(model, values, num_items_in_batch=num_items_in_batch) + before
            return finite(self, drift(self, model, last) / count) + before

    return Keeper


def _chances(model: Any, values: dict[str, Any]) -> Any:
    logits = model(**values, use_cache=False).logits
    return logits.reshape(-1, logits.shape[-1]).float().log_softmax(-1)
