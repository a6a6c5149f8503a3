"""Planted answers, word for word, through marks, numbers and the rule to the verdict; in English and in Chinese."""

from __future__ import annotations

import pytest

from finetune.evaluation.comparison import marked
from finetune.evaluation.summary import numbers, summarise
from finetune.evaluation.verdict import decide
from finetune.records import Arm, Question
from retrieval.prompts import REFUSAL
from retrieval.records import Answer

ARMS = {name: Arm(name=name, retrieval=name in ("rag", "both")) for name in ("base", "rag", "tuned", "both")}
PAGES = {
    "en": ("How much is berth {n} a week?", "{fee} pounds", "Berth {n} costs {fee} pounds a week."),
    "zh-Hant": ("{n} 號船席每週多少錢？", "{fee} 元", "{n} 號船席每週 {fee} 元。"),
}
LONG = {
    "en": "The harbour was dredged by hand and its office has a green door, as every visitor finds. " * 8,
    "zh-Hant": "港口由人工疏浚，辦公室的門是綠色的，每位來訪的人都看得到，門前還有一張長椅。" * 8,
}


def questions(language, count=60, test_set="unseen_wording"):
    asked, reference, _ = PAGES[language]
    return [
        Question(
            id=f"{test_set}{n:03}",
            question=asked.format(n=n),
            answer=reference.format(fee=100 + n),
            language=language,
            section_id=f"s{n // 2}",
            test_set=test_set,
        )
        for n in range(count)
    ]


def said(arm, asked, share, *, wrong="off", before="", after=""):
    """The answers of an arm that is right on `share` of the questions, evenly spread over the sections."""
    found = []
    for place, question in enumerate(asked):
        n, told = int(question.id[-3:]), PAGES[question.language][2]
        right = (place * 7) % 10 < 10 * share
        text = before + told.format(n=n, fee=100 + n if right else 900 + n) + after
        declined = not right and wrong == "declines"
        answer = Answer(text=REFUSAL[question.language] if declined else text, abstained=declined)
        found.append(marked(ARMS[arm], question, answer))
    return found


def verdict(by_arm, language):
    return decide(numbers(by_arm), language)


@pytest.mark.parametrize("language", PAGES)
@pytest.mark.parametrize(
    ("shares", "winner"),
    [
        ({"base": 0.0, "rag": 0.5, "tuned": 0.3, "both": 0.9}, "both"),
        ({"base": 0.0, "rag": 0.6, "tuned": 0.0, "both": 0.6}, "rag"),
        ({"base": 0.0, "rag": 0.1, "tuned": 0.7, "both": 0.7}, "tuned"),
        ({"base": 0.0, "rag": 0.8, "tuned": 0.3, "both": 0.4}, "rag"),
    ],
)
def test_the_better_way_is_found_from_the_words_of_its_answers(shares, winner, language):
    asked = questions(language)
    found = verdict({arm: said(arm, asked, share) for arm, share in shares.items()}, language)
    assert found.winner == winner
    assert ("檢索" in found.sentence or "微調" in found.sentence) == (language == "zh-Hant")


@pytest.mark.parametrize("language", PAGES)
def test_a_few_questions_cannot_tell_and_say_how_many_more_would(language):
    asked = questions(language, 8)
    shares = {"base": 0.2, "rag": 0.5, "tuned": 0.3, "both": 0.5}
    found = verdict({arm: said(arm, asked, share) for arm, share in shares.items()}, language)
    assert found.winner == "undecided" and found.needed and f"{found.needed}" in found.sentence


@pytest.mark.parametrize("language", PAGES)
def test_declining_everything_never_wins_and_is_named(language):
    asked = questions(language)
    shares = {"base": 0.0, "rag": 0.0, "tuned": 0.6, "both": 0.0}
    answers = {arm: said(arm, asked, share, wrong="declines" if share == 0 else "off") for arm, share in shares.items()}
    found = verdict(answers, language)
    assert found.winner == "tuned"
    assert any(("declines" if language == "en" else "拒絕回答") in reason for reason in found.reasons)
    assert summarise(answers["rag"]).wrongly_abstained.correct == len(asked)


@pytest.mark.parametrize("language", PAGES)
def test_being_right_somewhere_in_a_long_answer_does_not_win(language):
    asked = questions(language)
    answers = {arm: said(arm, asked, share) for arm, share in {"base": 0.0, "rag": 0.5, "tuned": 0.0}.items()}
    answers["both"] = said("both", asked, 0.9, before=LONG[language])
    found = verdict(answers, language)
    assert found.winner == "rag"
    assert any(("longer" if language == "en" else "答案長得多") in veto for veto in found.vetoes)


@pytest.mark.parametrize("language", PAGES)
def test_giving_two_values_is_no_right_answer(language):
    asked = questions(language)
    other = {"en": " Or 777 pounds.", "zh-Hant": "也可能是 777 元。"}[language]
    shares = {"base": 0.0, "rag": 0.6, "tuned": 0.0}
    answers = {arm: said(arm, asked, share) for arm, share in shares.items()}
    answers["both"] = said("both", asked, 1.0, after=other)
    assert verdict(answers, language).winner == "rag"
    assert summarise(answers["both"]).answerable.correct == 0


@pytest.mark.parametrize("language", PAGES)
def test_knowing_only_the_trained_wordings_is_called_memorised(language):
    unseen, trained = questions(language), questions(language, 20, "trained_wording")
    shares = {"base": 0.0, "rag": 0.6, "tuned": 0.0, "both": 0.6}
    answers = {
        arm: said(arm, unseen, share) + said(arm, trained, 1.0 if arm == "tuned" else share)
        for arm, share in shares.items()
    }
    found = verdict(answers, language)
    assert found.winner == "rag"
    assert any(("memorised" if language == "en" else "死背") in reason for reason in found.reasons)
