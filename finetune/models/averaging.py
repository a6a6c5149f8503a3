"""The mean of several adapters of one base as one adapter of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def averaged(adapters: Sequence[Path], base: Path, out: Path, *, rank: int) -> Path:
    """The mean of what the adapters do to the base, as near to it as an adapter of this rank comes, in `out`."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    names = [f"adapter-{number}" for number in range(len(adapters))]  # PEFT would take "0" for the first layer's.
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapters[0], adapter_name=names[0])
    for name, folder in zip(names[1:], adapters[1:], strict=True):
        model.load_adapter(str(folder), adapter_name=name)
    shares = [1 / len(names)] * len(names)
    model.add_weighted_adapter(names, shares, out.name, combination_type="svd", svd_rank=rank, svd_full_matrices=False)
    model.save_pretrained(str(out.parent), selected_adapters=[out.name])
    return out
