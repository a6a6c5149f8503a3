"""Asking a model in training: the quick way gives the marks of the slow one, and the sample is fair."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from peft.tuners.lora import LoraLayer

from app.settings import Retrieval
from benchmarks.facts import pairs
from finetune.datasets import messages
from finetune.engines import examine as module
from finetune.engines.choice import Scores
from finetune.engines.examine import Exam, exam, examine
from finetune.engines.network import load_network
from finetune.engines.progress import Progress
from finetune.evaluation.general import sample
from finetune.models.decoding import BatchDecoding
from finetune.models.devices import describe
from finetune.models.templates import Row, load_tokenizer, render
from finetune.records import Pair, TrainingSpec


@pytest.fixture
def tokenizer(base):
    return load_tokenizer(base)


@pytest.fixture
def model(base):
    return load_network(TrainingSpec(base="tiny", dataset="facts", rank=4), base, describe())


def test_what_one_pass_calls_reproduced_is_what_greedy_decoding_writes(model, tokenizer):
    prompts = [render(messages(Pair(id="", instruction=f"Question {i * 7}", output="x")), tokenizer) for i in range(3)]
    decoding = BatchDecoding(prompts, [257], 6)
    while not decoding.done:
        decoding.advance(model.eval())
    rows = [Row([*prompt, *tokens], len(prompt)) for prompt, tokens in zip(prompts, decoding.tokens, strict=True)]
    wrong = [Row([*row.ids[:-1], (row.ids[-1] + 1) % 256], row.prompt) for row in rows]
    nobody = Exam(tokenizer, (), (), ())
    assert all(module._reproduced(model, nobody, rows)) and not any(module._reproduced(model, nobody, wrong))


def test_every_fact_is_asked_before_any_is_asked_twice(tokenizer):
    found = exam(pairs(40), tokenizer, effort="quick", limit=512)
    assert len(found.facts) == 30 and len({pair.fact_id for pair in found.facts}) == 30
    assert all(pair.split == "dev" for pair in found.facts) and len(found.general) == 15


def test_refusals_are_asked_with_their_passages_apart_from_facts_and_test_stands_in_for_a_missing_dev(tokenizer):
    refusal = Pair(
        id="r", instruction="?", input="a", output="no", kind="refusal", split="test", test_set="unanswerable"
    )
    bare = refusal.model_copy(update={"id": "b", "input": ""})
    rows = [pair for pair in pairs(3) if pair.split != "dev"] + [refusal, bare]
    found = exam(rows, tokenizer, effort="quick", limit=512)
    assert [pair.id for pair in found.refusals] == ["r"]
    assert {pair.split for pair in found.facts} == {"test"} and len(found.facts) == 3


def test_refusals_are_asked_with_the_adapter_as_it_speaks_beside_passages(model, tokenizer, monkeypatch):
    seen = {}
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]

    def answered(model, exam, pairs, marked):
        seen[pairs[0].kind] = {scale for layer in layers for scale in layer.scaling.values()}
        return [True]

    monkeypatch.setattr(module, "_pairs", answered)
    fact, refusal = pairs(1)[0], Pair(id="r", instruction="?", input="a", output="no", kind="refusal")
    (trained,) = {scale for layer in layers for scale in layer.scaling.values()}
    examine(model, Exam(tokenizer, [fact], (), [refusal]))
    assert seen == {"closed_book": {trained}, "refusal": {trained * Retrieval().adapter_strength}}
    assert {scale for layer in layers for scale in layer.scaling.values()} == {trained}


def test_scores_are_shares_and_the_model_goes_on_training(model, tokenizer):
    facts = [pair for pair in pairs(2) if pair.split == "dev"]
    scores = examine(model, Exam(tokenizer, facts, (), ()), step=3, epoch=1.0, loss=0.5)
    assert scores.unseen_wording == 0.0 and scores.general is None and scores.abstention is None
    assert (scores.step, scores.loss) == (3, 0.5) and model.training


@pytest.mark.parametrize("looks", [0, 1, 7])
def test_an_exam_ends_where_somebody_stops_the_run_and_the_model_goes_on_training(model, tokenizer, looks):
    facts, general = [pair for pair in pairs(2) if pair.split == "dev"], exam((), tokenizer, effort="quick", limit=512)
    seen = []
    asked = replace(general, facts=facts, stopping=lambda: len(seen) > looks or seen.append(1))
    with pytest.raises(module.ExamStopped):
        examine(model, asked)
    assert len(seen) == looks + 1 and model.training


@pytest.mark.parametrize(("last", "ends"), [(False, True), (True, False)])
def test_a_run_that_comes_to_its_end_is_not_said_to_have_ended_early(last, ends, monkeypatch):
    monkeypatch.setattr("finetune.engines.progress.examine", lambda *a, **more: Scores(unseen_wording=1.0, **more))
    job = SimpleNamespace(spec=TrainingSpec(base="b", dataset="d"), emit=lambda *a, **more: None)
    account = Progress(job, Exam(None, (), (), ()), SimpleNamespace(keep_best=lambda *a: None), dict)
    assert not account.evaluate(None, 4, 1.0)
    assert account.evaluate(None, 8, 2.0, last=last) is ends and (account.reason is not None) is ends


def test_an_exam_asks_in_groups_that_fit_into_memory_and_asks_everything():
    starts = [30 + 37 * i % 900 for i in range(200)]
    ends = [start + 12 for start in starts]
    groups = list(module._groups(starts, ends))
    assert sorted(i for group in groups for i in group) == list(range(200))
    for group in groups:
        longest = max(ends[i] for i in group)
        assert len(group) <= module.BATCH and len(group) * longest <= module.TOKENS
        assert len(group) * (longest - min(starts[i] for i in group) + 1) <= module.LOGITS


def test_a_model_with_a_writer_of_its_own_is_asked_through_it(model, tokenizer):
    asked = Exam(tokenizer, (), sample(3), (), writer=lambda network, rows, ends, limit: [[65, 66]] * len(rows))
    assert examine(model, asked).general_count == 3 and set(asked.answers.values()) == {"AB"}
