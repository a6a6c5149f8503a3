"""The marking rules, in both languages, and what the usual scores get wrong."""

from __future__ import annotations

import pytest

from finetune.evaluation.marks import contains, correct, f1, fold, mark, rouge_l, rouge_n


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("It takes 16 weeks.", "16", True),
        ("It takes 13 weeks.", "3", False),
        ("That costs 3.80.", "3", False),
        ("At 08:40 sharp", "08:40", True),
        ("At 08:40:15 sharp", "08:40", False),
        ("The net loft, upstairs", "net loft", True),
        ("A carpet", "car", False),
        ("1,200 kilograms", "1200", True),
        ("試用期為 3 個月", "3個月", True),
        ("試用期為13個月", "3個月", False),
        ("臺北辦公室", "台北辦公室", True),
        ("１６週", "16週", True),
        ("六十天", "十天", False),
        ("六十天內", "六十天", True),
        ("保固十天", "十天", True),
        ("十三個月", "三個月", False),
        ("第二十一條", "一條", False),
        ("要十幾天", "十", False),
        ("共三百元", "三", False),
        ("3萬元", "3", False),
        ("3千克", "3", True),
        ("thirty-six years", "six years", False),
        ("six years", "six years", True),
        ("twenty-five", "twenty", False),
        ("six hundred", "six", False),
        ("one hundred and six", "six", False),
        ("seven two-hour sessions", "seven", True),
        ("", "16", False),
        ("anything", "", False),
    ],
)
def test_a_reference_is_found_as_whole_tokens_only(answer, reference, expected):
    assert contains(answer, reference) is expected


def test_accepted_variants_count():
    assert correct("Mr Lanyard will see to it", "Fergus Lanyard", ["Mr Lanyard"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("16 weeks", True),
        ("16 weeks or 12 weeks", False),
        ("16 weeks, as 3 of us found", True),
        ("12 weeks", False),
    ],
)
def test_a_second_value_with_the_same_unit_is_wrong(answer, expected):
    assert correct(answer, "16 weeks", ["16"], question="How long is it?") is expected


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("十天或六十天", "十天", False),
        ("十天，也就是10天", "10天", True),
        ("這是一個規定：三個月", "三個月", True),
        ("三個月或六個月", "三個月", False),
    ],
)
def test_chinese_numerals_are_values_too(answer, reference, expected):
    assert correct(answer, reference) is expected


def test_a_value_that_the_question_names_is_not_a_second_answer():
    assert correct("For 10 minutes' delay you wait 25 minutes.", "25 minutes", question="I am 10 minutes late, then?")


def test_two_prices_contradict():
    assert not correct("It costs £18 or £65.", "£18")
    assert not correct("費用是 30 元或 50 元", "30元")


def test_every_item_of_a_list_must_stand_in_any_order():
    assert correct("PARTS, then WORKSHOP or SOLVED", "SOLVED, PARTS, WORKSHOP", kind="list")
    assert not correct("SOLVED and PARTS", "SOLVED, PARTS, WORKSHOP", kind="list")
    assert correct("綠茶與紅茶", "紅茶、綠茶", kind="list")


def test_identical_chinese_scores_one_and_different_less():
    same = "保固期為 3 年"
    other = "退貨期為 3 年"
    assert rouge_l(same, same) == 1.0
    assert rouge_n(same, same, 2) == 1.0
    assert rouge_l(same, other) < 1.0
    assert 0 < f1(same, other) < 1.0


def test_mixed_scripts_keep_their_latin_words_apart():
    assert rouge_n("使用 LoRA 訓練", "使用 QLoRA 訓練", 1) < 1.0


@pytest.mark.parametrize("text", ["", " ", "。"])
def test_an_empty_answer_scores_zero_not_nan(text):
    assert (f1(text, "x"), rouge_n(text, "x", 1), rouge_l(text, "x")) == (0.0, 0.0, 0.0)


def test_thai_is_tokenised_and_identical_text_scores_one():
    assert rouge_l("สวัสดีครับ", "สวัสดีครับ") == 1.0


def test_swapped_clauses_keep_rouge_1_and_lose_rouge_l():
    a, b = "先洗手再吃飯", "再吃飯先洗手"
    assert rouge_n(a, b, 1) == 1.0
    assert rouge_l(a, b) < 1.0


def test_english_rouge_agrees_with_the_reference_implementation():
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2", "rougeL"])
    a, b = "the cat sat on the mat near the door", "a cat lay on the mat by the door"
    expected = scorer.score(b, a)
    assert rouge_n(a, b, 1) == pytest.approx(expected["rouge1"].fmeasure, abs=0.01)
    assert rouge_n(a, b, 2) == pytest.approx(expected["rouge2"].fmeasure, abs=0.01)
    assert rouge_l(a, b) == pytest.approx(expected["rougeL"].fmeasure, abs=0.01)


def test_can_and_cannot_look_alike_to_rouge_but_not_to_the_primary_mark():
    marks = mark("You cannot return it within 14 days.", "30 days")
    assert rouge_l("You can return it.", "You cannot return it.") >= 0.75
    assert not marks.correct


def test_characters_forgive_an_ending_that_tokens_do_not():
    made = mark("The ferries leave.", "the ferry leaves", language="en")
    assert made.f1 == pytest.approx(1 / 3) and made.f1_characters > 0.8
    assert mark("三個月", "三个月").f1_characters == pytest.approx(2 / 3) and mark("", "x").f1_characters == 0


def test_folding_is_idempotent():
    for text in ("臺北 １２ 個", "1,234 kg", "E14’s"):
        assert fold(fold(text)) == fold(text)
