"""What the same rows and steps would take with every engine on this machine: time and memory. Pure."""

from __future__ import annotations

from finetune.engines.pins import FULL_ON_CPU, PINS
from finetune.models.devices import Device
from finetune.recipes import Size, memory, precision_bits, step_tokens
from finetune.records import TrainingSpec
from memory.records import Record

HALF = 0.62
"""Time of our step with a bfloat16 base on matrix units, in that of a float32 one (docs/BENCHMARKS.md)."""


class Rows(Record):
    """The training rows in numbers."""

    count: int
    tokens: int
    longest: int


def as_with(engine: str, spec: TrainingSpec, size: Size, device: Device) -> TrainingSpec:
    """The spec for another engine: the base in the bits that it can hold here, nothing else changed."""
    if spec.bits < 16:
        return spec.model_copy(update={"engine": engine})
    full = engine in FULL_ON_CPU and device.kind == "cpu"
    return spec.model_copy(update={"engine": engine, "bits": 32 if full else max(precision_bits(size, device), 16)})


def pace(engine: str, device: Device) -> float:
    """How many times the time of our own float32 steps an engine takes for the same ones here; 0: not known."""
    if engine == "trl":
        return 1.0
    return PINS[engine].pace if engine in PINS and device.kind == "cpu" else 0.0


def seconds(spec: TrainingSpec, device: Device, *, like: TrainingSpec, took: float | None) -> float | None:
    """About how long a spec takes when another one takes so long; None when one of the two paces is not known."""
    weights = [pace(one.engine, device) * (HALF if one.bits == 16 else 1.0) for one in (spec, like)]
    return took * weights[0] / weights[1] if took is not None and all(weights) else None


def bytes_needed(spec: TrainingSpec, size: Size, device: Device, rows: Rows) -> int:
    """Memory that training takes with the spec's engine. Trainers outside pad rows and keep long batches whole."""
    if spec.engine in PINS:
        whole = memory(size, bits=spec.bits, rank=spec.rank, tokens=spec.batch * rows.longest, kind=device.kind)
        return whole + PINS[spec.engine].room
    together = min(
        round(spec.batch * max(rows.tokens / max(rows.count, 1), rows.longest / 2)), step_tokens(device.kind)
    )
    return memory(size, bits=spec.bits, rank=spec.rank, tokens=max(together, rows.longest), kind=device.kind)
