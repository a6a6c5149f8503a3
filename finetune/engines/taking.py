"""An adapter that another trainer wrote: found, checked, brought into the run's folder, and asked what it knows."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from finetune.engines import Job, NothingLearned
from finetune.models.adapter_files import CONFIG, WEIGHTS
from finetune.models.devices import describe
from finetune.notices import Failed, notice
from memory.workspace import write_json


def newest(output: Path) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint of a trainer's output, and why each newer one is refused. Damaged ones go."""
    refused: list[str] = []
    for path in sorted(output.glob("checkpoint-*"), key=_number, reverse=True):
        fault = _fault(path)
        if not fault:
            return path, refused
        refused.append(f"{path.name}: {fault}")
        shutil.rmtree(path, ignore_errors=True)
    return None, refused


def adapter_of(output: Path, *, stopped: bool = False) -> Path:
    """The folder with the adapter of a run that has ended: the output itself, else its newest whole checkpoint.

    A trainer that was ended while it saved leaves an output cut short. Failed when there is no adapter; NothingLearned
    when that is because it was `stopped`.
    """
    if (output / CONFIG).is_file() and _opens(output / WEIGHTS):
        return output
    found, _ = newest(output)
    if found is None and stopped:
        raise NothingLearned("Stopped before there was anything to keep.")
    if found is None:
        raise Failed(notice("engine_no_adapter"))
    return found


def take(job: Job, source: Path) -> None:
    """Copy the adapter into `adapter/`, written beside and renamed. Failed when a number in it is not finite."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    try:
        tensors = load_file(source / WEIGHTS)
    except (SafetensorError, OSError) as cause:
        raise Failed(notice("engine_unreadable", reason=str(cause))) from cause
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise Failed(notice("not_finite_saved", name=bad[0]))
    target, beside = job.folder / "adapter", job.folder / ".adapter.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    write_json(beside / CONFIG, config | {"base_model_name_or_path": job.spec.base, "inference_mode": True})
    save_file({name: one.float().contiguous() for name, one in tensors.items()}, beside / WEIGHTS)
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)
    job.emit("saved", message=notice("saved"))


def score(job: Job, tokenizer: Any, *, step: int = 0) -> dict[str, float]:
    """The exam that every engine's adapter is asked, with the adapter and without it.

    {} when the spec asks none, or the run is being stopped.
    """
    if not job.spec.evaluate:
        return {}
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.engines.choice import words
    from finetune.engines.examine import ExamStopped, exam, examine
    from finetune.models.loading import in_one_piece

    limit = 2 * job.spec.max_length
    questions = exam(job.pairs, tokenizer, effort=job.spec.effort, limit=limit, stopping=job.stopping)
    device = describe()
    base: Any = AutoModelForCausalLM.from_pretrained(
        str(job.base), dtype=getattr(torch, device.precision), local_files_only=True, trust_remote_code=False
    )
    base.to(device.torch)
    in_one_piece(base)
    model: Any = PeftModel.from_pretrained(base, str(job.folder / "adapter"), is_trainable=False)
    try:
        with model.disable_adapter():
            before = examine(model, questions)
        after = examine(model, questions, step=step)
    except ExamStopped:
        return {}
    job.emit("probe", message=notice("base_probe"), **_values(before))
    job.emit("evaluation", step=step, message=words([after], before), best=True, **_values(after))
    named = {"unseen_wording", "general", "abstention"}
    every = after.model_dump(include=named) | {f"base_{k}": v for k, v in before.model_dump(include=named).items()}
    return {name: value for name, value in every.items() if value is not None}


def _values(scores: Any) -> dict[str, Any]:
    return dict(scores.model_dump(exclude={"step", "epoch", "loss"}))


def _opens(weights: Path) -> bool:
    """Whether a file of tensors is there and whole, by its header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="pt"):
            return True
    except (OSError, SafetensorError):
        return False


def _fault(path: Path) -> str:
    """What is wrong with a checkpoint, in words; "" when its adapter can be used. Opens no pickle."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        tensors = load_file(path / WEIGHTS)
    except (OSError, ValueError, SafetensorError):
        return "it was not finished"
    bad = next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), "")
    return f"{bad} is not finite" if bad else ""


def _number(path: Path) -> int:
    found = re.search(r"(\d+)$", path.name)
    return int(found.group(1)) if found else -1
