"""The llamafactory engine: our spec as its YAML and dataset_info, its command in an environment of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from finetune.datasets import messages
from finetune.engines.outside import Outside, Plan, Trainer
from finetune.engines.rows import Rows
from finetune.records import Pair, TrainingSpec
from memory.workspace import write_json, write_text

CONFIG, ROWS, OUTPUT = "llamafactory.yaml", "tokens", "out"
MODULE = "llamafactory.cli"
DATASET = "docgraft_train"
_SPEAKERS = {"human": "human", "ai": "gpt"}


def command(folder: Path) -> list[str]:
    """Module and arguments after `python -m`: what `llamafactory-cli train` does."""
    return [MODULE, "train", str(folder / CONFIG)]


def write(plan: Plan, rows: Rows, pairs: Sequence[Pair], folder: Path) -> None:
    """The YAML, dataset_info with the rows as text for the eye, and the rows as token ids, which it trains on."""
    write_rows(rows, folder / ROWS)
    write_json(folder / "train.json", [conversation(pair) for pair in pairs])
    write_json(folder / "dataset_info.json", dataset_info())
    write_text(folder / CONFIG, yaml.safe_dump(settings(plan), sort_keys=False, allow_unicode=True))


def write_rows(rows: Rows, folder: Path) -> None:
    """A `datasets` folder with input_ids, attention_mask, and labels with −100 on the prompt."""
    from datasets import Dataset, DatasetDict

    shutil.rmtree(folder, ignore_errors=True)
    columns = {
        "input_ids": [row.ids for row in rows.rows],
        "attention_mask": [[1] * len(row.ids) for row in rows.rows],
        "labels": [row.labels for row in rows.rows],
    }
    DatasetDict({"train": Dataset.from_dict(columns)}).save_to_disk(str(folder))


def conversation(pair: Pair) -> dict[str, Any]:
    """A row as ShareGPT, with the very messages of the chat."""
    system, *others = messages(pair)
    spoken = [{"from": _SPEAKERS[one.type], "value": str(one.text)} for one in others]
    return {"conversations": [*spoken, {"from": "gpt", "value": pair.output}], "system": str(system.text)}


def dataset_info() -> dict[str, Any]:
    """dataset_info.json for train.json."""
    return {
        DATASET: {
            "file_name": "train.json",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "system": "system"},
            "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
        }
    }


def settings(plan: Plan) -> dict[str, Any]:
    """Our spec in LLaMA-Factory's words. Pure; docs/ENGINES.md has the table."""
    spec, gpu = plan.spec, plan.device.kind in ("cuda", "rocm")
    half = gpu and spec.bits < 32
    return {
        "model_name_or_path": plan.base,
        "trust_remote_code": False,
        "stage": "sft",
        "do_train": True,
        **_adapter(spec),
        "dataset_dir": plan.folder,
        "dataset": DATASET,
        "tokenized_path": f"{plan.folder}/{ROWS}",
        "template": "empty",
        "cutoff_len": max(spec.max_length, plan.longest if not spec.truncate else 0),
        "per_device_train_batch_size": spec.batch,
        "gradient_accumulation_steps": spec.accumulation,
        "num_train_epochs": float(spec.epochs),
        "max_steps": spec.max_steps,
        "learning_rate": spec.learning_rate,
        "lr_scheduler_type": "constant_with_warmup" if spec.schedule == "constant" else spec.schedule,
        "warmup_steps": round(plan.steps * spec.warmup),
        "optim": "adamw_torch",
        "weight_decay": spec.weight_decay,
        "max_grad_norm": spec.max_grad_norm,
        "seed": spec.seed,
        "bf16": half and plan.device.bfloat16,
        "fp16": half and not plan.device.bfloat16,
        "use_cpu": plan.device.kind == "cpu",
        "flash_attn": "sdpa",
        "disable_gradient_checkpointing": not gpu,
        "output_dir": f"{plan.folder}/{OUTPUT}",
        "save_strategy": "epoch",
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        **({"resume_from_checkpoint": plan.checkpoint} if plan.checkpoint else {}),
    }


def _adapter(spec: TrainingSpec) -> dict[str, Any]:
    every = spec.targets == ("all-linear",)
    quantised = {"quantization_bit": spec.bits, "quantization_method": "bnb"} if spec.bits < 16 else {}
    return {
        "finetuning_type": "lora",
        "lora_rank": spec.rank,
        "lora_alpha": spec.alpha,
        "lora_dropout": spec.dropout,
        "lora_target": "all" if every else ",".join(spec.targets),
        **({"use_dora": True} if spec.dora else {}),
        **({"use_rslora": True} if spec.rslora else {}),
        **quantised,
    }


class LlamaFactory(Outside):
    """LoRA and QLoRA through LLaMA-Factory."""

    trainer = Trainer(
        "llamafactory",
        write=write,
        command=command,
        alone=f"llamafactory-cli train {CONFIG}",
        output=OUTPUT,
        note="`tokenized_path` makes LLaMA-Factory take the token ids. To train from the text instead, remove that "
        "line and set `template` to your model's.",
    )
