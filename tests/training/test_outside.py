"""Outside engines: a run of a trainer in an environment of its own, followed by its log. A stand-in prints what the
real ones printed; `docgraft engines check` runs the real ones."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from finetune import adapters, worker
from finetune.engines import REGISTRY, Job, NothingLearned, load, names
from finetune.engines.environments import Environment
from finetune.engines.outside_log import pieces, read_step, read_total
from finetune.engines.pins import PINS, Pins
from finetune.engines.taking import adapter_of
from finetune.export.recipes import write_recipe
from finetune.models.adapter_files import WEIGHTS
from finetune.models.fingerprints import fingerprint
from finetune.notices import Failed
from finetune.records import TrainingSpec
from finetune.runfolder import RunFolder
from memory.errors import BackendFailed
from memory.records import now
from memory.workspace import write_json
from tests.tiny_model import noise_adapter, tiny_model
from tests.training.conftest import until

OUTSIDE = ("llamafactory", "axolotl")
LOGS = Path(__file__).parent / "recorded"


@pytest.fixture(params=OUTSIDE)
def name(request):
    return request.param


@pytest.fixture
def noise(tmp_path, base):
    return noise_adapter(tmp_path / "noise", base, record=False)


@pytest.fixture
def install(workspace, noise):
    """Put the stand-in where an engine's environment is; returns the file with its orders."""

    def put(name, *, way="train", version=None):
        place = Environment(workspace, name)
        place.python.parent.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).with_name("stand_in.py")
        place.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "{place.folder}" "$@"\n')
        place.python.chmod(0o755)
        found = place.folder / f"lib/python3.11/site-packages/{name}-{version or place.wanted()}.dist-info"
        found.mkdir(parents=True, exist_ok=True)
        (found / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version or place.wanted()}\n")
        write_json(
            place.ready_file,
            {"name": name, "versions": {name: place.wanted()}, "made": now(), "seconds": 1.0, "tool": "venv"},
        )
        orders = {"way": way, "log": str(LOGS / f"{name}.txt"), "adapter": str(noise)}
        write_json(place.folder / "stand_in.json", orders)
        return place.folder

    return put


@pytest.fixture
def job(tmp_path, base, kb):
    """A job of two passes over 16 rows, and what it emits."""
    from finetune import datasets

    def make(name, stopping=lambda: False, **changes):
        events = []

        def emit(kind, *, message="", **values):
            events.append((kind, str(getattr(message, "text", message)), values))

        values = {"rank": 4, "alpha": 8, "batch": 4, "epochs": 2, "max_length": 1024, "evaluate": False} | changes
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        made = Job(
            folder=folder,
            run="r1",
            kb="default",
            spec=TrainingSpec(engine=name, base="tiny", dataset="facts", **values),
            base=base,
            dataset_fingerprint="f",
            chunk_hashes=("c1",),
            pairs=list(datasets.read(kb.dataset("facts")).pairs()),
            emit=emit,
            tell=lambda text: events.append(("text", text, {})),
            stopping=stopping,
        )
        return made, events

    return make


def losses(events):
    return [values["loss"] for kind, _, values in events if kind == "step"]


