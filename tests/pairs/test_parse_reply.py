"""Replies as models write them (B36, B37)."""

from __future__ import annotations

import pytest

from finetune.pairs.parse_reply import parse_reply, without_reasoning

WANTED = [("What's the limit?", "it's ten")]


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n[{"question": "What\'s the limit?", "answer": "it\'s ten",},]\n```',
        'Of course! [{"question": "What\'s the limit?", "answer": "it\'s ten"}] I hope this helps [1].',
        "{'question': 'What's the limit?', 'answer': 'it's ten'}",
        '{"question": "What\'s the limit?", "answer": "it\'s ten"}',
        '[{"问题": "What\'s the limit?", "答案": "it\'s ten"}]',
        '{"pairs": [{"Q": "What\'s the limit?", "A": "it\'s ten"}]}',
        '<think>maybe [1, 2] or {"question": "no", "answer": "no"}</think>[{"question": "What\'s the limit?", "answer": "it\'s ten"}]',  # noqa: E501
        'maybe [1, 2]</think>\n[{"question": "What\'s the limit?", "answer": "it\'s ten"}]',
        "[{“question”: “What's the limit?”, “answer”: “it's ten”}]",
    ],
)
def test_a_sloppy_reply_gives_the_right_pair(reply):
    assert [(s.question, s.answer) for s in parse_reply(reply).items] == WANTED


@pytest.mark.parametrize(
    "reply", ["", "   ", "Sorry, I can't help with that.", "[1, 2, 3]", '<think>[{"question": "a", "answer": "b"}]']
)
def test_a_reply_without_pairs_is_unreadable(reply):
    parsed = parse_reply(reply)
    assert not parsed.readable
    assert not parsed.items


def test_a_null_question_is_counted_and_never_becomes_text():
    parsed = parse_reply(
        '[{"question": null, "answer": "x"}, {"question": "ok?", "answer": ["y"]}, {"question": "n?", "answer": 42}]'
    )
    assert parsed.null == 1
    assert [(s.question, s.answer) for s in parsed.items] == [("ok?", ""), ("n?", "42")]


def test_the_word_think_inside_a_pair_is_text():
    reply = '[{"question": "What does <think> open?", "answer": "the tag <think> opens reasoning, </think> ends it"}]'
    assert "<think>" in parse_reply(reply).items[0].answer
    assert without_reasoning(reply) == reply


def test_objects_on_lines_of_their_own_are_all_read():
    assert len(parse_reply('{"question": "a?", "answer": "1"}\n{"question": "b?", "answer": "2"}').items) == 2
