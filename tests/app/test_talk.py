"""One question of a conversation: what is kept, what is stopped, and what stays apart."""

from __future__ import annotations

import threading
import time

import pytest

from app import talk
from app.jobs import Jobs
from app.talk import Held
from memory.conversations import Choices, Turn
from memory.errors import DocgraftError
from retrieval.records import Upload
from tests.stub_llm import Reply


def started(wiring, user="local", **choices):
    return wiring.conversations().create(user, choices=Choices(**choices)).id


def asked(wiring, conversation, question, user="local") -> Turn:
    *_, turn = talk.ask(wiring, user, conversation, question)
    return turn


@pytest.fixture
def filled(wiring, manual):
    wiring.library("default").add([manual])
    return wiring


def test_question_and_answer_are_kept_with_their_sources(filled):
    conversation = started(filled)
    turn = asked(filled, conversation, "How long is the warranty of the kettle?")
    kept = filled.conversations().turns("local", conversation)
    assert [t.role for t in kept] == ["user", "assistant"] and kept[1] == turn
    assert turn.state == "complete" and turn.sources[0]["document"] == "kettle.md"
    assert "18 months" in turn.sources[0]["quote"] and turn.data["answer"]["quote"]["quote"]


@pytest.mark.parametrize("after", ["rag", "base"])
def test_what_a_removed_document_said_is_not_told_again_from_the_history(filled, stub, after):
    library = filled.library("default")
    library.add([Upload(name="secret.txt", data=b"The safe opens with UNIQUE-MARK-12345 and nothing else.")])
    stub.script = lambda messages: (
        "It is 18 months [1]." if "kettle?" in messages[-1]["content"] else "It opens with UNIQUE-MARK-12345 [1]."
    )
    conversation = started(filled)
    assert "UNIQUE-MARK" in asked(filled, conversation, "What opens the safe?").text
    asked(filled, conversation, "How long is the warranty of the kettle?")
    assert "UNIQUE-MARK" in str(stub.prompts[-1]), "while the document is there, the history may say it"
    library.remove("secret.txt")
    filled.conversations().choose("local", conversation, mode=after)
    before, stub.script = len(stub.prompts), ["It is 18 months [1]."]
    for question in ("What opens the safe?", "How long is the warranty of the kettle?"):
        assert "UNIQUE-MARK" not in asked(filled, conversation, question).text
    assert len(stub.prompts) > before and "UNIQUE-MARK" not in str(stub.prompts[before:])


def test_without_documents_the_model_answers_alone(filled, stub):
    stub.script = ["I am a model."]
    conversation = started(filled, mode="base")
    turn = asked(filled, conversation, "Who are you?")
    assert turn.text == "I am a model." and not turn.sources
    assert "<documents>" not in str(stub.prompts[-1])


def test_the_model_alone_sees_earlier_turns_too(filled, stub):
    conversation = started(filled, mode="base")
    asked(filled, conversation, "Call me KESTREL.")
    asked(filled, conversation, "What is my name?")
    assert "KESTREL" in str(stub.prompts[-1])


def test_closing_stops_the_model_and_keeps_what_was_said(filled, stub):
    stub.script = [Reply(" ".join(f"w{n}" for n in range(400)), delay=0.02)]
    conversation = started(filled, mode="base")
    pieces = talk.ask(filled, "local", conversation, "Tell me a long story.")
    said = "".join(next(pieces) for _ in range(5))
    pieces.close()
    kept = filled.conversations().turns("local", conversation)[1]
    assert kept.state == "stopped" and said.startswith("w0") and said.startswith(kept.text[:4])
    sent = stub.pieces_sent
    time.sleep(0.5)
    assert stub.pieces_sent <= sent + 3, "the server must not go on writing for nobody"


def test_the_next_answer_comes_at_once_after_a_stop(filled, stub):
    stub.script = lambda messages: (
        Reply(" ".join(["slow"] * 500), delay=0.05) if "long" in messages[-1]["content"] else "Quick."
    )
    conversation = started(filled, mode="base")
    pieces = talk.ask(filled, "local", conversation, "long one")
    next(pieces)
    pieces.close()
    begun = time.monotonic()
    assert asked(filled, conversation, "short one").text == "Quick." and time.monotonic() - begun < 2


