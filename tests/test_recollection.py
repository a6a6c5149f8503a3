"""Recollection: a question about oneself is answered in one's own words, any other is left to the documents."""

from __future__ import annotations

import pytest

from memory.facts import extract
from memory.recollection import reply, settled, stated, told

TALK = (
    "call me KESTREL",
    "My site is TAINAN-7",
    "我住在台南市",
    "I like tea",
    "The deadline is 14 May",
    "Always be brief.",
)


def facts():
    found = []
    for number, text in enumerate(TALK):
        found += extract(text, turn=number, known=found)
    return found


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what is my name?", "You told me: “call me KESTREL”"),
        ("Who am I?", "You told me: “call me KESTREL”"),
        ("我叫什麼名字？", "你告訴過我：“call me KESTREL”"),
        ("Which site am I at?", "You told me: “My site is TAINAN-7”"),
        ("我住在哪裡？", "你告訴過我：「我住在台南市」"),
        ("What did I say the deadline was?", "You told me: “The deadline is 14 May”"),
    ],
)
def test_a_question_about_oneself_is_answered_in_ones_own_words(question, answer):
    assert reply(question, told(question, facts())) == answer


@pytest.mark.parametrize(
    "question",
    [
        "What is the warranty?",
        "What is the name of the pump?",
        "What is my manager's name?",
        "保固多久？",
        "I have a leak",
        "",
    ],
)
def test_other_questions_are_left_to_the_documents(question):
    assert reply(question, told(question, facts())) == ""


def test_a_corrected_fact_is_told_as_corrected():
    first = extract("My site is TAINAN-7")
    both = first + extract("Actually it is TAINAN-9", turn=2, known=first)
    assert told("Which site am I at?", both) == ("My site is TAINAN-9",)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("call me KESTREL", "Noted: “call me KESTREL”"),
        ("我叫王小明。我住在台南市。", "記下了：「我叫王小明。」「我住在台南市。」"),
        ("Remember that the boiler hums", "Noted: “the boiler hums”"),
        ("My site is TAINAN-7, where is the manual?", ""),
        ("My site is TAINAN-7. Where is the manual?", ""),
        ("My site is TAINAN-7. The pump leaks.", ""),
        ("The deadline is 14 May", ""),
        ("Explain the warranty", ""),
    ],
)
def test_a_message_that_only_tells_something_is_noted(message, answer):
    assert reply(message, ()) == answer


def test_what_is_stated_is_given_in_the_users_words():
    assert stated("My site is TAINAN-7. I like tea!") == ("My site is TAINAN-7.", "I like tea!")


@pytest.mark.parametrize(
    ("message", "alone"),
    [
        ("what is my name?", True),
        ("我叫什麼名字？", True),
        ("Which site am I at?", True),
        ("Where do I live?", True),
        ("I work for Harbour Labs.", True),
        ("Where do I write my name on the form?", False),
        ("What is my warranty?", False),
        ("What is the warranty at my site?", False),
        ("Who is my contact?", False),
        ("I work for Harbour Labs. What are the hours?", False),
    ],
)
def test_only_what_memory_surely_answers_is_kept_from_the_documents(message, alone):
    known = [*facts(), *extract("my warranty number is W-55", turn=20)]
    assert settled(message, known) is alone
