"""Two adapters on one base in memory: what switching costs, and whether answers stay those of clean processes.

    python -m benchmarks.adapter_switch MODEL_FOLDER ADAPTER_FOLDER ADAPTER_FOLDER [--write]

A switch is what an answer waits for before its first step when the answer before it used another adapter. Then base
and both adapters are asked the same questions at the same time, in threads; each of them also in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import machine

QUESTIONS = ("What is the capital of France?", "How long is the warranty of a bell?", "請用一句話介紹台灣。")
SWITCHES = 60
TOKENS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("adapters", type=Path, nargs="*")
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    parser.add_argument("--clean", action="store_true", help="only ask, and print the answers")
    arguments = parser.parse_args()
    if arguments.clean:
        print(json.dumps(asked(arguments.model, arguments.adapters[0] if arguments.adapters else None)))
        return
    ways = [None, *arguments.adapters]
    lines = [*_switching(arguments.model, ways), _together(arguments.model, ways)]
    print("\n".join(lines))
    if arguments.write:
        machine.append("Adapters on one base", lines)


def asked(model: Path, adapter: Path | None, bases: object = None) -> list[str]:
    """The greedy answers to all questions."""
    from langchain_core.messages import HumanMessage

    from finetune.models.bases import Bases
    from finetune.models.local import LocalChatModel

    chat = LocalChatModel(bases=bases or Bases(), path=model, adapter=adapter, max_new_tokens=TOKENS)
    return [chat.answer([HumanMessage(question)]).text for question in QUESTIONS]


def at_once(model: Path, ways: Sequence[Path | None], bases: object) -> list[list[str]]:
    """The answers of every way, each asked by a thread of its own at the same time."""
    with ThreadPoolExecutor(len(ways)) as pool:
        return list(pool.map(lambda way: asked(model, way, bases), ways))


def _switching(model: Path, ways: list[Path | None]) -> list[str]:
    from finetune.models.bases import Bases

    bases = Bases()
    opened = []
    for way in ways:
        begun = time.process_time()
        with bases.lease(model, way):
            opened.append(time.process_time() - begun)
    cpu, clock = [], []
    for number in range(SWITCHES):
        begun, ticks = time.perf_counter(), time.process_time()
        with bases.lease(model, ways[number % len(ways)]):
            clock.append(1000 * (time.perf_counter() - begun))
            cpu.append(1000 * (time.process_time() - ticks))
    return [
        f"Opened, CPU seconds: base {opened[0]:.2f}, adapters {', '.join(f'{taken:.2f}' for taken in opened[1:])}.",
        f"A switch, median and most of {SWITCHES}: {statistics.median(cpu):.1f} and {max(cpu):.1f} CPU ms, "
        f"{statistics.median(clock):.1f} and {max(clock):.1f} ms on the clock; bases in memory: {len(bases.live)}.",
    ]


def _together(model: Path, ways: list[Path | None]) -> str:
    """Whether threads that ask all ways at once get what processes of their own get."""
    from finetune.models.bases import Bases

    found = at_once(model, ways, Bases())
    clean = [_clean(model, way) for way in ways]
    same = sum(
        mine == theirs
        for together, apart in zip(found, clean, strict=True)
        for mine, theirs in zip(together, apart, strict=True)
    )
    return f"Asked at the same time: {same} of {len(ways) * len(QUESTIONS)} answers equal those of clean processes."


def _clean(model: Path, way: Path | None) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.adapter_switch", str(model), *([str(way)] if way else []), "--clean"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
