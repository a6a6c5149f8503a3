"""The child process: files that hang, eat memory or crash a parser stop nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from memory.errors import BadDocument, MissingExtra
from retrieval.loaders import Limits
from retrieval.loaders.sandbox import Sandbox, _opened
from tests.loaders import files

ROOT = Path(__file__).parents[2]
QUICK = Limits(seconds=20)

SLEEPER = """
import sys, time, os
sys.path.insert(0, {root!r})
import retrieval.loaders.text as text
real = text.load
def load(source):
    data = source.bytes()
    if data.startswith(b"sleep"): time.sleep(3600)
    if data.startswith(b"memory"): hoard = [bytearray(8_000_000) for _ in range(100_000)]
    if data.startswith(b"crash"): os.kill(os.getpid(), 11)
    if data.startswith(b"print"): print("noise on standard output")
    if data.startswith(b"raise"): raise KeyError("inside")
    if data.startswith(b"spawn"): os.system("sleep 3600 & echo $! > {folder}/grandchild"); time.sleep(3600)
    return real(source)
text.load = load
from retrieval.loaders.child import main
main()
"""


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A sandbox whose text loader obeys orders in the file."""
    monkeypatch.setattr("retrieval.loaders.sandbox._CODE", SLEEPER.format(root=str(ROOT), folder=tmp_path))
    sandbox = Sandbox(children=2)
    yield sandbox
    sandbox.close()


def reading(sandbox, folder, text, limits=QUICK):
    path = files.save(folder, f"{abs(hash(text))}.txt", text.encode())
    return sandbox.read(path, name=f"{text[:6]}.txt", limits=limits)


def kind(sandbox, folder, text, limits=QUICK):
    with pytest.raises(BadDocument) as caught:
        reading(sandbox, folder, text, limits)
    return caught.value.kind


def test_a_parser_that_never_ends_is_killed_at_the_limit_and_the_next_file_is_read(sandbox, tmp_path):
    start = time.monotonic()
    assert kind(sandbox, tmp_path, "sleep", Limits(seconds=1)) == "timed_out"
    assert time.monotonic() - start < 5
    assert reading(sandbox, tmp_path, "good words here").text == "good words here"


def test_what_a_killed_parser_started_is_killed_too(sandbox, tmp_path):
    assert kind(sandbox, tmp_path, "spawn", Limits(seconds=1.5)) == "timed_out"
    pid = int((tmp_path / "grandchild").read_text())
    time.sleep(0.2)
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_a_parser_that_eats_memory_is_stopped(sandbox, tmp_path):
    assert kind(sandbox, tmp_path, "memory", Limits(seconds=30, memory=256 * 1024 * 1024)) == "memory"
    assert reading(sandbox, tmp_path, "good words here").text == "good words here"


def test_a_crash_or_an_unknown_error_is_damage_and_not_the_end(sandbox, tmp_path):
    assert kind(sandbox, tmp_path, "crash") == "damaged"
    assert kind(sandbox, tmp_path, "raise") == "damaged"
    assert reading(sandbox, tmp_path, "good words here").text == "good words here"


def test_what_a_parser_prints_does_not_disturb_the_reply(sandbox, tmp_path):
    assert reading(sandbox, tmp_path, "print and more").text == "print and more"


def test_a_batch_gives_each_file_its_own_result(sandbox, tmp_path):
    pdf = files.plain_pdf()
    batch = {
        "good.txt": b"Good words.",
        "empty.pdf": b"",
        "half.pdf": pdf[: len(pdf) // 2],
        "blank.txt": b"\xef\xbb\xbf   ",
        "good2.txt": b"More good words.",
    }
    results = {}
    for name, data in batch.items():
        try:
            results[name] = sandbox.read(files.save(tmp_path, name, data), name=name, limits=QUICK).text
        except BadDocument as error:
            results[name] = error.kind
    assert results == {
        "good.txt": "Good words.", "empty.pdf": "empty", "half.pdf": "damaged", "blank.txt": "empty",
        "good2.txt": "More good words.",
    }  # fmt: skip


def test_one_child_reads_many_files(sandbox, tmp_path):
    reading(sandbox, tmp_path, "first file")
    [child] = sandbox._idle
    for n in range(20):
        reading(sandbox, tmp_path, f"file number {n}")
    assert sandbox._idle == [child]


def test_a_child_that_left_while_idle_is_replaced_unnoticed(sandbox, tmp_path):
    reading(sandbox, tmp_path, "first file")
    os.kill(sandbox._idle[0]._process.pid, signal.SIGKILL)
    assert reading(sandbox, tmp_path, "second file").text == "second file"


def test_threads_share_the_children(sandbox, tmp_path):
    found = []

    def work(n):
        found.append(reading(sandbox, tmp_path, f"words of thread {n}").text)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [f"words of thread {n}" for n in range(8)]
    assert len(sandbox._idle) <= 2


def test_no_child_outlives_a_program_that_used_one(tmp_path):
    files.save(tmp_path, "a.txt", b"Good words.")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from retrieval.loaders import read; from retrieval.loaders.sandbox import shared\n"
        "print(read(Path('a.txt'), name='a.txt').text, shared()._idle[0]._process.pid)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(ROOT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    words, pid = done.stdout.rsplit(" ", 1)
    assert words == "Good words."
    assert not Path(f"/proc/{int(pid)}").exists()


def test_errors_come_back_as_what_they_were():
    error = MissingExtra("pytesseract", "ocr")
    with pytest.raises(MissingExtra) as caught:
        _opened("a.pdf", {"failed": ["MissingExtra", error.message, error.hint]}, 1)
    assert caught.value.hint == error.hint


def test_importing_the_loaders_loads_no_parser():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import retrieval.loaders, retrieval.loaders.web\n"
        "print(sorted({'lxml', 'pypdfium2', 'markdown_it', 'yaml', 'psutil', 'PIL', 'opencc'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_module_in_the_folder_that_is_read_is_never_run(tmp_path, monkeypatch):
    for name in ("json.py", "retrieval.py", "email.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w'); raise SystemExit(1)")
    (tmp_path / "a.txt").write_text("Five euros.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    box = Sandbox(children=1)
    try:
        assert "Five euros" in box.read(Path("a.txt"), name="a.txt", limits=QUICK).text
    finally:
        box.close()
    assert not (tmp_path / "ran").exists()
