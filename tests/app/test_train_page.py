"""The train page: the card before, one run per press, attaching again, stopping, and what came out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app import settings, training
from app.wiring import Wiring
from finetune import adapters
from finetune.engines import Readiness
from finetune.engines.rehearsal import Rehearsal
from finetune.notices import notice
from finetune.runfolder import TERMINAL, RunFolder
from tests.tiny_model import tiny_model
from tests.training.conftest import write_dataset


@pytest.fixture
def tiny(configured, tmp_path, monkeypatch):
    """Settings that train TINY-LM with the engine that rehearses."""
    base = str(tiny_model(tmp_path / "tiny"))
    monkeypatch.setenv("DOCGRAFT_TRAINING__BASE", base)
    monkeypatch.setenv("DOCGRAFT_MODELS__TINY__PROVIDER", "local")
    monkeypatch.setenv("DOCGRAFT_MODELS__TINY__NAME", base)
    monkeypatch.setenv("DOCGRAFT_TRAINING__ENGINE", "rehearsal")


@pytest.fixture
def trainable(tiny, wiring):
    """A dataset to train on; every run has ended when the test has."""
    write_dataset(wiring.folder("default"))
    runs = wiring.runs("default")
    yield runs
    for run in runs.all():
        runs.stop(run.id)
    until(runs, *TERMINAL)


def until(runs, *states, seconds=30.0):
    end = time.monotonic() + seconds
    while not all(run.state in states for run in runs.all()):
        assert time.monotonic() < end, [(run.state, run.message) for run in runs.all()]
        time.sleep(0.05)


def ready(test, seconds=30.0):
    """Run the page until the card is there and the run can be started."""
    end = time.monotonic() + seconds
    while not [b for b in test.button if str(b.key).startswith("start-")]:
        assert time.monotonic() < end and not test.exception
        time.sleep(0.05)
        test.run()
    assert not test.exception
    return next(b for b in test.button if str(b.key).startswith("start-"))


def longer(test):
    """Let the next run take a while."""
    test.session_state["train-changes"] = {"epochs": 400.0}
    return test.run()


def test_without_pairs_the_page_says_where_they_come_from(page):
    test = page("train")
    assert not test.exception and test.button(key="go-pairs")


def test_the_card_shows_rows_memory_warnings_and_the_first_row_with_its_mask(page, trainable):
    test = page("train")
    ready(test)
    shown = {metric.label: metric.value for metric in test.metric}
    assert shown["Rows"] == "16" and shown["Facts"] == "4"
    assert any("retrieval" in m.value for m in test.markdown)
    assert any("<mark>" in h.proto.body for h in test.get("html"))


def test_the_effort_stays_where_the_person_put_it_and_begins_as_the_last_run_had_it(page, trainable):
    def shown(test):
        return test.segmented_control(key="train-effort-default").value

    test = page("train")
    assert shown(test) == "balanced"
    test.segmented_control(key="train-effort-default").set_value("quick").run()
    assert shown(test.switch_page("views/chat.py").run().switch_page("views/train.py").run()) == "quick"
    ready(test).click().run()
    assert shown(page("train")) == "quick"


def test_what_comes_and_goes_while_it_measures_stands_below_the_values(page, trainable):
    test = page("train")
    ready(test)
    order = [str(getattr(one, "key", None) or one.type) for one in test.main]
    values = next(n for n, name in enumerate(order) if name == "apply-values")
    assert values < order.index("metric") and values < next(n for n, k in enumerate(order) if k.startswith("start-"))


def test_two_presses_and_many_reruns_start_one_run(page, trainable):
    test = longer(page("train"))
    button = ready(test)
    button.click()
    test.run()
    (run,) = trainable.all()
    assert run.spec.epochs == 400 and run.state in training.ACTIVE
    for _ in range(3):
        test.run()
    assert not test.exception and len(trainable.all()) == 1


def test_a_plan_starts_once_however_often_it_is_asked_to(trainable, wiring):
    job = training.look(wiring, "local", "default", training.Wish())
    assert job.wait(30) and not job.error
    found = {training.start_once(wiring, "local", "default", job).id for _ in range(3)}
    assert len(found) == 1 and len(trainable.all()) == 1


def test_a_plan_that_another_wish_replaced_is_not_started(trainable, wiring):
    first = training.look(wiring, "local", "default", training.Wish())
    assert first.wait(30)
    second = training.look(wiring, "local", "default", training.Wish(changes={"rank": 8}))
    assert training.start_once(wiring, "local", "default", first) is None
    assert second.wait(30) and training.start_once(wiring, "local", "default", second).spec.rank == 8


def test_a_look_that_nobody_watched_for_a_while_goes_on_with_what_it_had_found(trainable, wiring):
    first = training.look(wiring, "local", "default", training.Wish())
    assert first.wait(30)
    first.stop()
    second = training.look(wiring, "local", "default", training.Wish())
    assert second is not first and second.info["card"].rows == first.info["card"].rows and second.info["plan"]
    assert second.wait(30)


def test_another_session_attaches_to_the_run_and_stops_it(page, trainable):
    test = longer(page("train"))
    ready(test).click().run()
    (run,) = trainable.all()
    end = time.monotonic() + 30
    while trainable.show(run.id).step < 3:
        assert time.monotonic() < end
        time.sleep(0.05)
    other = page("train")
    assert any("Training" in m.value for m in other.markdown)
    other.button(key=f"stop-run-{run.id}").click().run()
    until(trainable, "stopped")
    other.run()
    assert not other.exception and trainable.show(run.id).adapter == run.id
    assert any(str(c.key).startswith("remove-adapter-sure-") for c in other.button)


def number(test, name):
    """The input of one value of the spec, whatever the recipe chose for it."""
    return next(n for n in test.number_input if str(n.key).startswith(f"value-{name}-"))


def test_a_value_set_by_hand_counts_and_a_wrong_one_is_refused(page, trainable):
    test = page("train")
    ready(test)
    number(test, "rank").set_value(8)
    next(b for b in test.button if b.label == "Apply").click().run()
    ready(test)
    assert test.session_state["train-changes"]["rank"] == 8
    number(test, "batch").set_value(0)
    next(b for b in test.button if b.label == "Apply").click().run()
    assert "batch" in test.error[0].value and "batch" not in test.session_state["train-changes"]


def test_bits_that_cannot_work_here_are_grey_with_the_reason(page, trainable, monkeypatch):
    def readiness(engine, spec):
        return Readiness.to("cpu", notice("four_bit_missing") if spec.bits == 4 else None)

    monkeypatch.setattr(Rehearsal, "readiness", readiness)
    test = page("train")
    ready(test)
    bits = next(b for b in test.button_group if str(b.key).startswith("value-bits-"))
    assert bits.options == [":gray[~~4~~]", "8", "16", "32"]
    assert [c.value for c in test.caption if "bitsandbytes" in c.value]


def test_what_cannot_work_cannot_be_started_and_says_why(page, trainable, wiring):
    test = page("train")
    test.session_state["train-changes"] = {"max_length": 16}
    test.run()
    assert ready(test).disabled and "max_length" in test.error[0].value.replace("\\", "")


def test_a_chat_model_in_memory_is_offered_to_be_closed_when_training_lacks_the_room(
    page, trainable, wiring, monkeypatch
):
    from app import state

    monkeypatch.setattr("finetune.offers.memory", lambda *a, **k: 10**15)
    test = page("train")
    assert ready(test).disabled and not [b for b in test.button if b.key == "unload"]
    bases = state.wiring().bases()
    bases.load(Path(wiring.training_base()))
    test.run().button(key="unload").click().run()
    assert not test.exception and bases.loaded is None
    assert not [b for b in test.button if b.key == "unload"]


def test_a_failed_run_shows_its_reason_and_has_no_adapter_to_use(page, trainable, wiring, tmp_path):
    job = training.look(wiring, "local", "default", training.Wish())
    assert job.wait(30)
    made = job.info["plan"]
    run = trainable.create(made.spec, base=made.base)
    folder = RunFolder(trainable.kb.run(run.id))
    folder.claim(None)
    folder.emit("failed", message="Out of memory. Try batch 4.")
    test = page("train")
    assert any("Failed" in e.label for e in test.expander)
    assert not [b for b in test.button if str(b.key).startswith("use-")] and not test.exception


def test_a_rehearsed_adapter_is_listed_but_never_offered_to_the_chat(page, trainable, wiring):
    training.begin(wiring, "local", "default", training.plan(wiring, "local", "default", training.Wish())[0])
    until(trainable, "completed")
    (run,) = trainable.all()
    test = page("train")
    assert not test.exception
    assert any(str(b.key) == f"remove-adapter-sure-{run.id}" for b in test.button)
    assert not [b for b in test.button if str(b.key).startswith("use-")]
    assert wiring.adapters("default", model="tiny") == []
    test.button(key=f"remove-adapter-sure-{run.id}").click().run()
    assert not test.exception and trainable.show(run.id).adapter is None


def test_a_trained_adapter_is_offered_by_the_chat_and_used_by_a_new_conversation(page, trainable, wiring):
    training.begin(wiring, "local", "default", training.plan(wiring, "local", "default", training.Wish())[0])
    until(trainable, "completed")
    (run,) = trainable.all()
    card = RunFolder(trainable.kb.run(run.id)).card_file
    card.write_text(card.read_text().replace('"engine": "rehearsal"', '"engine": "trl"'))
    assert wiring.adapters("default", model="tiny") == [run.id]
    test = page("train")
    test.button(key=f"use-{run.id}").click().run()
    draft = test.session_state["draft"]
    assert draft.adapter == run.id and draft.mode == "tuned" and draft.model == "tiny"


def test_an_adapter_is_offered_for_its_base_by_another_name_or_in_another_folder(trainable, wiring, monkeypatch):
    made = training.plan(wiring, "local", "default", training.Wish())[0]
    training.begin(wiring, "local", "default", made)
    until(trainable, "completed")
    file = RunFolder(trainable.kb.run(trainable.all()[0].id)).card_file
    file.write_text(file.read_text().replace('"engine": "rehearsal"', '"engine": "trl"'))
    (card,) = adapters.cards(wiring.folder("default"))
    moved = made.base.rename(made.base.with_name("moved"))
    monkeypatch.setenv("DOCGRAFT_MODELS__TINY__NAME", str(moved))
    monkeypatch.setenv("DOCGRAFT_TRAINING__BASE", str(moved))
    after = Wiring(settings.load(wiring.home), wiring.home)
    assert after.adapters("default", model="tiny") == [card.id] and training.model_of(after, card) == "tiny"
    assert training.base_of(after, card) == moved
    other = tiny_model(moved.with_name("other"), seed=5)
    monkeypatch.setenv("DOCGRAFT_MODELS__TINY__NAME", str(other))
    assert Wiring(settings.load(wiring.home), wiring.home).adapters("default", model="tiny") == []


def test_the_page_speaks_chinese(page, trainable):
    test = page("train")
    test.session_state["language"] = "zh-TW"
    test.run()
    assert ready(test).label == "開始訓練" and not test.exception
