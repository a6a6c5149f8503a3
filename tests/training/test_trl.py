"""The trl engine on TINY-LM: it learns, resumes exactly, stops, and never keeps what is not finite or not its own."""

from __future__ import annotations

import json
import math
import shutil

import pytest

from benchmarks.facts import pairs
from finetune.engines import Job, NothingLearned, load, progress
from finetune.engines.checkpoints import Checkpoints
from finetune.models.adapter_files import read
from finetune.records import Pair, TrainingSpec
from memory.errors import BadDataset, DocgraftError, RunFailed
from tests.tiny_model import tiny_model
from tests.training.conftest import until


class Bench:
    """A run without a worker: its folder, its events, and a stop after a step."""

    def __init__(self, folder, base, *, rows=None, **spec):
        values = {"rank": 4, "alpha": 8, "batch": 4, "epochs": 2, "learning_rate": 5e-3, "evaluate": False} | spec
        self.events, self.stop_at = [], None
        folder.mkdir(parents=True, exist_ok=True)
        self.job = Job(
            folder=folder,
            run="run",
            kb="kb",
            spec=TrainingSpec(base="tiny", dataset="facts", **values),
            base=base,
            dataset_fingerprint="d",
            chunk_hashes=("c1",),
            pairs=rows or pairs(4),
            emit=lambda kind, **values: self.events.append((kind, values)),
            stopping=lambda: self.stop_at is not None and self.step >= self.stop_at,
        )

    @property
    def step(self):
        return max((v["step"] for kind, v in self.events if kind == "step"), default=0)

    def train(self):
        return load("trl").train(self.job)

    def losses(self):
        return [v["loss"] for kind, v in self.events if kind == "step"]

    def messages(self, kind):
        said = [values.get("message", "") for known, values in self.events if known == kind]
        return [getattr(one, "text", one) for one in said]


