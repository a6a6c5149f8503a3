"""Rows of a dataset as chats, and files written row by row. What every export shares."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from finetune.datasets import SPLITS, Dataset, messages, replacing
from finetune.records import Pair, Split
from retrieval.packing import estimate

ROLES = {"human": "user", "ai": "assistant", "system": "system"}
Chat = list[dict[str, str]]


def chat(pair: Pair) -> Chat:
    """A pair as role and content, the way it is asked here, answer included."""
    rows = [{"role": ROLES[m.type], "content": str(m.text)} for m in messages(pair)]
    return [*rows, {"role": "assistant", "content": pair.output}]


def shuffled(dataset: Dataset, split: Split) -> Iterator[Pair]:
    """The pairs of a split in the order of its plain file: wordings of one fact lie apart."""
    from memory.records import digest

    seed = str(dataset.card.settings.get("pairs", {}).get("seed", 0))
    yield from sorted(dataset.pairs(split), key=lambda pair: digest(seed, pair.id))


def write_splits(
    dataset: Dataset, folder: Path, suffix: str, row: Callable[[Pair], Any], *, array: bool = False
) -> tuple[list[str], dict[str, int], int]:
    """One file per split that has rows. Returns file names, rows per split and the tokens of the training rows."""
    files: list[str] = []
    rows: dict[str, int] = {}
    tokens = 0
    for split in SPLITS:
        pairs = list(shuffled(dataset, split))
        if not pairs:
            continue
        name = f"{split}.{suffix}"
        with replacing(folder / name) as file:
            for number, pair in enumerate(pairs):
                line = json.dumps(row(pair), ensure_ascii=False)
                before = ("[\n" if not number else ",\n") if array else ""
                file.write((before + line + ("" if array else "\n")).encode())
            file.write(b"\n]\n" if array else b"")
        files.append(name)
        rows[split] = len(pairs)
        if split == "train":
            tokens = sum(estimate("\n".join(m["content"] for m in chat(pair))) for pair in pairs)
    return files, rows, tokens
