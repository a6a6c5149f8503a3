"""The axolotl engine: our spec as its YAML, our rows as its tokenised data, its command in its own environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from finetune.engines.outside import Outside, Plan, Trainer
from finetune.engines.rows import Rows
from finetune.records import Pair, TrainingSpec
from memory.workspace import write_text

CONFIG, ROWS, OUTPUT = "axolotl.yaml", "rows.jsonl", "out"
MODULE = "axolotl.cli.train"
PLAIN_KERNELS = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel")
"""Kernels that axolotl switches on by itself and that need a CUDA GPU."""


def command(folder: Path) -> list[str]:
    """Module and arguments after `python -m`."""
    return [MODULE, str(folder / CONFIG)]


def write(plan: Plan, rows: Rows, pairs: Sequence[Pair], folder: Path) -> None:
    """The YAML, and the rows as token ids: what axolotl trains on is what the chat asks, token for token."""
    write_rows(rows, folder / ROWS)
    write_text(folder / CONFIG, yaml.safe_dump(settings(plan), sort_keys=False, allow_unicode=True))


def write_rows(rows: Rows, path: Path) -> None:
    """One JSON line per row: input_ids, attention_mask, and labels with −100 on the prompt."""
    lines = (
        json.dumps({"input_ids": row.ids, "attention_mask": [1] * len(row.ids), "labels": row.labels})
        for row in rows.rows
    )
    write_text(path, "\n".join(lines) + "\n")


def settings(plan: Plan) -> dict[str, Any]:
    """Our spec in axolotl's words. Pure; docs/ENGINES.md has the table."""
    spec, gpu = plan.spec, plan.device.kind in ("cuda", "rocm")
    half = gpu and spec.bits < 32
    return {
        "base_model": plan.base,
        "trust_remote_code": False,
        **_adapter(spec),
        "datasets": [{"path": f"{plan.folder}/{ROWS}", "ds_type": "json", "split": "train", "type": None}],
        "dataset_prepared_path": f"{plan.folder}/prepared",
        "shuffle_merged_datasets": False,
        "val_set_size": 0,
        "sequence_len": max(spec.max_length, plan.longest if not spec.truncate else 0),
        "excess_length_strategy": "raise",
        "sample_packing": False,
        "micro_batch_size": spec.batch,
        "gradient_accumulation_steps": spec.accumulation,
        "num_epochs": spec.epochs,
        **({"max_steps": spec.max_steps} if spec.max_steps > 0 else {}),
        "learning_rate": spec.learning_rate,
        "lr_scheduler": "constant_with_warmup" if spec.schedule == "constant" else spec.schedule,
        "warmup_steps": round(plan.steps * spec.warmup),
        "optimizer": "adamw_torch",
        "weight_decay": spec.weight_decay,
        "max_grad_norm": spec.max_grad_norm,
        "seed": spec.seed,
        "bf16": half and plan.device.bfloat16,
        "fp16": half and not plan.device.bfloat16,
        "tf32": False,
        "sdp_attention": True,
        "gradient_checkpointing": gpu,
        **({} if gpu else dict.fromkeys(PLAIN_KERNELS, False)),
        "output_dir": f"{plan.folder}/{OUTPUT}",
        "save_strategy": "epoch",
        "save_total_limit": 2,
        "logging_steps": 1,
        **({"resume_from_checkpoint": plan.checkpoint} if plan.checkpoint else {}),
    }


def _adapter(spec: TrainingSpec) -> dict[str, Any]:
    every = spec.targets == ("all-linear",)
    return {
        "adapter": "qlora" if spec.bits == 4 else "lora",
        "load_in_4bit": spec.bits == 4,
        "load_in_8bit": spec.bits == 8,
        "lora_r": spec.rank,
        "lora_alpha": spec.alpha,
        "lora_dropout": spec.dropout,
        **({"lora_target_linear": True} if every else {"lora_target_modules": list(spec.targets)}),
        **({"peft_use_dora": True} if spec.dora else {}),
        **({"peft_use_rslora": True} if spec.rslora else {}),
    }


class Axolotl(Outside):
    """LoRA and QLoRA through axolotl."""

    trainer = Trainer(
        "axolotl",
        write=write,
        command=command,
        # Not `axolotl train`: on one device it only adds a launcher, which looks for another program on the path.
        alone=f"AXOLOTL_DO_NOT_TRACK=1 python -m {MODULE} {CONFIG}",
        output=OUTPUT,
        variables={"AXOLOTL_DO_NOT_TRACK": "1"},  # It sends usage data to its makers unless told not to.
    )
