"""Random kill -9 on training runs: no run may claim what it has not, and the last good checkpoint must be usable.

    python -m benchmarks.crash_runs [--kills 30] [--engine trl|rehearsal] [--seed 1]

Each round starts, resumes or stops a run of TINY-LM and kills the worker after a random time. Afterwards the state, the
checkpoints and the adapter are checked; at the end the run is resumed without a kill and compared with an unbroken one.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from finetune import adapters
from finetune.records import Run, TrainingSpec
from finetune.runfolder import TERMINAL, RunFolder, alive
from finetune.runs import Runs
from memory.errors import DocgraftError
from memory.workspace import Workspace

MOST_EVENTS = 150
SPEC = {"rank": 4, "alpha": 8, "batch": 4, "epochs": 60, "learning_rate": 5e-3, "evaluate": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--engine", default="trl")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        print(crash(Path(root), arguments.kills, arguments.engine, arguments.seed))


def crash(root: Path, kills: int, engine: str, seed: int) -> str:
    """Run the rounds; a summary. AssertionError when a run claimed what it had not."""
    from tests.tiny_model import tiny_model
    from tests.training.conftest import write_dataset

    rng, outcomes, where = random.Random(seed), Counter[str](), Counter[str]()
    workspace = Workspace(root / "home")
    kb = workspace.base("default")
    write_dataset(kb)
    runs, base = Runs(workspace, kb), tiny_model(root / "tiny")
    spec = TrainingSpec(engine=engine, base="tiny", dataset="facts", **SPEC)
    whole = _ended(runs, runs.start(spec, base=base).id)
    assert whole.state == "completed", whole.message
    broken = runs.create(spec, base=base)
    for number in range(kills):
        if runs.show(broken.id).state in ("stopped", "failed"):
            runs.resume(broken.id)
        elif runs.show(broken.id).state == "completed":
            broken = runs.create(spec, base=base)
        runs.tick()
        _live(runs, broken.id, rng)
        where[_phase(runs, broken.id)] += 1
        outcomes[_checked(runs, broken.id)] += 1
        print(f"{number + 1:2} {dict(outcomes)} after {dict(where)}", flush=True)
    if runs.show(broken.id).state != "completed":
        runs.resume(broken.id)
    last = _ended(runs, broken.id)
    assert last.state == "completed", last.message
    worst = max(abs(one - two) for one, two in _losses(runs, whole.id, broken.id))
    assert worst < 1e-3, worst
    found = f"{kills} kills, {dict(outcomes)}, after the event {dict(where)}"
    return f"{found}; then completed, losses within {worst:.1e} of the unbroken run"


def _live(runs: Runs, run: str, rng: random.Random) -> None:
    """Let the worker live for a random number of events, perhaps ask it to stop, and kill it.

    Events rather than seconds: on a busy machine every kill would otherwise fall into the loading of the model.
    """
    before, goal, end = len(runs.events(run)), rng.randrange(MOST_EVENTS), time.monotonic() + 120
    while len(runs.events(run)) - before < goal and runs.show(run).state not in TERMINAL and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(rng.uniform(0.0, 0.3))
    if rng.random() < 0.25:
        runs.stop(run)
        time.sleep(rng.uniform(0.0, 4.0))
    process = RunFolder(runs.kb.run(run)).process()
    if process and process.pid and alive(process):
        os.kill(process.pid, signal.SIGKILL)
    while process and alive(process):
        time.sleep(0.02)


def _phase(runs: Runs, run: str) -> str:
    """The last thing that the killed attempt said."""
    folder = RunFolder(runs.kb.run(run))
    process = folder.process()
    own = list(folder.events(process.events)) if process else []
    return own[-1].kind if own else "nothing yet"


def _checked(runs: Runs, run: str) -> str:
    """The state after a kill, when it is an honest one."""
    found = runs.show(run)
    assert found.state in TERMINAL, found.state
    folder = RunFolder(runs.kb.run(run))
    if found.adapter:
        card = adapters.verify(folder.adapter)
        assert card.effect > 0, "an adapter without effect is called finished"
    elif found.state == "completed":
        raise AssertionError("completed without an adapter")
    else:
        try:
            adapters.show(runs.kb, run)
        except DocgraftError:
            return str(found.state)
        raise AssertionError(f"{found.state} run has a selectable adapter")
    return f"{found.state} with adapter"


def _ended(runs: Runs, run: str) -> Run:
    while (found := runs.show(run)).state not in TERMINAL:
        time.sleep(0.1)
    return found


def _losses(runs: Runs, one: str, two: str) -> list[tuple[float, float]]:
    found = []
    for run in (one, two):
        found.append({event.step: event.values["loss"] for event in runs.events(run) if event.kind == "step"})
    assert found[0].keys() == found[1].keys(), "steps are missing"
    return [(found[0][step], found[1][step]) for step in found[0]]


if __name__ == "__main__":
    main()
