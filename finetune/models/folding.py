"""An adapter folded into a model folder's own weights, giving the same bytes on every machine. Needs no PEFT.

The fingerprint of the folded model must be the same everywhere, or adapters trained on it would fit their maker's
machine only: the product of the adapter's matrices is made in float64 and rounded to 16 bits before it is added, so
that the order in which a processor sums does not show.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.models import adapter_files
from finetune.models.fingerprints import weights
from memory.errors import BackendFailed

if TYPE_CHECKING:
    import torch

_HEAD = "base_model.model."


def fold(folder: Path, adapter: Path) -> int:
    """Add a LoRA adapter to the safetensors weights in `folder`, in float32; how many matrices changed.

    BackendFailed when a matrix of the adapter has none of its shape in the model; then nothing is written.
    """
    from safetensors.torch import load_file, save_file

    values = adapter_files.configuration(adapter)
    scale = values["lora_alpha"] / (values["r"] ** 0.5 if values.get("use_rslora") else values["r"])
    lora = load_file(adapter / adapter_files.WEIGHTS)
    downs = {name.removeprefix(_HEAD).removesuffix(".lora_A.weight"): name for name in lora if ".lora_A." in name}
    changed: set[str] = set()
    written = []
    for file in weights(folder):
        tensors = load_file(file)
        for module, down in downs.items():
            name = f"{module}.weight"
            if name in tensors:
                delta = _delta(lora[down], lora[down.replace(".lora_A.", ".lora_B.")], scale)
                tensors[name] = _added(tensors[name], delta, name)
                changed.add(module)
        beside = file.with_suffix(".tmp")
        save_file({name: tensor.float().contiguous() for name, tensor in tensors.items()}, beside, {"format": "pt"})
        written.append((beside, file))
    if missing := sorted(set(downs) - changed):
        raise BackendFailed(f"The adapter does not fit this model: it has no {missing[0]}.", "Fetch the model again.")
    for beside, file in written:
        beside.replace(file)
    return len(changed)


def _delta(down: torch.Tensor, up: torch.Tensor, scale: float) -> torch.Tensor:
    """What the adapter adds to one matrix, (out, in)."""
    import torch

    return (scale * (up.double() @ down.double())).to(torch.bfloat16).float()


def _added(weight: torch.Tensor, delta: torch.Tensor, name: str) -> Any:
    if weight.shape != delta.shape:
        raise BackendFailed(
            f"The adapter does not fit this model: {name} is {tuple(weight.shape)} and not {tuple(delta.shape)}.",
            "Fetch the model again.",
        )
    return weight.float() + delta
