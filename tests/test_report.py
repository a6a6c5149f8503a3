"""Summaries and reports of planted answers: totals add up, nothing is loaded from elsewhere, text is escaped."""

from __future__ import annotations

import re

import pytest

from finetune.evaluation.judges import Calibration, JudgedPair
from finetune.evaluation.marks import TOKENIZER, mark
from finetune.evaluation.records import ArmAnswer, ComparisonCard, JudgeReport
from finetune.evaluation.report import explain, html, markdown
from finetune.evaluation.report_words import _EN, _ZH, report_words
from finetune.evaluation.summary import economics, numbers, summarise
from finetune.evaluation.verdict import decide
from finetune.records import Arm, Question

RIGHT = {"base": 10, "rag": 3, "tuned": 4, "both": 1}  # the arm is right unless the question's number is a multiple


def answer(arm, number, *, kind="lookup", test_set="unseen_wording"):
    reference = None if kind == "unanswerable" else f"{number} pounds"
    question = Question(
        id=f"{kind}{number}",
        question=f"Fee for <b>berth</b> {number}?",
        answer=reference,
        kind=kind,
        section_id=f"s{number}",
        test_set=test_set,
        evidence="A <script>alert(1)</script> table",
    )
    right = number % 10 == 0 if arm == "base" else bool(number % RIGHT[arm]) or arm == "both"
    text = (f"{number} pounds" if reference else "This is not in the documents.") if right else "12 florins"
    return ArmAnswer(
        arm=arm,
        question=question,
        text=text,
        abstained=right and reference is None,
        correct=right,
        marks=mark(text, reference) if reference else None,
        supported=right,
        seconds=2.0 if arm in {"rag", "both"} else 0.5,
        prompt_tokens=300,
        answer_tokens=8,
    )


@pytest.fixture
def by_arm():
    return {
        arm: [answer(arm, n) for n in range(1, 61)]
        + [answer(arm, n, kind="unanswerable", test_set="unanswerable") for n in range(1, 21)]
        + [answer(arm, n, test_set="general") for n in range(100, 120)]
        for arm in ("base", "rag", "tuned", "both")
    }


@pytest.fixture
def card(by_arm):
    found = numbers(by_arm)
    summaries = tuple(summarise(answers) for answers in by_arm.values())
    return ComparisonCard(
        id="c1",
        kb="samples",
        created="2026-01-01T00:00:00+00:00",
        arms=tuple(Arm(name=a, retrieval=a in {"rag", "both"}) for a in by_arm),
        settings={"model": "tiny", "max_tokens": 64},
        questions=100,
        questions_fingerprint="f",
        summaries=summaries,
        differences=found.differences,
        verdict=decide(found),
        economics=economics(summaries, training_seconds=300, index_seconds=2, prices=(1.0, 2.0)),
        tokenizer=TOKENIZER,
        seconds=12.0,
    )


def test_every_question_is_counted_in_exactly_one_group(by_arm):
    for answers in by_arm.values():
        s = summarise(answers)
        assert s.answerable.n + s.unanswerable.n + s.general.n == len(answers)
        assert sum(b.n for name, b in s.buckets.items() if name.startswith("kind: ")) == s.answerable.n


def test_the_verdict_rests_on_unseen_questions_only(by_arm):
    found = numbers(by_arm)
    assert found.arms["both"].answerable == 60
    assert decide(found).winner == "both"


def test_forgetting_is_the_loss_on_general_questions(by_arm):
    change = numbers(by_arm).forgetting
    assert change is not None
    assert change.n == 20


def test_an_adapter_that_makes_up_what_was_declined_before_is_counted_with_and_without_documents(by_arm):
    def declining(arm, right):
        return [
            a.model_copy(update={"correct": right}) if a.question.kind == "unanswerable" else a for a in by_arm[arm]
        ]

    found = numbers(by_arm | {"base": declining("base", True), "tuned": declining("tuned", False)}).abstention
    assert found["tuned"].lost == 20 and found["tuned"].serious
    assert not found["both"].serious


def test_break_even_is_the_training_time_over_the_time_saved(card):
    assert card.economics.break_even == 200
    assert card.economics.money_per_answer["rag"] == pytest.approx((300 + 16) / 1e6)


def test_the_report_escapes_documents_and_loads_nothing_from_elsewhere(card, by_arm):
    page = html(card, [a for answers in by_arm.values() for a in answers])
    assert "<script>alert" not in page
    assert "<b>berth" not in page
    assert not re.search(r"(?:src|href)\s*=", page)
    assert "http" not in page
    assert card.verdict.sentence in page.replace("&#39;", "'")


@pytest.mark.parametrize(
    ("needed", "language", "said"),
    [(61, "en", "about 1 more question would settle it"), (99, "en", "about 39 more questions would settle it"),
     (61, "zh-TW", "大約再加 1 題可判定")],
)  # fmt: skip
def test_one_more_question_is_not_said_in_the_plural(card, by_arm, needed, language, said):
    open_ = card.differences[0].model_copy(update={"p_holm": 0.2, "n": 60, "needed": needed})
    found = card.model_copy(update={"differences": (open_,)})
    assert said in html(found, [a for answers in by_arm.values() for a in answers], language)


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_a_judge_is_reported_in_sentences_with_how_far_it_can_be_trusted(card, by_arm, language):
    measured = Calibration(judge="qwen", planted=20, right=19, consistent=16, votes=10, votes_agreed=7)
    said = JudgeReport(
        calibration=measured, pairs=(JudgedPair(a="both", b="rag", a_wins=9, b_wins=3, ties=8, failed=0, p=0.1),)
    )
    judged = card.model_copy(update={"judge": said})
    for text in (html(judged, by_arm["rag"], language), markdown(judged, language)):
        assert all(number in text for number in ("qwen", "19", "16", "p = 0.100"))
    weak = card.model_copy(update={"judge": JudgeReport(calibration=measured.model_copy(update={"right": 9}))})
    assert "90" in markdown(weak, language)


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_the_markdown_report_holds_the_verdict_and_every_arm(card, language):
    text = markdown(card, language)
    assert card.verdict.sentence in text
    assert text.count("\n| ") == 1 + len(report_words(language)["marked"])
    assert all(report_words(language)["labels"][arm] in text for arm in ("base", "rag", "tuned", "both"))
    assert (report_words(language)["unit"] or TOKENIZER) in text


def test_a_question_stands_with_the_turn_before_it_and_every_answer_with_what_it_cites(card, by_arm):
    question = by_arm["rag"][0].question.model_copy(update={"history": (("What does a day cost?", "9 pounds"),)})
    told = by_arm["rag"][0].model_copy(update={"question": question, "quotes": ("[1] fees.md › Day: 1 pounds",)})
    text = html(card, [told])
    assert "What does a day cost? → 9 pounds" in text and "[1] fees.md › Day: 1 pounds" in text


def test_a_failed_arm_is_failed_not_zero(card):
    broken = summarise([], failed="out of memory")
    text = markdown(card.model_copy(update={"summaries": (*card.summaries, broken)}))
    assert "out of memory" in text
    assert "| 0% (0–0)" not in text


def test_marks_are_explained(by_arm):
    texts = {explain(a).split(" · ")[0] for a in by_arm["rag"]}
    assert {"holds the reference", "does not hold the reference", "rightly declined"} <= texts


def test_both_languages_have_the_same_report_words():
    assert _EN.keys() == _ZH.keys()
    for key in ("labels", "marked"):
        assert _EN[key].keys() == _ZH[key].keys()
