"""The seam: every engine answers readiness in words; unsloth is spoken to in its own arguments."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from types import SimpleNamespace

import pytest

from finetune.engines import REGISTRY, Readiness, effect, load, names
from finetune.engines.unsloth import adapting, loading
from finetune.evaluation.general import items, sample
from finetune.records import TrainingSpec
from finetune.runs import PACKAGES
from memory.errors import NotConfigured, RunFailed
from tests.tiny_model import noise_adapter

SPEC = TrainingSpec(base="b", dataset="d")
# The parameters of unsloth 2026.10.9, copied from its own source.
FROM_PRETRAINED = {
    *("model_name", "max_seq_length", "dtype", "load_in_4bit", "load_in_8bit", "load_in_16bit", "full_finetuning"),
    *("token", "device_map", "rope_scaling", "fix_tokenizer", "trust_remote_code", "use_gradient_checkpointing"),
    *("revision", "random_state", "max_lora_rank", "fast_inference"),
}
GET_PEFT_MODEL = {
    *("r", "target_modules", "lora_alpha", "lora_dropout", "bias", "layers_to_transform", "random_state"),
    *("use_gradient_checkpointing", "use_rslora", "modules_to_save", "init_lora_weights", "loftq_config"),
}


@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_engine_says_whether_it_is_ready_and_what_is_missing(name):
    ready = load(name).readiness(SPEC)
    assert isinstance(ready, Readiness) and (ready.ready or (ready.reason and ready.hint))


def test_an_unknown_engine_is_refused_with_the_names_there_are():
    with pytest.raises(NotConfigured, match=r"trl.*unsloth.*rehearsal") as caught:
        load("nothing")
    assert "trl" in caught.value.hint and names() == list(REGISTRY)


def test_asking_unsloth_for_readiness_does_not_import_it():
    code = (
        "import sys\nfrom finetune.engines import load\nfrom finetune.records import TrainingSpec\n"
        "load('unsloth').readiness(TrainingSpec(base='b', dataset='d'))\n"
        "print([name for name in ('unsloth', 'trl', 'peft', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGES, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unsloth_is_given_only_arguments_that_it_has():
    spec = SPEC.model_copy(update={"bits": 4, "method": "qlora", "rank": 8, "seed": 3})
    assert loading(spec, "/base").keys() <= FROM_PRETRAINED and adapting(spec).keys() <= GET_PEFT_MODEL
    assert loading(spec, "/base")["load_in_4bit"] and adapting(spec)["r"] == 8
    assert "down_proj" in adapting(spec)["target_modules"]


def test_what_unsloth_taught_is_measured_by_a_process_that_it_has_not_patched(tmp_path, base, monkeypatch):
    noise_adapter(tmp_path / "adapter", base)
    job, asked = SimpleNamespace(folder=tmp_path, base=base), []

    def child(command, **more):
        asked.append(command[:3])
        with contextlib.redirect_stdout(io.StringIO()) as said:
            effect.main(command[3:])
        return subprocess.CompletedProcess(command, 0, said.getvalue(), "")

    monkeypatch.setattr("finetune.engines.unsloth.subprocess.run", child)
    assert load("unsloth").effect(job) == effect.logit_difference(tmp_path / "adapter", base) > 0.01
    assert asked == [[sys.executable, "-m", "finetune.engines.effect"]]
    killed = subprocess.CompletedProcess([], 1, "", "first\nBackendFailed: cut short\n")
    monkeypatch.setattr("finetune.engines.unsloth.subprocess.run", lambda *a, **more: killed)
    with pytest.raises(RunFailed, match=r"opened again: first\nBackendFailed: cut short"):
        load("unsloth").effect(job)


def test_a_version_out_of_range_is_named(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.9.1" if name == "trl" else "5.20.0")
    ready = load("trl").readiness(SPEC)
    assert not ready.ready and "trl 0.9.1 is out of range; >=1.15,<2" in ready.reason


def test_the_general_probe_is_checkable_and_spread_over_kinds_and_languages():
    assert len(items()) == 60 and len({item.id for item in items()}) == 60
    assert {item.kind for item in items()} == {"arithmetic", "knowledge", "format", "translation", "refusal"}
    assert len({item.kind for item in sample(15)}) >= 4 and {"en", "zh-Hant"} <= {i.language for i in sample(15)}
    assert not any(item.passed("") or item.passed("zzz") for item in items())


@pytest.mark.parametrize(
    ("id", "answer", "passed"),
    [
        ("g01", "2 + 3 is 5.", True),
        ("g01", "It is 15.", False),
        ("g19", "A cat says meow.", True),
        ("g19", "location", False),
    ],
)
def test_general_answers_are_marked_by_whole_words(id, answer, passed):
    assert next(item for item in items() if item.id == id).passed(answer) is passed
