"""What the same training would take with every engine: from one measured time, by what each was found to take."""

from __future__ import annotations

import pytest

from finetune import offers
from finetune.engines.pins import PINS
from finetune.models.devices import Device
from finetune.recipes import Size
from finetune.records import TrainingSpec

AMX = Device(
    kind="cpu", name="c", memory=64 << 30, free=64 << 30, precision="float32", bfloat16=True, four_bit=True,
    features=("amx",),
)  # fmt: skip
GPU = AMX.model_copy(update={"kind": "cuda"})
SIZE = Size(parameters=135_000_000)
OURS = TrainingSpec(base="b", dataset="d", bits=16, batch=4)


def test_a_measured_time_says_what_the_others_would_take_on_a_cpu_in_the_bits_that_they_can_hold():
    theirs = offers.as_with("axolotl", OURS, SIZE, AMX)
    assert (theirs.engine, theirs.bits) == ("axolotl", 32)
    took = offers.seconds(theirs, AMX, like=OURS, took=62.0)
    assert took == pytest.approx(100 * PINS["axolotl"].pace)
    assert offers.seconds(offers.as_with("trl", theirs, SIZE, AMX), AMX, like=theirs, took=took) == pytest.approx(62)


def test_a_pace_that_was_not_measured_is_said_to_be_unknown():
    assert offers.seconds(offers.as_with("unsloth", OURS, SIZE, AMX), AMX, like=OURS, took=62.0) is None
    assert offers.seconds(offers.as_with("axolotl", OURS, SIZE, GPU), GPU, like=OURS, took=62.0) is None
    assert offers.seconds(OURS, AMX, like=OURS, took=None) is None
    assert not offers.pace("rehearsal", AMX), "what learns nothing is not measured"


def test_trainers_outside_need_more_memory_since_they_pad_rows_and_keep_batches_whole():
    rows = offers.Rows(count=200, tokens=20_000, longest=600)
    full = OURS.model_copy(update={"bits": 32})
    ours, theirs = (
        offers.bytes_needed(offers.as_with(name, full, SIZE, AMX).model_copy(update={"bits": 32}), SIZE, AMX, rows)
        for name in ("trl", "llamafactory")
    )
    assert theirs > ours + PINS["llamafactory"].room


def test_on_a_gpu_a_larger_base_fits_with_the_engines_outside_too():
    """They compute activations twice there, as ours does: kept, they alone would be more than any card has."""
    large = Size(parameters=8_000_000_000, layers=36, hidden=4096, longest=600)
    rows, four = offers.Rows(count=200, tokens=20_000, longest=600), OURS.model_copy(update={"bits": 4, "batch": 16})
    needed = {
        name: offers.bytes_needed(offers.as_with(name, four, large, GPU), large, GPU, rows) for name in ("trl", *PINS)
    }
    assert all(needed["trl"] <= found < 20e9 for found in needed.values()), needed


def test_four_bits_stay_four_bits_so_that_readiness_can_say_that_a_gpu_is_missing():
    four = OURS.model_copy(update={"bits": 4, "method": "qlora"})
    assert offers.as_with("axolotl", four, SIZE, AMX).bits == 4
