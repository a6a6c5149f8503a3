"""The unsloth engine: its kernels and gradient checkpointing under our rows, checkpoints, exams and events.

Importing unsloth patches torch, transformers, peft and trl. So it is imported first of all, inside a worker process
that ends with the run, and nowhere else.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.engines import Job, Readiness
from finetune.engines.environments import Environment
from finetune.engines.probe import PACKAGES
from finetune.models.devices import describe
from finetune.notices import Notice, notice
from finetune.records import AdapterCard, TrainingSpec
from memory.errors import RunFailed
from memory.workspace import Workspace

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""What "all-linear" means to unsloth, which wants names."""


class Unsloth:
    """LoRA and QLoRA on a CUDA, ROCm or Intel GPU through unsloth's FastLanguageModel."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home

    def readiness(self, spec: TrainingSpec) -> Readiness:
        """A GPU, the package, and what it cannot do, each in words.

        On a CPU unsloth runs plain transformers and PEFT, none of its kernels: nothing that our own engine does not do.
        """
        device = describe()
        missing = None
        if device.kind not in ("cuda", "rocm", "xpu"):
            missing = notice("unsloth_gpu", device=device.kind.upper())
        elif importlib.util.find_spec("unsloth") is None and self._missing():
            missing = self._missing()
        elif spec.dora:
            missing = notice("unsloth_dora")
        elif spec.devices > 1:
            missing = notice("unsloth_devices")
        return Readiness.to(device.kind, missing)

    def _missing(self) -> Notice | None:
        """Why it cannot be found outside this interpreter: in the environment that the worker would run in."""
        name = "unsloth"
        return Environment(Workspace(self.home), name).fault() if self.home else notice("engine_missing", name=name)

    def train(self, job: Job) -> AdapterCard:
        """Load through unsloth, then the same run as every other engine of ours."""
        # Its own cache of patched sources would lie in the working directory, and it would report its use.
        os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(job.folder / "unsloth"))
        os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
        model = load_fast(job.spec, str(job.base))
        from finetune.engines.trl import train

        return train(job, model, writer=write)

    def effect(self, job: Job) -> float:
        """On a fresh load of base and adapter, in a process of its own: in this one unsloth has patched the models."""
        from finetune.models.loading import release

        release()  # What was trained must not take the other process's room.
        command = [sys.executable, "-m", "finetune.engines.effect", str(job.folder / "adapter"), str(job.base)]
        done = subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = "\n".join(done.stderr.strip().splitlines()[-3:])
            raise RunFailed(f"The adapter could not be opened again: {said}")
        return float(done.stdout.split()[-1])


def load_fast(spec: TrainingSpec, base: str) -> Any:
    """The base with a fresh adapter, through unsloth. RunFailed when another library came first."""
    loaded = [name for name in ("trl", "peft", "transformers") if name in sys.modules]
    if loaded and "unsloth" not in sys.modules:
        raise RunFailed(
            f"unsloth must be imported before {', '.join(loaded)}.",
            "Start the run through docgraft train start, which gives it a process of its own.",
        )
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(**loading(spec, base))
    return FastLanguageModel.get_peft_model(model, **adapting(spec))


def write(model: Any, prompts: Sequence[Sequence[int]], ends: Sequence[int], limit: int) -> list[list[int]]:
    """Greedy token ids by unsloth's own generation: its forward takes no cache of ours. Leaves the model asking."""
    from unsloth import FastLanguageModel

    from finetune.models.decoding import left_padded

    ids, mask = left_padded(prompts, ends[0], model.device)
    FastLanguageModel.for_inference(model)
    try:
        written = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=limit,
            do_sample=False,
            repetition_penalty=1.0,
            eos_token_id=list(ends),
            pad_token_id=ends[0],
        )
    finally:
        FastLanguageModel.for_training(model)
        model.eval()
    return [
        row[: limit if not (found := [at for at, token in enumerate(row) if token in ends]) else found[0]]
        for row in written[:, ids.shape[1] :].tolist()
    ]


def loading(spec: TrainingSpec, base: str) -> dict[str, Any]:
    """Our spec as arguments of FastLanguageModel.from_pretrained."""
    return {
        "model_name": base,
        "max_seq_length": spec.max_length,
        "dtype": None,
        "load_in_4bit": spec.bits == 4,
        "load_in_8bit": spec.bits == 8,
        "load_in_16bit": spec.bits in (16, 32),
        "full_finetuning": False,
        "trust_remote_code": False,
        "random_state": spec.seed,
        "use_gradient_checkpointing": "unsloth",
    }


def adapting(spec: TrainingSpec) -> dict[str, Any]:
    """Our spec as arguments of FastLanguageModel.get_peft_model."""
    return {
        "r": spec.rank,
        "target_modules": list(LINEAR if spec.targets == ("all-linear",) else spec.targets),
        "lora_alpha": spec.alpha,
        "lora_dropout": spec.dropout,
        "bias": "none",
        "use_gradient_checkpointing": "unsloth",
        "random_state": spec.seed,
        "use_rslora": spec.rslora,
    }
