"""Time to knowledge: seconds of training until 90 % of invented facts are answered in words that training never saw.

    python -m benchmarks.facts24 MODEL_FOLDER [--facts 24 100 300 1000] [--recipes docgraft unsloth …] [--bits 32 16]

Closed book, greedy, all recipes by the same trainer on the same rows; ours has general rows beside them. Every epoch
asks one unseen wording of every fact (at most 120 facts); the clock stands still meanwhile. At the end another unseen
wording, which decided nothing, is asked, and general questions. NAME+ is that recipe with as many epochs as
--limit seconds allow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine

GOAL = 0.9
GENERAL = 60
"""General questions asked at the end."""
RECIPES: dict[str, dict[str, Any]] = {
    # Unsloth's notebooks: r 16, alpha 16, 2e-4 linear, 5 warm-up steps, 2 × 4 rows, 60 steps, weight decay 0.001.
    "unsloth": {
        "rank": 16,
        "alpha": 16,
        "learning_rate": 2e-4,
        "schedule": "linear",
        "warmup": 0.083,
        "batch": 2,
        "accumulation": 4,
        "max_steps": 60,
        "weight_decay": 0.001,
    },
    # LLaMA-Factory's examples/train_lora: rank 8, alpha 16, 1e-4 cosine, warm-up 0.1, 1 × 8 rows, 3 epochs.
    "llamafactory": {
        "rank": 8,
        "alpha": 16,
        "learning_rate": 1e-4,
        "schedule": "cosine",
        "warmup": 0.1,
        "batch": 1,
        "accumulation": 8,
        "epochs": 3,
    },
    # Axolotl's examples/llama-3/lora: r 32, alpha 16, dropout 0.05, 2e-4 cosine, 2 × 4 rows, 4 epochs.
    "axolotl": {
        "rank": 32,
        "alpha": 16,
        "dropout": 0.05,
        "learning_rate": 2e-4,
        "schedule": "cosine",
        "warmup": 0.1,
        "batch": 2,
        "accumulation": 4,
        "epochs": 4,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--facts", type=int, nargs="*", default=[24])
    parser.add_argument("--recipes", nargs="*", default=["docgraft", *RECIPES])
    parser.add_argument("--bits", type=int, default=32)
    parser.add_argument("--set", nargs="*", default=[], help="spec fields to change, name=value")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds of training at most")
    parser.add_argument(
        "--cpu", action="store_true", help="count CPU seconds; with OMP_NUM_THREADS=1 a busy machine's too"
    )
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    if arguments.child:
        changes = dict(one.split("=", 1) for one in arguments.set)
        spec = spec_of(arguments.recipes[0], arguments.facts[0], arguments.bits, changes)
        print(json.dumps(run(arguments, spec)))
        return
    head = "recipe | facts | 90 % in unseen words after | asked once more, otherwise | general | score at second"
    lines = [f"| {head} |", "|---|---|---|---|---|---|"]
    for count in arguments.facts:
        for recipe in arguments.recipes:
            lines.append(_row(recipe, count, _child(arguments, recipe, count)))
            print(lines[-1], flush=True)
    if arguments.write:
        machine.append(
            f"Time to knowledge, {'CPU seconds' if arguments.cpu else 'seconds'}, {arguments.bits} bits", lines
        )


def _row(recipe: str, count: int, found: dict[str, Any]) -> str:
    reached = f"{found['seconds']:.0f} s" if found["seconds"] is not None else f"not within {found['trained']:.0f} s"
    every = max(1, len(found["curve"]) // 8)
    curve = ", ".join(f"{score:.0%} at {second:.0f}" for second, score in found["curve"][::-every][::-1])
    return f"| {recipe} | {count} | {reached} | {found['test']:.0%} | {found['general']} of {GENERAL} | {curve} |"


def _child(arguments: argparse.Namespace, recipe: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.facts24", str(arguments.model), "--child", "--facts", str(count)]
    command += ["--recipes", recipe, "--bits", str(arguments.bits), "--limit", str(arguments.limit)]
    command += ["--set", *arguments.set] if arguments.set else []
    command += ["--cpu"] if arguments.cpu else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def spec_of(recipe: str, count: int, bits: int, changes: dict[str, str]) -> Any:
    """The spec of a recipe; "docgraft" is the product's own quick one, "name+" a published one with more epochs."""
    from finetune.models.devices import describe
    from finetune.recipes import EPOCHS, Size, dealt
    from finetune.recipes import recipe as product
    from finetune.records import TrainingSpec

    name = recipe.removesuffix("+")
    if name == "docgraft":
        rows = 4 * count + dealt(len(_general(4 * count)), EPOCHS["balanced"])
        size = Size(parameters=135_000_000, facts=count, rows=rows, longest=64)
        spec = product("balanced", base="b", dataset="d", size=size, device=describe())
    else:
        spec = TrainingSpec(base="b", dataset="d", **RECIPES[name])
    if recipe.endswith("+"):
        spec = spec.model_copy(update={"max_steps": -1, "epochs": 100.0})
    values = spec.model_dump() | {"bits": bits, "patience": 100, "max_length": 128} | changes
    return TrainingSpec.model_validate(values)


