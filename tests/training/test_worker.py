"""What the worker says when a run ends badly, and what it refuses to call finished."""

from __future__ import annotations

import pytest
from safetensors import SafetensorError

from finetune import worker
from finetune.engines.rehearsal import Rehearsal
from finetune.modelcard import readme
from finetune.records import AdapterCard
from finetune.runfolder import RunFolder
from memory.errors import BadDataset


@pytest.fixture
def here(runs, rehearsal, tmp_path):
    return RunFolder(runs.kb.run(runs.create(rehearsal, base=tmp_path).id))


@pytest.mark.parametrize(
    "cause",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_out_of_memory_is_said_with_what_would_fit(here, cause):
    said = worker.explain(cause, here).text
    assert "Out of memory" in said and "batch 2 with accumulation 2" in said


def test_other_ends_are_said_as_they_are(here):
    weights = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    for full in (OSError(28, "No space left on device"), weights):
        assert "disk is full" in worker.explain(full, here).text
    assert worker.explain(BadDataset("is wrong", "Fix it.", row=3), here) == "row 3: is wrong\nFix it."
    assert worker.explain(KeyError("x"), here) == "KeyError: 'x'"


def test_an_adapter_without_effect_is_never_called_finished(here, runs, monkeypatch):
    monkeypatch.setattr(Rehearsal, "effect", lambda self, job: 0.0)
    assert worker.main(str(here.root)) == 1
    failed = runs.show(here.id)
    assert failed.state == "failed" and "no effect" in failed.message and failed.adapter is None
    assert not here.card_file.exists()


def test_a_run_that_another_process_works_on_is_left_alone(here):
    from filelock import FileLock

    with FileLock(here.root / ".worker.lock"):
        assert worker.main(str(here.root)) == 3
    assert not here.events_file.exists()


def test_the_model_card_holds_data_spec_scores_and_the_licence_of_the_base(here, runs):
    import yaml

    from finetune import adapters

    worker.main(str(here.root))
    card = adapters.show(runs.kb, here.id).model_copy(update={"licence": "Apache-2.0", "base": "org/base"})
    text = readme(card)
    head = yaml.safe_load(text.split("---")[1])
    assert head["base_model"] == "org/base" and head["license"] == "apache-2.0" and head["library_name"] == "peft"
    assert head["language"] == ["en"]
    assert all(word in text for word in (card.dataset_fingerprint, card.base_fingerprint, "Apache-2.0", "Limits"))


@pytest.mark.parametrize(
    ("licence", "fields"),
    [
        ("Llama-3.2", {"license": "llama3.2"}),
        ("TAIDE (on Llama-3.1)", {"license": "other", "license_name": "TAIDE (on Llama-3.1)"}),
        ("", {"license": "other", "license_name": "not recorded"}),
    ],
)
def test_the_licence_of_the_base_stands_in_the_hubs_own_words(rehearsal, licence, fields):
    import yaml

    names = ("id", "kb", "base", "base_fingerprint", "template_fingerprint", "system", "dataset", "dataset_fingerprint")
    card = AdapterCard(**dict.fromkeys(names, "x"), spec=rehearsal, tensors=1, bytes=1, licence=licence)
    head = yaml.safe_load(readme(card).split("---")[1])
    assert {name: value for name, value in head.items() if name.startswith("license")} == fields


def test_scores_are_in_the_words_of_the_page(here, runs):
    worker.main(str(here.root))
    done = [event for event in runs.events(here.id) if event.kind == "completed"]
    assert done and set(done[0].values["scores"]) == {"unseen_wording"}
