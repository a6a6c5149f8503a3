"""Finished adapters: list, verify, measure their effect, tell what became stale, remove. Never unpickles."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from finetune import datasets
from finetune.models import adapter_files
from finetune.models.templates import load_tokenizer
from finetune.records import AdapterCard
from finetune.runfolder import RunFolder
from memory.errors import BackendFailed, BadDataset, DocgraftError
from memory.records import Record
from memory.workspace import KnowledgeBaseFolder


class StaleFact(Record):
    """Something the adapter learned from a passage that has changed or gone."""

    fact_id: str
    question: str
    answer: str
    chunk_ids: tuple[str, ...]
    section_id: str


class Staleness(Record):
    """How far an adapter is behind the documents."""

    stale: bool
    chunks_gone: tuple[str, ...] = ()
    """Learned chunks that the library no longer holds."""
    facts: tuple[StaleFact, ...] = ()
    """What it learned from them, one entry per fact."""
    known: bool = True
    """False when the dataset was removed, so that the facts cannot be named."""


def cards(kb: KnowledgeBaseFolder) -> list[AdapterCard]:
    """The cards of every adapter that was finished and verified, newest first."""
    if not kb.runs.is_dir():
        return []
    found = (_finished(RunFolder(path)) for path in sorted(kb.runs.iterdir(), reverse=True) if path.is_dir())
    return [card for card in found if card is not None]


def show(kb: KnowledgeBaseFolder, adapter: str) -> AdapterCard:
    """One card; DocgraftError when that run left no verified adapter."""
    card = _finished(RunFolder(kb.run(adapter)))
    if card is None:
        raise DocgraftError(f"There is no finished adapter {adapter!r}.", "See: docgraft adapters list")
    return card


def folder(kb: KnowledgeBaseFolder, adapter: str) -> Path:
    """The folder to hand to the local chat model: adapter_config.json and adapter_model.safetensors."""
    show(kb, adapter)
    return RunFolder(kb.run(adapter)).adapter


def verify(path: Path, *, base: Path | None = None) -> AdapterCard:
    """Open an adapter folder and check all of it: safetensors only, whole, finite, not all zero, tensor count, and with
    `base` the fingerprints of base and template. Loads no model. DocgraftError names what is wrong."""
    files = adapter_files.read(path)
    card = _card(path)
    if files.tensors != card.tensors:
        raise BackendFailed(
            f"The adapter in {path} holds {files.tensors} tensors instead of {card.tensors}.",
            "It is not the file that was trained: train again, or restore it.",
        )
    if files.zero:
        raise BackendFailed(f"The adapter in {path} has no effect: every lora_B is zero.", "Train it again.")
    if base is not None:
        adapter_files.check_base(files, base, load_tokenizer(base, files.template))
    return card


def effect(path: Path, base: Path) -> float:
    """Load base and adapter fresh from disk; the largest logit difference on the probe prompts. 0 means no effect."""
    from finetune.engines.effect import logit_difference

    return logit_difference(path, base)


def staleness(kb: KnowledgeBaseFolder, adapter: str, chunk_ids: Iterable[str]) -> Staleness:
    """What the adapter learned from chunks that are not among the library's present `chunk_ids`."""
    card = show(kb, adapter)
    present = set(chunk_ids)
    gone = tuple(chunk for chunk in card.chunk_hashes if chunk not in present)
    if not gone:
        return Staleness(stale=False)
    try:
        pairs = list(datasets.read(kb.dataset(card.dataset)).pairs("train"))
    except BadDataset:
        return Staleness(stale=True, chunks_gone=gone, known=False)
    lost, facts = set(gone), dict[str, StaleFact]()
    for pair in pairs:
        touched = tuple(chunk for chunk in pair.chunk_ids if chunk in lost)
        if touched and (pair.fact_id or pair.id) not in facts:
            facts[pair.fact_id or pair.id] = StaleFact(
                fact_id=pair.fact_id,
                question=pair.instruction,
                answer=pair.output,
                chunk_ids=touched,
                section_id=pair.section_id,
            )
    return Staleness(stale=True, chunks_gone=gone, facts=tuple(facts.values()))


def remove(kb: KnowledgeBaseFolder, adapter: str) -> None:
    """Delete the adapter's folder; the run's record stays."""
    found = folder(kb, adapter)
    (found / "adapter.json").unlink()  # First, so that a half-deleted adapter is not one.
    shutil.rmtree(found)


def _finished(run: RunFolder) -> AdapterCard | None:
    if not run.ticket_file.is_file() or run.run().state not in ("completed", "stopped"):
        return None
    return run.card()


def _card(path: Path) -> AdapterCard:
    try:
        return AdapterCard.model_validate_json((path / "adapter.json").read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise BackendFailed(
            f"{path} has no adapter.json: what it was trained on and for is not known.",
            "Use an adapter whose training finished, or say which base and template it belongs to.",
        ) from cause
    except ValidationError as cause:
        raise BackendFailed(f"adapter.json in {path} does not read.", "Train or copy the adapter again.") from cause
