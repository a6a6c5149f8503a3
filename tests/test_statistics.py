"""Intervals that cover, tests that do not cry wolf, and sample sizes that agree with published ones."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.evaluation.statistics import compare, holm, mcnemar, questions_needed, smallest_difference, wilson


def clustered(rng, *, sections=60, per_section=5, gap=0.0, spread=0.25):
    """Paired 0/1 scores of two arms whose success varies by section, and each question's section."""
    level = np.clip(rng.normal(0.5, spread, sections), 0.05, 0.95)
    tilt = rng.normal(gap, 0.15, sections)
    names = np.repeat(np.arange(sections), per_section)
    a = rng.random(len(names)) < np.clip(level + tilt, 0, 1)[names]
    b = rng.random(len(names)) < level[names]
    return a.astype(float), b.astype(float), [str(n) for n in names]


def test_wilson_agrees_with_published_intervals():
    low, high = wilson(60, 100)
    assert (round(low, 2), round(high, 2)) == (0.50, 0.69)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_mcnemar_is_exact():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 * 0.5**5)
    assert mcnemar(7, 7) == pytest.approx(1.0)


def test_holm_never_lowers_a_p_value_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(
    ("difference", "discordance", "published"), [(0.05, 0.3, 965), (0.10, 0.3, 248), (0.15, 0.2, 73), (0.20, 0.4, 85)]
)
def test_sample_sizes_agree_with_the_published_table(difference, discordance, published):
    assert questions_needed(difference, discordance) == pytest.approx(published, rel=0.05)


def test_the_smallest_difference_is_the_inverse_of_the_sample_size():
    for n in (60, 100, 300, 500):
        assert questions_needed(smallest_difference(n, 0.3), 0.3) == pytest.approx(n, abs=2)


def test_intervals_cover_the_true_difference_on_clustered_data():
    rng = np.random.default_rng(11)
    inside = 0
    for _ in range(400):
        level = np.clip(rng.normal(0.5, 0.2, 40), 0.2, 0.8)
        names = np.repeat(np.arange(40), 5)
        a = (rng.random(200) < np.clip(level + 0.1, 0, 1)[names]).astype(float)
        b = (rng.random(200) < level[names]).astype(float)
        [found] = compare({"a": a, "b": b}, [str(n) for n in names], [("a", "b")], resamples=1000)
        inside += found.low <= 0.1 <= found.high
    assert 0.925 <= inside / 400 <= 0.975


def test_one_section_settles_nothing():
    [found] = compare({"a": [1, 1, 1, 1], "b": [0, 0, 0, 0]}, ["s"] * 4, [("a", "b")])
    assert (found.low, found.high) == (-1.0, 1.0)
    assert not found.settled


def test_equal_arms_have_no_difference_and_p_one():
    scores = [1.0, 0.0] * 20
    [found] = compare({"a": scores, "b": scores}, [str(i) for i in range(40)], [("a", "b")])
    assert (found.difference, found.p, found.mcnemar) == (0.0, 1.0, 1.0)
    assert found.needed is None


def test_no_difference_on_few_questions_proves_no_equality():
    """Thirty questions without one difference leave room for a difference in one of nine."""
    scores = [0.0] * 30
    [found] = compare({"a": scores, "b": scores}, [str(i) for i in range(30)], [("a", "b")])
    assert found.high == -found.low == pytest.approx(0.116, abs=0.001)
    assert found.smallest > found.high


def test_fewer_sections_than_can_ever_settle_it_are_never_called_enough():
    [found] = compare({"a": [1.0], "b": [0.0]}, ["s"], [("a", "b")])
    assert found.needed == 6  # Five coins all alike: p = 0.0625.


def test_the_same_numbers_give_the_same_result_twice():
    rng = np.random.default_rng(3)
    a, b, sections = clustered(rng, gap=0.1)
    family = [("a", "b")]
    assert compare({"a": a, "b": b}, sections, family) == compare({"a": a, "b": b}, sections, family)


def test_unsettled_differences_ask_for_more_questions_than_were_asked():
    rng = np.random.default_rng(5)
    a, b, sections = clustered(rng, sections=10, per_section=2, gap=0.05)
    [found] = compare({"a": a, "b": b}, sections, [("a", "b")])
    assert found.settled or found.needed is None or found.needed > found.n


def test_no_questions_give_no_differences():
    assert compare({"a": [], "b": []}, [], [("a", "b")]) == []
