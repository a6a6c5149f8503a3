"""Processes that die, and processes that work at the same time."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from benchmarks import crash_library
from tests.index.conftest import by_keyword, by_vector, upload

ROOT = Path(__file__).parents[2]


def test_killing_it_at_random_moments_loses_nothing(tmp_path):
    issues = crash_library.run(4, 11, tmp_path / "crash", longest=1.2)
    assert sum(issues.values()) >= 4


ADD = """
import sys
from pathlib import Path
from memory.workspace import Workspace
from retrieval.embedders import load
from retrieval.library import Library
from retrieval.records import Upload
library = Library(Workspace(Path(sys.argv[1])).base("default"), load("hashing:384"))
who = sys.argv[2]
for i in range(4):
    results = library.add([Upload(name=f"{who}-{i}-{j}.txt", data=f"Door {i}{j} of {who}.".encode()) for j in range(5)])
    assert {r.status for r in results} == {"added"}, results
library.close()
"""


def test_processes_and_threads_may_add_at_the_same_time(opened, workspace):
    library = opened()
    others = [
        subprocess.Popen([sys.executable, "-c", ADD, str(workspace.root), who], cwd=ROOT, stderr=subprocess.PIPE)
        for who in ("anna", "bert")
    ]
    results = []
    threads = [
        threading.Thread(target=lambda i=i: results.extend(library.add([upload(f"own-{i}.txt", f"Door {i} of us.")])))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        _, errors = other.communicate(timeout=120)
        assert other.returncode == 0, errors.decode()
    assert [r.status for r in results] == ["added"] * 4
    assert len(library.documents()) == 44 and library.check() == []
    assert by_keyword(library, "Door 32 of anna")[0] == "Door 32 of anna."
    assert by_vector(library, "Door 34 of bert")[0] == "Door 34 of bert."


KILLED = """
import os, signal, sys
from pathlib import Path
from memory.workspace import Workspace
from retrieval.embedders.hashing import Hashing
from retrieval.library import Library
from retrieval.records import Upload
import retrieval.library.embedding
retrieval.library.embedding.TEXTS = 8

class Dying(Hashing):
    left = 3
    def encode(self, texts, *, query=False):
        Dying.left -= 1
        if Dying.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(texts, query=query)

library = Library(Workspace(Path(sys.argv[1])).base("default"), Dying())
library.add([Upload(name="long.md", data=Path(sys.argv[2]).read_bytes())])
"""


def test_an_add_that_was_killed_goes_on_where_it_was(opened, workspace, tmp_path):
    text = "# Manual\n\n" + "\n\n".join(f"## Part {i}\n\nRule {i} binds ship {i}. It is short." for i in range(20))
    (tmp_path / "long.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", KILLED, str(workspace.root), str(tmp_path / "long.md")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    library = opened()
    assert library.documents() == [] and library.statistics.unfinished == 1
    embedded = []
    encode = library.embedder.encode
    library.embedder.encode = lambda texts, query=False: embedded.extend(texts) or encode(texts, query=query)
    (result,) = library.add([tmp_path / "long.md"])
    assert (result.status, result.chunks) == ("added", 20)
    assert 0 < len({t for t in embedded if t.startswith("Manual > Part") and "binds" in t and "short" in t}) < 18
    assert library.check() == [] and "Rule 19" in by_vector(library, "rule 19 binds ship 19")[0]
