"""Taiwan's AFS (TWCC AI Foundry Service): Alpaca in JSON lines, its minimum of training tokens checked and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune.datasets import Dataset
from finetune.formats import Exported
from finetune.formats.writing import write_splits
from finetune.records import Pair

MINIMUM = 524_288
"""Training tokens that AFS asks for at least."""
RECOMMENDED = 10_000_000
"""Training tokens that AFS recommends."""


def export(dataset: Dataset, folder: Path) -> Exported:
    """train.jsonl and dev.jsonl; a note says how the tokens compare with the minimum and the recommendation."""
    files, rows, tokens = write_splits(dataset, folder, "jsonl", _row)
    return Exported(format="afs", files=tuple(files), rows=rows, tokens=tokens, notes=notes(tokens))


def notes(tokens: int) -> tuple[str, ...]:
    """What the number of tokens means for AFS."""
    if tokens < MINIMUM:
        return (
            f"About {tokens:,} training tokens: below the AFS minimum of {MINIMUM:,}. Add documents or wordings, or "
            f"repeat the file {-(-MINIMUM // max(1, tokens))} times; AFS recommends {RECOMMENDED:,}.",
        )
    if tokens < RECOMMENDED:
        return (
            f"About {tokens:,} training tokens: enough for AFS ({MINIMUM:,}), below its recommended {RECOMMENDED:,}.",
        )
    return (f"About {tokens:,} training tokens: as many as AFS recommends ({RECOMMENDED:,}).",)


def _row(pair: Pair) -> dict[str, Any]:
    """Earlier turns go into the input: AFS reads three fields only."""
    before = "\n".join(f"{user}\n{assistant}" for user, assistant in pair.history)
    return {
        "instruction": pair.instruction,
        "input": "\n".join(part for part in (before, pair.input) if part),
        "output": pair.output,
    }
