"""docgraft train and docgraft adapters: their JSON, their text, their exit codes."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from app.cli.following import curve, curves
from finetune.records import Event, TrainingSpec
from finetune.runfolder import RunFolder
from tests.app.test_train_page import tiny, trainable, until
from tests.planted_adapters import plant
from tests.tiny_model import tiny_model

__all__ = ["tiny", "trainable"]


def test_a_run_is_announced_followed_to_its_end_and_listed(cli, trainable):
    ended = cli("train", "start", "--effort", "quick", "--json")
    assert ended.code == 0 and ended.json["run"]["state"] == "completed" and ended.json["card"]["rows"] == 16
    run = ended.json["run"]["id"]
    (listed,) = cli("train", "list", "--json").json["runs"]
    assert listed["id"] == run == cli("train", "show", run[:12], "--json").json["run"]["id"]
    (adapter,) = cli("adapters", "list", "--json").json["adapters"]
    assert adapter["id"] == run and adapter["effect"] > 0
    shown = cli("train", "show", run).out
    assert "loss " in shown and " to " in shown
    events = cli("train", "show", run, "--events", "--json").json["events"]
    assert {"step", "evaluation", "verified", "completed"} <= {event["kind"] for event in events}


def test_curves_are_drawn_with_bars_where_the_terminal_has_them(monkeypatch):
    steps = [Event(time="", kind="step", step=n, values={"loss": 4 - n / 10}) for n in range(40)]
    assert curve([1.0]) == "" and curve([1.0, 1.0]) == "▁▁"
    (drawn,) = curves(steps)
    assert drawn.startswith("loss ") and drawn.endswith("4.000 to 0.100") and "█" in drawn and "▁" in drawn
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert curves(steps)[0].isascii()


def test_the_card_stands_before_the_run_and_check_starts_nothing(cli, trainable):
    ended = cli("train", "start", "--check")
    assert ended.code == 0 and "16 rows about 4 facts" in ended.out and "retrieval" in ended.out
    assert "axolotl is not installed" in ended.out and "gpt-4.1-nano" in ended.out and "USD" in ended.out
    assert all(f" {name}=" in ended.out for name in TrainingSpec.model_fields)
    assert trainable.all() == []


def test_values_are_set_by_options_and_by_name(cli, trainable):
    found = cli("train", "start", "--check", "--rank", "4", "--set", "patience=7", "--set", "schedule=linear", "--json")
    spec = found.json["spec"]
    assert (spec["rank"], spec["alpha"], spec["patience"], spec["schedule"]) == (4, 8, 7, "linear")
    assert cli("train", "start", "--set", "nonsense=1", "--json").code == 1
    assert cli("train", "start", "--set", "patience").code == 1
    assert "--base" in cli("train", "start", "--set", "base=other").err
    assert cli("train", "start", "--effort", "heroic").code == 1


def test_what_cannot_work_is_refused_with_a_hint_and_leaves_no_run(cli, trainable):
    ended = cli("train", "start", "--max-length", "16", "--json")
    assert ended.code == 1 and "max_length" in ended.json["error"] and ended.json["hint"]
    assert trainable.all() == []


def test_a_detached_run_is_watched_stopped_and_resumed(cli, trainable):
    run = cli("train", "start", "--epochs", "40", "--detach", "--json").json["run"]["id"]
    assert cli("train", "stop", "--json").json["run"]["id"] == run
    until(trainable, "stopped")
    assert cli("train", "stop").code == 1
    ended = cli("train", "resume", run, "--json")
    assert ended.code == 0 and ended.json["run"]["state"] == "completed"
    assert cli("train", "watch", run, "--json").json["run"]["state"] == "completed"


def test_stop_without_an_id_means_the_run_that_trains_and_never_guesses(cli, trainable, tmp_path):
    spec = TrainingSpec(engine="rehearsal", base="tiny", dataset="facts")
    first, second, third = (trainable.create(spec, base=tmp_path).id for _ in range(3))
    at_work = RunFolder(trainable.kb.run(first))
    at_work.claim(os.getpid())
    assert cli("train", "stop", "--json").json["run"]["id"] == first and at_work.stop_file.exists()
    at_work.emit("stopped")
    refused = cli("train", "stop")
    assert refused.code == 1 and second in refused.err and third in refused.err
    assert cli("train", "stop", second).code == 0
    assert cli("train", "stop", "--json").json["run"]["id"] == third
    assert "no run is at work" in cli("train", "stop").err


def test_ctrl_c_stops_the_watching_and_says_how_to_watch_and_stop(cli, trainable, monkeypatch):
    from finetune.runs import Runs

    real = Runs.watch

    def interrupted(self, run, **options):
        yield next(real(self, run, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(Runs, "watch", interrupted)
    ended = cli("train", "start", "--epochs", "400")
    (run,) = trainable.all()
    assert ended.code == 0 and run.state in ("starting", "running")
    assert f"docgraft train watch {run.id}" in ended.err and f"docgraft train stop {run.id}" in ended.err


def test_an_adapter_is_shown_with_its_scores_and_removed(cli, trainable):
    run = cli("train", "start", "--effort", "quick", "--json").json["run"]["id"]
    shown = cli("adapters", "show", run[:12])
    assert shown.code == 0 and "unseen_wording" in shown.out and "effect" in shown.out
    assert (
        cli("adapters", "show", run, "--json").json["staleness"]["stale"] is True
    )  # Its chunks never were in a library.
    assert cli("adapters", "remove", run).code == 1  # Nobody is there to be asked.
    assert cli("adapters", "remove", run, "--yes").code == 0
    assert cli("adapters", "list", "--json").json == {"adapters": []}
    assert cli("adapters", "show", run).code == 1


def test_an_adapter_is_verified_live_on_its_base_and_refused_on_another(cli, trainable, wiring, tmp_path):
    adapter = plant(wiring, Path(wiring.training_base()))
    shown = cli("adapters", "show", adapter, "--verify", "--json").json
    assert shown["verified"] and shown["effect"] > 0.01
    tiny_model(Path(wiring.training_base()), seed=7)
    refused = cli("adapters", "show", adapter, "--verify")
    assert refused.code == 1 and "earlier" in refused.err


def test_an_adapter_is_asked_by_its_beginning_and_what_is_none_is_never_the_bare_model(
    cli, trainable, wiring, monkeypatch
):
    monkeypatch.setenv("DOCGRAFT_MODELS__TINY__MAX_TOKENS", "4")
    adapter = plant(wiring, Path(wiring.training_base()))
    for command in (["ask", "When?"], ["chat"]):
        assert "no finished adapter" in cli(*command, "--model", "tiny", "--adapter", "nonsense").err
        assert "not to stub" in cli(*command, "--adapter", adapter).err
    answered = cli("ask", "When?", "--model", "tiny", "--no-documents", "--adapter", adapter[:12], "--json")
    assert answered.code == 0 and answered.json["arm"] == "tuned"


def test_without_a_dataset_training_says_how_to_get_one(cli):
    ended = cli("train", "start")
    assert ended.code == 1 and "docgraft pairs build" in ended.err
    assert cli("train", "list", "--json").json == {"runs": []}
    assert cli("train", "watch").code == 1
