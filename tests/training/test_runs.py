"""A run is a folder and a process: what each state rests on, and what crashes do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pytest

from finetune import adapters
from finetune.records import Event, TrainingSpec
from finetune.runfolder import Process, RunFolder, launch_command
from finetune.runs import Runs
from memory.errors import DocgraftError
from memory.workspace import write_json
from tests.training.conftest import until, write_dataset


def long(spec: TrainingSpec) -> TrainingSpec:
    return spec.model_copy(update={"epochs": 400})


def folder(runs, run) -> RunFolder:
    return RunFolder(runs.kb.run(run))


def at_step(runs, run, step):
    deadline = time.monotonic() + 30
    while runs.show(run).step < step:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def losses(runs, run):
    return {event.step: event.values["loss"] for event in runs.events(run) if event.kind == "step"}


def test_a_run_ends_with_a_verified_adapter_and_says_so(runs, rehearsal, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-TEST-CANARY-000")
    run = runs.start(rehearsal, base=tmp_path)
    assert run.state in ("starting", "running")
    kinds = [event.kind for event in runs.watch(run.id, poll=0.05)]
    done = runs.show(run.id)
    assert (done.state, done.step, done.steps, done.adapter) == ("completed", 16, 16, run.id)
    assert kinds[0] == "started" and kinds[-1] == "completed" and kinds.index("saved") < kinds.index("verified")
    card = adapters.show(runs.kb, run.id)
    assert card.effect > 0 and card.tensors == 2 and card.dataset == "facts"
    assert "base_model" in (runs.kb.run(run.id) / "adapter" / "README.md").read_text()
    files = [path for path in runs.kb.run(run.id).rglob("*") if path.is_file()]
    assert files and not any(b"CANARY" in path.read_bytes() for path in files)


def test_only_one_run_per_device_works_and_the_next_one_starts_by_itself(runs, rehearsal, tmp_path):
    first, second = (runs.start(rehearsal, base=tmp_path) for _ in range(2))
    other = runs.start(rehearsal, base=tmp_path, device="another")
    assert runs.show(second.id).state == "queued"
    assert runs.show(other.id).state != "queued"
    until(runs, first.id, "completed")
    until(runs, second.id, "completed")  # Nobody calls tick: the worker that ended handed over.
    until(runs, other.id, "completed")


def test_who_watches_a_run_that_says_nothing_can_leave(runs, rehearsal, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "tick", lambda: None)  # Nobody starts it.
    waiting, looks = runs.create(rehearsal, base=tmp_path), []
    assert list(runs.watch(waiting.id, poll=0.01, until=lambda: len(looks) > 2 or looks.append(1))) == []
    assert len(looks) == 3 and runs.show(waiting.id).state == "queued"


def test_accounts_share_the_devices_of_one_home_and_hear_what_they_wait_for(runs, rehearsal, tmp_path):
    theirs = runs.workspace.of_user("ann")
    write_dataset(theirs.base("private"))
    hers = Runs(theirs, theirs.base("private"))
    first = runs.start(long(rehearsal), base=tmp_path)
    second = hers.start(rehearsal, base=tmp_path)
    third = runs.start(rehearsal, base=tmp_path)
    waiting = hers.show(second.id)
    assert (waiting.state, waiting.notice) == ("queued", "waits_other") and first.id not in waiting.message
    own = runs.show(third.id)
    assert (own.notice, own.values["kb"], own.values["ahead"]) == ("waits_own", "default", 2)
    assert first.id[-6:] in own.message and "private" not in own.message
    runs.stop(first.id)
    until(runs, first.id, "stopped")
    assert until(hers, second.id, "completed").adapter == second.id  # Nobody of hers was there to start it.
    until(runs, third.id, "completed")


def test_stopping_keeps_the_best_so_far_as_an_adapter(runs, rehearsal, tmp_path):
    run = runs.start(long(rehearsal), base=tmp_path)
    at_step(runs, run.id, 3)
    assert runs.stop(run.id).state in ("stopping", "stopped")
    stopped = until(runs, run.id, "stopped")
    assert stopped.adapter == run.id and stopped.step < stopped.steps
    assert adapters.show(runs.kb, run.id).effect > 0


def test_a_run_stopped_before_it_learned_anything_has_no_adapter(runs, rehearsal, tmp_path):
    run = runs.start(long(rehearsal), base=tmp_path)
    runs.stop(run.id)
    assert until(runs, run.id, "stopped").adapter is None or runs.show(run.id).step > 0


def test_a_stopped_queued_run_never_starts(runs, rehearsal, tmp_path):
    first = runs.start(long(rehearsal), base=tmp_path)
    second = runs.start(rehearsal, base=tmp_path)
    assert runs.stop(second.id).state == "stopped"
    runs.stop(first.id)
    until(runs, first.id, "stopped")
    runs.tick()
    assert runs.show(second.id).state == "stopped" and runs.show(second.id).adapter is None


def test_a_killed_worker_is_failed_with_its_last_lines_and_resumes_to_the_same_losses(runs, rehearsal, tmp_path):
    whole = runs.start(rehearsal, base=tmp_path)
    until(runs, whole.id, "completed")
    run = runs.start(rehearsal, base=tmp_path)
    at_step(runs, run.id, 3)
    os.kill(runs.show(run.id).pid, signal.SIGKILL)
    failed = until(runs, run.id, "failed")
    assert failed.adapter is None and "ended without finishing" in failed.message
    with pytest.raises(DocgraftError):
        adapters.show(runs.kb, run.id)
    runs.resume(run.id)
    assert until(runs, run.id, "completed").step == 16
    unbroken, resumed = losses(runs, whole.id), losses(runs, run.id)
    assert unbroken.keys() == resumed.keys()
    assert all(abs(unbroken[step] - resumed[step]) < 1e-3 for step in unbroken)


def test_a_worker_that_dies_before_its_first_step_is_failed_with_the_reason(runs, rehearsal, tmp_path):
    broken = rehearsal.model_copy(update={"dataset": "nowhere"})
    run = runs.start(broken, base=tmp_path)
    failed = until(runs, run.id, "failed")
    assert "not a finished dataset" in failed.message
    again = runs.start(rehearsal, base=tmp_path)
    until(runs, again.id, "completed")


def test_a_worker_that_said_completed_but_hangs_is_completed_and_reaped(runs, rehearsal, tmp_path, monkeypatch):
    run = runs.start(rehearsal, base=tmp_path)
    until(runs, run.id, "completed")
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pretend(runs, run.id, sleeper.pid)
    folder(runs, run.id).emit("completed", message="Done.")
    assert runs.show(run.id).state == "completed" and sleeper.poll() is None
    monkeypatch.setattr("finetune.runs.GRACE", 0.0)
    time.sleep(0.02)
    assert runs.show(run.id).state == "completed"
    sleeper.wait(5)
    assert not psutil.pid_exists(sleeper.pid)


def test_another_process_with_the_same_pid_is_not_taken_for_the_worker(runs, rehearsal, tmp_path):
    run = runs.create(rehearsal, base=tmp_path)
    write_json(folder(runs, run.id).process_file, Process(pid=os.getpid(), started=1.0).model_dump())
    assert runs.show(run.id).state == "failed"
    assert psutil.pid_exists(os.getpid())


def test_a_second_page_attaches_to_the_running_run_with_the_right_step(runs, rehearsal, tmp_path):
    run = runs.start(long(rehearsal), base=tmp_path)
    at_step(runs, run.id, 3)
    other = Runs(runs.workspace, runs.kb)
    assert other.show(run.id).state == "running" and other.show(run.id).step >= 3
    seen = other.watch(run.id, poll=0.05)
    assert next(seen).kind == "started"
    seen.close()
    assert runs.show(run.id).state == "running"


def test_a_worker_without_a_word_is_failed_and_says_that_it_printed_nothing(runs, rehearsal, tmp_path):
    run = runs.create(rehearsal, base=tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
    pretend(runs, run.id, gone.pid)
    gone.wait()
    assert "printed nothing" in runs.show(run.id).message


def test_a_torn_last_event_is_cut_before_the_next_one_is_written(runs, rehearsal, tmp_path):
    run = runs.create(rehearsal, base=tmp_path)
    here = folder(runs, run.id)
    here.emit("started")
    with here.events_file.open("a") as file:
        file.write('{"time": "2026", "ki')
    here.emit("step", step=1, loss=float("nan"), rate=0.5)
    assert [event.kind for event in runs.events(run.id)] == ["started", "step"]
    assert runs.events(run.id)[1].values == {"loss": None, "rate": 0.5}
    assert all(json.loads(line) for line in here.events_file.read_text().splitlines())


def test_who_follows_a_long_run_reads_each_event_once(tmp_path, monkeypatch):
    here, read = RunFolder(tmp_path / "run"), []
    here.root.mkdir()
    parsed = Event.model_validate_json
    monkeypatch.setattr(Event, "model_validate_json", lambda line: read.append(line) or parsed(line))
    for step in range(20):
        here.emit("step", step=step, loss=1.0)
        assert [event.step for event in RunFolder(here.root).events()] == list(range(step + 1))
    assert len(read) == 20
    begin = here.events_file.stat().st_size
    here.emit("stopped")
    assert [event.kind for event in here.events(begin)] == ["stopped"] and len(here.events()) == 21
    here.events_file.unlink()
    assert here.events() == []
    here.emit("started")
    assert [event.kind for event in here.events()] == ["started"]


def test_a_full_disk_fails_in_words_and_loses_no_checkpoint(runs, rehearsal, tmp_path, monkeypatch):
    from finetune import worker

    run = runs.create(rehearsal, base=tmp_path)
    here = folder(runs, run.id)
    real, calls = worker.write_json, []

    def full(path, value):
        calls.append(path)
        if path.name == "rehearsal.json" and len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(path, value)

    monkeypatch.setattr("finetune.engines.rehearsal.write_json", full)
    assert worker.main(str(here.root)) == 1
    failed = runs.show(run.id)
    assert failed.state == "failed" and "disk is full" in failed.message
    kept = json.loads((here.checkpoints / "rehearsal.json").read_text())["step"]
    assert kept >= 1
    monkeypatch.undo()
    runs.resume(run.id)
    until(runs, run.id, "completed")
    steps = [event.step for event in runs.events(run.id) if event.kind == "step"]
    assert steps[0] == 1 and all(b == a + 1 or b == kept + 1 for a, b in pairwise(steps))


def test_a_run_at_work_can_be_neither_removed_nor_resumed(runs, rehearsal, tmp_path):
    run = runs.start(long(rehearsal), base=tmp_path)
    at_step(runs, run.id, 2)
    with pytest.raises(DocgraftError, match="at work"):
        runs.remove(run.id)
    with pytest.raises(DocgraftError, match="only a stopped or failed"):
        runs.resume(run.id)
    runs.stop(run.id)
    until(runs, run.id, "stopped")
    runs.remove(run.id)
    assert run.id not in [one.id for one in runs.all()]


def test_several_devices_are_started_by_a_launcher_and_the_command_is_shown(runs, rehearsal, tmp_path):
    run = runs.create(rehearsal.model_copy(update={"devices": 2}), base=tmp_path)
    command = " ".join(runs.command(run.id))
    assert "torch.distributed.run --nproc-per-node 2 --standalone" in command and "-m finetune.worker" in command
    gpus = " ".join(launch_command(folder(runs, run.id), "cuda"))
    assert "accelerate.commands.launch --multi_gpu --num_processes 2" in gpus and "-m finetune.worker" in gpus


def pretend(runs, run, pid):
    """Let a process of the test be the run's worker."""
    here = folder(runs, run)
    here.claim(pid)


def test_four_random_kills_leave_nothing_claimed_and_the_losses_unbroken(tmp_path):
    from benchmarks.crash_runs import crash

    assert "then completed" in crash(tmp_path, kills=4, engine="rehearsal", seed=2)
