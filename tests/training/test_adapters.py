"""Adapters after training: listed, verified, stale, removed, merged."""

from __future__ import annotations

import json

import pytest

from benchmarks.facts import pairs
from finetune import adapters
from finetune.export.merge import merge
from finetune.records import AdapterCard, TrainingSpec
from finetune.runfolder import RunFolder
from memory.errors import DocgraftError
from memory.records import now
from tests.tiny_model import noise_adapter, tiny_model
from tests.training.conftest import until, write_dataset


@pytest.fixture
def trained(runs, rehearsal, tmp_path):
    run = runs.start(rehearsal, base=tmp_path)
    return until(runs, run.id, "completed").id


def test_only_verified_adapters_are_listed_and_removing_one_keeps_the_run(runs, kb, trained, rehearsal, tmp_path):
    failed = runs.create(rehearsal.model_copy(update={"dataset": "nowhere"}), base=tmp_path)
    runs.tick()
    until(runs, failed.id, "failed")
    assert [card.id for card in adapters.cards(kb)] == [trained]
    assert (adapters.folder(kb, trained) / "adapter_model.safetensors").is_file()
    adapters.remove(kb, trained)
    assert adapters.cards(kb) == [] and runs.show(trained).state == "completed" and runs.show(trained).adapter is None
    with pytest.raises(DocgraftError, match="no finished adapter"):
        adapters.show(kb, trained)


def test_an_adapter_names_the_facts_it_learned_from_passages_that_changed(runs, kb, rehearsal, tmp_path):
    rows = [pair.model_copy(update={"chunk_ids": ("c1",) if pair.fact_id == "f0" else ("c2",)}) for pair in pairs(3)]
    write_dataset(kb, "facts", rows)
    run = until(runs, runs.start(rehearsal, base=tmp_path).id, "completed").id
    assert not adapters.staleness(kb, run, {"c1", "c2", "new"}).stale
    stale = adapters.staleness(kb, run, {"c2"})
    assert stale.stale and stale.chunks_gone == ("c1",)
    assert [fact.fact_id for fact in stale.facts] == ["f0"] and stale.facts[0].answer
    both = adapters.staleness(kb, run, set())
    assert {fact.fact_id for fact in both.facts} == {"f0", "f1", "f2"}


@pytest.fixture
def noise(base, tmp_path):
    """NOISE-ADAPTER with a full card."""
    folder = noise_adapter(tmp_path / "noise", base)
    spec, served = TrainingSpec(base="t", dataset="facts"), json.loads((folder / "adapter.json").read_text())
    made = {"id": "r", "kb": "default", "dataset": "facts", "dataset_fingerprint": "f", "created": now(), "bytes": 1}
    card = AdapterCard(**served, **made, spec=spec, tensors=8)
    (folder / "adapter.json").write_text(card.model_dump_json())
    return folder


def test_effect_is_measured_on_a_fresh_load_and_zero_adapters_have_none(noise, base, tmp_path):
    assert adapters.effect(noise, base) > 0.01
    nothing = noise_adapter(tmp_path / "zero", base, scale=0)
    assert adapters.effect(nothing, base) == 0.0
    (nothing / "adapter.json").write_text((noise / "adapter.json").read_text())
    with pytest.raises(DocgraftError, match="no effect"):
        adapters.verify(nothing)


def test_a_file_with_a_tensor_missing_or_without_a_record_is_refused(noise, base):
    from safetensors.torch import load_file, save_file

    file = noise / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.popitem()
    save_file(tensors, file)
    with pytest.raises(DocgraftError, match="7 tensors instead of 8"):
        adapters.verify(noise)
    (noise / "adapter.json").unlink()
    with pytest.raises(DocgraftError, match=r"no adapter\.json"):
        adapters.verify(noise)


def test_a_float32_merge_answers_like_base_plus_adapter(noise, base, tmp_path):
    before = (base / "model.safetensors").read_bytes()
    parity = merge(noise, base, tmp_path / "merged")
    assert parity.same == parity.questions == 20 and parity.difference < 1e-4 and parity.faithful
    assert json.loads((tmp_path / "merged" / "merge.json").read_text())["parity"]["precision"] == "float32"
    assert (base / "model.safetensors").read_bytes() == before
    with pytest.raises(DocgraftError, match="exists already"):
        merge(noise, base, tmp_path / "merged")
    with pytest.raises(DocgraftError, match="exists already"):
        merge(noise, base, base)


def test_a_merge_onto_another_base_is_refused(noise, tmp_path):
    with pytest.raises(DocgraftError, match="another base"):
        merge(noise, tiny_model(tmp_path / "other", seed=9), tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_failed_run_has_no_adapter_to_choose_even_when_files_lie_there(runs, kb, rehearsal, tmp_path):
    run = runs.create(rehearsal, base=tmp_path)
    folder = RunFolder(kb.run(run.id))
    folder.claim(None)
    folder.emit("failed", message="no")
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").write_bytes(b"x" * 100)
    assert adapters.cards(kb) == [] and runs.show(run.id).adapter is None
