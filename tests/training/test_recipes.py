"""Recipes are pure: the same effort, model, dataset and machine give the same spec."""

from __future__ import annotations

import pytest

from finetune.engines.network import possible, precision
from finetune.models.devices import Device
from finetune.recipes import ROOM, Size, batches, memory, recipe
from finetune.records import TrainingSpec

GB = 1_000_000_000
LAPTOP = Device(
    kind="cpu", name="laptop", memory=16 * GB, free=10 * GB, precision="float32", bfloat16=False, four_bit=True
)
SERVER = LAPTOP.model_copy(update={"bfloat16": True, "features": ("avx512", "amx")})
CARD = Device(
    kind="cuda",
    name="card",
    memory=24 * GB,
    free=22 * GB,
    precision="bfloat16",
    bfloat16=True,
    four_bit=True,
    eight_bit=True,
)
SMALL = Size(parameters=135_000_000, facts=200, rows=1600, longest=70)
LARGE = Size(parameters=8_000_000_000, layers=32, hidden=4096, facts=200, rows=1600, longest=400)


def spec(effort="balanced", size=SMALL, device=LAPTOP):
    return recipe(effort, base="b", dataset="d", size=size, device=device)


def test_more_effort_is_more_passes_and_more_patience():
    quick, balanced, thorough = (spec(effort) for effort in ("quick", "balanced", "thorough"))
    assert quick.epochs <= balanced.epochs < thorough.epochs
    assert quick.rank <= balanced.rank < thorough.rank and quick.patience < thorough.patience


def test_facts_are_stored_in_all_linear_layers_with_twice_the_rank_as_scale():
    assert spec().targets == ("all-linear",) and spec().alpha == 2 * spec().rank
    assert spec(size=SMALL.model_copy(update={"facts": 5000})).rank == 2 * spec().rank


def test_larger_models_take_smaller_steps():
    rates = [
        spec(size=Size(parameters=n, rows=4000), device=CARD).learning_rate
        for n in (135_000_000, 600_000_000, 1_700_000_000, 8 * GB)
    ]
    assert rates == sorted(rates, reverse=True) and rates[0] == 2e-3 and rates[-1] == 2e-4


def test_a_short_run_of_a_very_small_model_takes_larger_steps():
    few = [spec(size=SMALL.model_copy(update={"rows": rows})).learning_rate for rows in (96, 1600)]
    assert few == [3e-3, 2e-3]
    assert spec(size=LARGE.model_copy(update={"rows": 96}), device=CARD).learning_rate == 2e-4


def test_few_facts_take_as_many_passes_as_a_thorough_training():
    few, many = (SMALL.model_copy(update={"rows": rows}) for rows in (144, 1600))
    assert {spec(effort, few).epochs for effort in ("quick", "balanced", "thorough")} == {spec("thorough").epochs}
    assert spec("quick", many).epochs < spec("thorough", many).epochs


def test_precision_follows_the_machine():
    assert (spec().bits, spec(device=SERVER).bits, spec(device=CARD).bits) == (32, 16, 16)
    assert (spec(size=LARGE, device=CARD).bits, spec(size=LARGE, device=CARD).method) in {(16, "lora"), (4, "qlora")}
    tight = CARD.model_copy(update={"free": 12 * GB})
    assert (spec(size=LARGE, device=tight).bits, spec(size=LARGE, device=tight).method) == (4, "qlora")


def test_an_update_sees_as_many_rows_in_smaller_pieces_when_memory_is_short():
    assert batches(SMALL, LAPTOP, 32) == (8, 1)
    batch, gathered = batches(LARGE, CARD.model_copy(update={"free": 12 * GB}), 4)
    assert batch * gathered == 16 and batch < 16
    assert memory(LARGE, bits=4, rank=32, tokens=batch * LARGE.longest, kind="cuda") <= ROOM * 12 * GB or batch == 1


def test_a_larger_base_on_a_card_keeps_little_more_than_what_goes_into_each_layer():
    kept = [memory(LARGE, bits=4, rank=32, tokens=8192, kind=kind) for kind in ("cpu", "cuda")]
    assert kept[0] > 100 * GB and kept[1] < 20 * GB


def test_on_a_cpu_memory_is_told_as_long_runs_were_seen_to_take_it():
    for bits, seen in ((16, 3.3 * GB), (32, 3.9 * GB)):
        told = memory(SMALL, bits=bits, rank=16, tokens=1024, kind="cpu")
        assert 0.85 * seen < told < 1.15 * seen


def test_rows_fit_without_being_cut():
    assert spec(size=SMALL.model_copy(update={"longest": 500})).max_length == 512
    assert spec(size=SMALL.model_copy(update={"longest": 900, "context": 800})).max_length == 800


@pytest.mark.parametrize(
    ("more", "device", "reason"),
    [
        (
            {"bits": 4, "method": "qlora"},
            LAPTOP.model_copy(update={"four_bit": False}),
            "bitsandbytes is not installed",
        ),
        (
            {"bits": 8, "method": "qlora"},
            LAPTOP.model_copy(update={"eight_bit": False}),
            "bitsandbytes is not installed",
        ),
        ({"bits": 8, "method": "qlora"}, LAPTOP.model_copy(update={"eight_bit": False, "kind": "mps"}), "not on this"),
        ({"bits": 16}, LAPTOP, "bfloat16 units"),
        ({"bits": 32, "method": "qlora"}, LAPTOP, "contradiction"),
        ({"devices": 4}, CARD, "1 found"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(more, device, reason):
    ready = possible(TrainingSpec(base="b", dataset="d", **more), device)
    assert not ready.ready and reason in ready.reason and ready.hint


def test_float32_lora_is_ready_on_any_cpu_and_half_only_where_it_is_fast():
    plain = TrainingSpec(base="b", dataset="d")
    assert possible(plain, LAPTOP).ready and precision(plain, LAPTOP) == "float32"
    half = plain.model_copy(update={"bits": 16})
    assert possible(half, SERVER).ready and precision(half, SERVER) == "bfloat16"
