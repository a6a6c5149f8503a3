"""The window: what must be in a prompt is in it, and it never exceeds its room."""

from __future__ import annotations

import random

import pytest

from memory.errors import NotConfigured
from memory.window import fit, memory_text, shorten

SYSTEM = "Answer only from the documents."


def words(text: str) -> int:
    return len(text.split())


def quarters(text: str) -> int:
    return -(-len(text.encode()) // 4)


def dialogue(pairs: int, size: int = 20):
    made = []
    for number in range(pairs):
        made.append(("user", f"question {number} " + "q " * size))
        made.append(("assistant", f"answer {number} " + "a " * size))
    return made


def spent(window, count, overhead):
    parts = [window.system, window.question, window.memory, *[text for _, text in window.turns]]
    return sum(count(part) + overhead for part in parts if part)


def test_a_short_conversation_goes_in_whole():
    turns = dialogue(3)
    window = fit("now?", turns, count=words, limit=1000, reserve=100, system=SYSTEM, facts=["x: 1"], summary="Before.")
    assert window.turns == tuple(turns)
    assert (window.system, window.question, window.facts, window.summary) == (SYSTEM, "now?", ("x: 1",), "Before.")
    assert (window.left, window.shortened, window.facts_left, window.summary_cut, window.question_cut) == (0,) * 5
    assert window.tokens == spent(window, words, 8)


def test_system_text_and_newest_question_stay_and_the_oldest_turns_leave():
    turns = dialogue(30)
    window = fit("the newest question", turns, count=words, limit=400, reserve=100, system=SYSTEM)
    assert window.system == SYSTEM
    assert window.question == "the newest question"
    assert 0 < len(window.turns) < 60
    assert window.turns == tuple(turns[window.left :])
    assert window.turns[0][0] == "user"
    assert window.tokens <= window.room == 300


def test_facts_outlive_turns_and_keep_their_order():
    facts = [f"fact {n} is TAINAN-{n}" for n in range(50)]
    window = fit(
        "site?", dialogue(50), count=words, limit=600, reserve=100, system=SYSTEM, facts=facts, summary="s " * 400
    )
    assert window.facts == tuple(facts[: len(window.facts)])
    assert len(window.facts) >= 20
    assert window.facts_left == 50 - len(window.facts)
    assert window.summary_cut
    assert window.summary.startswith("s s")
    assert window.turns
    assert window.tokens <= 500


def test_facts_take_more_than_their_share_when_there_are_few_turns():
    facts = [f"fact {n} is TAINAN-{n}" for n in range(70)]
    window = fit("site?", dialogue(1), count=words, limit=600, reserve=100, facts=facts)
    assert window.facts_left == 0
    assert len(window.turns) == 2


def test_one_huge_old_turn_is_shortened_and_does_not_push_out_the_others():
    turns = [*dialogue(3), ("user", "PASTE-BEGIN " + "p " * 3000 + "PASTE-END"), ("assistant", "read"), *dialogue(2)]
    window = fit("and now?", turns, count=words, limit=600, reserve=100, system=SYSTEM)
    paste = next(text for _, text in window.turns if "PASTE-BEGIN" in text)
    assert "PASTE-END" in paste
    assert "…" in paste
    assert window.shortened == 1
    assert len(window.turns) > 6
    assert window.tokens <= 500


def test_a_question_longer_than_the_prompt_keeps_its_ends_and_is_flagged():
    question = "Summarise this: " + "p " * 3000 + "Thanks, by Friday."
    window = fit(question, dialogue(5), count=words, limit=600, reserve=100, system=SYSTEM, facts=["site: TAINAN-7"])
    assert window.question_cut
    assert window.question_tokens == words(question)
    assert window.question.startswith("Summarise this:")
    assert window.question.endswith("by Friday.")
    assert window.facts == ("site: TAINAN-7",)
    assert window.system == SYSTEM
    assert 400 < window.tokens <= 500


def test_a_model_too_small_for_its_instructions_is_refused_with_the_numbers():
    with pytest.raises(NotConfigured, match="reads 40 tokens: with 30 kept for the answer"):
        fit("q", count=words, limit=40, reserve=30, system=SYSTEM)


@pytest.mark.parametrize("count", [words, quarters, len])
def test_no_mixture_of_lengths_ever_exceeds_the_room(count):
    chance = random.Random(7)

    def text(most):
        kinds = ("word ", "保固三年", "x", "\n", "TAINAN-7 ")
        return "".join(chance.choice(kinds) for _ in range(chance.randint(0, most)))

    for _ in range(150):
        overhead = chance.choice([0, 4, 8])
        turns = [
            (chance.choice(["user", "assistant"]), text(chance.choice([5, 50, 2000])))
            for _ in range(chance.randint(0, 30))
        ]
        facts, summary = [text(20) for _ in range(chance.randint(0, 30))], text(400)
        question, limit = text(chance.choice([10, 3000])), chance.randint(150, 3000)
        window = fit(
            question,
            turns,
            count=count,
            limit=limit,
            reserve=50,
            system="be good",
            facts=facts,
            summary=summary,
            overhead=overhead,
        )
        assert window.tokens <= window.room == limit - 50
        assert spent(window, count, overhead) <= window.tokens + overhead
        assert window.question == question or window.question_cut
        assert window.system == "be good"
        assert window.left + len(window.turns) == len(turns)
        assert not window.turns or window.turns[0][0] == "user"


def test_shortening_keeps_both_ends_within_its_tokens():
    text = "a " * 500 + "z " * 500
    short = shorten(text, 31, words)
    assert words(short) <= 31
    assert short.startswith("a a")
    assert short.rstrip().endswith("z")
    assert shorten("fits", 1, words) == "fits"
    assert shorten("does not", 0, words) == ""


def test_memory_is_a_line_per_fact_and_the_summary():
    assert memory_text(["a", "b"], "s") == "- a\n- b\n\ns"
    assert memory_text([], "s") == "s"
    assert memory_text([], "") == ""
