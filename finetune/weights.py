"""Adapter weight files: opened, counted and checked for being whole, finite and not all zero. Never unpickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from memory.errors import DocgraftError

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}
_HEADER_LIMIT = 100_000_000


class BadWeights(DocgraftError):
    """A weight file that must not be used; the message says which and why."""


def tensor_count(path: Path) -> int:
    """How many tensors a safetensors file holds."""
    return len(header(path))


def header(path: Path) -> dict[str, dict[str, Any]]:
    """Tensor name → dtype, shape and data_offsets; BadWeights when the file is missing, cut short or something else."""
    if not path.is_file():
        raise BadWeights(f"{path.name} is missing in {path.parent}.", "Train again, or copy the adapter again.")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _HEADER_LIMIT):
            raise BadWeights(f"{path} is not a safetensors file, or it was cut short.", "Train or copy it again.")
        try:
            values = json.loads(file.read(length))
        except ValueError as cause:
            raise BadWeights(f"{path} is not a safetensors file.", "Train or copy it again.") from cause
    values.pop("__metadata__", None)
    ends = [entry["data_offsets"][1] for entry in values.values()]
    if not ends or max(ends) != size - 8 - length:
        raise BadWeights(f"{path} was cut short or is empty.", "Train or copy it again.")
    return dict(values)


def check(path: Path, *, tensors: int | None = None) -> int:
    """Open a weight file and check all of it; how many tensors it holds. BadWeights names what is wrong."""
    entries = header(path)
    if tensors is not None and len(entries) != tensors:
        raise BadWeights(f"{path} holds {len(entries)} tensors instead of {tensors}.", "Train or copy it again.")
    data = np.memmap(path, mode="r", dtype=np.uint8)
    start = len(data) - max(entry["data_offsets"][1] for entry in entries.values())
    effective = False
    for name, entry in entries.items():
        low, high = (start + offset for offset in entry["data_offsets"])
        finite, nonzero = _look(data[low:high], entry["dtype"])
        if not finite:
            raise BadWeights(f"{path} holds numbers that are not finite, in {name}.", "Train again.")
        effective |= nonzero and "lora_B" in name
    if not effective and any("lora_B" in name for name in entries):
        raise BadWeights(f"{path} has no effect: every lora_B is zero.", "It was never trained; train again.")
    return len(entries)


def refuse_pickles(folder: Path) -> None:
    """BadWeights when a folder offers pickled weights in the place of safetensors."""
    found = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if found and not (folder / "adapter_model.safetensors").is_file():
        raise BadWeights(
            f"{found[0]} in {folder} is a pickle, and opening one can run any code.",
            "Docgraft opens safetensors only; ask for the adapter in that format.",
        )


def _look(raw: np.ndarray, kind: str) -> tuple[bool, bool]:
    """(all finite, any non-zero) of one tensor's bytes."""
    if kind not in _TYPES:
        return True, bool(raw.any())
    values = raw.view(_TYPES[kind]) if raw.ctypes.data % 8 == 0 else np.frombuffer(raw.tobytes(), _TYPES[kind])
    if kind == "BF16":  # numpy has no bfloat16: all exponent bits set means not finite.
        return bool(((values & 0x7F80) != 0x7F80).all()), bool((values & 0x7FFF).any())
    return bool(np.isfinite(values).all()), bool(values.any())