def test_a_job_that_nobody_watches_any_more_stops(filled, stub):
    stub.script = [Reply(" ".join(["word"] * 400), delay=0.02)]
    conversation = started(filled, mode="base")
    work = talk.answering(filled, "local", conversation, "long", watched=lambda job: job.text().count("word") < 5)
    job = Jobs().start("local", "answer", conversation, work)
    assert job.wait(10) and job.state == "stopped"
    assert filled.conversations().turns("local", conversation)[1].state == "stopped"


def test_stopping_leaves_no_thread_behind(filled, stub):
    stub.script = [Reply(" ".join(["word"] * 400), delay=0.02)]
    conversation = started(filled, mode="base")
    before = {t.name for t in threading.enumerate() if t.name.startswith("docgraft")}
    work = talk.answering(filled, "local", conversation, "q", watched=bool)
    job = Jobs().start("local", "answer", conversation, work)
    time.sleep(0.3)
    job.stop()
    assert job.wait(2)
    time.sleep(0.1)
    assert {t.name for t in threading.enumerate() if t.name.startswith("docgraft")} <= before


def test_an_error_is_kept_with_the_turn_and_its_key_masked(filled, stub, monkeypatch):
    monkeypatch.setenv("STUB_KEY", "sk-TEST-CANARY-000")
    monkeypatch.setenv("DOCGRAFT_MODEL__API_KEY_ENV", "STUB_KEY")
    stub.script = [Reply(status=401, error="Incorrect API key provided: sk-TEST-CANARY-000")]
    from app import settings
    from app.wiring import Wiring

    wiring = Wiring(settings.load(filled.home), filled.home, shelf=filled.shelf)
    conversation = started(wiring, mode="base")
    with pytest.raises(DocgraftError):
        list(talk.ask(wiring, "local", conversation, "Hello?"))
    question, answer = wiring.conversations().turns("local", conversation)
    assert question.text == "Hello?" and answer.data["error"]
    assert "CANARY" not in str(answer.data)


def test_asking_again_replaces_the_question_and_all_after_it(filled):
    conversation = started(filled)
    for question in ("one", "two", "three"):
        asked(filled, conversation, question)
    second = filled.conversations().turns("local", conversation)[2]
    talk.rewind(filled, "local", second)
    asked(filled, conversation, "two, but better")
    texts = [t.text for t in filled.conversations().turns("local", conversation) if t.role == "user"]
    assert texts == ["one", "two, but better"]


def test_a_model_that_is_gone_becomes_the_default_one(filled):
    assert talk.held(filled, Choices(model="no-longer-there")) == Held(kb="default", model="stub")


def test_what_one_user_says_is_unknown_to_another(filled, stub):
    stub.script = lambda messages: "Yes." if "LILAC-8" in str(messages) else "I do not know."
    ada, bob = started(filled, "ada", mode="base"), started(filled, "bob", mode="base")
    asked(filled, ada, "Remember: my code is LILAC-8.", "ada")
    assert asked(filled, bob, "What is my code?", "bob").text == "I do not know."
    assert asked(filled, started(filled, "ada", mode="base"), "What is my code?", "ada").text == "Yes."
    with pytest.raises(DocgraftError):
        list(talk.ask(filled, "bob", ada, "What was said here?"))


def test_knowledge_bases_of_the_same_name_are_apart(filled, manual_zh):
    filled.library("default", "ada").add([manual_zh])
    assert [d.name for d in filled.library("default", "ada").documents()] == ["員工手冊.md"]
    assert [d.name for d in filled.library("default").documents()] == ["kettle.md"]
    assert filled.library("default", "bob").documents() == []
    with pytest.raises(DocgraftError):
        filled.folder("../default", "bob")
    with pytest.raises(DocgraftError):
        filled.workspace("../../evil")
