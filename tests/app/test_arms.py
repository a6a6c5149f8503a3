"""Arms beyond the four: controls, the ceiling, further adapters and models, a judge, and a comparison asked again."""

from __future__ import annotations

import json

import pytest

from app import comparing, settings, talk
from app.comparing.arms import answering
from app.talk import Held
from app.wiring import Wiring
from finetune import adapters
from finetune.evaluation.kept import every
from finetune.evaluation.report import html
from finetune.records import Arm
from memory.conversations import Choices
from memory.errors import DocgraftError
from tests.planted_adapters import plant
from tests.tiny_model import tiny_model

ROWS = [
    {
        "id": f"q{n}",
        "question": f"How long is the warranty of kettle {n}?",
        "answer": f"{n + 10} months",
        "evidence": "The Northwind kettle has a warranty of 18 months.",
    }
    for n in range(3)
]


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def shelf(configured, manual, tmp_path, monkeypatch, cli):
    """TINY-LM as the default model beside the model server, one adapter here and one of other documents."""
    base = tiny_model(tmp_path / "tiny")
    for name, value in {"PROVIDER": "local", "NAME": str(base), "BASE_URL": "", "MAX_TOKENS": "8"}.items():
        monkeypatch.setenv(f"DOCGRAFT_MODEL__{name}", value)
    cli("add", manual)
    cli("add", manual, "--kb", "other")
    home = settings.workspace()
    wiring = Wiring(settings.load(home), home)
    return wiring, base, plant(wiring, base), plant(wiring, base, "other", seed=3)


def arms(found):
    return {name for name, arm in found["arms"].items() if not arm["failed"]}


def test_controls_use_the_same_kind_of_adapter_of_other_documents_and_the_oracle_its_passage(shelf, cli, questions):
    _, _, mine, other = shelf
    found = cli("compare", "--questions", questions, "--arms", ",".join(comparing.ARMS), "--json").json
    assert arms(found) == set(comparing.ARMS)
    assert {(d["a"], d["b"]) for d in found["further"]} == {
        ("tuned", "control"),
        ("both", "control_both"),
        ("oracle", "rag"),
    }
    card = every(shelf[0].folder("default"))[0].card()
    used = {arm.name: arm.adapter for arm in card.arms}
    assert used["tuned"] == used["both"] == mine and used["control"] == used["control_both"] == f"other/{other}"
    by_arm = {
        name: [a.sections for a in every(shelf[0].folder("default"))[0].answers() if a.arm == name] for name in used
    }
    assert by_arm["rag"] == by_arm["both"] == by_arm["control_both"], "arms with retrieval share their hits"
    assert all(by_arm["oracle"]) and not any(by_arm["control"])
    assert any("manner" in reason for reason in card.verdict.reasons)


def test_an_adapter_is_turned_down_where_passages_are_shown_in_comparison_and_chat(shelf):
    wiring, adapter = shelf[0], shelf[2]
    chosen = tuple(
        Arm(name=name, retrieval=documents, adapter=adapter, model=wiring.settings.model.name)
        for name, documents in (("tuned", False), ("both", True))
    )
    found = answering(wiring, "local", "default", chosen)
    down = wiring.settings.retrieval.adapter_strength
    assert found["tuned"].speaker.strength == 1 > down == found["both"].speaker.strength
    held = Held(kb="default", model=wiring.settings.model.name, adapter=adapter, documents=True)
    assert wiring.answerer(held).model.strength == down


def test_an_adapter_is_live_in_chat_command_and_comparison_and_the_base_stays_the_base(shelf, cli, questions):
    wiring, base, adapter, _ = shelf
    question = ROWS[0]["question"]
    said = {}
    for arm in ("base", "tuned"):
        choices = Choices(kb="default", mode=arm, model=str(base), adapter=adapter if arm == "tuned" else "")
        chat = wiring.conversations().create("local", choices=choices).id
        *_, turn = talk.ask(wiring, "local", chat, question)
        options = ["--adapter", adapter] if arm == "tuned" else []
        told = cli("ask", question, "--no-documents", *options, "--json").json
        said[arm] = {turn.text, told["answer"]}
        assert turn.data["held"]["mode"] == told["arm"] == arm
    found = cli("compare", "--questions", questions, "--arms", "base,tuned", "--json").json
    assert arms(found) == {"base", "tuned"}
    texts = _texts(wiring, "q0")
    assert said == {arm: {texts[arm]} for arm in said} and texts["base"] != texts["tuned"]


def test_before_and_after_asks_the_adapter_that_was_compared_not_the_newest(shelf, cli, questions, page, monkeypatch):
    wiring, base, first, _ = shelf
    found = cli("compare", "--questions", questions, "--arms", "rag,both", "--json").json
    plant(wiring, base, seed=5)
    wished = []
    monkeypatch.setattr(comparing, "side_by_side", lambda *given: wished.append(given[3]) or (lambda job: None))
    test = page("compare")
    test.session_state[f"every-{found['comparison']}"] = True
    next(b for b in test.run().button if str(b.key).startswith("again-q")).click().run()
    assert not test.exception
    assert [(wish.adapter, wish.arms) for wish in wished] == [(first, ("rag", "both"))]


def test_an_adapter_of_these_documents_is_no_control(shelf, cli, questions):
    ended = cli("compare", "--questions", questions, "--arms", "base,control", "--control", f"default/{shelf[2]}")
    assert ended.code == 1 and "other documents" in ended.err


