"""Other trainers: the dataset beside the settings file or script that trains it. Writes text; imports none of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finetune.datasets import Dataset
from finetune.formats import Exported
from finetune.formats.chats import chatml, sharegpt
from memory.workspace import write_json, write_text

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Model named in settings when none is given."""
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def axolotl(dataset: Dataset, folder: Path, *, base: str = "") -> Exported:
    """train.jsonl and dev.jsonl of messages, and axolotl.yaml for LoRA on them."""
    done = chatml(dataset, folder)
    settings: dict[str, Any] = {
        "base_model": base or BASE,
        "adapter": "lora",
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_target_linear": True,
        "chat_template": "tokenizer_default",
        "datasets": [_axolotl_set("train.jsonl")],
        "train_on_inputs": False,
        "sequence_len": 1024,
        "sample_packing": False,
        "micro_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "num_epochs": 4,
        "learning_rate": 0.0005,
        "lr_scheduler": "cosine",
        "optimizer": "adamw_torch",
        "warmup_ratio": 0.05,
        "bf16": "auto",
        "output_dir": "./adapter",
    }
    if "dev" in done.rows:
        settings["test_datasets"] = [_axolotl_set("dev.jsonl")]
    _write_yaml(folder / "axolotl.yaml", settings, "axolotl train axolotl.yaml")
    return _with(done, "axolotl", "axolotl.yaml")


def _axolotl_set(name: str) -> dict[str, Any]:
    return {
        "path": name,
        "ds_type": "json",
        "split": "train",
        "type": "chat_template",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        "roles_to_train": ["assistant"],
        # The last answer only: earlier turns of a follow-up were not checked as answers of their own.
        "train_on_eos": "last",
    }


def llamafactory(dataset: Dataset, folder: Path, *, base: str = "") -> Exported:
    """ShareGPT files, dataset_info.json that names their columns, and llamafactory.yaml."""
    done = sharegpt(dataset, folder)
    info = {
        f"docgraft_{split}": {
            "file_name": f"{split}.json",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "system": "system"},
            "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
        }
        for split in done.rows
    }
    write_json(folder / "dataset_info.json", info)
    settings: dict[str, Any] = {
        "model_name_or_path": base or BASE,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_target": "all",
        "dataset_dir": ".",
        "dataset": "docgraft_train",
        "template": "default",
        "mask_history": True,
        "cutoff_len": 1024,
        "output_dir": "adapter",
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "learning_rate": 0.0005,
        "num_train_epochs": 4.0,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.05,
    }
    if "dev" in done.rows:
        settings |= {"eval_dataset": "docgraft_dev", "eval_strategy": "epoch"}
    _write_yaml(folder / "llamafactory.yaml", settings, "llamafactory-cli train llamafactory.yaml")
    note = "Set `template` in llamafactory.yaml to the chat template of your model (see LLaMA-Factory's list)."
    return _with(done, "llamafactory", "dataset_info.json", "llamafactory.yaml").model_copy(update={"notes": (note,)})


def unsloth(dataset: Dataset, folder: Path, *, base: str = "") -> Exported:
    """Messages in JSON lines and a script that trains on them with Unsloth."""
    done = chatml(dataset, folder)
    write_text(folder / "train_unsloth.py", _SCRIPT.format(base=json.dumps(base or BASE), targets=json.dumps(TARGETS)))
    return _with(done, "unsloth", "train_unsloth.py")


_SCRIPT = '''"""Train a LoRA adapter on train.jsonl: python train_unsloth.py (needs a GPU and pip install unsloth)."""

from unsloth import FastLanguageModel  # first: it patches the libraries below
from unsloth.chat_templates import train_on_responses_only  # noqa: F401  (for models whose template TRL cannot mask)

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

model, tokenizer = FastLanguageModel.from_pretrained({base}, max_seq_length=1024, load_in_4bit=True)
model = FastLanguageModel.get_peft_model(model, r=16, lora_alpha=32, lora_dropout=0, target_modules={targets})

rows = load_dataset("json", data_files="train.jsonl", split="train")


def split_answer(row):
    return {{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}}


rows = rows.map(split_answer, remove_columns=rows.column_names)
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=rows,
    args=SFTConfig(
        output_dir="adapter",
        per_device_train_batch_size=8,
        num_train_epochs=4,
        learning_rate=5e-4,
        lr_scheduler_type="cosine",
        warmup_ratio=0.05,
        completion_only_loss=True,
        packing=False,
    ),
)
trainer.train()
model.save_pretrained("adapter")
tokenizer.save_pretrained("adapter")
'''


def _write_yaml(path: Path, settings: dict[str, Any], command: str) -> None:
    import yaml

    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    write_text(path, f"# {command}\n{text}")


def _with(done: Exported, name: str, *more: str) -> Exported:
    return done.model_copy(update={"format": name, "files": (*done.files, *more)})
