"""From one dial to a whole training spec: effort, base, dataset and machine in, every value out. Pure."""

from __future__ import annotations

import math
from typing import Any

from finetune.engines.pins import FULL_ON_CPU
from finetune.models.devices import Device
from finetune.records import Effort, TrainingSpec
from memory.records import Record

ROOM = 0.8
"""Share of the free memory that a recipe may plan with."""
MANY_FACTS = 2000
"""From here on an adapter needs twice the rank (METHODS 7.2)."""
EPOCHS: dict[Effort, int] = {"quick": 4, "balanced": 5, "thorough": 8}
RANKS: dict[Effort, int] = {"quick": 16, "balanced": 16, "thorough": 32}
PATIENCE: dict[Effort, int] = {"quick": 2, "balanced": 2, "thorough": 3}
CHECKPOINTED = 1_000_000_000
"""From this many base parameters on, activations on a GPU are computed twice rather than kept."""
SHORT_RUN = 200
"""Up to so many updates a very small model takes steps half as large again (benchmarks/facts24.py)."""


class Size(Record):
    """What a recipe needs to know of a base model and a dataset."""

    parameters: int
    """Of the base model."""
    layers: int = 30
    hidden: int = 576
    context: int = 2048
    """Longest sequence the base was made for."""
    facts: int = 0
    """Distinct facts among the training rows."""
    rows: int = 0
    """Training rows of one pass."""
    longest: int = 128
    """Tokens of the longest training row."""


def recipe(effort: Effort, *, base: str, dataset: str, size: Size, device: Device, engine: str = "trl") -> TrainingSpec:
    """The spec for this effort on this machine. Every value can be changed afterwards."""
    rank = RANKS[effort] * (2 if size.facts > MANY_FACTS else 1)
    bits = precision_bits(size, device)
    if engine in FULL_ON_CPU and device.kind == "cpu":
        bits = 32
    batch, accumulation = batches(size, device, bits)
    updates = -(-size.rows // (batch * accumulation))
    epochs = passes(effort, updates)
    return TrainingSpec(
        engine=engine,
        base=base,
        dataset=dataset,
        effort=effort,
        method="qlora" if bits < 16 else "lora",
        bits=bits,
        rank=rank,
        alpha=2 * rank,
        learning_rate=learning_rate(size.parameters, updates * epochs),
        epochs=epochs,
        batch=batch,
        accumulation=accumulation,
        max_length=min(max(128, -(-size.longest // 64) * 64), size.context),
        max_grad_norm=0.3 if bits < 16 else 1.0,
        patience=PATIENCE[effort],
    )


def passes(effort: Effort, updates: int) -> int:
    """Passes at most, from the updates of one. Few facts take as many as a thorough training: their run is short all
    the same, and with five the last ones are not learned (benchmarks/facts24.py)."""
    return EPOCHS["thorough"] if updates * EPOCHS["thorough"] <= SHORT_RUN else EPOCHS[effort]


def dealt(general: int, epochs: float) -> int:
    """General rows of one pass: they are dealt out over the passes, so that each is seen once."""
    return math.ceil(general / max(1, math.ceil(epochs)))


def learning_rate(parameters: int, updates: int) -> float:
    """The peak rate: smaller models take, and need, larger steps (METHODS 7.2; below 0.2 billion as measured)."""
    if parameters <= 200e6 and updates <= SHORT_RUN:
        return 3e-3
    for limit, rate in ((200e6, 2e-3), (400e6, 1e-3), (800e6, 5e-4), (2.5e9, 3e-4)):
        if parameters <= limit:
            return rate
    return 2e-4


def precision_bits(size: Size, device: Device) -> Any:
    """Bits of the frozen base: what the device is fastest with among what fits."""
    if device.kind in ("cpu", "mps"):
        # Where a CPU multiplies bfloat16 itself it is two (AVX-512) to six (AMX) times faster than float32.
        wanted = [16, 32] if device.bfloat16 else [32]
    else:
        wanted = [16]
    for bits in wanted:
        if (
            memory(size, bits=bits, rank=32, tokens=min(step_tokens(device.kind), 8 * size.longest), kind=device.kind)
            <= ROOM * device.free
        ):
            return bits
    return 4 if device.four_bit else wanted[0]


def batches(size: Size, device: Device, bits: int) -> tuple[int, int]:
    """(rows per step on the device, steps gathered): 8 or 16 rows an update, in pieces that fit.

    A small base learns invented facts in fewer passes from many small updates (benchmarks/facts24.py); below 8 rows
    they cost more than they bring, and half a batch is what may share its evidence.
    """
    together = 8 if size.parameters <= 800e6 else 16
    batch = together
    most, kind = step_tokens(device.kind), device.kind
    room = ROOM * device.free
    while batch > 1 and memory(size, bits=bits, rank=32, tokens=min(batch * size.longest, most), kind=kind) > room:
        batch //= 2
    return batch, together // batch


def adapter_parameters(size: Size, rank: int) -> int:
    """About how many numbers an all-linear adapter trains: rank × (in + out) of every linear layer."""
    # Attention of a small model is about 3.3 hidden sizes in and out together per layer pair, the MLP about 11.
    return round(size.layers * rank * size.hidden * 17.3)


def step_tokens(kind: str) -> int:
    """Tokens computed at once on this kind of device: a batch of longer rows is done in pieces, with the same sum."""
    return 1024 if kind in ("cpu", "mps") else 8192


def checkpointed(parameters: int, kind: str) -> bool:
    """Whether activations are computed twice rather than kept: for larger bases on a GPU."""
    return kind != "cpu" and parameters >= CHECKPOINTED


def memory(size: Size, *, bits: int, rank: int, tokens: int, kind: str) -> int:
    """Bytes that training needs at its peak: base, adapter with AdamW, activations of one step, and the program."""
    width = {4: 0.6, 8: 1.1, 16: 2.0, 32: 4.0}[bits]
    base = size.parameters * width
    adapter = adapter_parameters(size, rank) * 16
    kept = tokens * size.hidden * _kept(size, bits, kind)
    return round(base + adapter + kept + 600e6)


def _kept(size: Size, bits: int, kind: str) -> int:
    """Bytes of activations for each number of a token's hidden state."""
    if kind == "cpu":  # As measured, with what the allocator leaves between batches of other lengths.
        return size.layers * (112 if bits == 16 else 140)
    activation = 2 if bits == 16 else 4
    if checkpointed(size.parameters, kind):  # What goes into each layer, and all of one layer at a time.
        return (size.layers + 24) * activation
    return size.layers * 24 * activation
