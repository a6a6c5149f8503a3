"""Sixty questions to a model that reads 2,048 tokens: no prompt is too long, and the first fact is still known."""

from __future__ import annotations

import pytest

from app import settings, talk
from app.wiring import Wiring
from memory.conversations import Choices

CONTEXT, ANSWER = 2048, 256


@pytest.fixture
def small(configured, stub, monkeypatch, manual):
    stub.context = CONTEXT
    monkeypatch.setenv("DOCGRAFT_MODEL__CONTEXT", str(CONTEXT))
    monkeypatch.setenv("DOCGRAFT_MODEL__MAX_TOKENS", str(ANSWER))
    home = settings.workspace()
    made = Wiring(settings.load(home), home)
    made.library("default").add([manual])
    return made


@pytest.mark.parametrize("mode", ["rag", "base"])
def test_sixty_turns_and_a_huge_paste_never_exceed_the_model_and_the_site_is_known(small, stub, mode):
    stub.script = lambda messages: "TAINAN-7." if "TAINAN-7" in str(messages) else "The warranty is 18 months. " * 10
    conversation = small.conversations().create("local", choices=Choices(mode=mode)).id
    turns = []
    for number in range(60):
        question = (
            f"Question {number}: how long is the warranty of kettle {number}, and who pays for its transport home?"
        )
        if number == 0:
            question = "My site is TAINAN-7"
        elif number == 30:
            question = "Pasted line about the warranty of the kettle. " * 270
        *_, turn = talk.ask(small, "local", conversation, question)
        turns.append(turn)
    assert all(turn.state == "complete" for turn in turns)
    assert all(stub.tokens(request) <= CONTEXT - ANSWER for request in stub.requests)
    assert turns[-1].data["left"] > 0
    assert turns[30].data["question_cut"]
    assert not turns[31].data["question_cut"]
    small.longterm().forget_all("someone else")
    *_, last = talk.ask(small, "local", conversation, "Which site am I at?")
    assert "TAINAN-7" in last.text
