"""Which datasets and adapters of a knowledge base were made from a document. Reads their cards; knows no training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory.workspace import KnowledgeBaseFolder
from retrieval.records import Learned


def learned(folder: KnowledgeBaseFolder, document_id: str, traces: set[str]) -> tuple[Learned, ...]:
    """Datasets with rows from the document, and adapters trained on one of them or naming one of the traces.

    Traces are what a card may name: the document's id and name, the ids of its sections and chunks.
    """
    found = []
    for path, card in _cards(folder.datasets, "*/card.json"):
        pairs = _mentions(path.with_name("pairs.jsonl"), document_id)
        if pairs or traces & _names(card):
            found.append(Learned(kind="dataset", id=path.parent.name, pairs=pairs))
    datasets = {d.id for d in found}
    adapters = {
        path.parent.parent.name: Learned(kind="adapter", id=path.parent.parent.name)
        for path, card in _cards(folder.runs, "*/adapter/*.json")
        if traces & _names(card) or card.get("dataset") in datasets
    }
    return (*found, *adapters.values())


def _cards(folder: Path, pattern: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.glob(pattern)):
        yield path, _read(path)


def _mentions(path: Path, document_id: str) -> int:
    """How many pairs that were not dropped come from the document."""
    needle = f'"{document_id}"'
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return sum(_kept(line) for line in file if needle in line)
    except OSError:
        return 0


def _kept(line: str) -> bool:
    try:
        return json.loads(line).get("status") != "dropped"
    except (ValueError, AttributeError):
        return True


def _read(path: Path) -> dict[str, Any]:
    """A card, or {} for a file that is something else: this must not stop a removal."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _names(card: dict[str, Any]) -> set[str]:
    """What a card says it was made from."""
    coverage = card.get("coverage")
    hashes = card.get("chunk_hashes")
    return {str(h) for h in hashes or ()} | (set(coverage) if isinstance(coverage, dict) else set())
