"""Weights from disk into memory: a base model, and adapters as light module trees that share the base's tensors.

The base's own modules are never wrapped, so an answer of the base is the base's, whatever adapters are open beside it.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import json
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from finetune.models import adapter_files
from finetune.models.devices import GIB, Device
from finetune.models.fingerprints import weights
from finetune.models.templates import load_tokenizer
from memory.errors import BackendFailed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ROOM = 1.2
"""Memory asked for, over the bare weights: activations, cache, the copy while loading."""

BESIDE_PASSAGES = 0.5
"""How strongly an adapter speaks where passages are shown: they carry the facts there, and what matters is how well the
model reads (docs/BENCHMARKS.md, The one click)."""


class LoadedBase:
    """One base model in memory, with its tokenizer."""

    def __init__(self, path: Path, network: Any, tokenizer: PreTrainedTokenizerBase, device: Device) -> None:
        self.path = path
        self.network = network
        self.tokenizer = tokenizer
        self.device = device

    @property
    def ends(self) -> list[int]:
        """The model's own end tokens, by its generation and model configuration."""
        found: list[int] = []
        for config in (self.network.generation_config, self.network.config):
            value = getattr(config, "eos_token_id", None)
            found += [value] if isinstance(value, int) else list(value or [])
        return list(dict.fromkeys(found))


def context_window(path: Path) -> int:
    """Tokens of prompt and answer together that a model folder's configuration names; 2,048 when it does not."""
    values = json.loads((path / "config.json").read_text(encoding="utf-8"))
    text = values.get("text_config") or values
    return int(text.get("max_position_embeddings") or 2048)


def load_base(path: Path, device: Device, dtype: str = "auto") -> LoadedBase:
    """Load a model folder from local files. BackendFailed in plain words when it does not fit or cannot be read."""
    import torch
    from transformers import AutoModelForCausalLM

    files = weights(path)
    precision = device.precision if dtype == "auto" else dtype
    _check_memory(path, files, device, precision)
    tokenizer = load_tokenizer(path)
    with plain_failures(f"The model in {path}"), quiet():
        network: Any = AutoModelForCausalLM.from_pretrained(
            str(path),
            dtype=getattr(torch, precision),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
        network.to(torch.device(device.torch))
    network.eval().requires_grad_(False)
    in_one_piece(network)
    return LoadedBase(path, network, tokenizer, device)


def in_one_piece(network: Any) -> None:
    """Let the output layer read its input in one piece.

    A model cuts the last positions out of several rows, and for what is cut out PyTorch copies the layer's weights once
    a row: of sixteen rows in bfloat16 on a CPU 0.9 GB and 1.3 s for what takes 0.01 s.
    """
    head = network.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(lambda module, given: (given[0].contiguous(), *given[1:]))


def silence() -> None:
    """What the libraries say to their own developers is no business of who asks a question."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # That faster 4-bit kernels could be installed.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)


def graft(base: LoadedBase, adapter: Path, strength: float = 1.0) -> Any:
    """The base with an adapter as a module tree of its own that shares every tensor of the base.

    `strength` is how much of the adapter's change is made: 1 as it was trained.

    BackendFailed when the adapter's tensors are not exactly those that its configuration calls for on this base.
    """
    silence()
    from peft import LoraConfig, PeftModel, load_peft_weights, set_peft_model_state_dict

    adapter_files.configuration(adapter)
    shared = {id(tensor): tensor for tensor in [*base.network.parameters(), *base.network.buffers()]}
    with plain_failures(f"The adapter in {adapter}"):
        tree = copy.deepcopy(base.network, shared)
        config = LoraConfig.from_pretrained(str(adapter))
        config.inference_mode = True
        wrapped = PeftModel(tree, config)
        tensors = load_peft_weights(str(adapter), device=base.device.torch)
        result: Any = set_peft_model_state_dict(wrapped, tensors)
    missing = [key for key in result.missing_keys if "lora_" in key]
    if missing or result.unexpected_keys:
        wrong = missing or result.unexpected_keys
        raise BackendFailed(
            f"The adapter in {adapter} does not fit its base: {len(wrong)} tensors are "
            f"{'missing' if missing else 'unknown'}, the first is {wrong[0]}.",
            "Train the adapter again on this base.",
        )
    for layer in _adapted(wrapped):
        layer.scale_layer(strength)
    wrapped.eval().requires_grad_(False)
    return wrapped.get_base_model()


@contextmanager
def turned_down(network: Any) -> Iterator[None]:
    """The network with its adapter as it speaks beside passages."""
    layers = _adapted(network)
    for layer in layers:
        layer.scale_layer(BESIDE_PASSAGES)
    try:
        yield
    finally:
        for layer in layers:
            layer.unscale_layer(BESIDE_PASSAGES)


def _adapted(network: Any) -> list[Any]:
    from peft.tuners.lora import LoraLayer

    return [layer for layer in network.modules() if isinstance(layer, LoraLayer)]


@contextmanager
def plain_failures(what: str) -> Iterator[None]:
    """Map what torch, transformers and PEFT raise to BackendFailed."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as cause:
        gc.collect()
        raise _too_big(what) from cause
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as cause:
        raise BackendFailed(f"{what} cannot be loaded: {cause}", "Fetch or train it again.") from cause
    except RuntimeError as cause:
        if "not enough memory" in str(cause) or "out of memory" in str(cause).lower():
            raise _too_big(what) from cause
        raise BackendFailed(f"{what} cannot be used: {cause}", "Fetch or train it again.") from cause


def bytes_needed(files: list[Path], precision: str) -> int:
    """Bytes of the weights once they are held in `precision`, from the headers of the safetensors files."""
    each = {"float32": 4, "bfloat16": 2, "float16": 2}[precision]
    total = 0
    for file in files:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                count = 1
                for side in entry["shape"]:
                    count *= side
                total += count * each
    return total


def _check_memory(path: Path, files: list[Path], device: Device, precision: str) -> None:
    try:
        needed = int(bytes_needed(files, precision) * ROOM)
    except (ValueError, KeyError, OSError) as cause:
        raise BackendFailed(f"The weights in {path} are damaged or cut short.", "Fetch the model again.") from cause
    free = device.free if device.kind != "cpu" else psutil.virtual_memory().available
    if needed > free:
        raise _too_big(f"The model in {path}", f" It needs {needed / GIB:.1f} GiB; {free / GIB:.1f} GiB are free.")


def _too_big(what: str, numbers: str = "") -> BackendFailed:
    return BackendFailed(
        f"{what} does not fit into the memory.{numbers}",
        "Close other programs or unload the other model, or choose a smaller model.",
    )


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers on the terminal."""
    from transformers.utils import logging

    was = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was:
            logging.enable_progress_bar()


def release() -> None:
    """Give freed memory back to the system, and the card's where one was used."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
    trim()


def trim() -> None:
    """Give freed pages back: after batches of ever other lengths a third of a training's memory is holes."""
    with contextlib.suppress(OSError, AttributeError):  # Only glibc keeps freed pages, and only it has this call.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
