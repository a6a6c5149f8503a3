"""An adapter folder looked at before use: safetensors only, whole, finite, and made for this base. Loads no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.models.fingerprints import fingerprint, template_fingerprint
from memory.errors import BackendFailed, NotConfigured
from memory.records import Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "adapter.json"
TEMPLATE = "chat_template.jinja"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
_CONVERTS_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga", "eva")


class AdapterFiles(Record):
    """What an adapter folder holds."""

    tensors: int
    bytes: int
    zero: bool
    """Every lora_B is zero: the adapter changes nothing."""
    base: str = ""
    """Name of the base as written by training; for the eye, the fingerprint decides."""
    base_fingerprint: str = ""
    """Empty when the folder holds no adapter.json, like adapters made elsewhere."""
    template_fingerprint: str = ""
    system: str = ""
    template: str | None = None
    """The chat template it was trained with, when it has one of its own."""

    @property
    def recorded(self) -> bool:
        """Whether it says which base and template it was trained with."""
        return bool(self.base_fingerprint and self.template_fingerprint)


def read(folder: Path) -> AdapterFiles:
    """Check the files of an adapter. BackendFailed names what is wrong; nothing is ever unpickled."""
    configuration(folder)
    weights = folder / WEIGHTS
    if not weights.is_file():
        pickled = [file.name for pattern in _PICKLES for file in folder.glob(pattern)]
        if pickled:
            raise BackendFailed(
                f"The adapter in {folder} has pickled weights ({', '.join(sorted(pickled))}).",
                "Docgraft never opens pickles: they can run code. Save the adapter as safetensors.",
            )
        raise BackendFailed(f"The adapter in {folder} has no {WEIGHTS}.", "It is not complete: train it again.")
    tensors, zero = _tensors(weights)
    card = _card(folder)
    template = folder / TEMPLATE
    return AdapterFiles(
        tensors=tensors,
        bytes=weights.stat().st_size,
        zero=zero,
        base=card.get("base", ""),
        base_fingerprint=card.get("base_fingerprint", ""),
        template_fingerprint=card.get("template_fingerprint", ""),
        system=card.get("system", ""),
        template=template.read_text(encoding="utf-8") if template.is_file() else None,
    )


def configuration(folder: Path) -> dict[str, Any]:
    """adapter_config.json of a LoRA adapter that leaves its base as it is; BackendFailed for any other."""
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackendFailed(f"{folder} is not an adapter: it has no {CONFIG}.") from None
    except ValueError as cause:
        raise BackendFailed(f"{CONFIG} in {folder} cannot be read: {cause}", "Train the adapter again.") from cause
    kind = values.get("peft_type")
    if kind != "LORA":
        raise BackendFailed(f"The adapter in {folder} is of type {kind}.", "Docgraft serves LoRA adapters.")
    start = str(values.get("init_lora_weights", True)).lower()
    if start.startswith(_CONVERTS_BASE):
        raise BackendFailed(
            f"The adapter in {folder} was started with {start}, which rewrites the base model's weights.",
            "Convert it to a plain LoRA adapter first (PEFT: path_initial_model_for_weight_conversion).",
        )
    return dict(values)


def check_base(files: AdapterFiles, base: Path, tokenizer: PreTrainedTokenizerBase, *, recorded: bool = True) -> None:
    """Refuse an adapter on another base or template than it was trained with, by fingerprint.

    NotConfigured when it does not say and `recorded` is asked for: the user must say that it belongs to this base.
    """
    if not files.recorded:
        if recorded:
            raise NotConfigured(
                "This adapter does not say which base model and chat template it was trained with.",
                "Use it only if you know that it belongs to this base, and say so: LocalChatModel(…, unrecorded=True).",
            )
        return
    actual = fingerprint(base)
    if files.base_fingerprint != actual:
        if files.base in (base.name, str(base)):
            raise BackendFailed(
                f"This adapter was trained on an earlier {files.base} than the one that is here.",
                "Train it again, on the page or with: docgraft tune",
            )
        raise BackendFailed(
            f"This adapter was trained on another base model ({files.base or files.base_fingerprint}), not on the one "
            f"in {base}.",
            "Fetch or choose the base that it was trained on: on another one its answers would be wrong.",
        )
    if files.template_fingerprint != template_fingerprint(tokenizer, files.system):
        raise BackendFailed(
            "This adapter was trained with another chat template than the base model has now.",
            "Fetch the base model again, or train the adapter again.",
        )


def _card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as cause:
        raise BackendFailed(f"{CARD} in {folder} cannot be read: {cause}", "Train the adapter again.") from cause


def _tensors(path: Path) -> tuple[int, bool]:
    """(how many tensors, whether all lora_B are zero) of a weights file; BackendFailed when cut short or not finite."""
    import torch
    from safetensors import SafetensorError, safe_open

    count, zero = 0, True
    try:
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                tensor = file.get_tensor(name)
                count += 1
                if not bool(torch.isfinite(tensor).all()):
                    raise BackendFailed(f"The adapter's tensor {name} holds values that are not numbers.", _AGAIN)
                counts = ".lora_A." not in name and "magnitude" not in name  # Neither acts while lora_B is zero.
                zero = zero and not (counts and bool(tensor.any()))
    except (SafetensorError, OSError) as cause:
        raise BackendFailed(f"{path} is damaged or cut short: {cause}", _AGAIN) from cause
    if not count:
        raise BackendFailed(f"{path} holds no tensors.", _AGAIN)
    return count, zero


_AGAIN = "Train the adapter again, or restore the file."
