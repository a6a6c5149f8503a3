"""Checkpoints of a training run: safetensors and JSON only, complete or not there, refused by name when damaged.

step-0000012-00/adapter.safetensors   the adapter in float32
                optimizer.safetensors AdamW's moments, by parameter
                trainer_state.json    step, epoch and log, as transformers reads them
                state.json            schedule, random states, scores, checks; written last
best/       adapter.safetensors, scores.json
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.notices import Failed, notice
from memory.workspace import write_json

KEEP = 2
"""Checkpoints kept: the newest, and the one before it in case the newest turns out damaged."""


class Checkpoints:
    """The checkpoints of one run, for one identity: another spec, dataset or base does not resume from them."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity

    def save(self, step: int, tensors: Mapping[str, Mapping[str, Any]], state: Mapping[str, Any], log: str) -> Path:
        """Write a checkpoint beside and rename it; older ones than KEEP go. `tensors`: file stem → name → tensor.

        RunFailed, and nothing written, when a tensor of the adapter is not finite.
        """
        import torch
        from safetensors.torch import save_file

        bad = [name for name, tensor in tensors["adapter"].items() if not bool(torch.isfinite(tensor).all())]
        if bad:
            raise Failed(notice("not_finite_weights", step=step, name=bad[0]))
        # A second checkpoint of the same step gets a name of its own: there is never a moment without either.
        number = next(n for n in range(100) if not (self.folder / f"step-{step:07d}-{n:02d}").exists())
        target = self.folder / f"step-{step:07d}-{number:02d}"
        beside = self.folder / f".{target.name}.tmp"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            for stem, values in tensors.items():
                save_file({name: one.contiguous() for name, one in values.items()}, beside / f"{stem}.safetensors")
            (beside / "trainer_state.json").write_text(log, encoding="utf-8")
            sizes = {file.name: file.stat().st_size for file in beside.iterdir()}
            write_json(beside / "state.json", {**state, "step": step, "identity": self.identity, "sizes": sizes})
            for file in beside.iterdir():
                _flush(file)
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        for old in self.all()[:-KEEP]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def all(self) -> list[Path]:
        """Checkpoint folders, oldest first; not checked."""
        return sorted(path for path in self.folder.glob("step-*") if path.is_dir())

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest checkpoint that is whole, finite and of this run; and why each newer one was refused."""
        refused: list[str] = []
        for path in reversed(self.all()):
            fault = self.fault(path)
            if not fault:
                return path, refused
            refused.append(f"{path.name}: {fault}")
        return None, refused

    def fault(self, path: Path) -> str:
        """What is wrong with a checkpoint, in words; "" when it can be used. Nothing is unpickled."""
        try:
            state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "it was not finished"
        if state.get("identity") != self.identity:
            return "it belongs to another base model, dataset or spec"
        for name, size in state["sizes"].items():
            if not (path / name).is_file() or (path / name).stat().st_size != size:
                return f"{name} was cut short or is missing"
        return next((fault for file in sorted(path.glob("*.safetensors")) if (fault := opened(file)[1])), "")

    def state(self, path: Path) -> dict[str, Any]:
        """state.json of a checkpoint."""
        return dict(json.loads((path / "state.json").read_text(encoding="utf-8")))

    def tensors(self, path: Path, stem: str) -> dict[str, Any]:
        """The tensors of one file of a checkpoint."""
        from safetensors.torch import load_file

        return dict(load_file(path / f"{stem}.safetensors"))

    def keep_best(self, tensors: Mapping[str, Any], scores: Mapping[str, Any]) -> None:
        """Replace the best adapter so far."""
        from safetensors.torch import save_file

        best = self.folder / "best"
        best.mkdir(parents=True, exist_ok=True)
        beside = best / ".adapter.tmp"
        save_file({name: one.contiguous() for name, one in tensors.items()}, beside)
        _flush(beside)
        beside.replace(best / "adapter.safetensors")
        write_json(best / "scores.json", {**scores, "identity": self.identity})

    def best(self) -> tuple[dict[str, Any] | None, str]:
        """The tensors of the best adapter so far, None when there is none of this run; and why it was refused."""
        try:
            scores = json.loads((self.folder / "best" / "scores.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None, ""
        if scores.get("identity") != self.identity:
            return None, ""
        tensors, fault = opened(self.folder / "best" / "adapter.safetensors")
        return tensors, fault and f"best: {fault}"


def opened(file: Path) -> tuple[dict[str, Any] | None, str]:
    """The tensors of a file; None, and what is wrong in words, where it does not open or is not finite throughout."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = dict(load_file(file))
    except (SafetensorError, OSError) as cause:
        return None, f"{file.name} does not open ({cause})"
    bad = next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), "")
    return (None, f"{bad} in {file.name} is not finite") if bad else (tensors, "")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
