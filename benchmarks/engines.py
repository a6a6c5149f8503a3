"""Training engines side by side: the same rows, spec and seed through trl (ours), LLaMA-Factory and Axolotl.

    python -m benchmarks.engines MODEL_FOLDER [--engines trl llamafactory axolotl] [--steps N] [--own] [--write]

Engines with an environment of their own are those that `docgraft engines install` put into this home; one that is not
there is left out and named. Every engine runs in a process of its own, float32, 24 invented facts in four wordings.
Speed is that of all steps but the first, in tokens of the rows (padding not counted) per second and per CPU second of
all processes of the engine; the latter holds on a busy machine too. The loss is the mean of the last four steps. Two
unseen wordings of every fact (dev, which ours may look at between passes, and test, which nothing looks at) and the 60
general questions are asked of the saved adapter by the same code for all.

With --own every engine trains by the recipe of its own examples (benchmarks/facts24.py) to its end, and ours as it
ships, exams in between included: what somebody gets who changes nothing. "trl+general" is ours with the general rows
that a dataset of Docgraft's has at least. Times are then of the whole run, from its start to the saved adapter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks import machine

if TYPE_CHECKING:
    from finetune.records import Pair

ENGINES = ("trl", "llamafactory", "axolotl")
OWN = ("trl", "trl+general", "llamafactory", "axolotl")
FACTS = 24
GENERAL = 60
PACKAGES = ("torch", "transformers", "trl", "peft")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--engines", nargs="*", help=f"of {', '.join(OWN)}")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--own", action="store_true", help="each by its own default recipe instead of one spec")
    parser.add_argument("--home", type=Path, help="home whose engines are measured; the settings' own by default")
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(run(arguments)))
        return
    lines = [
        "| engine | tokens/s | per CPU s | steps | wall | CPU | memory | last loss | dev | test | general | with |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    first: dict[str, Any] = {}
    for name in arguments.engines or (OWN if arguments.own else ENGINES):
        found = _child(arguments, name)
        first = first or found
        lines.append(_row(name, found, first))
        print(lines[-1], flush=True)
    if arguments.write:
        how = "each by its own default recipe" if arguments.own else "one spec for all, float32"
        machine.append(f"Engines side by side on the CPU, {how}, one thread", lines)


def _row(name: str, found: dict[str, Any], first: dict[str, Any]) -> str:
    if found.get("missing"):
        return f"| {name} | not measured: {found['missing']} | | | | | | | | | | |"
    times = first["per_cpu_second"] / found["per_cpu_second"]
    ratio = "" if found is first else f" ({first['engine']} is × {times:.2f})"
    with_ = ", ".join(f"{package} {version}" for package, version in found["versions"].items())
    return (
        f"| {name} | {found['per_second']:.0f} | {found['per_cpu_second']:.0f}{ratio} | {found['steps']} | "
        f"{found['wall']:.0f} s | {found['cpu']:.0f} s | {found['memory'] / 1e9:.2f} GB | {found['loss']:.3f} | "
        f"{found['dev']:.0%} | {found['test']:.0%} | {found['general']} of {GENERAL} | {with_} |"
    )


def _child(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.engines", str(arguments.model), "--child", "--engines", name]
    command += ["--steps", str(arguments.steps), "--home", str(_home(arguments))]
    command += ["--own"] if arguments.own else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _home(arguments: argparse.Namespace) -> Path:
    from app.settings import workspace

    return arguments.home or workspace().root


def _spec(name: str, steps: int, *, own: bool) -> Any:
    """The spec of an engine: the same for all, or what its own examples say."""
    from benchmarks.facts24 import spec_of
    from finetune.records import TrainingSpec

    if not own:
        same = {"batch": 8, "max_steps": steps, "max_length": 256, "evaluate": False, "learning_rate": 1e-3}
        return TrainingSpec(engine=name, base="b", dataset="d", **same)
    if name == "trl":
        return spec_of("docgraft", FACTS, 16, {"patience": "3"})
    return spec_of(name, FACTS, 32, {"engine": name, "evaluate": "false"})


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """One engine's numbers, or why it cannot be measured."""
    from benchmarks.facts import job, pairs
    from finetune.engines import load
    from finetune.engines.rows import encode
    from finetune.models.templates import load_tokenizer
    from finetune.pairs import replay

    name, _, general = arguments.engines[0].partition("+")
    model, home, spec = arguments.model, _home(arguments), _spec(name, arguments.steps, own=arguments.own)
    rows, tokenizer = pairs(FACTS), load_tokenizer(model)
    if general:
        rows = [*rows, *replay.training(replay.LANGUAGES, replay.LEAST)]
    engine, clock = load(spec.engine, home), _Clock(whole=arguments.own)
    ready = engine.readiness(spec)
    if not ready.ready:
        return {"missing": f"{ready.reason} {ready.hint}"}
    train = [pair for pair in rows if pair.split == "train"]
    per_step = encode(train, tokenizer).tokens / len(train) * spec.batch * spec.accumulation
    with tempfile.TemporaryDirectory() as folder:
        card = engine.train(job(Path(folder), model, spec, rows, emit=clock.emit, tell=lambda text: None))
        measured = {**clock.speed(per_step), "memory": clock.memory()}
        scores = _scores(model, Path(folder) / "adapter", rows)
    return {
        "engine": spec.engine,
        **measured,
        **scores,
        "versions": {k: v for k, v in card.versions.items() if k in (spec.engine, *PACKAGES)},
    }


