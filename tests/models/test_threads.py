"""Training leaves the processors to those who are there too."""

from __future__ import annotations

import pytest
import torch

from finetune.models.threads import LOOK, Sharing


class Machine:
    """Processor seconds as a busy machine counts them."""

    def __init__(self):
        self.now = self.busy = self.own = 0.0

    def sharing(self, most, processors):
        return Sharing(
            most, processors=processors, busy=lambda: self.busy, own=lambda: self.own, clock=lambda: self.now
        )

    def passes(self, seconds, *, own, others):
        self.now += seconds
        self.own += own * seconds
        self.busy += (own + others) * seconds


@pytest.fixture
def threads(monkeypatch):
    """What torch was told."""
    told = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    return told


@pytest.mark.parametrize(
    ("most", "processors", "others", "wanted"),
    [
        (2, 2, 0.0, 2),
        (2, 2, 0.25, 2),
        (2, 2, 0.9, 1),
        (2, 2, 1.9, 1),
        (8, 8, 2.5, 5),
        (8, 64, 40.0, 8),
    ],
)
def test_as_many_threads_compute_as_others_leave_processors(threads, most, processors, others, wanted):
    machine = Machine()
    sharing = machine.sharing(most, processors)
    machine.passes(LOOK, own=most, others=others)
    sharing.settle()
    assert sharing.threads == wanted
    assert threads == [] if wanted == most else [wanted]


def test_threads_come_back_when_the_others_are_gone(threads):
    machine = Machine()
    sharing = machine.sharing(4, 4)
    for others in (2.0, 0.0):
        machine.passes(LOOK, own=1.0, others=others)
        sharing.settle()
    assert threads == [2, 4]


def test_a_look_that_is_not_due_changes_nothing(threads):
    machine = Machine()
    sharing = machine.sharing(2, 2)
    machine.passes(LOOK / 2, own=0.5, others=1.5)
    sharing.settle()
    assert threads == []


def test_this_machine_counts_its_processor_seconds():
    before = Sharing(1)._look()
    sum(number * number for number in range(200_000))
    after = Sharing(1)._look()
    assert all(new >= old for new, old in zip(after, before, strict=True))
    assert after[2] > before[2]
