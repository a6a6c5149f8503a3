"""Chats: ShareGPT turns, and JSON lines of messages as ChatML, OpenAI and Mistral take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finetune.datasets import Dataset
from finetune.formats import Exported
from finetune.formats.writing import chat, write_splits
from finetune.records import Pair

_FROM = {"user": "human", "assistant": "gpt"}
OPENAI_LEAST = 10
"""Rows that OpenAI's fine-tuning asks for at least."""


def sharegpt(dataset: Dataset, folder: Path) -> Exported:
    """`conversations` with from and value, the system text beside them."""
    files, rows, tokens = write_splits(dataset, folder, "json", turns, array=True)
    return Exported(format="sharegpt", files=tuple(files), rows=rows, tokens=tokens)


def chatml(dataset: Dataset, folder: Path) -> Exported:
    """`messages` with role and content: what chat templates are applied to."""
    return _messages(dataset, folder, "chatml")


def openai(dataset: Dataset, folder: Path) -> Exported:
    """OpenAI's chat fine-tuning file; a note when it has fewer rows than they take."""
    done = _messages(dataset, folder, "openai")
    if done.rows.get("train", 0) < OPENAI_LEAST:
        note = f"OpenAI asks for at least {OPENAI_LEAST} training rows; this dataset has {done.rows.get('train', 0)}."
        return done.model_copy(update={"notes": (note,)})
    return done


def mistral(dataset: Dataset, folder: Path) -> Exported:
    """Mistral's fine-tuning file: the same messages, each chat ending with the assistant."""
    return _messages(dataset, folder, "mistral")


def turns(pair: Pair) -> dict[str, Any]:
    """A pair as a ShareGPT row."""
    system, *others = chat(pair)
    spoken = [{"from": _FROM[m["role"]], "value": m["content"]} for m in others]
    return {"conversations": spoken, "system": system["content"]}


def _messages(dataset: Dataset, folder: Path, name: str) -> Exported:
    files, rows, tokens = write_splits(dataset, folder, "jsonl", lambda pair: {"messages": chat(pair)})
    return Exported(format=name, files=tuple(files), rows=rows, tokens=tokens)
