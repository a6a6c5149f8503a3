"""The card before a run: what it counts, what it refuses and what it warns of."""

from __future__ import annotations

import pytest

from benchmarks.facts import pairs
from finetune.pairs import replay
from finetune.preflight import card, measured
from finetune.records import TrainingSpec
from tests.tiny_model import ALPACA, tiny_model
from tests.training.conftest import write_dataset

SPEC = TrainingSpec(base="tiny", dataset="facts", batch=4, epochs=3)


def look(kb, base, *, name="facts", **more):
    return card(SPEC.model_copy(update=more), base=base, dataset=kb.dataset(name))


def kinds(advice):
    return {one.kind for one in advice}


def test_the_card_counts_rows_tokens_steps_and_what_is_supervised(kb, base):
    found = look(kb, base)
    assert found.ok and found.parity and found.truncated == 0
    assert (found.rows, found.facts, found.steps, found.epochs) == (16, 4, 12, 3.0)
    supervised = sum(len(pair.output.encode()) + 1 for pair in pairs(4) if pair.split == "train")
    assert found.supervised == supervised and found.supervised_per_row == supervised / 16
    assert found.checks > 4 and found.adapter_bytes > 0 and 0 < found.memory_needed < found.memory_free


@pytest.mark.parametrize(("more", "steps", "passes"), [({}, 18, 3.0), ({"max_steps": 8}, 8, 1.3)])
def test_passes_are_those_that_are_made_however_short_the_last_batch_of_one_is(kb, base, more, steps, passes):
    found = look(kb, base, batch=3, **more)
    assert (found.rows, found.steps, found.epochs) == (16, steps, passes)


def test_the_first_row_is_shown_token_by_token_with_its_mask(kb, base):
    sample = look(kb, base).sample
    first = next(pair for pair in pairs(4) if pair.split == "train")
    assert "".join(piece.text for piece in sample if piece.supervised) == first.output + "<|im_end|>"
    assert first.instruction in "".join(piece.text for piece in sample if not piece.supervised)


def test_time_and_memory_come_from_measured_steps(kb, base):
    found = measured(look(kb, base), SPEC, base=base, dataset=kb.dataset("facts"))
    assert found.seconds > 0 and found.tokens_per_second > 0
    assert found.trainable == 16 * (2 * (64 + 64) * 2 + 2 * (64 + 32) * 2 + 3 * (64 + 128) * 2)
    assert found.memory_needed > 50_000_000


def test_too_long_rows_are_refused_or_counted_when_they_may_be_cut(kb, base):
    refused = look(kb, base, max_length=128)
    assert not refused.ok and kinds(refused.problems) == {"too_long"}
    cut = look(kb, base, max_length=128, truncate=True)
    assert cut.ok and cut.truncated > 0 and "truncated" in kinds(cut.warnings)


def test_an_empty_dataset_a_missing_one_and_a_missing_model_are_refused(kb, base, tmp_path):
    write_dataset(kb, "empty", [pair for pair in pairs(2) if pair.split != "train"])
    assert kinds(look(kb, base, name="empty").problems) == {"no_rows"}
    assert "not a finished dataset" in look(kb, base, name="nowhere").problems[0].message
    assert not look(kb, tmp_path / "nothing").ok


def test_a_base_model_without_a_template_is_warned_about(kb, tmp_path):
    found = look(kb, tiny_model(tmp_path / "base", template=None))
    assert found.ok and "base_model" in kinds(found.warnings)


def test_a_template_that_ends_answers_differently_is_named(kb, tmp_path):
    found = look(kb, tiny_model(tmp_path / "alpaca", template=ALPACA))
    assert not found.parity and "parity" in kinds(found.warnings)


def test_few_facts_and_few_wordings_are_warned_about(kb, base):
    write_dataset(kb, "thin", [pair for pair in pairs(3) if pair.family in ("train0", "dev")])
    assert {"few_facts", "few_wordings"} <= kinds(look(kb, base, name="thin").warnings)


def test_too_few_general_rows_are_warned_about_with_their_share(kb, base):
    few = look(kb, base).warnings
    assert "little_general" in kinds(few) and "0.0%" in next(a.message for a in few if a.kind == "little_general")
    general = list(replay.training({"en"}, 4))
    write_dataset(kb, "mixed", [*pairs(4), *general])
    assert "little_general" not in kinds(look(kb, base, name="mixed").warnings)


def test_what_the_machine_cannot_do_is_refused_before_anything_runs(kb, base):
    found = look(kb, base, bits=32, method="qlora")
    assert not found.ok and "engine" in kinds(found.problems) and found.problems[0].hint


def test_eight_bits_are_let_through_on_a_cpu_with_bitsandbytes(kb, base):
    pytest.importorskip("bitsandbytes")
    assert look(kb, base, bits=8, method="qlora").ok


def test_memory_that_is_not_there_is_refused_with_what_would_fit(kb, base, monkeypatch):
    monkeypatch.setattr("finetune.offers.memory", lambda *a, **k: 10**15)
    found = look(kb, base)
    assert kinds(found.problems) == {"memory"} and "batch to 2" in found.problems[0].hint
