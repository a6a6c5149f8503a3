"""Random kill -9 in the one click: whatever died when, the same command goes on to the same answers and verdict.

    python -m benchmarks.crash_tune [--kills 20] [--engine rehearsal|trl] [--seed 1]

Once without a kill, to know what should come out. Then, in a home of its own, `docgraft tune` is started and killed a
random time after it has begun to work, again and again, sometimes together with the training it had started; then it
runs to its end. A kill counts when the way was not finished yet.
With the engine that rehearses, the two ways that need an adapter fail by name in both; the others answer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from finetune.datasets import every as datasets
from finetune.evaluation.kept import every as comparisons
from finetune.runfolder import RunFolder, alive
from memory.workspace import KnowledgeBaseFolder, Workspace

ROOT = Path(__file__).parents[1]
MAIN = "from app.cli import main; main()"
BELLS = "# Bells\n\n" + "\n\n".join(
    f"## Bell {name}\n\nThe {name} bell costs {40 + 3 * i} pounds. The {name} bell weighs {5 + i} kilograms. "
    f"It was cast in {1901 + i} by {maker} Brothers."
    for i, (name, maker) in enumerate(
        (f"{a}{b}", m)
        for a, m in (("Lark", "Hobb"), ("Finch", "Tarn"), ("Wren", "Moss"), ("Teal", "Pike"), ("Swift", "Dunn"))
        for b in ("", "field", "ton")
    )
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--engine", default="rehearsal")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        print(crash(Path(root), options.kills, options.engine, options.seed))


def crash(root: Path, kills: int, engine: str, seed: int) -> str:
    """Run it; a summary. AssertionError when anything came out otherwise than without a kill."""
    from tests.tiny_model import tiny_model

    base, rng, died = tiny_model(root / "tiny"), random.Random(seed), Counter[str]()
    whole, broken = (_home(root / name, base, engine) for name in ("whole", "broken"))
    process = _tune(whole)
    assert _working(process, whole)
    begun = time.monotonic()
    assert process.wait() == 0
    lasted = time.monotonic() - begun
    while died.total() < kills:
        process = _tune(broken)
        killed = _working(process, broken) and _killed_after(process, rng.uniform(0, 0.9) * lasted)
        where = _stage(broken)
        if where == "finished":  # Begin a new way from nothing, so that every kill hits something.
            _begin_again(broken)
        if not killed or where == "finished":
            continue
        died[where] += 1
        if rng.random() < 0.4:
            _kill_training(broken)
        print(f"{died.total():2} killed in: {where}", flush=True)
    assert _tune(broken).wait() == 0
    same = _answers(whole) == _answers(broken)
    assert same, "the answers are others"
    assert _verdict(whole) == _verdict(broken), (_verdict(whole), _verdict(broken))
    runs, sets = len(list(_kb(broken).runs.iterdir())), len(datasets(_kb(broken)))
    made = f"{sets} dataset and {runs} run for the last way"
    assert (sets, runs) == (1, 1), made
    return f"{kills} kills, {dict(died)}; then the same {len(_answers(whole))} answers and the same verdict; {made}"


def _home(root: Path, base: Path, engine: str) -> dict[str, str]:
    """The environment of a home with the documents added."""
    document = root / "bells.md"
    root.mkdir()
    document.write_text(BELLS, encoding="utf-8")
    environment = os.environ | {
        "DOCGRAFT_HOME": str(root / "home"),
        "DOCGRAFT_MODEL__NAME": str(base),
        "DOCGRAFT_RETRIEVAL__EMBEDDER": "hashing",
        "DOCGRAFT_TRAINING__ENGINE": engine,
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([sys.executable, "-c", MAIN, "add", str(document)], env=environment, check=True, capture_output=True)
    return environment


def _tune(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    _kb(environment).live.unlink(missing_ok=True)
    command = [sys.executable, "-c", MAIN, "tune", "--effort", "quick", "--most", "48", "--yes"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _working(process: subprocess.Popen[bytes], environment: dict[str, str]) -> bool:
    """Wait until it has begun to work; False when it ended before, which it does where nothing is left to do."""
    while process.poll() is None:
        if _kb(environment).live.exists():
            return True
        time.sleep(0.05)
    return False


def _killed_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether there was something left to kill."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def _begin_again(environment: dict[str, str]) -> None:
    """Forget the way and everything that was made on it; the documents stay."""
    folder = _kb(environment)
    folder.pipeline.unlink()
    for made in (folder.datasets, folder.runs, folder.comparisons):
        shutil.rmtree(made)


def _kb(environment: dict[str, str]) -> KnowledgeBaseFolder:
    return Workspace(Path(environment["DOCGRAFT_HOME"])).base("default")


def _stage(environment: dict[str, str]) -> str:
    """How far the way on disk is."""
    folder = _kb(environment)
    way: dict[str, Any] = json.loads(folder.pipeline.read_text(encoding="utf-8"))
    if way["comparison"]:
        return "finished"
    if way["run"] and RunFolder(folder.run(way["run"])).run().state == "completed":
        return "comparing"
    return "training" if way["run"] else "pairs"


def _kill_training(environment: dict[str, str]) -> None:
    folder = _kb(environment)
    for path in folder.runs.iterdir() if folder.runs.is_dir() else ():
        process = RunFolder(path).process()
        if process and process.pid and alive(process):
            os.kill(process.pid, signal.SIGKILL)


def _answers(environment: dict[str, str]) -> dict[tuple[str, str], tuple[str, bool | None]]:
    found = comparisons(_kb(environment))[0].answers()
    return {(a.arm, a.question.id): (a.text, a.correct) for a in found}


def _verdict(environment: dict[str, str]) -> tuple[Any, ...]:
    card = comparisons(_kb(environment))[0].card()
    return card.verdict.winner, card.verdict.sentence, card.verdict.needed, card.differences, card.verdict.vetoes


if __name__ == "__main__":
    main()
