"""How large a base model is, from its configuration and the headers of its weight files. Loads nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path

from finetune.models.fingerprints import weights
from finetune.recipes import Size
from memory.errors import NotConfigured


def size_of(base: Path) -> Size:
    """Parameters, layers, width and context of a model folder; NotConfigured when it is none."""
    files = weights(base)
    values = json.loads((base / "config.json").read_text(encoding="utf-8"))
    text = values.get("text_config", values)
    return Size(
        parameters=sum(_parameters(file) for file in files),
        layers=int(text.get("num_hidden_layers", 24)),
        hidden=int(text.get("hidden_size", 1024)),
        context=int(text.get("max_position_embeddings", 2048)),
    )


def _parameters(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= path.stat().st_size:
            raise NotConfigured(f"{path} is no safetensors file, or it was cut short.", "Fetch the model again.")
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
