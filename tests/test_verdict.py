"""Planted comparisons: the right verdict in each, and no false "better" when nothing is better."""

from __future__ import annotations

import re

import numpy as np
import pytest

from finetune.evaluation.comparison import decided
from finetune.evaluation.statistics import compare
from finetune.evaluation.verdict import BESIDE, FAMILY, ArmNumbers, Change, Numbers, compared, decide
from finetune.evaluation.words import _EN, _ZH

ARMS = ("base", "rag", "tuned", "both")


def planted(rates, *, n=240, sections=80, seed=0, resamples=2000, **more):
    """Numbers of a simulated comparison: success rates per arm, sections that vary in difficulty."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.1, sections)
    names = np.arange(n) % sections
    scores = {
        arm: (rng.random(n) < np.clip(rates[arm] + level[names] * (0 < rates[arm] < 1), 0, 1)).astype(float)
        for arm in (*ARMS, "control", "control_both", "oracle")
        if arm in rates
    }
    clusters = [str(s) for s in names]
    family, beside = ([pair for pair in pairs if set(pair) <= set(rates)] for pairs in (FAMILY, BESIDE))
    differences = compare(scores, clusters, family, resamples=resamples, seed=seed) if family else []
    further = tuple(compare(scores, clusters, [pair], resamples=resamples, seed=seed)[0] for pair in beside)
    lengths, f1 = more.pop("lengths", {}), more.pop("f1", {})
    arms = {
        arm: ArmNumbers(
            correct=int(s.sum()), answerable=n, length=lengths.get(arm, 12.0), f1=f1.get(arm, float(s.mean()))
        )
        for arm, s in scores.items()
    }
    return Numbers(arms=arms, differences=tuple(differences), further=further, **more)


def test_really_better_both_wins():
    verdict = decide(planted({"base": 0.05, "rag": 0.45, "tuned": 0.25, "both": 0.75}))
    assert verdict.winner == "both"
    assert verdict.needed is None


def test_retrieval_wins_when_the_adapter_adds_nothing():
    assert decide(planted({"base": 0.05, "rag": 0.6, "tuned": 0.05, "both": 0.6})).winner == "rag"


def test_an_adapter_that_makes_things_worse_does_not_win():
    verdict = decide(planted({"base": 0.4, "rag": 0.7, "tuned": 0.1, "both": 0.2}))
    assert verdict.winner == "rag"


def test_the_adapter_wins_where_retrieval_fails():
    assert decide(planted({"base": 0.1, "rag": 0.12, "tuned": 0.6, "both": 0.6})).winner == "tuned"


def test_retrieval_is_chosen_for_its_upkeep_when_it_and_the_adapter_cannot_be_told_apart():
    verdict = decide(planted({"base": 0.05, "rag": 0.5, "tuned": 0.5, "both": 0.52}))
    assert verdict.winner == "rag"
    assert "changed document" in verdict.sentence


def test_equal_arms_with_enough_questions_mean_that_nothing_helps():
    verdict = decide(planted({"base": 0.5, "rag": 0.45, "tuned": 0.45, "both": 0.45}, n=3000, sections=1000))
    assert verdict.winner == "base"


def test_too_few_questions_mean_cannot_tell_and_say_how_many_would():
    numbers = planted({"base": 0.3, "rag": 0.5, "tuned": 0.4, "both": 0.5}, n=12, sections=6)
    verdict = decide(numbers)
    assert verdict.winner == "undecided"
    assert verdict.needed is None or verdict.needed > 12


def test_only_memorised_wordings_are_called_memorised():
    trained = compare({"t": [1.0] * 60, "b": [0.0] * 60}, [str(i) for i in range(60)], [("t", "b")])[0]
    numbers = planted({"base": 0.05, "rag": 0.5, "tuned": 0.05, "both": 0.5}, trained_wordings=trained)
    verdict = decide(numbers)
    assert verdict.winner == "rag"
    assert any("memorised" in reason for reason in verdict.reasons)


def test_an_arm_that_abstains_on_everything_cannot_win_and_is_named():
    numbers = planted({"base": 0.1, "rag": 0.0, "tuned": 0.4, "both": 0.0})
    arms = {**numbers.arms, "rag": numbers.arms["rag"].model_copy(update={"wrongly_abstained": 240})}
    verdict = decide(numbers.model_copy(update={"arms": arms}))
    assert verdict.winner == "tuned"
    assert any("declines" in reason for reason in verdict.reasons)


def test_an_arm_that_is_ahead_by_length_alone_is_vetoed():
    numbers = planted(
        {"base": 0.2, "rag": 0.4, "tuned": 0.2, "both": 0.7},
        lengths={"both": 90.0},
        f1={"base": 0.2, "rag": 0.4, "tuned": 0.2, "both": 0.1},
    )
    verdict = decide(numbers)
    assert verdict.winner == "rag"
    assert any("longer" in veto for veto in verdict.vetoes)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"forgetting": Change(lost=14, gained=0, n=60)}, "forgot"),
        ({"abstention": {"both": Change(lost=20, gained=1, n=60)}}, "do not answer"),
        ({"leaks": 1}, "training rows"),
    ],
)
def test_forgetting_abstention_and_leaks_veto_the_adapter(more, word):
    verdict = decide(planted({"base": 0.05, "rag": 0.45, "tuned": 0.0, "both": 0.75}, **more))
    assert verdict.winner == "rag"
    assert any(word in veto for veto in verdict.vetoes)


def test_what_was_not_asked_is_said_beside_the_verdict():
    rates = {"base": 0.05, "rag": 0.45, "tuned": 0.25, "both": 0.75}
    told = [decide(planted(rates, left_out=n), language) for n in (0, 9) for language in ("en", "zh-Hant")]
    said = [
        [r for r in v.reasons if r.startswith("Not asked: 9 questions") or "另有 9 題沒有拿來問" in r] for v in told
    ]
    assert list(map(len, said)) == [0, 0, 1, 1]


@pytest.mark.parametrize(("lost", "winner"), [(2, "both"), (3, "rag")])
def test_two_of_seven_questions_are_chance_and_veto_nothing_three_do(lost, winner):
    """As many general questions as quick effort asks."""
    change = Change(lost=lost, gained=0, n=7)
    verdict = decide(planted({"base": 0.05, "rag": 0.45, "tuned": 0.2, "both": 0.75}, forgetting=change))
    assert verdict.winner == winner
    assert all("of 7 general questions 3 lost, 0 gained" in veto for veto in verdict.vetoes)


def test_a_gain_that_is_real_but_small_does_not_pay_for_training_again():
    numbers = planted({"base": 0.1, "rag": 0.6, "tuned": 0.1, "both": 0.6})
    gain = {"difference": 0.03, "low": 0.01, "high": 0.05, "p_holm": 0.01}
    told = tuple(d.model_copy(update=gain) if (d.a, d.b) == ("both", "rag") else d for d in numbers.differences)
    verdict = decide(numbers.model_copy(update={"differences": told}))
    assert verdict.winner == "rag" and any("pay" in veto for veto in verdict.vetoes)


def test_an_adapter_whose_answers_take_far_longer_is_vetoed():
    numbers = planted({"base": 0.05, "rag": 0.4, "tuned": 0.1, "both": 0.8})
    slow = numbers.arms | {
        arm: numbers.arms[arm].model_copy(update={"seconds": s}) for arm, s in {"rag": 2.0, "both": 7.0}.items()
    }
    assert decide(numbers).winner == "both"
    assert decide(numbers.model_copy(update={"arms": slow})).winner == "rag"


def test_questions_without_references_decide_nothing_and_it_says_so():
    unmarked = {arm: ArmNumbers(correct=0, answerable=0) for arm in ARMS}
    verdict = decide(Numbers(arms=unmarked, differences=()))
    assert verdict.winner == "undecided" and "reference" in verdict.sentence and verdict.needed is None


def test_needed_counts_the_questions_beyond_those_that_were_asked():
    numbers = planted({"base": 0.3, "rag": 0.42, "tuned": 0.3, "both": 0.42}, n=60, sections=20)
    verdict = decide(numbers)
    open_ = [d for d in numbers.differences if d.needed and d.difference > 0]
    assert verdict.winner == "undecided" and verdict.needed == min(d.needed for d in open_) - 60


def test_a_small_loss_of_general_knowledge_does_not_veto():
    verdict = decide(
        planted({"base": 0.05, "rag": 0.45, "tuned": 0.2, "both": 0.75}, forgetting=Change(lost=2, gained=1, n=60))
    )
    assert verdict.winner == "both"


def test_a_comparison_in_chinese_speaks_chinese():
    verdict = decide(planted({"base": 0.05, "rag": 0.45, "tuned": 0.25, "both": 0.75}), language="zh-TW")
    assert verdict.winner == "both"
    assert verdict.sentence.startswith("兩者併用")
    assert all("。" in reason for reason in verdict.reasons)


def test_missing_arms_are_left_out_not_counted_as_zero():
    assert decide(planted({"base": 0.1, "rag": 0.6})).winner == "rag"


LARGE = {"n": 3000, "sections": 1000}
FAILED = {"base": "out of memory", "rag": "out of memory", "tuned": "out of memory", "both": "out of memory"}
READ = [
    # (rates, how many questions, which failed, winner, English, Chinese): every sentence was read by a person.
    ({"base": 0.05, "rag": 0.5}, {}, ("tuned", "both"), "rag",
     "Use retrieval: it answers 49% right, the plain model 8%. The adapter and retrieval with the adapter failed and "
     "could not be compared.",
     "使用檢索：答對 49%（原始模型 8%）。（微調、檢索加微調執行失敗，無法比較。）"),
    ({"base": 0.5, "tuned": 0.45}, LARGE, (), "base",
     "Use the plain model: nothing that was compared is better by a margin that matters (the plain model 51%, the "
     "adapter 44%).",
     "使用原始模型：比較過的方式都沒有足以影響使用的進步（原始模型 51%、微調 44%）。"),
    ({"base": 0.5, "rag": 0.45}, LARGE, (), "base",
     "Use the plain model: nothing that was compared is better by a margin that matters (the plain model 51%, "
     "retrieval 44%).",
     "使用原始模型：比較過的方式都沒有足以影響使用的進步（原始模型 51%、檢索 44%）。"),
    ({"base": 0.05, "tuned": 0.3, "both": 0.7}, {}, ("rag",), "both",
     "Use both: retrieval with the adapter answers 71% right, the adapter 28%, the plain model 8%. Retrieval failed "
     "and could not be compared.",
     "兩者併用：檢索加微調答對 71%（微調 28%、原始模型 8%）。（檢索執行失敗，無法比較。）"),
    ({"base": 0.4}, {}, ("rag", "tuned", "both"), "undecided",
     "No verdict: of the four ways of answering only the plain model answered, so there is nothing to compare it with. "
     "Retrieval, the adapter and retrieval with the adapter failed and could not be compared.",
     "沒有結論：四種回答方式中只有原始模型作答，沒有可比較的對象。（檢索、微調、檢索加微調執行失敗，無法比較。）"),
    ({}, {}, ARMS, "undecided",
     "No verdict: none of the four ways of answering has answered. The plain model, retrieval, the adapter and "
     "retrieval with the adapter failed and could not be compared.",
     "沒有結論：四種回答方式都沒有作答。（原始模型、檢索、微調、檢索加微調執行失敗，無法比較。）"),
    ({"rag": 0.6, "tuned": 0.3}, {}, (), "undecided",
     "No verdict: it takes the plain model's answers too to say whether anything is better than it.",
     "沒有結論：還需要原始模型的答案，才能知道其他方式是否勝過它。"),
    ({"base": 0.3, "rag": 0.42}, {"n": 40, "sections": 20}, (), "undecided",
     "Cannot tell: nothing is shown to be better than the plain model, and 40 questions can only show differences of "
     "25 points or more. More questions show smaller ones.",
     "無法判定：沒有任何方式確定勝過原始模型，而 40 題只能看出 25 個百分點以上的差距。題目愈多，能看出的差距愈小。"),
    ({"base": 0.0, "rag": 0.0, "tuned": 0.0, "both": 0.0}, {"n": 30, "sections": 15}, (), "undecided",
     "Cannot tell: nothing that was compared answered even one of 30 questions right. A stronger model would tell "
     "more.",
     "無法判定：30 題中，比較過的方式一題也沒有答對。換用較強的模型才看得出差別。"),
    ({"base": 0.0, "rag": 1.0}, {"n": 1, "sections": 1}, (), "undecided",
     "Cannot tell yet whether retrieval is better than the plain model: about 5 more questions (6 in all) would settle "
     "it.",
     "檢索是否勝過原始模型，目前無法判定：大約再加 5 題（共 6 題）才能確定。"),
]  # fmt: skip


@pytest.mark.parametrize(("rates", "size", "failed", "winner", "english", "chinese"), READ)
def test_the_sentence_names_only_ways_that_answered(rates, size, failed, winner, english, chinese):
    numbers = planted(rates, **size)
    lost = {arm: FAILED[arm] for arm in failed}
    said = {language: decided(numbers, lost, language) for language in ("en", "zh-Hant")}
    assert {verdict.winner for verdict in said.values()} == {winner}
    assert (said["en"].sentence, said["zh-Hant"].sentence) == (english, chinese)
    assert [reason.count("out of memory") for reason in said["en"].reasons[: len(failed)]] == [1] * len(failed)


def test_a_winner_behind_another_way_says_that_the_lead_may_be_chance():
    verdict = decide(planted({"base": 0.05, "rag": 0.45, "tuned": 0.25, "both": 0.47}))
    assert verdict.winner == "rag" and verdict.sentence.endswith("no more than chance allows.")


def test_a_control_is_called_what_it_is_in_both_ways_of_answering():
    rates = {"base": 0.05, "rag": 0.45, "tuned": 0.4, "both": 0.75, "control": 0.1, "control_both": 0.75}
    learned, manner = decide(planted(rates)).reasons[-2:]
    assert "29 points ahead of an adapter trained the same way on other documents" in learned
    assert "not shown to be better than retrieval with an adapter trained the same way" in manner


def test_no_sentence_of_any_case_is_left_with_a_gap():
    for rates, size, failed, *_ in READ:
        for language in ("en", "zh-Hant"):
            verdict = decided(planted(rates, **size), dict.fromkeys(failed, "gone"), language)
            for text in (verdict.sentence, *verdict.reasons, *verdict.vetoes):
                assert not re.search(r"[{}–]|\(\s*[,)]|（、|、）|\+0|-0 |  | 1 \w+s\b", text), text


def test_an_interval_without_zero_that_many_comparisons_make_unsure_says_why_it_is_open():
    open_ = planted({"base": 0.5, "rag": 0.55, "tuned": 0.5, "both": 0.5}, n=150, sections=50, resamples=500)
    found = open_.differences[0].model_copy(update={"low": 0.01, "high": 0.2, "p_holm": 0.2})
    assert "leaves out 0" in compared(found, "en") and "不含 0" in compared(found, "zh-Hant")
    assert "leaves out 0" not in compared(found.model_copy(update={"low": 0.004}), "en")


def test_a_true_null_is_called_better_in_at_most_one_comparison_of_twenty():
    wrong = sum(
        decide(planted(dict.fromkeys(ARMS, 0.5), n=150, sections=50, seed=seed, resamples=500)).winner
        not in {"base", "undecided"}
        for seed in range(1000)
    )
    assert wrong <= 50


def test_every_sentence_exists_in_both_languages():
    assert _EN.keys() == _ZH.keys()
