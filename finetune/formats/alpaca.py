"""Alpaca: instruction, input, output, and `history` where there are earlier turns."""

from __future__ import annotations

from pathlib import Path

from finetune.datasets import Dataset, alpaca
from finetune.formats import Exported
from finetune.formats.writing import write_splits


def array(dataset: Dataset, folder: Path) -> Exported:
    """One JSON array per split."""
    files, rows, tokens = write_splits(dataset, folder, "json", alpaca, array=True)
    return Exported(format="alpaca", files=tuple(files), rows=rows, tokens=tokens)


def lines(dataset: Dataset, folder: Path) -> Exported:
    """One JSON object per line and split."""
    files, rows, tokens = write_splits(dataset, folder, "jsonl", alpaca)
    return Exported(format="alpaca-jsonl", files=tuple(files), rows=rows, tokens=tokens)