def test_a_second_adapter_stands_beside_the_first_in_the_same_ways_of_answering(shelf, cli, questions):
    wiring, base, first, _ = shelf
    second = plant(wiring, base, seed=5)
    found = cli("compare", "--questions", questions, "--adapters", f"{first},{second}", "--json").json
    called = adapters.show(wiring.folder("default"), second).called
    assert arms(found) == {"base", "rag", "tuned", "both", f"tuned@{called}", f"both@{called}"}
    assert found["adapters"]["tuned"] == first and found["adapters"][f"both@{called}"] == second
    assert {(d["a"], d["b"]) for d in found["further"]} == {(f"tuned@{called}", "tuned"), (f"both@{called}", "both")}
    card = every(wiring.folder("default"))[0].card()
    written = html(card, [])
    assert called.startswith("trl · facts · ") and f"Adapter · {called}" in written
    assert f"Adapter / Retrieval + adapter: {adapters.show(wiring.folder('default'), first).called}" in written
    again = cli("compare", "--repeat", found["comparison"], "--json").json
    assert arms(again) == arms(found) and again["repeats"]["changed"] == []
    third = plant(wiring, base, seed=6)
    wish = comparing.Wish(
        adapter=first, adapters=(second, third), questions=every(wiring.folder("default"))[0].questions()
    )
    names = {arm.name for arm in comparing.ready(wiring, "local", "default", wish).plan.arms}
    assert {f"tuned@{called} · {one[-6:]}" for one in (second, third)} < names, (
        "called the same, told apart by their ids"
    )
    texts = {arm: text for arm, text in _texts(wiring, "q0").items() if arm.startswith("tuned")}
    assert len(set(texts.values())) == 2, "two adapters answer differently"


def test_a_further_model_on_a_server_is_compared_on_the_same_questions(shelf, cli, questions, stub, monkeypatch):
    stub.script = lambda messages: "10 months"
    monkeypatch.setenv(
        "DOCGRAFT_MODELS", json.dumps({"served": {"provider": "openai", "name": "s", "base_url": stub.url}})
    )
    found = cli("compare", "--questions", questions, "--arms", "base,rag", "--models", "served", "--json").json
    assert arms(found) == {"base", "rag", "base@served", "rag@served"}
    assert found["arms"]["base@served"]["correct"] == 1
    assert cli("compare", "--questions", questions, "--models", "nobody").code == 1


def test_a_judge_above_the_bar_is_heard_and_one_below_it_only_measured(shelf, cli, questions, stub, monkeypatch):
    monkeypatch.setenv(
        "DOCGRAFT_MODELS", json.dumps({"judge": {"provider": "openai", "name": "j", "base_url": stub.url}})
    )
    monkeypatch.setenv("DOCGRAFT_JUDGE__MODEL", "judge")
    stub.script = lambda messages: _fair(str(messages[-1]["content"]))
    found = cli("compare", "--questions", questions, "--arms", "base,rag", "--json").json["judge"]
    assert found["calibration"]["right"] == found["calibration"]["planted"] == 3 and found["pairs"]
    stub.script = lambda messages: "VERDICT: 1"
    found = cli("compare", "--questions", questions, "--arms", "base,rag", "--json").json["judge"]
    assert found["calibration"]["consistent"] == 0 and not found["pairs"]
    assert "not good enough" in cli("compare", "--questions", questions, "--arms", "base,rag").out


def test_a_judge_does_not_judge_its_own_answers(shelf, cli, questions):
    wiring = shelf[0]
    ended = cli("compare", "--questions", questions, "--arms", "base,rag", "--judge", wiring.settings.model.name)
    assert ended.code == 1 and "its own answers" in ended.err


def test_a_comparison_asked_again_from_its_card_gives_the_same_answers(shelf, cli, questions):
    first = cli("compare", "--questions", questions, "--json").json
    again = cli("compare", "--repeat", first["comparison"], "--json").json
    repeats = again["repeats"]
    assert again["comparison"] != first["comparison"] and repeats["same"] == repeats["total"] == 12
    assert repeats["changed"] == [] and again["verdict"] == first["verdict"]
    assert cli("compare", "--repeat", "nope").code == 1


def test_questions_are_typed_in_or_taken_from_the_chat_with_the_turn_before(shelf, cli):
    wiring = shelf[0]
    talks = wiring.conversations()
    talk = talks.create("local", choices=Choices(kb="default")).id
    for role, text in (("user", "The kettle?"), ("assistant", "Yes."), ("user", "And its warranty?")):
        talks.add_turn("local", talk, role, text)
    found = comparing.from_conversations(wiring, "local", "default")
    assert [(q.question, q.history) for q in found] == [
        ("And its warranty?", (("The kettle?", "Yes."),)),
        ("The kettle?", ()),
    ]
    shown = cli("compare", "--ask", "How long?", "--from-chat", "5", "--arms", "base,rag", "--json").json
    assert shown["arms"]["rag"]["n"] == 0 and "none of these questions has a reference" in shown["verdict"]["sentence"]
    assert set(_texts(wiring, "")) == {"base", "rag"} and len(every(wiring.folder("default"))[0].questions()) == 3


def test_an_arm_that_is_none_is_refused(shelf):
    for name in ("magic", "oracle@x", "control@x"):
        with pytest.raises(DocgraftError, match="no arm"):
            comparing.ready(shelf[0], "local", "default", comparing.Wish(arms=(name,)))


def _texts(wiring, question):
    found = every(wiring.folder("default"))[0].answers()
    return {a.arm: a.text for a in found if not question or a.question.id == question}


def _fair(prompt):
    """A judge that looks for the reference."""
    reference = prompt.split("<reference>")[1].split("</reference>")[0].strip()
    held = [reference in prompt.split(f"<answer_{n}>")[1].split(f"</answer_{n}>")[0] for n in (1, 2)]
    return "Checked.\nVERDICT: " + ("TIE" if held[0] == held[1] else "1" if held[0] else "2")
