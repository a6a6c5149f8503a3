"""The one base model in memory, and adapters beside it that share its weights and never touch it."""

from __future__ import annotations

from pathlib import Path


class Bases:
    """Holds at most one base model. Thread-safe; loading another one lets running answers finish first."""

    def __init__(self, *, device: str = "auto", dtype: str = "auto", threads: int | None = None) -> None:
        """`device` and `dtype` "auto" follow finetune.models.devices."""
        raise NotImplementedError

    @property
    def loaded(self) -> Path | None:
        """The folder of the base in memory."""
        raise NotImplementedError

    def load(self, path: Path) -> None:
        """Bring this base into memory; the one before it leaves. BackendFailed in plain words when memory ends."""
        raise NotImplementedError

    def unload(self) -> None:
        """Free the base and everything beside it."""
        raise NotImplementedError

    def effect(self, path: Path, adapter: Path) -> float:
        """The largest logit difference that the adapter makes on the probe prompts; 0 means that it has no effect."""
        raise NotImplementedError
