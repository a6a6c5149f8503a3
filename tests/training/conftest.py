"""A knowledge base with a dataset of invented facts, and runs on it."""

from __future__ import annotations

import time

import pytest

from benchmarks.facts import pairs
from finetune import datasets
from finetune.records import DatasetCard, TrainingSpec
from finetune.runfolder import TERMINAL
from finetune.runs import Runs
from memory.records import now
from tests.tiny_model import tiny_model


def write_dataset(kb, name="facts", rows=None):
    """A complete dataset folder; six pairs for each of four facts by default."""
    rows = pairs(4) if rows is None else rows

    def card(tally):
        return DatasetCard(
            id=name,
            kb=kb.name,
            created=now(),
            fingerprint=tally.fingerprint,
            counts=tally.counts,
            kinds=tally.kinds,
            languages=tally.languages,
            dropped=tally.dropped,
            coverage={},
            settings={},
            leaks={},
            chunk_hashes=("c1", "c2"),
        )

    return datasets.write(kb.dataset(name), rows, card)


@pytest.fixture(autouse=True)
def one_thread():
    """TINY-LM is so small that a second thread only waits for the first."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kb(workspace):
    folder = workspace.base("default")
    write_dataset(folder)
    return folder


@pytest.fixture
def runs(workspace, kb):
    made = Runs(workspace, kb)
    yield made
    for run in made.all():
        made.stop(run.id)
    for run in made.all():
        until(made, run.id, *TERMINAL)


@pytest.fixture
def base(tmp_path):
    return tiny_model(tmp_path / "tiny")


@pytest.fixture
def rehearsal():
    """A spec of the rehearsal engine: four steps an epoch, a fiftieth of a second each."""
    return TrainingSpec(engine="rehearsal", base="none", dataset="facts", batch=4, epochs=4)


def until(runs, run, *states, seconds=30.0):
    """The run once it is in one of the states; fails the test when that takes too long."""
    deadline = time.monotonic() + seconds
    while (found := runs.show(run)).state not in states:
        assert time.monotonic() < deadline, f"still {found.state}: {found.message}\n{runs.log(run)}"
        time.sleep(0.05)
    return found
