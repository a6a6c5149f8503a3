"""A run written out as a folder: the rows of the chat, the spec in the trainer's words, the commands."""

from __future__ import annotations

import ast
import json

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file

from benchmarks.facts import pairs
from finetune.engines import names
from finetune.engines.rows import encode
from finetune.export.recipes import write_recipe
from finetune.models.templates import load_tokenizer
from finetune.records import TrainingSpec
from memory.errors import BadDataset, DocgraftError

SPEC = {
    "base": "tiny",
    "dataset": "facts",
    "rank": 8,
    "alpha": 16,
    "batch": 4,
    "epochs": 3,
    "max_length": 1024,
    "seed": 5,
}


ENGINES = [name for name in names() if name != "rehearsal"]


def spec_of(engine, **changes):
    return TrainingSpec(engine=engine, **{**SPEC, **changes})


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gets_the_rows_the_spec_and_the_commands(engine, base, tmp_path):
    found = write_recipe(spec_of(engine), pairs(4), base=base, folder=tmp_path / "out")
    folder, readme = tmp_path / "out", (tmp_path / "out" / "README.md").read_text()
    assert found.rows == 16 and found.steps == 12 and all(command in readme for command in found.commands)
    assert any("pip install" in command for command in found.commands) and "README.md" in found.files
    assert json.loads((folder / "spec.json").read_text())["seed"] == 5
    texts = [
        json.loads(line)["messages"][-1]["content"] for line in (folder / "messages.jsonl").read_text().splitlines()
    ]
    assert texts == [pair.output for pair in pairs(4) if pair.split == "train"]
    if engine in ("trl", "unsloth"):
        script = (folder / "train.py").read_text()
        names = [node.module for node in ast.walk(ast.parse(script)) if isinstance(node, ast.ImportFrom)]
        assert (
            (names[0] == "unsloth") == (engine == "unsloth") and "'seed': 5" in script and "'warmup_steps': 1" in script
        )
        for name in ("fsdp", "deepspeed") if engine == "trl" else ():
            assert load_config_from_file(str(folder / f"{name}.yaml")).distributed_type.value == name.upper()
    else:
        settings = yaml.safe_load((folder / f"{engine}.yaml").read_text())
        assert settings["lora_r" if engine == "axolotl" else "lora_rank"] == 8 and settings["seed"] == 5
        assert (
            settings["output_dir"] == "./out" and str(tmp_path / "out") not in (folder / f"{engine}.yaml").read_text()
        )


@pytest.mark.parametrize("engine", ["trl", "axolotl"])
def test_the_rows_are_token_ids_of_the_chat_with_only_the_answer_learned(engine, base, tmp_path):
    write_recipe(spec_of(engine), pairs(4), base=base, folder=tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    ours = encode([pair for pair in pairs(4) if pair.split == "train"], load_tokenizer(base)).rows
    assert [(row["input_ids"], row["labels"]) for row in rows] == [(row.ids, row.labels) for row in ours]


def test_what_cannot_be_written_out_is_refused_before_anything_is_written(base, tmp_path):
    with pytest.raises(DocgraftError, match=r"cannot be written out.*\n.*trl, unsloth, axolotl, llamafactory"):
        write_recipe(spec_of("rehearsal"), pairs(4), base=base, folder=tmp_path / "out")
    with pytest.raises(BadDataset, match="no training rows"):
        write_recipe(spec_of("trl"), [], base=base, folder=tmp_path / "out")
    with pytest.raises(BadDataset, match="longer than"):
        write_recipe(spec_of("trl", max_length=16), pairs(4), base=base, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(DocgraftError, match="not empty"):
        write_recipe(spec_of("trl"), pairs(4), base=base, folder=tmp_path / "full")


def test_dora_rslora_and_single_layers_are_said_in_each_trainers_words(base, tmp_path):
    spec = {"dora": True, "rslora": True, "targets": ("q_proj", "v_proj"), "schedule": "constant", "dropout": 0.1}
    for engine in ("axolotl", "llamafactory"):
        write_recipe(spec_of(engine, **spec), pairs(4), base=base, folder=tmp_path / engine)
    axolotl = yaml.safe_load((tmp_path / "axolotl" / "axolotl.yaml").read_text())
    assert axolotl["peft_use_dora"] and axolotl["peft_use_rslora"] and axolotl["lora_dropout"] == 0.1
    assert axolotl["lora_target_modules"] == ["q_proj", "v_proj"] and axolotl["lr_scheduler"] == "constant_with_warmup"
    factory = yaml.safe_load((tmp_path / "llamafactory" / "llamafactory.yaml").read_text())
    assert factory["use_dora"] and factory["use_rslora"] and factory["lora_target"] == "q_proj,v_proj"