def _scores(model: Path, adapter: Path, rows: Sequence[Pair]) -> dict[str, Any]:
    """What the saved adapter answers, loaded anew in float32."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.engines.examine import Exam, examine
    from finetune.evaluation.general import sample
    from finetune.models.templates import load_tokenizer

    base: Any = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32, local_files_only=True)
    tuned: Any = PeftModel.from_pretrained(base, str(adapter))
    tokenizer = load_tokenizer(model)

    def share(split: str) -> float | None:
        held = [pair for pair in rows if pair.split == split and pair.test_set == "unseen_wording"]
        return examine(tuned, Exam(tokenizer, held, (), ())).unseen_wording

    passed = examine(tuned, Exam(tokenizer, (), sample(GENERAL), ())).general or 0.0
    return {"dev": share("dev"), "test": share("test"), "general": round(passed * GENERAL)}


class _Clock:
    """Wall and CPU seconds at every step, of this process and the trainer's."""

    def __init__(self, *, whole: bool) -> None:
        self.whole, self.begun = whole, (time.perf_counter(), _cpu_seconds())
        self.steps: list[tuple[float, float, float]] = []
        self.peak = 0

    def emit(self, kind: str, **values: Any) -> None:
        if kind == "step":
            self.steps.append((time.perf_counter(), _cpu_seconds(), values["loss"]))
            children = psutil.Process().children(recursive=True)
            self.peak = max([self.peak, *(one.memory_info().rss for one in children)])

    def speed(self, tokens_per_step: float) -> dict[str, Any]:
        (wall, cpu, _), (last_wall, last_cpu, _) = self.steps[0], self.steps[-1]
        tokens = tokens_per_step * (len(self.steps) - 1)
        tail = [loss for _, _, loss in self.steps[-4:]]
        whole = (time.perf_counter() - self.begun[0], _cpu_seconds() - self.begun[1])
        took = whole if self.whole else (last_wall - wall, last_cpu - cpu)
        return {
            "per_second": tokens / (last_wall - wall),
            "per_cpu_second": tokens / (last_cpu - cpu),
            "wall": took[0],
            "cpu": took[1],
            "steps": len(self.steps),
            "loss": sum(tail) / len(tail),
        }

    def memory(self) -> int:
        """Peak bytes of the process that trained."""
        import resource

        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self.peak or own


def _cpu_seconds() -> float:
    """Of this process, of its children that run and of those that have ended."""
    own = psutil.Process()
    times = own.cpu_times()
    running = [one.cpu_times() for one in own.children(recursive=True)]
    ended = times.children_user + times.children_system
    return times.user + times.system + ended + sum(one.user + one.system for one in running)


if __name__ == "__main__":
    main()
