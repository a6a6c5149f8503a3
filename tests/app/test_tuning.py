"""The one click: from documents to a verdict, nothing done twice, everything gone on with."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import pipeline, settings, signals, talk, training
from app.forecast import Amounts, counted, of_dataset
from app.wiring import Wiring
from finetune.pairs.settings import preset
from finetune.preflight import Preflight
from finetune.records import TrainingSpec
from memory.conversations import Choices
from memory.errors import DocgraftError
from memory.workspace import write_json
from tests.stub_hub import StubHub
from tests.stub_llm import StubLLM
from tests.tiny_model import tiny_model

FACTS = "# Bells\n\n" + "\n\n".join(
    f"## Bell {name}\n\nThe {name} bell costs {40 + 3 * i} pounds. The {name} bell weighs {5 + i} kilograms. "
    f"It was cast in {1901 + i} by {maker} Brothers."
    for i, (name, maker) in enumerate(
        [("Lark", "Hobb"), ("Finch", "Tarn"), ("Wren", "Moss"), ("Teal", "Pike"), ("Swift", "Dunn"), ("Crane", "Wold")]
    )
)
WISH = pipeline.Wish(effort="quick", most=6)


@dataclass
class Finished:
    """A click that went through, which several tests begin with."""

    home: Path
    card: object
    stages: list
    foreseen: Amounts


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def stub():
    with StubLLM(["The warranty is 18 months [1]."]) as server:
        yield server


@pytest.fixture
def tiny(tuned_by, monkeypatch):
    for name, value in tuned_by.items():
        monkeypatch.setenv(f"DOCGRAFT_{name}", value)


@pytest.fixture(scope="module")
def tuned_by(base, stub):
    """Settings that train TINY-LM with the engine that rehearses; alike in every test, so that homes can be copied."""
    return {
        "MODEL__PROVIDER": "openai",
        "MODEL__NAME": "stub",
        "MODEL__BASE_URL": stub.url,
        "RETRIEVAL__EMBEDDER": "hashing",
        "TRAINING__BASE": str(base),
        "MODELS__TINY__PROVIDER": "local",
        "MODELS__TINY__NAME": str(base),
        "TRAINING__ENGINE": "rehearsal",
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tuned_by):
    """One click from documents to a verdict, on a home of its own."""
    place = tmp_path_factory.mktemp("finished")
    (place / "bells.md").write_text(FACTS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (tuned_by | {"HOME": str(place / "home")}).items():
            patch.setenv(f"DOCGRAFT_{name}", value)
        home = settings.workspace()
        made = Wiring(settings.load(home), home)
        made.library("default").add([place / "bells.md"])
        stages, foreseen = [], counted(made, "local", "default", preset("quick"))
        card = pipeline.tune(made, "local", "default", WISH, progress=stages.append)
    return Finished(place / "home", card, stages, foreseen)


@pytest.fixture
def bells(tiny, wiring, tmp_path):
    path = tmp_path / "bells.md"
    path.write_text(FACTS, encoding="utf-8")
    wiring.library("default").add([path])
    return wiring


@pytest.fixture
def done(finished, tiny, home):
    """A copy of the finished click's home."""
    shutil.copytree(finished.home, home)
    workspace = settings.workspace()
    return Wiring(settings.load(workspace), workspace)


def stages(found):
    return list(dict.fromkeys(stage.step for stage in found))


def test_the_click_makes_pairs_trains_compares_says_what_won_and_does_nothing_twice(finished, done):
    card, seen = finished.card, finished.stages
    assert card and {arm.name for arm in card.arms} == {"base", "rag", "tuned", "both"} and card.verdict.sentence
    assert stages(seen) == ["pairs", "train", "compare"]
    shares = [stage.done / stage.total for stage in seen if stage.step == "pairs"]
    assert shares == sorted(shares) and shares[-1] <= 1, "a bar never runs back"
    found = pipeline.way(done, "local", "default")
    assert found and found.comparison == card.id and found.run == card.arms[2].adapter
    seen = []  # Pressed again, nothing is done twice.
    again = pipeline.tune(done, "local", "default", WISH, progress=seen.append)
    assert again and again.id == card.id and "train" not in stages(seen) and "compare" not in stages(seen)
    assert len(done.runs("default").all()) == len(done.datasets("default")) == 1


@pytest.mark.parametrize("step", ["train", "compare"])
def test_stopped_at_any_step_it_goes_on_from_there(bells, step, monkeypatch):
    """The comparison is stopped as another process does it, which also sees how far it is."""
    monkeypatch.setattr(signals, "EVERY", 0.0)
    reached, folder, elsewhere = [], bells.folder("default"), step == "compare"

    def stop():
        return not elsewhere and step in reached

    def told(stage):
        reached.append(stage.step)
        assert signals.seen(folder) == stage
        if elsewhere and stage.step == step:
            signals.halt(folder)

    assert pipeline.tune(bells, "local", "default", WISH, progress=told, stop=stop) is None
    assert reached[-1] == step and signals.seen(folder) is None and not signals.halting(folder)
    card = pipeline.tune(bells, "local", "default", WISH)
    assert card and len(bells.runs("default").all()) == len(bells.datasets("default")) == 1


def test_when_documents_change_a_new_way_takes_over_what_has_not_changed(finished, done, tmp_path):
    (tmp_path / "bells.md").write_text(FACTS.replace("costs 40 pounds", "costs 77 pounds"), encoding="utf-8")
    done.library("default").add([tmp_path / "bells.md"])
    second = pipeline.tune(done, "local", "default", WISH)
    assert second and second.id != finished.card.id and len(done.datasets("default")) == 2


