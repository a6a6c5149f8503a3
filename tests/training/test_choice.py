"""Which checkpoint is best, when training ends early, and what is said about it."""

from __future__ import annotations

import pytest

from finetune.engines.choice import Scores, better, finished, forgot, words

ASKED = {"general_count": 60, "abstention_count": 50}
BASE = Scores(unseen_wording=0.0, general=0.5, abstention=0.9, **ASKED)


def at(unseen, general=0.5, abstention=0.9, loss=0.5):
    return Scores(unseen_wording=unseen, general=general, abstention=abstention, loss=loss, **ASKED)


def best_of(*history):
    best = None
    for scores in history:
        if better(scores, best, BASE):
            best = scores
    return best


def test_the_best_checkpoint_knows_most_among_those_that_forgot_little():
    assert best_of(at(0.3), at(0.8), at(0.7)) == at(0.8)
    assert best_of(at(0.6), at(0.9, general=0.3)) == at(0.6)
    assert best_of(at(0.9, general=0.3), at(0.6)) == at(0.6)
    assert best_of(at(0.6), at(0.9, abstention=0.7)) == at(0.6)


def test_a_checkpoint_that_learned_nothing_does_not_win_by_forgetting_nothing():
    assert best_of(at(0.0), at(0.8, general=0.3)) == at(0.8, general=0.3)
    assert best_of(at(0.8, general=0.3), at(0.0)) == at(0.8, general=0.3)


def test_among_equals_the_surer_one_wins():
    assert best_of(at(0.8, loss=0.5), at(0.8, loss=0.2)).loss == 0.2
    assert best_of(at(0.8, loss=0.2), at(0.8, loss=0.5)).loss == 0.2


@pytest.mark.parametrize(
    ("general", "abstention", "lost"),
    [(0.45, 0.86, ""), (0.44, 0.9, "4 of 60 general questions"), (0.5, 0.84, "6% of the refusals")],
)
def test_three_general_questions_and_five_points_of_abstention_may_be_lost(general, abstention, lost):
    found = forgot(at(0.5, general=general, abstention=abstention), BASE)
    assert found.message.endswith(f"lost {lost}.") if lost else found is None


@pytest.mark.parametrize(("abstention", "kept"), [(0.8, True), (0.7, False)])
def test_of_few_refusals_one_may_be_lost_because_one_decides_nothing(abstention, kept):
    ten = {"abstention_count": 10}
    assert (forgot(Scores(abstention=abstention, **ten), Scores(abstention=0.9, **ten)) is None) is kept


def test_training_ends_when_everything_is_known_twice_or_nothing_improves():
    assert finished([at(0.9), at(1.0)], BASE, 2) is None
    assert finished([at(1.0), at(1.0)], BASE, 2).id == "ended_known"
    assert finished([at(0.8), at(0.8)], BASE, 2) is None
    assert finished([at(0.8), at(0.8), at(0.7)], BASE, 2).id == "ended_no_better"
    assert finished([at(0.0, loss=1.9), at(0.0, loss=1.5), at(0.0, loss=1.2)], BASE, 2) is None


def test_overfitting_memorising_and_forgetting_are_said_in_words():
    assert "Overfitting" in words([at(0.8, loss=0.3), at(0.6, loss=0.1)], BASE).message
    assert "memorised the rows" in words([at(0.3, loss=0.04)], BASE).message
    assert "lost 12 of 60 general questions" in words([at(0.9, general=0.3)], BASE).message
    assert "90%" in words([at(0.9)], BASE).message
    assert "nobody can tell" in words([Scores(loss=0.4)], BASE).message
