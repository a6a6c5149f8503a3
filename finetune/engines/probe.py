"""A few measured steps in a process of their own: `python -m finetune.engines.probe`, a request on standard input.

In: spec, base, dataset folder. Out: one JSON line with seconds per step, tokens per second and peak memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from finetune.records import TrainingSpec
from memory.errors import RunFailed
from memory.records import Record

STEPS = 3
PACKAGES = Path(__file__).resolve().parents[2]
TIMEOUT = 300.0


class Measured(Record):
    """What a few steps took on this machine."""

    step_seconds: float
    """One optimiser step on a typical batch."""
    tokens_per_second: float
    memory: int
    """Peak bytes, on the card where there is one."""
    trainable: int
    """Numbers of the adapter."""
    question_seconds: float
    """One question of the evaluation."""


def measure(spec: TrainingSpec, base: Path, dataset: Path, *, timeout: float = TIMEOUT) -> Measured:
    """Run the probe in a child process; RunFailed in words when it cannot finish."""
    request = json.dumps({"spec": spec.model_dump(), "base": str(base), "dataset": str(dataset)})
    command = [sys.executable, "-m", "finetune.engines.probe"]
    try:
        done = subprocess.run(
            command, input=request, cwd=PACKAGES, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as cause:
        raise RunFailed(f"Three steps took longer than {timeout:.0f} seconds.", "Use a smaller base model.") from cause
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise RunFailed(f"The measured probe failed: {tail}", "A smaller batch or base may fit.")
    return Measured.model_validate_json(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Read the request, measure, answer."""
    request = json.loads(sys.stdin.read())
    spec, base = TrainingSpec(**request["spec"]), Path(request["base"])
    sys.stdout.write(_measured(spec, base, Path(request["dataset"])).model_dump_json() + "\n")


def _measured(spec: TrainingSpec, base: Path, dataset: Path) -> Measured:
    from finetune import datasets
    from finetune.engines.examine import exam, examine
    from finetune.engines.network import load_network, trainable
    from finetune.engines.rows import encode
    from finetune.models.devices import describe
    from finetune.models.templates import load_tokenizer

    device, tokenizer = describe(), load_tokenizer(base)
    pairs = list(datasets.read(dataset).pairs())
    train = [pair for pair in pairs if pair.split == "train"][:400]
    rows = encode(train, tokenizer, max_length=spec.max_length, truncate=True).rows
    model = load_network(spec, base, device)
    seconds, tokens = _steps(model, rows, spec, device)
    questions = exam(pairs, tokenizer, effort="quick", limit=spec.max_length)
    few = type(questions)(
        tokenizer, questions.facts[:6], questions.general[:3], questions.refusals[:3], spec.max_length
    )
    asked = examine(model, few).seconds / max(len(few), 1)
    return Measured(
        step_seconds=seconds,
        tokens_per_second=tokens / seconds,
        memory=_peak(device.kind),
        trainable=trainable(model),
        question_seconds=asked,
    )


def _steps(model: Any, rows: Sequence[Any], spec: TrainingSpec, device: Any) -> tuple[float, float]:
    """(seconds, tokens) of a typical step; the longest batch goes first, so that the peak memory is seen."""
    import torch

    from finetune.engines.flat import Flattening, flatten, in_pieces, install, padded
    from finetune.engines.fused import fuse
    from finetune.engines.trl import faster
    from finetune.recipes import step_tokens

    faster(device)
    flattening = Flattening()
    flat = install(model.get_base_model(), flattening)
    fuse(model)
    ordered = sorted(rows, key=lambda row: len(row.ids))
    size = min(spec.batch, len(ordered))
    starts = [len(ordered) - size] + [(len(ordered) - size) * i // STEPS for i in range(1, STEPS)]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-9)
    times, tokens = [], []
    for start in [starts[0], *starts]:
        parts = in_pieces(ordered[start : start + size], flatten if flat else padded, step_tokens(device.kind))[
            "pieces"
        ]
        begun = time.perf_counter()
        for part in parts:
            _backward(model, {name: tensor.to(device.torch) for name, tensor in part.items()}, flattening)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - begun)
        tokens.append(sum(part["input_ids"].numel() for part in parts))
    flattening.clear()
    # The first pass warms up; accumulation repeats the step.
    mean = sum(times[1:]) / STEPS * spec.accumulation
    return mean, sum(tokens[1:]) / STEPS * spec.accumulation


def _backward(model: Any, part: dict[str, Any], flattening: Any) -> None:
    import torch

    labels = part.pop("labels")
    flattening.index, flattening.home = part.pop("index", None), part.pop("home", None)
    logits = model(**part, use_cache=False).logits
    torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1)).backward()


def _peak(kind: str) -> int:
    if kind in ("cuda", "rocm"):
        import torch

        return int(torch.cuda.max_memory_allocated())
    usage = psutil.Process().memory_info()
    if hasattr(usage, "peak_wset"):
        return int(usage.peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


if __name__ == "__main__":
    main()
