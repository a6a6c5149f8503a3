"""The base model loaded for training, with a fresh adapter on it. Knows precisions and PEFT; no rows, no loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune.engines import Readiness
from finetune.models.devices import Device
from finetune.models.fingerprints import weights
from finetune.models.loading import in_one_piece, plain_failures
from finetune.notices import notice
from finetune.records import TrainingSpec


def precision(spec: TrainingSpec, device: Device) -> str:
    """What the base's weights are held and computed in: float32, bfloat16 or float16."""
    if spec.bits == 32:
        return "float32"
    if device.bfloat16:
        return "bfloat16"
    return "float32" if device.kind == "cpu" else "float16"


def possible(spec: TrainingSpec, device: Device) -> Readiness:
    """Whether the spec's precision and device count can work on this device."""
    missing = None
    if spec.bits == 4 and not device.four_bit:
        missing = notice("four_bit_apple" if device.kind == "mps" else "four_bit_missing")
    elif spec.bits == 8 and not device.eight_bit:
        missing = notice("eight_bit_missing" if device.kind in ("cpu", "cuda", "rocm") else "eight_bit_device")
    elif spec.bits == 16 and device.kind in ("cpu", "mps") and not device.bfloat16:
        missing = notice("no_bfloat16")
    elif spec.method == "qlora" and spec.bits > 8:
        missing = notice("qlora_bits", bits=spec.bits)
    elif device.kind not in ("cpu", "mps") and spec.devices > device.count:
        missing = notice("too_many_devices", wanted=spec.devices, found=device.count)
    return Readiness.to(device.kind, missing)


def load_network(spec: TrainingSpec, base: Path, device: Device) -> Any:
    """The base as a PEFT model with a fresh float32 adapter, in training mode. BackendFailed in plain words."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, set_seed

    weights(base)
    more: dict[str, Any] = {}
    if spec.bits in (4, 8):
        more["quantization_config"] = _quantisation(spec, device)
    with plain_failures(f"The model in {base}"):
        network: Any = AutoModelForCausalLM.from_pretrained(
            str(base),
            dtype=getattr(torch, precision(spec, device)),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="sdpa",
            **more,
        )
    if not more and spec.devices == 1:
        network.to(device.torch)
    network.config.use_cache = False
    network.requires_grad_(False)
    in_one_piece(network)
    set_seed(spec.seed)
    config = LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,
        lora_dropout=spec.dropout,
        target_modules="all-linear" if spec.targets == ("all-linear",) else list(spec.targets),
        use_dora=spec.dora,
        use_rslora=spec.rslora,
        task_type="CAUSAL_LM",
    )
    with plain_failures(f"An adapter on the model in {base}"):
        return get_peft_model(network, config).train()


def adapter_tensors(model: Any) -> dict[str, Any]:
    """The adapter's tensors in float32 on the CPU, by the names that PEFT saves them under."""
    from peft import get_peft_model_state_dict

    # Shared memory with the model would change under a checkpoint that is kept for later.
    return {
        name: tensor.detach().to("cpu").float().clone() for name, tensor in get_peft_model_state_dict(model).items()
    }


def restore_adapter(model: Any, tensors: dict[str, Any]) -> None:
    """Put saved tensors back into the adapter."""
    from peft import set_peft_model_state_dict

    set_peft_model_state_dict(model, tensors)


def trainable(model: Any) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _quantisation(spec: TrainingSpec, device: Device) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if spec.bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    compute = torch.bfloat16 if device.bfloat16 and device.kind != "cpu" else torch.float32
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )
