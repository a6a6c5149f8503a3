"""Background jobs: one at a time per key, always ended, nobody else's."""

from __future__ import annotations

import threading

import pytest

from app.jobs import KEPT, Job, Jobs
from memory.errors import BackendFailed


def test_a_job_gives_its_result_and_progress():
    gate = threading.Event()

    def work(job: Job) -> int:
        job.progress(1, 4, "first")
        job.write("a")
        gate.wait(5)
        job.write("b")
        return 7

    job = Jobs().start("ada", "add", "kb", work, title="Adding")
    assert job.running and not job.wait(0.05)
    assert (job.share, job.message, job.text()) == (0.25, "first", "a")
    gate.set()
    assert job.wait(5) and (job.state, job.result, job.text()) == ("done", 7, "ab")


def test_pressing_twice_starts_one_job():
    gate, started = threading.Event(), []

    def work(job: Job) -> None:
        started.append(job.id)
        gate.wait(5)

    jobs = Jobs()
    first, second = (jobs.start("ada", "train", "kb", work) for _ in range(2))
    other = jobs.start("bob", "train", "kb", work)
    assert first is second and other is not first
    gate.set()
    assert first.wait(5) and other.wait(5) and len(started) == 2


def test_stopping_is_seen_by_the_work_and_in_the_state():
    def work(job: Job) -> None:
        while not job.stopping():
            threading.Event().wait(0.01)

    job = Jobs().start("ada", "add", "kb", work)
    job.stop()
    assert job.wait(5) and job.state == "stopped"


def test_an_error_a_person_can_fix_is_kept_for_them():
    def work(job: Job) -> None:
        raise BackendFailed("The server is away.", "Start it.")

    job = Jobs().start("ada", "answer", "c", work)
    assert job.wait(5) and job.state == "failed" and job.error.hint == "Start it."


def test_a_bug_ends_the_job_too_and_its_traceback_reaches_the_log(caplog):
    def work(job: Job) -> None:
        raise ZeroDivisionError("bug")

    job = Jobs().start("ada", "answer", "c", work)
    assert job.wait(5) and job.state == "failed" and "ZeroDivisionError" in job.error.message
    assert "Traceback" in caplog.text


def test_nobody_sees_another_ones_jobs():
    jobs = Jobs()
    job = jobs.start("ada", "add", "kb", lambda job: None)
    job.wait(5)
    assert jobs.of("bob") == [] and jobs.latest("bob", "add", "kb") is None
    assert jobs.latest("ada", "add", "kb") is job


def test_ended_jobs_do_not_pile_up():
    jobs = Jobs()
    for number in range(KEPT + 20):
        jobs.start("ada", "add", str(number), lambda job: None).wait(5)
    assert len(jobs.of("ada")) <= KEPT + 1


def test_time_left_follows_the_pace_until_the_work_knows_better():
    job = Job("ada", "add", "kb")
    job.started -= 10
    job.progress(1, 2)
    assert job.remaining == pytest.approx(10, abs=1)
    job.progress(1, 2, left=3)
    assert job.remaining == 3
