"""Training speed on the embedded base: trl's own SFTTrainer against the trl engine, one lever at a time.

    python -m benchmarks.training_speed MODEL_FOLDER [--long] [--steps N]

Same rows, same batch, same supervised tokens in every line. Tokens are those of the rows, padding and sharing not
counted, so that a line that computes fewer of them is faster, not busier. Each line runs in a process of its own.
CPU seconds are those of the best step; with OMP_NUM_THREADS=1 they hold on a busy machine too. The share of the matrix
peak is counted in CPU seconds on both sides, with 6·N FLOP for each token that is computed (N: the base's parameters).
On a GPU all bases are in bfloat16, and its own seconds stand in for CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine

LINES = {
    "trl defaults": "SFTTrainer with its defaults; bf16 off where a CPU refuses it; the answer alone supervised",
    "no checkpointing": "the same without gradient checkpointing",
    "length groups": "and rows of like length in a batch",
    "supervised logits": "and logits only where something is learned",
    "fused LoRA": "and LoRA layers with their own backward, denormals as zero",
    "flat": "and no padding, the common beginning computed once: the trl engine as shipped, float32",
    "flat bf16": "the same with the base in bfloat16, on CPUs with matrix units for it",
    "unsloth": "unsloth's model and kernels, our rows: the unsloth engine as shipped, bfloat16",
}
ON_A_CARD = ("trl defaults", "no checkpointing", "flat bf16", "unsloth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--long", action="store_true", help="rows of about 400 tokens")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--line", choices=list(LINES))
    parser.add_argument("--only", nargs="*", choices=list(LINES))
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    arguments = parser.parse_args()
    if arguments.line:
        print(json.dumps(_line(arguments)))
        return
    peak = _child(arguments, None)
    card = bool(peak.pop("card"))
    lines = [f"Matrix peak: {', '.join(f'{k} {v:.0f}' for k, v in peak.items())} GFLOP per CPU second.", ""]
    kind = "bfloat16" if card else "float32"
    lines += [f"| | tokens/s | | tokens per CPU second | 6N of the {kind} peak | memory | what |"]
    lines += ["|---|---|---|---|---|---|---|"]
    print(lines[0], flush=True)
    first = None
    for name in arguments.only or (ON_A_CARD if card else [line for line in LINES if line != "unsloth"]):
        found = _child(arguments, name)
        first = first or found
        lines.append(_row(name, found, first, peak[kind]))
        print(lines[-1], flush=True)
    if arguments.write:
        machine.append("Training speed, rows of " + ("400" if arguments.long else "45") + " tokens", lines)


def _row(name: str, found: dict[str, Any], first: dict[str, Any], peak: float) -> str:
    share = 6 * found["parameters"] * found["computed_per_cpu_second"] / 1e9 / peak
    times = found["tokens_per_second"] / first["tokens_per_second"]
    per_cpu = found["tokens_per_cpu_second"]
    return (
        f"| {name} | {found['tokens_per_second']:.0f} | × {times:.2f} | "
        f"{per_cpu:.0f}, × {per_cpu / first['tokens_per_cpu_second']:.2f} | "
        f"{share:.0%} | {found['memory'] / 1e9:.1f} GB | {LINES[name]} |"
    )


def _child(arguments: argparse.Namespace, line: str | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training_speed", str(arguments.model)]
    command += ["--steps", str(arguments.steps), "--batch", str(arguments.batch)]
    command += ["--line", line] if line else []
    command += ["--long"] if arguments.long else []
    if line is None:
        command = [sys.executable, "-c", "from benchmarks.training_speed import peak; print(peak())"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def peak() -> str:
    """The fastest of many multiplications of square matrices (8192 on a GPU, else 1024), in GFLOP per CPU second."""
    import torch

    card = torch.cuda.is_available()
    size, place = (8192, "cuda") if card else (1024, "cpu")
    found: dict[str, float] = {"card": card}
    for kind in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(size, size, dtype=kind, device=place) for _ in range(2))
        best = min(_timed(lambda a=a, b=b: torch.mm(a, b)) for _ in range(20 if card else 60))
        found[str(kind).removeprefix("torch.")] = 2 * size**3 / best / 1e9
    return json.dumps(found)


def _timed(call: Any) -> float:
    begun = _busy()
    call()
    return _busy() - begun


def _busy() -> float:
    """CPU seconds so far; on a GPU, the time once it has done all it was told."""
    import torch

    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def rows(model: Path, long: bool) -> list[Any]:
    """64 rows: invented facts, or the same with a passage of other facts before the question."""
    from benchmarks.facts import pairs
    from finetune.engines.rows import encode, fitted
    from finetune.models.templates import load_tokenizer

    train = [pair for pair in pairs(24) if pair.split == "train"]
    if long:
        sentences = [pair.output for pair in pairs(60) if pair.family == "train0"]
        train = [
            pair.model_copy(
                update={"kind": "context", "input": " ".join([*sentences[i % 20 : i % 20 + 18 + i % 8], pair.output])}
            )
            for i, pair in enumerate(train)
        ]
    return fitted(encode(train[:64], load_tokenizer(model)), max_length=1024, truncate=False).rows


def _line(arguments: argparse.Namespace) -> dict[str, Any]:
    import tempfile

    name = arguments.line
    if name == "unsloth":
        import unsloth  # noqa: F401 - before everything that it patches

    from finetune.engines.probe import _peak
    from finetune.models.devices import describe
    from finetune.records import TrainingSpec

    encoded, kind = rows(arguments.model, arguments.long), describe().kind
    half = name in ("flat bf16", "unsloth") or kind != "cpu"
    spec = TrainingSpec(
        base="b", dataset="d", batch=arguments.batch, rank=16, alpha=32, max_steps=arguments.steps, max_length=1024,
        bits=16 if half else 32,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        trainer, network = _trainer(name, arguments.model, encoded, spec, Path(folder))
        clock = _clock(trainer)
        trainer.train()
    times = sorted(clock["seconds"][2:])
    middle = times[len(times) // 2]
    tokens = sum(len(row.ids) for row in encoded) / len(encoded) * spec.batch
    computed = max(tokens / cpu for tokens, cpu in zip(clock["tokens"][2:], clock["cpu"][2:], strict=True))
    return {
        "tokens_per_second": tokens / middle,
        "tokens_per_cpu_second": tokens / min(clock["cpu"][2:]),
        "computed_per_cpu_second": computed,
        "parameters": sum(p.numel() for n, p in network.named_parameters() if "lora_" not in n),
        "memory": _peak(kind),
        "loss": clock["losses"][-1],
    }


def _trainer(name: str, model: Path, encoded: list[Any], spec: Any, folder: Path) -> tuple[Any, Any]:
    from finetune.engines.network import load_network
    from finetune.engines.rows import Rows
    from finetune.engines.unsloth import load_fast
    from finetune.models.devices import describe
    from finetune.models.templates import load_tokenizer

    network = load_fast(spec, str(model)) if name == "unsloth" else load_network(spec, model, describe())
    if name not in ("trl defaults", "no checkpointing", "length groups"):
        return _ours(name, network, load_tokenizer(model), Rows(encoded, 0, 0), spec=spec, folder=folder), network
    return _theirs(name, network, load_tokenizer(model), encoded, spec=spec, folder=folder), network


def _theirs(name: str, network: Any, tokenizer: Any, encoded: list[Any], *, spec: Any, folder: Path) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from finetune.models.devices import describe

    more: dict[str, Any] = {} if name == "trl defaults" else {"gradient_checkpointing": False}
    if describe().kind == "cpu":
        more |= {"bf16": False, "use_cpu": True}
    if name == "length groups":
        more["train_sampling_strategy"] = "group_by_length"
    data = Dataset.from_dict({"input_ids": [row.ids for row in encoded], "labels": [row.labels for row in encoded]})
    config = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=spec.batch,
        max_steps=spec.max_steps,
        learning_rate=spec.learning_rate,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        **more,
    )
    return SFTTrainer(model=network, args=config, train_dataset=data, processing_class=tokenizer)


def _ours(name: str, network: Any, tokenizer: Any, data: Any, *, spec: Any, folder: Path) -> Any:
    from unittest import mock

    from finetune.engines.trl import make_trainer

    off: list[Any] = []
    if name in ("supervised logits", "fused LoRA"):
        off.append(mock.patch("finetune.engines.trl.install", lambda *a: False))
    if name == "supervised logits":
        off += [mock.patch("finetune.engines.trl.fuse", lambda *a: 0), mock.patch("finetune.engines.trl.faster")]
    for one in off:
        one.start()
    trainer = make_trainer(spec, network, tokenizer, data, folder=folder, native=name == "unsloth")
    for one in off:
        one.stop()
    trainer.progress = _Silent()
    return trainer


class _Silent:
    def count(self, tokens: int) -> None:
        pass


def _clock(trainer: Any) -> dict[str, list[Any]]:
    """Times of whole steps, tokens computed in each, and losses."""
    from transformers import TrainerCallback

    found: dict[str, list[Any]] = {"seconds": [], "cpu": [], "tokens": [], "losses": []}

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **more: Any) -> None:
            self.cpu, self.begun = _busy(), time.perf_counter()

        def on_step_end(self, *args: Any, **more: Any) -> None:
            found["cpu"].append(_busy() - self.cpu)
            found["seconds"].append(time.perf_counter() - self.begun)

        def on_log(self, *args: Any, **more: Any) -> None:
            if "loss" in more["logs"]:
                found["losses"].append(float(more["logs"]["loss"]))

    usual = trainer.compute_loss

    def counting(model: Any, inputs: Any, *args: Any, **more: Any) -> Any:
        found["tokens"].append(sum(piece["input_ids"].numel() for piece in inputs.get("pieces", [inputs])))
        return usual(model, inputs, *args, **more)

    trainer.compute_loss = counting
    trainer.add_callback(Clock())
    return found


if __name__ == "__main__":
    main()