def test_a_run_of_an_outside_trainer_is_followed_and_its_adapter_taken(name, install, job, workspace):
    folder = install(name)
    made, events = job(name)
    engine = load(name, workspace.root)
    assert engine.readiness(made.spec).ready
    card = engine.train(made)
    steps = [values for kind, _, values in events if kind == "step"]
    assert [one["step"] for one in steps] == list(range(1, 9)) and {one["steps"] for one in steps} == {8}
    assert losses(events)[0] > losses(events)[-1] > 5
    assert any("never seen" in text or "nobody has ever seen" in text for kind, text, _ in events if kind == "text")
    assert card.versions == {name: Environment(workspace, name).wanted()} and card.tensors == 8
    assert card.base_fingerprint == fingerprint(made.base)
    assert engine.effect(made) > 1e-3
    seen = json.loads((folder / "seen.json").read_text())
    assert seen["argv"][0] == "-P" and seen["settings"]["output_dir"].startswith(str(made.folder))
    config = json.loads((made.folder / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"


def test_what_it_trains_on_are_the_very_tokens_of_the_chat(name, install, job, workspace, base):
    from datasets import load_from_disk

    from finetune.engines.rows import encode
    from finetune.models.templates import load_tokenizer

    install(name)
    made, _ = job(name)
    load(name, workspace.root).train(made)
    ours = [(row.ids, row.labels) for row in encode(made.split("train"), load_tokenizer(base)).rows]
    folder = made.folder / "checkpoints" / name
    if name == "axolotl":
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    else:
        rows = list(load_from_disk(str(folder / "tokens"))["train"])
    assert [(row["input_ids"], row["labels"]) for row in rows] == ours


def test_no_key_reaches_the_trainer_or_its_files(name, install, job, workspace, monkeypatch):
    canary = "sk-TEST-CANARY-000"
    monkeypatch.setenv("OPENAI_API_KEY", canary)
    monkeypatch.setenv("HF_TOKEN", canary)
    folder = install(name)
    made, events = job(name)
    load(name, workspace.root).train(made)
    assert canary not in (folder / "seen.json").read_text() and canary not in str(events)
    assert not any(canary.encode() in path.read_bytes() for path in made.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("not a number", "Non-finite loss at step 1"),
        ("missing module", "ended with code 1: ImportError"),
        ("out of memory", "not enough memory"),
        ("no adapter", "ended without an adapter"),
    ],
)
def test_a_trainer_that_goes_wrong_fails_in_words_and_leaves_no_adapter(way, said, name, install, job, workspace):
    install(name, way=way)
    made, _ = job(name, epochs=1 if way != "no adapter" else 2)
    if way == "no adapter":
        (made.folder / "checkpoints").mkdir()
    with pytest.raises(Failed, match=said):
        _without_checkpoints(load(name, workspace.root), made, way)
    assert not (made.folder / "adapter").exists()


def _without_checkpoints(engine, made, way):
    """Train; for the trainer without an adapter, as if it had not even saved a checkpoint."""
    if way == "no adapter":
        orders = Path(engine.environment.folder / "stand_in.json")
        values = json.loads(orders.read_text())
        log = Path(values["log"]).read_text().split("{'loss'")[0]
        cut = made.folder.parent / "cut.log"
        cut.write_text(log)
        orders.write_text(json.dumps(values | {"log": str(cut)}))
    engine.train(made)


def test_a_trainer_that_is_killed_is_said_to_be_and_the_run_goes_on_from_its_checkpoint(name, install, job, workspace):
    install(name, way="killed")
    made, events = job(name)
    with pytest.raises(Failed, match=r"ended from outside \(signal 9\).*memory"):
        load(name, workspace.root).train(made)
    assert len(losses(events)) == 6 and not (made.folder / "adapter").exists()
    install(name)
    made, events = job(name)
    card = load(name, workspace.root).train(made)
    assert len(losses(events)) == 4 and card.tensors == 8


def test_weights_that_are_no_numbers_are_never_taken(name, install, job, workspace, noise):
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(noise / WEIGHTS)
    first = next(iter(tensors))
    tensors[first][0, 0] = float("inf")
    save_file(tensors, noise / WEIGHTS)
    assert not torch.isfinite(tensors[first]).all()
    install(name)
    made, _ = job(name)
    with pytest.raises(Failed, match="not finite"):
        load(name, workspace.root).train(made)
    assert not (made.folder / "adapter").exists()


def test_stopping_keeps_what_was_learned_and_resuming_goes_on_from_there(name, install, job, workspace):
    folder = install(name, way="wait to be stopped")
    events = []
    made, events = job(name, stopping=lambda: len(losses(events)) >= 3)
    load(name, workspace.root).train(made)
    first = len(losses(events))
    assert first == 3 and (made.folder / "adapter" / WEIGHTS).is_file()
    install(name)
    made, again = job(name)
    load(name, workspace.root).train(made)
    steps = [values["step"] for kind, _, values in again if kind == "step"]
    assert steps == list(range(4, 9))
    resumed = json.loads((folder / "seen.json").read_text())["settings"]["resume_from_checkpoint"]
    assert Path(resumed).name == "checkpoint-3"


def test_a_damaged_checkpoint_is_refused_by_name_and_another_spec_does_not_resume(name, install, job, workspace):
    install(name)
    made, _ = job(name)
    engine = load(name, workspace.root)
    engine.train(made)
    newest = made.folder / "checkpoints" / name / "out/checkpoint-8" / WEIGHTS
    newest.write_bytes(newest.read_bytes()[:100])
    made, events = job(name)
    engine.train(made)
    said = [text for kind, text, _ in events if kind in ("warning", "started")]
    assert any("checkpoint-8" in text for text in said) and any("checkpoint-4" in text for text in said)
    made, events = job(name, rank=8)
    engine.train(made)
    assert any("belong to another" in text for _, text, _ in events) and len(losses(events)) == 8


def test_a_trainer_that_is_done_and_hangs_is_ended_and_its_adapter_counts(name, install, job, workspace, monkeypatch):
    monkeypatch.setattr("finetune.engines.outside.PATIENCE", 0.5)
    install(name, way="hang")
    made, events = job(name)
    begun = time.monotonic()
    card = load(name, workspace.root).train(made)
    assert time.monotonic() - begun < 300, "it would have hung for 600 seconds"
    assert card.tensors == 8 and len(losses(events)) == 8


def test_an_output_that_was_cut_short_gives_way_to_the_newest_whole_checkpoint(tmp_path, noise):
    output = tmp_path / "out"
    shutil.copytree(noise, output / "checkpoint-8")
    (output / "checkpoint-8" / "trainer_state.json").write_text("{}")
    shutil.copytree(noise, output, dirs_exist_ok=True)
    assert adapter_of(output) == output
    (output / WEIGHTS).write_bytes((noise / WEIGHTS).read_bytes()[:-100])
    assert adapter_of(output) == output / "checkpoint-8"


def test_on_a_cpu_the_recipe_gives_outside_trainers_what_they_can_do():
    from finetune.models.devices import Device
    from finetune.recipes import Size, recipe

    amx = Device(
        kind="cpu", name="c", memory=64 << 30, free=64 << 30, precision="float32", bfloat16=True, four_bit=True,
        features=("amx",),
    )  # fmt: skip
    size = Size(parameters=135_000_000)
    found = {
        name: recipe("quick", base="b", dataset="d", size=size, device=amx, engine=name) for name in ("trl", *OUTSIDE)
    }
    assert {name: spec.bits for name, spec in found.items()} == {"trl": 16, "llamafactory": 32, "axolotl": 32}


def test_stopping_before_the_first_step_leaves_nothing(name, install, job, workspace):
    install(name, way="no adapter")
    made, _ = job(name, stopping=lambda: True)
    with pytest.raises(NothingLearned):
        _without_checkpoints(load(name, workspace.root), made, "no adapter")


def test_readiness_says_in_words_what_is_missing(name, install, workspace):
    spec = TrainingSpec(engine=name, base="b", dataset="d")
    engine = load(name, workspace.root)
    ready = engine.readiness(spec)
    assert "not installed" in ready.reason and f"docgraft engines install {name}" in ready.hint
    install(name, version="0.1.0")
    assert (
        "0.1.0" in engine.readiness(spec).reason
        and Environment(workspace, name).wanted() in engine.readiness(spec).reason
    )
    shutil.rmtree(Environment(workspace, name).folder)
    folder = install(name)
    assert engine.readiness(spec).ready
    assert "GPU" in engine.readiness(spec.model_copy(update={"bits": 4, "method": "qlora"})).reason
    assert "one device" in engine.readiness(spec.model_copy(update={"devices": 2})).reason
    (folder / "bin" / "python").unlink()
    assert "has lost the Python" in engine.readiness(spec).reason
    (folder / "ready.json").unlink()
    assert "half installed" in engine.readiness(spec).reason
    assert "not installed" in load(name).readiness(spec).reason


def test_the_worker_of_unsloth_runs_in_its_environment_and_every_other_in_ours(install, runs, base, monkeypatch):
    from finetune.runfolder import interpreter

    def python_of(engine):
        run = runs.create(TrainingSpec(engine=engine, base="tiny", dataset="facts"), base=base)
        found = interpreter(RunFolder(runs.kb.run(run.id)).ticket())
        runs.stop(run.id)
        return found

    assert python_of("unsloth") == sys.executable
    folder = install("unsloth")
    assert python_of("unsloth") == str(folder / "bin" / "python") and python_of("trl") == sys.executable
    described = load("trl").readiness(TrainingSpec(base="b", dataset="d"))
    assert described.ready
    monkeypatch.setattr("finetune.engines.unsloth.describe", type("Card", (), {"kind": "cuda"}))
    spec = TrainingSpec(engine="unsloth", base="b", dataset="d")
    assert load("unsloth", runs.workspace.root).readiness(spec).ready
    install("unsloth", version="0.1")
    (folder / "ready.json").unlink()
    assert "half installed" in load("unsloth", runs.workspace.root).readiness(spec).reason


def test_a_run_through_the_worker_is_verified_like_every_other(install, runs, kb, base, tmp_path):
    install("llamafactory")
    few = {"batch": 4, "epochs": 2, "max_length": 1024, "rank": 4, "effort": "quick"}
    spec = TrainingSpec(engine="llamafactory", base="tiny", dataset="facts", **few)
    run = runs.start(spec, base=base)
    found = until(
        runs, run.id, "completed", "failed", seconds=300
    )  # It loads torch twice, on a machine that may be busy.
    assert found.state == "completed", f"{found.message}\n{runs.log(run.id)}"
    assert found.step == 8 and "Training completed" in runs.log(run.id, 400)
    card = adapters.verify(RunFolder(kb.run(run.id)).adapter, base=base)
    assert card.effect > 1e-3 and "unseen_wording" in card.scores and "base_unseen_wording" in card.scores
    with pytest.raises(BackendFailed, match="another base model"):
        adapters.verify(RunFolder(kb.run(run.id)).adapter, base=tiny_model(tmp_path / "other", seed=1))


def test_a_worker_that_is_killed_takes_its_trainer_along_and_nothing_counts_as_trained(install, runs, kb, base):
    import psutil

    install("axolotl", way="wait to be stopped")  # It is there however late this test looks.
    spec = TrainingSpec(engine="axolotl", base="tiny", dataset="facts", batch=4, epochs=2, max_length=1024)
    run = runs.start(spec, base=base)
    while not (found := runs.show(run.id)).step and found.state != "failed":
        time.sleep(0.05)
    trainer = psutil.Process(found.pid).children(recursive=True)
    psutil.Process(found.pid).kill()
    found = until(runs, run.id, "failed")
    assert "ended without finishing" in found.message and found.adapter is None
    assert trainer and not psutil.wait_procs(trainer, timeout=120)[1] and not adapters.cards(kb)


ONE_FILE = """
from finetune.engines.outside import Outside, Trainer
from memory.workspace import write_json

def write(plan, rows, pairs, folder):
    write_json(folder / "mine.yaml", {"output_dir": plan.folder + "/out", "rows": [row.ids for row in rows.rows]})

class Mine(Outside):
    trainer = Trainer("mine", write, lambda folder: ["mine", str(folder / "mine.yaml")], alone="mine mine.yaml")
"""


def test_another_trainer_is_one_file_its_pins_and_a_line_in_the_registry(install, job, base, tmp_path, monkeypatch):
    (tmp_path / "mine_engine.py").write_text(ONE_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(REGISTRY, "mine", "mine_engine:Mine")
    pinned = {"requirements": ("mine==1.0",), "imports": ("mine",), "disk": 1, "packages": 1}
    monkeypatch.setitem(PINS, "mine", Pins(name="mine", package="mine", **pinned))
    folder = install("mine")
    orders = json.loads((folder / "stand_in.json").read_text())
    write_json(folder / "stand_in.json", orders | {"log": str(LOGS / "axolotl.txt")})
    made, events = job("mine")
    engine = load("mine", folder.parents[1])
    assert engine.readiness(made.spec).ready and "mine" in names()
    assert engine.train(made).tensors == 8 and engine.effect(made) > 1e-3 and len(losses(events)) == 8
    written = write_recipe(made.spec, made.pairs, base=base, folder=tmp_path / "out")
    assert written.commands[-1] == "mine mine.yaml" and "mine==1.0" in written.commands[1]


def test_the_log_is_read_in_both_trainers_ways_and_anything_else_is_text():
    assert read_step("{'loss': '5.3', 'grad_norm': '1.7', 'learning_rate': '0.0005', 'epoch': '1.25'}").loss == 5.3
    assert read_step(" 12%|█▎ | 1/8 [00:00<00:01] {'loss': 5.3, 'epoch': 0.5, 'tokens/total': 512}").epoch == 0.5
    assert not read_step("{'loss': nan, 'grad_norm': nan, 'epoch': 0.1}").finite
    for text in (
        "",
        "{'train_runtime': '1.1', 'epoch': '2'}",
        "{'loss': }",
        "{oops",
        "loss: 5",
        "{'loss': 'x', 'epoch': 1}",
    ):
        assert read_step(text) is None
    assert read_total(" 25%|██▌       | 2/8 [00:00<00:00,  6.38it/s]") == 8
    assert read_total("Loading weights: 100%|███| 21/21 [00:00<00:00, 29050.26it/s]") is None
    assert read_total("2/8 of it") is None
    assert list(pieces(iter([b"a\rb\n", b"\xe4\xb8", b"\xad\nrest"]))) == ["a", "b", "中", "rest"]


def test_an_engine_removed_while_its_run_waited_fails_that_run_in_words(name, runs, base):
    run = runs.create(TrainingSpec(engine=name, base="tiny", dataset="facts", bits=32), base=base)
    assert worker.main(str(runs.kb.run(run.id))) == 1
    found = runs.show(run.id)
    assert found.state == "failed" and found.adapter is None
    assert f"{name} is not installed" in found.message and f"docgraft engines install {name}" in found.message