def test_a_model_that_is_not_here_is_fetched_by_the_click_itself(bells, base, monkeypatch, home):
    from huggingface_hub import constants

    monkeypatch.setenv("DOCGRAFT_TRAINING__BASE", "maker/tiny")
    own = Wiring(settings.load(settings.workspace()), settings.workspace())
    seen, stop = [], lambda: own.model_state("maker/tiny").ready
    with StubHub(base, "maker/tiny") as hub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        assert pipeline.tune(own, "local", "default", WISH, progress=seen.append, stop=stop) is None
    assert seen[0].message == "model" and own.model_state("maker/tiny").ready
    known = pipeline.way(own, "local", "default")
    assert known and not known.going and not known.base, "what follows begins anew"


def test_an_empty_knowledge_base_is_refused(tiny, wiring):
    with pytest.raises(DocgraftError, match="empty"):
        pipeline.tune(wiring, "local", "default", WISH)


def test_the_command_prints_the_verdict_and_its_winner_becomes_the_way_the_chat_answers(finished, done, cli):
    found = cli("tune", "--effort", "quick", "--most", "6", "--json").json
    assert set(found["arms"]) == {"base", "rag", "tuned", "both"} and found["verdict"]["sentence"]
    ended = cli("tune", "--effort", "quick", "--most", "6")
    assert ended.code == 0 and found["verdict"]["sentence"] in ended.out
    assert cli("tune", "--effort", "heroic").code == 1
    card = finished.card
    won = card.model_copy(update={"verdict": card.verdict.model_copy(update={"winner": "tuned"})})
    pipeline.use(done, "local", "default", won)
    held = talk.held(done, Choices(kb="default"))
    assert (held.mode, held.adapter) == ("tuned", card.arms[2].adapter)
    assert talk.held(done, Choices(kb="default", mode="rag")).mode == "rag", "a conversation's own choice counts more"
    lost = card.model_copy(update={"verdict": card.verdict.model_copy(update={"winner": "undecided"})})
    with pytest.raises(DocgraftError, match="winner"):
        pipeline.use(done, "local", "default", lost)


@pytest.mark.parametrize("step", ["pairs", "train"])
def test_killed_at_any_moment_it_goes_on_by_itself_when_the_page_is_opened(bells, step):
    """A real process that dies without a word, as by kill -9 or a power cut."""
    child = os.fork()
    if child == 0:
        home = settings.workspace()
        own = Wiring(settings.load(home), home)
        pipeline.tune(own, "local", "default", WISH, progress=lambda stage: os._exit(9) if stage.step == step else None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    found = pipeline.way(bells, "local", "default")
    assert found and found.going and not pipeline.elsewhere(bells, "local", "default")
    job = pipeline.attach(bells, "local", "default")
    assert job and job.wait(60) and job.error is None and job.result.verdict.sentence
    assert len(bells.runs("default").all()) == len(bells.datasets("default")) == 1
    found = pipeline.way(bells, "local", "default")
    assert found and not found.going and pipeline.attach(bells, "local", "default") is None


def test_somebody_elses_work_is_watched_not_doubled(bells):
    pipeline.tune(bells, "local", "default", WISH, stop=lambda: True)
    folder = bells.folder("default")
    found = pipeline.way(bells, "local", "default")
    write_json(folder.pipeline, found.model_copy(update={"going": True}).model_dump(mode="json"))
    with folder.lock("pipeline"):
        assert pipeline.elsewhere(bells, "local", "default")
        assert pipeline.attach(bells, "local", "default") is None


def test_the_plan_says_what_is_ahead(bells):
    before = pipeline.plan(bells, "local", "default", WISH)
    assert [part.done for part in before.parts] == [False] * 3 and before.seconds > 0 and before.memory > 0
    assert not bells.datasets("default") and not bells.runs("default").all(), "looking ahead does nothing"


def test_the_plan_says_what_is_done_already(done, cli):
    after = pipeline.plan(done, "local", "default", WISH)
    assert all(part.done for part in after.parts) and after.seconds == 0
    counts = done.datasets("default")[0].card.counts
    assert after.parts[0].count == sum(counts[split] for split in ("train", "dev", "test"))
    assert after.parts[1].count == counts["train"]
    shown = cli("tune", "--effort", "quick", "--most", "6", "--plan", "--json").json["plan"]
    assert [part["step"] for part in shown["parts"]] == ["pairs", "train", "compare"] and shown["fits"]


def test_what_is_foreseen_is_about_what_is_made(finished, done):
    made = of_dataset(done.datasets("default")[0].card)
    assert finished.foreseen.general == made.general and finished.foreseen.everyday == made.everyday
    for name in ("rows", "pairs", "tests"):
        assert getattr(finished.foreseen, name) == pytest.approx(getattr(made, name), rel=0.35), name


def test_a_budget_cuts_passes_but_leaves_enough_to_learn(bells):
    spec = TrainingSpec(base="b", dataset="d", epochs=6)
    made = training.Plan(spec=spec, base=Path(), dataset=Path())

    def steps(seconds):
        card = Preflight(ok=True, steps=600, epochs=6.0, seconds=seconds)
        return training.paced(made, card, 240, pipeline.LEAST).spec.max_steps

    assert [steps(s) for s in (None, 200, 480, 50_000)] == [-1, -1, 300, 200]


def test_what_was_learned_from_the_very_same_rows_is_not_learned_again(finished, done):
    done.folder("default").pipeline.unlink()
    again = pipeline.tune(done, "local", "default", WISH)
    assert again and again.arms[2].adapter == finished.card.arms[2].adapter and len(done.runs("default").all()) == 1