def test_a_short_run_leaves_an_adapter_that_changes_the_model(tmp_path, base):
    bench = Bench(tmp_path / "run", base)
    card = bench.train()
    assert len(bench.losses()) == 8 and bench.losses()[-1] < bench.losses()[0]
    answers = sum(len(pair.output.encode()) + 1 for pair in pairs(4) if pair.split == "train")
    assert f"the loss looks at {answers} of them" in bench.messages("started")[0]
    assert read(tmp_path / "run" / "adapter").tensors == card.tensors == 28
    assert load("trl").effect(bench.job) > 0.01
    assert card.base_fingerprint and card.template_fingerprint and card.versions["trl"]
    assert "path" not in json.loads((tmp_path / "run" / "adapter" / "adapter_config.json").read_text())
    pickled = [p for p in (tmp_path / "run").rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl")]
    assert not pickled


def test_stopped_at_four_and_resumed_gives_the_losses_of_the_unbroken_run(tmp_path, base):
    whole = Bench(tmp_path / "whole", base, dropout=0.1)
    whole.train()
    broken = Bench(tmp_path / "broken", base, dropout=0.1)
    broken.stop_at = 3
    broken.train()
    assert broken.step == 4
    broken.stop_at = None
    broken.train()
    assert [v["step"] for kind, v in broken.events if kind == "step"] == list(range(1, 9))
    assert broken.losses() == pytest.approx(whole.losses(), abs=1e-3)
    assert any("Resumed from" in message for message in broken.messages("started"))


def test_overfitted_rows_end_by_themselves(tmp_path, base):
    from finetune.engines.examine import Exam, _write
    from finetune.engines.network import load_network, restore_adapter
    from finetune.models.devices import describe
    from finetune.models.templates import load_tokenizer, render

    rows = [Pair(id=str(i), instruction=f"Say {word}", output=word) for i, word in enumerate(["ab", "cde", "f", "gh"])]
    bench = Bench(tmp_path / "run", base, rows=rows, epochs=100, rank=16, alpha=32, learning_rate=1e-2)
    bench.train()
    model = load_network(bench.job.spec, base, describe())
    restore_adapter(model, Checkpoints(tmp_path, "").tensors(tmp_path / "run" / "adapter", "adapter_model"))
    from finetune.datasets import messages

    tokenizer = load_tokenizer(base)
    nobody = Exam(tokenizer, (), (), ())
    answers = _write(model.eval(), nobody, [render(messages(pair), tokenizer) for pair in rows], 40)
    assert answers == ["ab", "cde", "f", "gh"]


def test_weights_that_are_no_longer_finite_stop_the_run_and_the_last_good_checkpoint_stays(tmp_path, base, monkeypatch):
    import torch

    from finetune.engines import progress

    bench = Bench(tmp_path / "run", base, epochs=4)
    monkeypatch.setattr(progress, "CHECKPOINT_SECONDS", 0.0)
    emit = bench.job.emit
    models = []
    monkeypatch.setattr("finetune.engines.trl.load_network", _keeping(models))

    def poison(kind, **values):
        emit(kind, **values)
        if kind == "checkpoint" and values["step"] == 3:
            with torch.no_grad():
                next(p for n, p in models[0].named_parameters() if "lora_B" in n)[0, 0] = float("inf")

    object.__setattr__(bench.job, "emit", poison)
    with pytest.raises(RunFailed, match="Non-finite loss at step 4"):
        bench.train()
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", _identity(bench))
    good, refused = checkpoints.newest()
    assert good.name.startswith("step-0000003") and not refused
    assert not (tmp_path / "run" / "adapter").exists()


def test_a_loss_that_is_not_a_number_is_never_learned_from(tmp_path, base, monkeypatch):
    import torch

    real = torch.nn.functional.cross_entropy
    calls = []

    def hook(*args, **more):
        calls.append(1)
        return real(*args, **more) * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr("torch.nn.functional.cross_entropy", hook)
    with pytest.raises(RunFailed, match="Non-finite loss at step 2"):
        Bench(tmp_path / "run", base).train()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped at its sixth step, and its base."""
    place = tmp_path_factory.mktemp("stopped")
    bench = Bench(place / "run", tiny_model(place / "tiny"))
    bench.stop_at = 6
    bench.train()
    return place


@pytest.mark.parametrize("fault", ["cut", "nan", "foreign", "unfinished", "pickle", "moments"])
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_it_is_used(tmp_path, stopped, fault):
    shutil.copytree(stopped / "run", tmp_path / "run")
    bench = Bench(tmp_path / "run", stopped / "tiny")
    older, newest = Checkpoints(tmp_path / "run" / "checkpoints", _identity(bench)).all()
    damage(newest, fault)
    bench.train()
    warning = bench.messages("warning")[0]
    assert newest.name in warning
    assert any(older.name in message for message in bench.messages("started"))
    assert bench.step == 8


def damage(path, fault):
    from safetensors.torch import load_file, save_file

    file = path / ("optimizer.safetensors" if fault == "moments" else "adapter.safetensors")
    if fault == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif fault == "nan":
        tensors = load_file(file)
        next(iter(tensors.values()))[0, 0] = float("nan")
        save_file(tensors, file)
    elif fault == "foreign":
        state = json.loads((path / "state.json").read_text())
        (path / "state.json").write_text(json.dumps(state | {"identity": "another"}))
    elif fault == "unfinished":
        (path / "state.json").unlink()
    else:
        file.write_bytes(b"\x80\x04cos\nsystem\n" + b"." * (file.stat().st_size - 13))


def test_a_run_that_is_stopped_while_the_base_is_probed_learns_nothing(tmp_path, base):
    bench = Bench(tmp_path / "run", base)
    bench.stop_at = 0
    with pytest.raises(NothingLearned):
        bench.train()
    assert bench.step == 0 and not (tmp_path / "run" / "adapter").exists()


def test_a_run_that_is_stopped_in_its_last_exam_keeps_the_best_and_asks_it_when_it_is_resumed(
    tmp_path, base, monkeypatch
):
    bench, asked = Bench(tmp_path / "run", base, evaluate=True), []
    examine = progress.examine

    def hurried(model, exam, **more):
        asked.append(more.get("step", 0))
        if asked == [0, 4, 8]:
            bench.stop_at = 8
        return examine(model, exam, **more)

    monkeypatch.setattr(progress, "examine", hurried)
    bench.train()
    steps = [v["step"] for kind, v in bench.events if kind == "evaluation"]
    assert asked == [0, 4, 8] and steps == [4], "no event tells of an exam that was not finished"
    best = json.loads((tmp_path / "run" / "checkpoints" / "best" / "scores.json").read_text())
    assert best["step"] == 4 and read(tmp_path / "run" / "adapter").tensors == 28
    bench.stop_at = None
    card = bench.train()
    steps = [v["step"] for kind, v in bench.events if kind == "evaluation"]
    assert asked == [0, 4, 8, 8] and steps == [4, 8] and len(bench.losses()) == 8 and "unseen_wording" in card.scores


@pytest.mark.parametrize("fault", ["cut", "nan", "pickle"])
def test_a_damaged_best_adapter_is_refused_by_name_and_never_becomes_the_adapter(tmp_path, stopped, fault):
    shutil.copytree(stopped / "run", tmp_path / "run")
    bench = Bench(tmp_path / "run", stopped / "tiny")
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", _identity(bench))
    checkpoints.keep_best(checkpoints.tensors(checkpoints.all()[0], "adapter"), {})
    assert checkpoints.best()[1] == ""
    damage(checkpoints.folder / "best", fault)
    bench.train()
    assert any(message.startswith("A checkpoint was not used: best: ") for message in bench.messages("warning"))
    assert bench.step == 8 and read(tmp_path / "run" / "adapter").tensors == 28


def test_a_crash_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path, base, monkeypatch):
    bench = Bench(tmp_path / "run", base, epochs=1)
    bench.train()
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", _identity(bench))
    good, _ = checkpoints.newest()

    def full(tensors, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    import torch

    with pytest.raises(OSError, match="No space"):
        checkpoints.save(9, {"adapter": {"a": torch.ones(1)}}, {}, "{}")
    assert checkpoints.newest()[0] == good
    assert not list((tmp_path / "run" / "checkpoints").glob(".step*"))


def test_an_evaluation_every_epoch_keeps_the_best_and_probes_the_base_first(tmp_path, base):
    bench = Bench(tmp_path / "run", base, evaluate=True, effort="quick", epochs=2)
    card = bench.train()
    kinds = [kind for kind, _ in bench.events]
    assert kinds.index("probe") < kinds.index("step") and kinds.count("evaluation") >= 1
    assert (tmp_path / "run" / "checkpoints" / "best" / "adapter.safetensors").is_file()
    assert {"unseen_wording", "general", "base_unseen_wording", "base_general"} <= card.scores.keys()
    evaluation = next(values for kind, values in bench.events if kind == "evaluation")
    assert evaluation["message"] and 0 <= evaluation["unseen_wording"] <= 1


def test_no_rows_and_rows_that_are_too_long_are_refused_before_the_first_step(tmp_path, base):
    with pytest.raises(BadDataset, match="no training rows"):
        Bench(tmp_path / "a", base, rows=[p for p in pairs(1) if p.split != "train"]).train()
    with pytest.raises(BadDataset, match="longer than max_length"):
        Bench(tmp_path / "b", base, max_length=64).train()


def test_accumulated_rows_train_and_come_back_from_disk(tmp_path, base):
    bench = Bench(tmp_path / "two", base, max_steps=2, accumulation=2)
    bench.train()
    assert load("trl").effect(bench.job) > 1e-4


def test_two_processes_give_the_losses_of_one(runs, base, tmp_path):
    """The real worker, gloo, two CPU processes: the same rows per step, so the same losses within noise."""
    bench = Bench(tmp_path / "one", base, learning_rate=1e-3, max_steps=3)
    bench.train()
    spec = bench.job.spec.model_copy(update={"batch": 2, "devices": 2})
    two = runs.start(spec, base=base)
    done = until(runs, two.id, "completed", "failed", seconds=180)
    assert done.state == "completed", runs.log(two.id, 60)
    losses = [event.values["loss"] for event in runs.events(two.id) if event.kind == "step"]
    assert losses == pytest.approx(bench.losses(), abs=2e-2)


def test_an_adapter_cut_short_pickled_or_from_another_base_is_refused_by_name(tmp_path, base):
    from finetune import adapters
    from memory.workspace import write_json

    bench = Bench(tmp_path / "run", base, max_steps=2)
    card = bench.train()
    folder = tmp_path / "run" / "adapter"
    write_json(folder / "adapter.json", card.model_dump(mode="json"))
    assert adapters.verify(folder, base=base).id == "run"
    with pytest.raises(DocgraftError, match="another base"):
        adapters.verify(folder, base=tiny_model(tmp_path / "other", seed=5))
    cut, pickled = tmp_path / "cut", tmp_path / "pickled"
    shutil.copytree(folder, cut)
    (cut / "adapter_model.safetensors").write_bytes((cut / "adapter_model.safetensors").read_bytes()[:-50])
    with pytest.raises(DocgraftError, match="cut short"):
        adapters.verify(cut)
    shutil.copytree(folder, pickled)
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(DocgraftError, match=r"adapter_model\.bin"):
        adapters.verify(pickled)


def _keeping(models):
    from finetune.engines.network import load_network

    def loading(*args):
        models.append(load_network(*args))
        return models[-1]

    return loading


def _identity(bench):
    from finetune.engines.trl import identity

    return identity(bench.job)


@pytest.mark.parametrize("more", [{"dora": True}, {"rslora": True}, {"bits": 4}, {"bits": 8}])
def test_dora_rslora_nf4_and_eight_bits_train_are_saved_and_change_the_answers(tmp_path, base, more):
    if "bits" in more:
        more = more | {"method": "qlora"}
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (docgraft[qlora])")
    bench = Bench(tmp_path / "run", base, **more)
    card = bench.train()
    assert bench.losses()[-1] < bench.losses()[0]
    assert load("trl").effect(bench.job) > 0.01
    config = json.loads((tmp_path / "run" / "adapter" / "adapter_config.json").read_text())
    assert config["use_dora"] == more.get("dora", False) and config["use_rslora"] == more.get("rslora", False)
    assert card.spec.bits == more.get("bits", 32) and all(map(math.isfinite, bench.losses()))
    newest, _ = Checkpoints(tmp_path / "run" / "checkpoints", _identity(bench)).newest()
    tensors = Checkpoints(tmp_path, "").tensors(newest, "adapter")
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.float32"}, "it resumes in full precision"
