"""Training and answering on a GPU: bf16, NF4 and 8-bit runs, resuming, adapters beside one base, unsloth, two cards."""

from __future__ import annotations

import importlib.util
import json

import pytest

from benchmarks.adapter_switch import asked, at_once
from finetune import adapters
from finetune.engines import load
from finetune.models.devices import describe
from finetune.preflight import card, measured
from finetune.records import TrainingSpec
from tests.tiny_model import START, noise_adapter
from tests.training.conftest import until
from tests.training.test_trl import Bench

pytestmark = pytest.mark.gpu
VALUES = {"rank": 4, "alpha": 8, "batch": 4, "epochs": 2, "learning_rate": 5e-3}


@pytest.fixture(autouse=True)
def gpu():
    """The card; without one there is nothing to test."""
    device = describe()
    if device.kind not in ("cuda", "rocm"):
        pytest.skip("there is no CUDA or ROCm card here")
    return device


@pytest.fixture(params=[16, 4, 8])
def precision(request):
    """Bits of the base and the method that goes with them."""
    if request.param < 16:
        needs("bitsandbytes")
    return {"bits": request.param, "method": "lora" if request.param == 16 else "qlora"}


def needs(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def finished(runs, base, **spec):
    """The folder of a run by the worker's own process, once it has completed."""
    run = runs.start(TrainingSpec(base="tiny", dataset="facts", **VALUES | spec), base=base)
    done = until(runs, run.id, "completed", "failed", seconds=240)
    assert done.state == "completed", f"{done.message}\n{runs.log(run.id, 60)}"
    return runs.kb.run(run.id)


def test_the_card_is_described_as_it_is(gpu):
    import torch

    assert gpu.name == torch.cuda.get_device_name(0) and gpu.count == torch.cuda.device_count()
    assert gpu.memory == torch.cuda.mem_get_info()[1] and 0 < gpu.free <= gpu.memory
    assert gpu.bfloat16 == (torch.cuda.get_device_capability() >= (8, 0))
    assert gpu.precision == ("bfloat16" if gpu.bfloat16 else "float16")
    assert gpu.four_bit == gpu.eight_bit == (importlib.util.find_spec("bitsandbytes") is not None)


def test_a_run_by_the_worker_leaves_an_adapter_that_opens_again_and_changes_answers(runs, base, precision):
    folder = finished(runs, base, **precision)
    losses = [event.values["loss"] for event in runs.events(folder.name) if event.kind == "step"]
    assert len(losses) == 8 and losses[-1] < losses[0]
    assert adapters.verify(folder / "adapter", base=base).effect > 0.01
    assert asked(base, folder / "adapter") != asked(base, None)


def test_stopped_at_four_and_resumed_gives_the_losses_of_the_unbroken_run(tmp_path, base, precision):
    whole = Bench(tmp_path / "whole", base, dropout=0.1, **precision)
    whole.train()
    broken = Bench(tmp_path / "broken", base, dropout=0.1, **precision)
    broken.stop_at = 3
    broken.train()
    broken.stop_at = None
    broken.train()
    assert [values["step"] for kind, values in broken.events if kind == "step"] == list(range(1, 9))
    assert broken.losses() == pytest.approx(whole.losses(), abs=1e-3)


def test_base_and_two_adapters_asked_at_once_by_threads_answer_as_when_asked_alone(tmp_path, base):
    from finetune.models.bases import Bases

    ways = [None, *(noise_adapter(tmp_path / str(seed), base, seed=seed) for seed in (1, 2))]
    alone = [asked(base, way) for way in ways]
    bases = Bases()
    assert at_once(base, ways, bases) == alone
    assert alone[0] != alone[1] != alone[2] and len(bases.live) == 1
    assert next(iter(bases.live)).device.type == "cuda"


def test_the_memory_announced_is_the_memory_taken(tmp_path, kb, base):
    import torch

    bench = Bench(tmp_path / "run", base, bits=16)
    dataset = kb.dataset("facts")
    found = measured(card(bench.job.spec, base=base, dataset=dataset), bench.job.spec, base=base, dataset=dataset)
    assert found.ok and found.device == describe().kind and found.precision == "bfloat16" and found.seconds
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    bench.train()
    assert found.memory_needed == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.25)


@pytest.mark.parametrize(("bits", "method"), [(16, "lora"), (4, "qlora")])
def test_an_adapter_by_unsloth_changes_the_answers_of_a_base_that_unsloth_never_touched(runs, base, bits, method):
    needs("unsloth")
    settings = json.loads((base / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["pad_token"] = START  # unsloth takes no end token for padding, and TINY-LM has none to spare.
    (base / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    folder = finished(runs, base, engine="unsloth", bits=bits, method=method)
    kept = adapters.verify(folder / "adapter", base=base)
    steps = [event.values for event in runs.events(folder.name) if event.kind == "step"]
    assert kept.versions["unsloth"] and steps[-1]["loss"] < steps[0]["loss"] and steps[-1]["tokens_per_second"] > 0
    assert adapters.effect(folder / "adapter", base) > 0.01
    assert asked(base, folder / "adapter") != asked(base, None)


def test_two_cards_give_the_losses_of_one(runs, base, tmp_path, gpu):
    if gpu.count < 2:
        pytest.skip("there is only one card here")
    bench = Bench(tmp_path / "one", base, learning_rate=1e-3, max_steps=3, bits=16)
    bench.train()
    spec = {"learning_rate": 1e-3, "max_steps": 3, "bits": 16, "batch": 2, "devices": 2, "evaluate": False}
    folder = finished(runs, base, **spec)
    losses = [event.values["loss"] for event in runs.events(folder.name) if event.kind == "step"]
    assert losses == pytest.approx(bench.losses(), abs=2e-2)


def test_readiness_is_honest_about_the_card(gpu):
    spec = TrainingSpec(base="b", dataset="d", bits=4, method="qlora")
    assert load("trl").readiness(spec).ready == gpu.four_bit
    too_many = load("trl").readiness(spec.model_copy(update={"bits": 16, "method": "lora", "devices": gpu.count + 1}))
    assert not too_many.ready and str(gpu.count) in too_many.reason
