"""The card shown before a run: what will happen, what it takes, and what cannot work. Starts nothing."""

from __future__ import annotations

from pathlib import Path

from finetune.records import TrainingSpec
from memory.records import Record


class Advice(Record):
    """Something wrong or worth saying, and what to do about it."""

    kind: str
    """A stable word: no_rows, too_long, truncated, no_template, base_model, parity, memory, four_bit, few_facts, …"""
    message: str
    hint: str = ""


class Piece(Record):
    """One token of the rendered first row."""

    text: str
    supervised: bool
    """Whether the loss looks at it: answer and end token only."""


class Preflight(Record):
    """Everything about a run that can be known before it."""

    ok: bool
    """False when `problems` is not empty: the run would be refused."""
    problems: tuple[Advice, ...] = ()
    warnings: tuple[Advice, ...] = ()
    engine: str = "trl"
    device: str = "cpu"
    precision: str = "float32"
    rows: int = 0
    """Training rows."""
    checks: int = 0
    """Rows asked every epoch: unseen wordings, general questions, refusals."""
    facts: int = 0
    tokens: int = 0
    """Tokens of all training rows, once through."""
    supervised: int = 0
    """Answer and end tokens of all training rows."""
    supervised_per_row: float = 0.0
    longest: int = 0
    truncated: int = 0
    """Rows that would be cut; 0 unless the spec allows it."""
    steps: int = 0
    epochs: float = 0.0
    """Passes over the rows that these steps make."""
    sample: tuple[Piece, ...] = ()
    """The first training row, token by token, with its mask."""
    parity: bool = False
    """Whether every checked row's prompt has the same token ids in training and in the chat."""
    trainable: int = 0
    """Adapter parameters."""
    adapter_bytes: int = 0
    memory_needed: int = 0
    """Bytes, estimated from the probe when there was one."""
    memory_free: int = 0
    seconds: float | None = None
    """Expected time to the last step, from a measured probe on this machine; None without a probe."""
    tokens_per_second: float | None = None


def card(spec: TrainingSpec, *, base: Path, dataset: Path, probe: bool = True) -> Preflight:
    """The card of a run. With `probe`, a few steps are measured in a child process (about 10 s on a laptop)."""
    raise NotImplementedError
