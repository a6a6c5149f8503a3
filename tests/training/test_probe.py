"""The measured probe is a child that nobody has to look after: it ends with its parent, when told, and when too big."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

from finetune.engines import probe
from finetune.engines.probe import TooBig, measure
from finetune.preflight import card, measured
from finetune.records import TrainingSpec
from memory.errors import RunFailed

SPEC = TrainingSpec(base="tiny", dataset="facts", batch=4, epochs=3)


def children():
    return [child for child in psutil.Process().children() if "finetune.engines.probe" in " ".join(child.cmdline())]


@pytest.fixture
def endless(monkeypatch):
    """A probe that takes its request and then never answers."""
    code = "from finetune.engines import probe; import time; probe._measured = lambda *a: time.sleep(600); probe.main()"
    real = subprocess.Popen
    monkeypatch.setattr(
        probe.subprocess, "Popen", lambda command, **more: real([sys.executable, "-c", code], **more), raising=True
    )


def test_it_ends_when_its_parent_is_killed(tmp_path, kb, base):
    code = (
        "import pathlib; from finetune.engines import probe; from finetune.records import TrainingSpec\n"
        f"probe.measure(TrainingSpec(base='tiny', dataset='facts'), pathlib.Path({str(base)!r}), "
        f"pathlib.Path({str(kb.dataset('facts'))!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=probe.PACKAGES)
    seen = until(lambda: psutil.Process(parent.pid).children())
    parent.kill()
    parent.wait()
    until(lambda: not any(map(alive, seen)))


def test_it_ends_as_soon_as_it_is_told_to(kb, base, endless):
    begun = time.monotonic()
    assert measure(SPEC, base, kb.dataset("facts"), stop=lambda: time.monotonic() - begun > 0.3) is None
    assert time.monotonic() - begun < 3 and not children()


def test_it_ends_when_it_takes_too_long_or_too_much_memory(kb, base, endless):
    with pytest.raises(RunFailed, match="too long"):
        measure(SPEC, base, kb.dataset("facts"), timeout=0.2)
    with pytest.raises(TooBig, match="more than"):
        measure(SPEC, base, kb.dataset("facts"), room=1000)
    assert not children()


def test_a_card_whose_probe_is_too_big_says_what_would_fit(kb, base, endless, monkeypatch):
    monkeypatch.setattr("finetune.preflight.measure", partial(measure, room=1000))
    counted = card(SPEC, base=base, dataset=kb.dataset("facts"))
    found = measured(counted, SPEC, base=base, dataset=kb.dataset("facts"))
    assert not found.ok and found.problems[0].kind == "memory" and "batch to 2" in found.problems[0].hint


def until(look, seconds=20.0):
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
