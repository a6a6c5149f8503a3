"""The reading check: fair questions, a right count, kept results, words and advice."""

from __future__ import annotations

import re

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from finetune.evaluation.marks import contains
from finetune.models.check import (
    LanguageReading,
    Reading,
    alternatives,
    check,
    identity_of,
    keep,
    kept,
    messages,
    plan_for,
    questions,
    reads,
    sentence,
)
from memory.errors import BackendFailed
from retrieval.packing import LARGE, SMALL, estimate
from retrieval.prompts import REFUSAL
from tests.models.conftest import QUESTION

FEW = questions()[:3] + questions()[40:43]


class Reader(GenericFakeChatModel):
    """Answers by looking the question up: rightly when its answer stands in the prompt, else with a refusal."""

    messages: object = iter(())
    invents: bool = False
    blind: frozenset[str] = frozenset()

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        from langchain_core.outputs import ChatGeneration, ChatResult

        text = messages[-1].content
        asked = next(question for question in questions() if question.question in text)
        there = any(contains(text, variant) for variant in (asked.answer, *asked.accept))
        answer = asked.answer if there and asked.language not in self.blind else REFUSAL[asked.language]
        if self.invents and not there:
            answer = "Something else."
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer))])

    def _stream(self, *args, **kwargs):
        from langchain_core.messages import AIMessageChunk
        from langchain_core.outputs import ChatGenerationChunk

        yield ChatGenerationChunk(message=AIMessageChunk(content="x"))


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_there_are_forty_questions_in_each_language_with_ids_of_their_own():
    found = questions()
    assert [sum(q.language == language for q in found) for language in ("en", "zh-Hant")] == [40, 40]
    assert len({q.id for q in found}) == len({q.question for q in found}) == 80


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.id)
def test_a_question_is_answered_by_its_passage_and_by_no_other(question):
    variants = (question.answer, *question.accept)
    assert any(contains(question.passages[question.gold][1], variant) for variant in variants)
    assert not any(contains(question.question, variant) for variant in variants)
    with_answer = messages(question, LARGE, estimate, given=True)[-1].content
    without = messages(question, LARGE, estimate, given=False)[-1].content
    evidence = without.partition("</documents>")[0]
    opening = squeezed(question.passages[question.gold][1])[:20]
    assert opening in squeezed(with_answer), "a plan may show a passage sentence by sentence"
    assert opening not in squeezed(evidence)
    assert any(contains(with_answer, variant) for variant in variants)
    others = [text for position, (_, text) in enumerate(question.passages) if position != question.gold]
    assert not any(contains(text, variant) for text in others for variant in variants)
    assert not any(contains(evidence, variant) for variant in variants)
    assert with_answer.count("\n[") == without.count("\n[") == 3


def test_the_answering_passage_stands_in_every_place():
    places = set()
    for question in questions():
        text = messages(question, LARGE, estimate, given=True)[-1].content
        blocks = re.split(r"\n(?=\[\d)", text)[1:]
        heading = question.passages[question.gold][0]
        places.add(next(n for n, block in enumerate(blocks) if heading in block.split("\n")[0]))
    assert places == {0, 1, 2}


def test_short_pieces_hold_the_answer_too():
    for question in questions():
        text = messages(question, SMALL, estimate, given=True)[-1].content
        assert any(contains(text, variant) for variant in (question.answer, *question.accept)), question.id


def test_a_perfect_reader_gets_full_marks_and_one_that_invents_is_found_out():
    seen = []
    good = check(Reader(), "good", progress=lambda done, total: seen.append((done, total)), asked=questions())
    assert [(r.right, r.refused, r.wrongly_refused) for r in good.languages] == [(40, 40, 0), (40, 40, 0)]
    assert seen[-1] == (160, 160)
    bad = check(Reader(invents=True), "bad", asked=FEW)
    assert [(r.right, r.refused) for r in bad.languages] == [(3, 0), (3, 0)]


def test_a_language_it_cannot_read_is_said_in_words_with_models_that_can():
    reading = check(Reader(blind=frozenset({"zh-Hant"})), "half", asked=FEW)
    _, chinese = reading.languages
    assert sentence(chinese).startswith("This model reads 0 of 3 in Chinese")
    assert sentence(chinese, chinese=True).startswith("這個模型讀中文，3 題答對 0 題")
    assert (reads(reading, "en"), reads(reading, "zh-Hant"), reads(None, "en")) == (True, False, None)
    assert chinese.wrongly_refused == 3
    assert [entry.name for entry in alternatives(reading, ["zh-Hant"], 4 << 30)] == ["qwen3-0.6b"]
    assert alternatives(reading, ["en"], 4 << 30) == ()


def reading(right: int) -> Reading:
    one = LanguageReading(language="en", asked=40, right=right, refused=0, wrongly_refused=0)
    return Reading(
        model="m",
        identity="m",
        plan=LARGE,
        languages=(one,),
        first_token_seconds=0,
        tokens_per_second=0,
        memory=0,
        seconds=0,
        checked="",
    )


def test_a_model_that_reads_badly_gets_short_evidence():
    assert plan_for(reading(10)) == SMALL
    assert plan_for(reading(36)) == LARGE


def test_a_result_is_kept_for_the_very_model_that_was_checked(workspace):
    keep(reading(7), workspace)
    assert kept("m", workspace) == reading(7)
    assert kept("other", workspace) is None


def test_a_local_model_is_known_by_the_fingerprints_of_base_and_adapter(model, tuned):
    assert identity_of(model, "x") != identity_of(tuned, "x")
    assert identity_of(tuned, "x").startswith(identity_of(model, "x") + "+")


def test_a_local_model_is_checked_in_batches_and_timed(model):
    result = check(model.model_copy(update={"max_new_tokens": 4}), "tiny", asked=FEW)
    assert [r.asked for r in result.languages] == [3, 3]
    assert result.tokens_per_second > 0 and result.first_token_seconds > 0 and result.memory > 0


def test_a_check_can_be_stopped(model):
    with pytest.raises(BackendFailed, match="stopped"):
        check(model, "tiny", stopping=lambda: True)
    assert model.answer(QUESTION)
