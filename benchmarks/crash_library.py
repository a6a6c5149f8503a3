"""Kill -9 a process that adds, updates, removes and reindexes, at random moments; nothing may be lost or out of step.

    python -m benchmarks.crash_library [--kills 30] [--seed 1]

The worker notes what it is about to do and what it has done. After every kill the library is opened, checked and
mended, and must hold what was done, and of the one operation in flight either the state before it or after it.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from memory.workspace import Workspace, append_line, read_lines
from retrieval.embedders import load
from retrieval.library import Library
from retrieval.records import Upload
from retrieval.tokens import tokens

NAMES = [f"doc{i}.md" for i in range(8)]
EMBEDDERS = ("hashing:64", "hashing:96", "hashing:96/5")


def text(name: str, version: int) -> str:
    """A document of some 40 sections; half of them change with the version."""
    parts = [f"# Manual {name}"]
    for i in range(40):
        mark = f"V{version}" if i % 2 else "stable"
        parts.append(f"## Part {i}\n\nRule {i} of {name} is {mark}-{name}-{i}. It binds everyone on board of ship {i}.")
    return "\n\n".join(parts)


def work(home: Path, log: Path, seed: int) -> None:
    """Random operations until killed."""
    rng = random.Random(seed)
    library = Library(Workspace(home).base("crash"), load(current(home)))
    with log.open("a", encoding="utf-8") as file:
        append_line(file, {"ready": True})
        for number in range(10_000):
            library = _operate(library, home, file, rng, seed * 10_000 + number)


def _operate(library: Library, home: Path, file, rng: random.Random, version: int) -> Library:
    kind = rng.choices(["put", "remove", "reindex"], [6, 2, 1])[0]
    present = [d.name for d in library.documents()]
    if kind == "put":
        names = rng.sample(NAMES, rng.randint(1, 3))
        append_line(file, {"begin": "put", "names": names, "version": version})
        library.add([Upload(name=n, data=text(n, version).encode()) for n in names])
    elif kind == "remove" and present:
        names = [rng.choice(present)]
        append_line(file, {"begin": "remove", "names": names, "version": version})
        library.remove(names[0])
    else:
        names = []
        append_line(file, {"begin": "reindex", "names": names, "version": version})
        library.close()
        library = Library(Workspace(home).base("crash"), load(rng.choice(EMBEDDERS)))
        library.reindex()
    append_line(file, {"done": version})
    return library


def current(home: Path) -> str:
    """The embedder that built the index there is."""
    with_any = Library(Workspace(home).base("crash"), load(EMBEDDERS[0]))
    found = with_any.index
    with_any.close()
    return found.name if found else EMBEDDERS[0]


def expected(log: Path) -> tuple[dict[str, int], dict[str, set[int | None]]]:
    """By name, the version that must be there; and of the names in flight, the versions that may be (None: absent)."""
    state: dict[str, int] = {}
    begun: dict | None = None
    for line in read_lines(log):
        if "settled" in line:
            state, begun = dict(line["settled"]), None
        elif "begin" in line:
            begun = line
        elif "done" in line and begun:
            _apply(state, begun)
            begun = None
    may: dict[str, set[int | None]] = {}
    for name in begun["names"] if begun else ():
        after = dict(state)
        _apply(after, begun)
        may[name] = {state.get(name), after.get(name)}
    return state, may


def _apply(state: dict[str, int], operation: dict) -> None:
    for name in operation["names"]:
        if operation["begin"] == "put":
            state[name] = operation["version"]
        else:
            state.pop(name, None)


def verify(home: Path, log: Path) -> tuple[list[str], dict[str, int]]:
    """Open, check and mend what a kill left; the kinds of issues found first, and the state that came out."""
    state, may = expected(log)
    library = Library(Workspace(home).base("crash"), load(current(home)), exact_chunks=0)
    found = [issue.kind for issue in library.check()]
    left = library.check(repair=True)
    assert left == [], f"not mended: {left}"
    settled = {d.name: _version(library.document(d.name).text) for d in library.documents()}
    for name in NAMES:
        allowed = may.get(name, {state.get(name)})
        assert settled.get(name) in allowed, f"{name} is {settled.get(name)}, not one of {allowed}"
    for name, version in settled.items():
        _findable(library, name, version)
    originals = {p.name for p in library.folder.originals.glob("[!.]*")} if library.folder.originals.exists() else set()
    assert originals == {d.id for d in library.documents()}
    library.close()
    return found, settled


def _version(document: str) -> int:
    return int(document.split("is V", 1)[1].split("-", 1)[0])


def _findable(library: Library, name: str, version: int) -> None:
    """The document's newest text is found by both arms, and no older one by either."""
    body = f"Rule 7 of {name} is V{version}-{name}-7."
    mine = {c.id: c.text for c in library.chunks()}
    keyword = library.keyword_scores(tokens(f"V{version}-{name}-7"), 50)
    dense = library.vector_scores(library.embedder.encode([f"Manual {name} > Part 7\n{body}"])[0], 50)
    assert any(body in mine[i] for i in keyword), f"{body} is not found by keyword"
    assert any(body in mine[i] for i in dense), f"{body} is not found by vector"
    assert set(keyword) <= set(mine) and set(dense) <= set(mine)
    assert text(name, version) == library.document(name).text


def run(kills: int, seed: int, home: Path, *, longest: float = 5.0) -> Counter[str]:
    """Kill and verify that many times; how often each kind of issue was found and mended."""
    rng = random.Random(seed)
    log = home / "operations.jsonl"
    home.mkdir(parents=True, exist_ok=True)
    issues: Counter[str] = Counter()
    for number in range(kills):
        before = _ready(log)
        command = [sys.executable, "-m", "benchmarks.crash_library", "--work", str(home), "--seed", str(seed + number)]
        worker = subprocess.Popen(command, cwd=Path(__file__).parents[1])
        while _ready(log) == before and worker.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.02, longest))
        assert worker.poll() is None, "the worker died by itself"
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        # A torn last line is what the kill left of the log itself.
        whole = [json.dumps(line) for line in read_lines(log)]
        found, settled = verify(home, log)
        log.write_text("".join(f"{line}\n" for line in whole) + json.dumps({"settled": settled}) + "\n", "utf-8")
        issues.update(found or ["none"])
    return issues


def _ready(log: Path) -> int:
    return sum("ready" in line for line in read_lines(log))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.work / "operations.jsonl", options.seed)
        return
    with tempfile.TemporaryDirectory() as home:
        start = time.monotonic()
        issues = run(options.kills, options.seed, Path(home))
        operations = sum("done" in line for line in read_lines(Path(home) / "operations.jsonl"))
    print(f"{options.kills} kills, {operations} finished operations, {time.monotonic() - start:.0f} s, nothing lost")
    for kind, number in issues.most_common():
        print(f"  {kind}: found after {number} kills, mended")


if __name__ == "__main__":
    main()
