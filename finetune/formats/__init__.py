"""Datasets in the formats of other trainers, and pairs from other people's files. One file per family."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from finetune.datasets import Dataset
from memory.errors import DocgraftError
from memory.records import Record

REGISTRY = {
    "alpaca": "finetune.formats.alpaca:array",
    "alpaca-jsonl": "finetune.formats.alpaca:lines",
    "afs": "finetune.formats.afs:export",
    "sharegpt": "finetune.formats.chats:sharegpt",
    "chatml": "finetune.formats.chats:chatml",
    "openai": "finetune.formats.chats:openai",
    "mistral": "finetune.formats.chats:mistral",
    "axolotl": "finetune.formats.trainers:axolotl",
    "llamafactory": "finetune.formats.trainers:llamafactory",
    "unsloth": "finetune.formats.trainers:unsloth",
    "datasets": "finetune.formats.parquet:export",
}
"""Format name → "module:function" that writes it."""


class Exported(Record):
    """What an export wrote."""

    format: str
    files: tuple[str, ...]
    """Relative to the folder given."""
    rows: dict[str, int]
    """Split → rows."""
    tokens: int = 0
    """Of the training rows, estimated high, without the tokenizer of the model to be trained."""
    notes: tuple[str, ...] = ()
    """What the reader should know: minimums missed, rows a format cannot hold."""


def export(dataset: Dataset, format: str, folder: Path, *, base: str = "") -> Exported:
    """Write a dataset in `format` into `folder`, created when missing. `base` names the model in trainers' settings.

    Dropped pairs are never written. DocgraftError for a format that is not in the registry.
    """
    if format not in REGISTRY:
        raise DocgraftError(f"There is no export format {format!r}.", f"Choose one of: {', '.join(REGISTRY)}.")
    module, _, function = REGISTRY[format].partition(":")
    folder.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"base": base} if module.endswith("trainers") else {}
    exported: Exported = getattr(import_module(module), function)(dataset, folder, **options)
    return exported
