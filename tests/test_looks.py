"""A model that says how sure it is answers from several amounts of evidence, and the surest answer is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import PrivateAttr

from finetune.evaluation.arms import Answering
from finetune.records import Arm, Question
from memory.errors import BackendFailed
from retrieval.answer import Answerer
from retrieval.packing import EvidencePlan
from retrieval.prompts import REFUSAL
from tests.scripted import Scripted
from tests.test_answer import HOURS, STAFF, FixedSearch

LOOKS = EvidencePlan(form="units", budget=400, looks=(3, 1), turns=0)


class Sure(Scripted):
    """Says of each prompt what `say` gives for its evidence, as (text, confidence)."""

    _say: Any = PrivateAttr()
    _seen: list[str] = PrivateAttr(default_factory=list)

    def __init__(self, say):
        super().__init__(replies=["asked in the ordinary way"])
        self._say = say

    def batch_answer(self, conversations, *, size=8, refusals=(), most=0, stopping=None):
        if stopping and stopping():
            raise BackendFailed("Stopped.")
        assert set(refusals) <= {REFUSAL["en"]} and len(refusals) == len(conversations)
        self._seen.extend(messages[-1].content for messages in conversations)
        values = [self._say(messages[-1].content) for messages in conversations]
        return [
            SimpleNamespace(text=text, prompt_tokens=10, tokens=4, cut_off=False, confidence=sure, declined=declined)
            for text, sure, declined in values
        ]


def few_are_read_better(prompt):
    return ("at 08:40 [1]", -0.1, 0.6) if "Fergus" not in prompt else ("Fergus Lanyard [2]", -0.9, 0.2)


def answerer(model, *hits, plan=LOOKS):
    return Answerer(FixedSearch(*hits), model, plan=plan)


def test_the_surest_answer_is_kept_with_the_passages_it_was_given():
    model = Sure(few_are_read_better)
    *pieces, answer = answerer(model, HOURS, STAFF).stream("When does the desk open?")
    assert pieces == [answer.text] == ["at 08:40 [1]"]
    assert [c.quote for c in answer.citations] == ["The desk opens at 08:40 and closes at 5 pm."]
    assert len(model._seen) == 2 and answer.prompt_tokens == 20 and answer.answer_tokens == 4


def test_evidence_that_is_the_same_for_every_look_is_read_once():
    model = Sure(few_are_read_better)
    answerer(model, HOURS.model_copy(update={"evidence": HOURS.evidence[:1]})).ask("When does the desk open?")
    assert len(model._seen) == 1 and model.asked == []


@pytest.mark.parametrize(
    ("many", "few", "declines"),
    [(0.1, 0.1, False), (0.3, 0.6, False), (0.9, 0.05, False), (0.6, 0.6, True), (0.45, 0.8, True), (0.2, 0.95, True)],
)
def test_a_question_is_declined_when_the_looks_together_speak_for_it(many, few, declines):
    model = Sure(lambda prompt: ("at 08:40 [1]", -0.1, many if "Fergus" in prompt else few))
    answer = answerer(model, HOURS, STAFF).ask("When does the desk open?")
    assert answer.abstained is declines
    if declines:
        assert answer.reason == "model_refused" and answer.text.startswith(REFUSAL["en"])


def test_an_answer_that_was_nearly_a_refusal_gives_way_to_one_that_was_not():
    model = Sure(lambda prompt: ("nobody [1]", -0.05, 0.6) if "Fergus" in prompt else ("at 08:40 [1]", -0.2, 0.1))
    assert answerer(model, HOURS, STAFF).ask("When does the desk open?").text == "at 08:40 [1]"


def test_a_model_that_does_not_say_how_sure_it_is_is_asked_once_with_all():
    model = Scripted(replies=["Fergus Lanyard [2]"])
    assert answerer(model, HOURS, STAFF).ask("Who takes complaints?").text == "Fergus Lanyard [2]"
    assert len(model.asked) == 1


def test_an_answer_stopped_while_it_looks_says_so():
    model = Sure(few_are_read_better)
    answer = list(answerer(model, HOURS, STAFF).stream("When does the desk open?", stop=lambda: True))[-1]
    assert answer.stopped and answer.text == "" and not answer.abstained


def test_a_failure_while_it_looks_is_not_taken_for_a_stop():
    def failing(prompt):
        raise BackendFailed("The model failed.")

    with pytest.raises(BackendFailed):
        answerer(Sure(failing), HOURS, STAFF).ask("When does the desk open?")


def test_an_arm_of_a_comparison_looks_as_the_chat_does():
    model = Sure(few_are_read_better)
    asked = answerer(model, HOURS, STAFF)
    questions = [Question(id=str(n), question="When does the desk open?", answer="08:40") for n in range(2)]
    arm = Answering(Arm(name="rag", retrieval=True), model, asked, lambda q: asked.search.search(q.question), None)
    chat = asked.ask(questions[0].question)
    for answer in arm.answer(questions):
        assert answer.text == chat.text and answer.citations == chat.citations and answer.prompt_tokens == 20
