"""An engine that rehearses a run without a model: real files, real events, a trivial problem solved by real descent.

It fits a low-rank matrix to a fixed target, so that losses fall, checkpoints resume exactly and the adapter has
weights. Tests and a first look at the pages use it; it teaches nothing about the documents.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from finetune.engines import Job, Readiness
from finetune.engines.card import make_card
from finetune.notices import notice
from finetune.records import AdapterCard, TrainingSpec
from memory.records import digest
from memory.workspace import write_bytes, write_json

PACE = 0.02
"""Seconds per step, so that a rehearsal can be watched, stopped and killed."""
WIDTH = 24


class Rehearsal:
    """Gradient descent on ‖B·A − target‖² with the spec's rank, rate, epochs and batch."""

    def readiness(self, spec: TrainingSpec) -> Readiness:
        """Always ready."""
        return Readiness(ready=True)

    def train(self, job: Job) -> AdapterCard:
        """One step per batch of rows; a checkpoint and an evaluation per epoch; resumes to the same losses."""
        rows = max(len(job.split("train")), 1)
        per_epoch = -(-rows // (job.spec.batch * job.spec.accumulation))
        total = job.spec.max_steps if job.spec.max_steps > 0 else round(per_epoch * job.spec.epochs)
        state = _restore(job) or _fresh(job)
        target, begun = _target(job.spec), state["step"]
        while state["step"] < total and not job.stopping():
            loss = _step(state, target, job.spec, total)
            time.sleep(PACE)
            left = (total - state["step"]) * PACE
            epoch = state["step"] / per_epoch
            job.emit("step", step=state["step"], epoch=epoch, loss=loss, steps=total, seconds_left=left, tokens=rows)
            if state["step"] % per_epoch == 0 or state["step"] == total or state["step"] == begun + 1:
                _checkpoint(job, state)
                job.emit("evaluation", step=state["step"], epoch=epoch, unseen_wording=max(0.0, 1 - loss), general=0.5)
        _checkpoint(job, state)
        _save(job, state)
        card = make_card(job, scores={"unseen_wording": max(0.0, 1 - _loss(state, target))}, system="")
        job.emit("saved", step=state["step"], message=notice("saved"))
        return card

    def effect(self, job: Job) -> float:
        """The largest entry of B·A as saved."""
        from safetensors.numpy import load_file

        tensors = load_file(job.folder / "adapter" / "adapter_model.safetensors")
        return float(np.abs(tensors["rehearsal.lora_B.weight"] @ tensors["rehearsal.lora_A.weight"]).max())


def _fresh(job: Job) -> dict[str, Any]:
    rng = np.random.default_rng(job.spec.seed)
    rank = min(job.spec.rank, WIDTH)
    return {"step": 0, "a": rng.normal(0, 0.3, (rank, WIDTH)), "b": np.zeros((WIDTH, rank))}


def _target(spec: TrainingSpec) -> np.ndarray:
    return np.random.default_rng(spec.seed + 1).normal(0, 0.3, (WIDTH, WIDTH))


def _loss(state: dict[str, Any], target: np.ndarray) -> float:
    return float(np.square(state["b"] @ state["a"] - target).mean() / np.square(target).mean())


def _step(state: dict[str, Any], target: np.ndarray, spec: TrainingSpec, total: int) -> float:
    """One step of descent in place; the loss before it."""
    loss = _loss(state, target)
    error = state["b"] @ state["a"] - target
    rate = min(spec.learning_rate * 100, 0.1) * (1 - 0.9 * state["step"] / max(total, 1))
    a, b = state["a"] - rate * state["b"].T @ error, state["b"] - rate * error @ state["a"].T
    state.update(step=state["step"] + 1, a=a, b=b)
    return loss


def _checkpoint(job: Job, state: dict[str, Any]) -> None:
    values = {"step": state["step"], "a": state["a"].tolist(), "b": state["b"].tolist()}
    write_json(job.folder / "checkpoints" / "rehearsal.json", values)
    job.emit("checkpoint", step=state["step"])


def _restore(job: Job) -> dict[str, Any] | None:
    path = job.folder / "checkpoints" / "rehearsal.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    return {"step": values["step"], "a": np.array(values["a"]), "b": np.array(values["b"])}


def _save(job: Job, state: dict[str, Any]) -> None:
    from safetensors.numpy import save

    folder: Path = job.folder / "adapter"
    tensors = {
        "rehearsal.lora_A.weight": np.ascontiguousarray(state["a"], dtype=np.float32),
        "rehearsal.lora_B.weight": np.ascontiguousarray(state["b"], dtype=np.float32),
    }
    write_bytes(folder / "adapter_model.safetensors", save(tensors, metadata={"format": "np"}))
    config = {"peft_type": "LORA", "r": int(state["a"].shape[0]), "base_model_name_or_path": digest(str(job.base))}
    write_json(folder / "adapter_config.json", config)
