"""Talking about oneself beside documents: what was said is known, whatever the documents hold."""

from __future__ import annotations

import pytest

from app import talk


@pytest.fixture
def filled(wiring, manual):
    wiring.library("default").add([manual])
    return wiring


def said(wiring, conversation, question, user="local"):
    *_, turn = talk.ask(wiring, user, conversation, question)
    return turn


def test_a_name_told_beside_documents_is_known_in_this_and_in_another_conversation(filled):
    first = filled.conversations().create("local").id
    assert said(filled, first, "call me KESTREL").text == "Noted: “call me KESTREL”"
    assert said(filled, first, "what is my name?").text == "You told me: “call me KESTREL”"
    other = filled.conversations().create("local").id
    turn = said(filled, other, "我叫什麼名字？")
    assert (turn.text, turn.sources) == ("你告訴過我：“call me KESTREL”", ())


def test_what_was_forgotten_or_told_by_another_is_not_known(filled):
    first = filled.conversations().create("ann").id
    said(filled, first, "my code is LILAC-8", user="ann")
    bobs = filled.conversations().create("bob").id
    assert "LILAC" not in said(filled, bobs, "what is my code?", user="bob").text
    filled.longterm().forget_all("ann")
    again = said(filled, first, "what is my code?", user="ann")
    assert "LILAC" not in again.text and "LILAC" not in str(again.data)
    assert b"LILAC" not in filled.home.database.read_bytes()


def test_asking_to_forget_forgets_and_says_so_without_the_words(filled):
    first = filled.conversations().create("local").id
    said(filled, first, "my code is LILAC-8")
    assert said(filled, first, "Forget my code").text.startswith("Forgotten: 1 remembered")
    assert filled.longterm().all("local") == []
    assert "LILAC" not in filled.conversations().export("local", first, "json")
    assert b"LILAC" not in filled.home.database.read_bytes()
    again = said(filled, first, "what is my code?").text
    assert "LILAC" not in again and "You told me" not in again, "what is blanked was not told"


def test_a_question_about_the_documents_goes_to_the_documents(filled):
    first = filled.conversations().create("local").id
    said(filled, first, "call me KESTREL")
    turn = said(filled, first, "How long is the warranty of the kettle?")
    assert turn.sources and "KESTREL" not in turn.text