def run(arguments: argparse.Namespace, spec: Any) -> dict[str, Any]:
    """Train until the goal or the end; the curve, what the last unseen wording says, general questions passed."""
    from benchmarks.facts import job, pairs
    from finetune.engines import progress
    from finetune.engines.examine import Exam, examine
    from finetune.engines.network import load_network, restore_adapter
    from finetune.engines.trl import train
    from finetune.evaluation.general import sample
    from finetune.models.devices import describe
    from finetune.models.templates import load_tokenizer

    if not arguments.recipes[0].endswith("+"):
        progress.EVALUATION_SHARE = 1e9  # The clock stands still while questions are asked, so every epoch asks.
    model, rows = arguments.model, pairs(arguments.facts[0])
    if arguments.recipes[0] == "docgraft":  # A dataset of ours brings them; the published recipes have none.
        rows = [*rows, *_general(sum(pair.split == "train" for pair in rows))]
    tokenizer = load_tokenizer(model)
    network = load_network(spec, model, describe())
    clock = _Clock(arguments.limit, time.process_time if arguments.cpu else time.perf_counter)
    with tempfile.TemporaryDirectory() as folder:
        _only_facts(Exam)
        train(job(Path(folder), model, spec, rows, emit=clock.emit, stopping=clock.stopping), network)
        from safetensors.torch import load_file

        restore_adapter(network, load_file(Path(folder) / "adapter" / "adapter_model.safetensors"))
    held = [pair for pair in rows if pair.split == "test"]
    found = examine(network, Exam(tokenizer, held, sample(GENERAL), ()))
    return {**clock.result(), "test": found.unseen_wording, "general": round((found.general or 0) * GENERAL)}


def _general(taught: int) -> list[Any]:
    """The general rows that a dataset of ours has beside so many rows."""
    from finetune.pairs import replay
    from finetune.pairs.settings import PairSettings

    return replay.beside(replay.LANGUAGES, taught, PairSettings().replay)


def _only_facts(kind: Any) -> None:
    """Let the trainer's exam ask the facts alone, all of them up to 120."""
    from finetune.engines import trl

    def facts_only(pairs: Any, tokenizer: Any, **more: Any) -> Any:
        held = [pair for pair in pairs if pair.split == "dev"]
        return kind(tokenizer, held[:: max(1, len(held) // 120)][:120], (), ())

    trl.exam = facts_only


class _Clock:
    """Training seconds without questions: the time between two events is training unless the later one is an exam."""

    def __init__(self, limit: float, now: Any) -> None:
        self.limit, self.now = limit, now
        self.seconds, self.last = 0.0, 0.0
        self.curve: list[tuple[float, float]] = []
        self.reached: float | None = None
        self.tokens = 0.0

    def emit(self, kind: str, **values: Any) -> None:
        now = self.now()
        if self.last and kind in ("step", "checkpoint"):
            self.seconds += now - self.last
        self.last = now
        if kind == "evaluation":
            self.curve.append((round(self.seconds, 1), values["unseen_wording"]))
            if self.reached is None and values["unseen_wording"] >= GOAL:
                self.reached = self.seconds
        self.last = self.now()

    def stopping(self) -> bool:
        return self.reached is not None or self.seconds > self.limit

    def result(self) -> dict[str, Any]:
        return {"seconds": self.reached, "trained": self.seconds, "curve": self.curve}


if __name__ == "__main__":
    main()
