"""Counting ahead: a forecast follows the rules that datasets and training follow."""

from __future__ import annotations

import pytest

from app.forecast import Amounts, Speeds, forecast, foreseen, trained_tokens
from finetune.pairs import replay
from finetune.pairs.settings import preset
from finetune.recipes import EPOCHS
from retrieval.packing import SMALL
from tests.tiny_model import tiny_model

LANTERN_BAY = Amounts(
    closed=2809, shown=498, general=1128, reading=1494, checks=432, tests=673, everyday=48, repeated=266
)
"""What building lantern-bay's dataset at balanced effort gave, from 1,038 facts in two languages."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("base") / "tiny")


MEASURED = Speeds(read=1000, write=50, train=500)


def ahead(base, *, questions=0, budget=None, speed=MEASURED):
    return forecast(
        LANTERN_BAY, speed, base=base, effort="balanced", trained=SMALL, read=SMALL, questions=questions, budget=budget
    )


def test_the_rows_of_a_real_dataset_are_foreseen():
    found = foreseen(1038, {"en", "zh-Hant"}, preset("balanced"))
    for name in ("rows", "pairs", "tests", "general", "reading"):
        assert getattr(found, name) == pytest.approx(getattr(LANTERN_BAY, name), rel=0.15), name


def test_a_small_set_has_the_general_rows_that_a_dataset_gives_it():
    found = foreseen(900, {"en"}, preset("quick"))
    assert found.general == replay.LEAST
    assert found.rows == pytest.approx(927, rel=0.1), "what the samples' dataset has at quick effort"


def test_a_pass_computes_the_general_rows_that_are_its_turn_and_shared_passages_once():
    tokens = trained_tokens(LANTERN_BAY, SMALL, EPOCHS["balanced"])
    assert tokens == pytest.approx(215_000, rel=0.15), "what a pass over lantern-bay's dataset computed"
    assert trained_tokens(LANTERN_BAY, SMALL, 1) > tokens + 0.7 * 1128 * 45


def test_training_takes_its_passes_and_the_questions_in_between_and_a_budget_cuts_them(base):
    train = ahead(base).parts[1]
    assert train.count == LANTERN_BAY.rows == 5929
    assert 5 * 215_000 / 500 < train.seconds < 7 * 215_000 / 500
    assert ahead(base, budget=1200).parts[1].seconds == pytest.approx(1210)
    assert ahead(base, budget=60).parts[1].seconds == pytest.approx(0.4 * train.seconds, rel=0.02)


def test_before_the_first_training_its_pace_follows_from_reading(base):
    slow, fast = (ahead(base, speed=Speeds(read=read, write=50)).parts[1].seconds - 10 for read in (500, 1000))
    assert slow == pytest.approx(2 * fast) and fast > ahead(base).parts[1].seconds / 2


def test_every_question_is_answered_four_ways_and_a_general_one_without_documents_only(base):
    assert ahead(base).parts[2].count == 4 * 673 + 2 * 48
    assert ahead(base, questions=120).parts[2].count == 4 * 102 + 2 * 20
