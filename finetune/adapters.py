"""Finished adapters: list, verify, measure their effect, tell what became stale, remove. Never unpickles."""

from __future__ import annotations

from pathlib import Path

from finetune.records import AdapterCard
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
    """Hashes of learned chunks that the library no longer holds."""
    facts: tuple[StaleFact, ...] = ()


def cards(kb: KnowledgeBaseFolder) -> list[AdapterCard]:
    """The cards of every adapter that was finished and verified, newest first."""
    raise NotImplementedError


def show(kb: KnowledgeBaseFolder, adapter: str) -> AdapterCard:
    """One card; DocgraftError when that run left no verified adapter."""
    raise NotImplementedError


def folder(kb: KnowledgeBaseFolder, adapter: str) -> Path:
    """The folder to hand to the local chat model: adapter_config.json and adapter_model.safetensors."""
    raise NotImplementedError


def verify(path: Path, *, base: Path | None = None) -> AdapterCard:
    """Open an adapter folder and check all of it: safetensors only, whole, finite, not all zero, tensor count, and with
    `base` the fingerprints of base and template. Loads no model. DocgraftError names what is wrong."""
    raise NotImplementedError


def effect(path: Path, base: Path) -> float:
    """Load base and adapter fresh from disk; the largest logit difference on the probe prompts. 0 means no effect."""
    raise NotImplementedError


def staleness(kb: KnowledgeBaseFolder, adapter: str, chunk_ids: set[str]) -> Staleness:
    """What the adapter learned from chunks that are not among the library's present `chunk_ids`."""
    raise NotImplementedError


def remove(kb: KnowledgeBaseFolder, adapter: str) -> None:
    """Delete the adapter's folder; the run's record stays."""
    raise NotImplementedError
