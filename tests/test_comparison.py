"""A comparison of arms on a small library: shared hits, marks, resuming, failing arms, identical repeats."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from finetune.evaluation import retelling
from finetune.evaluation.arms import Answering
from finetune.evaluation.comparison import BATCH, run
from finetune.evaluation.kept import Comparison, Plan, every, find
from finetune.evaluation.report import explain
from finetune.models.local import Generated
from finetune.records import Arm, Question
from memory.errors import BackendFailed, DocgraftError
from retrieval.answer import Answerer
from retrieval.embedders import load
from retrieval.library import Library
from retrieval.prompts import REFUSAL, estimate
from retrieval.search import Search

BERTHS = {"Cairn": 37, "Pell": 41, "Tarn": 52, "Hexley": 63, "Corrow": 74, "Saltmere": 85, "Ostrey": 96, "Brigg": 18}
TEXT = "# Berths\n\n" + "\n\n".join(
    f"## {name}\n\nThe fee for berth {name} is {fee} pounds a week." for name, fee in BERTHS.items()
)
UNTIMED = {"seconds": 0, "memory": 0}
ARMS = (
    Arm(name="base", retrieval=False),
    Arm(name="rag", retrieval=True),
    Arm(name="both", retrieval=True, adapter="a"),
    Arm(name="oracle", retrieval=False, oracle=True),
)


class Reader:
    """A double that copies the first sentence of its evidence that names the berth asked about; else it refuses."""

    def __init__(self, fails_after=10**9):
        self.prompts = []
        self.fails_after = fails_after

    def batch_answer(self, conversations, *, size=8, stopping=None):
        return [self._one(messages) for messages in conversations]

    def _one(self, messages):
        if len(self.prompts) >= self.fails_after:
            raise BackendFailed("The model server went away.")
        text = messages[-1].content
        self.prompts.append(text)
        name = next((n for n in BERTHS if n in text.rsplit("Question:", 1)[-1]), "?")
        line = next((x for x in text.splitlines() if f"berth {name}" in x and "pounds" in x), REFUSAL["en"])
        return Generated(text=line, prompt_tokens=len(text), tokens=len(line))


QUESTIONS = (
    *(
        Question(
            id=name,
            question=f"What is the fee for berth {name}?",
            answer=f"{fee} pounds",
            evidence=f"The fee for berth {name} is {fee} pounds a week.",
            section_id=name,
        )
        for name, fee in BERTHS.items()
    ),
    Question(id="z1", question="What is the fee for berth Atlantis?", answer=None, kind="unanswerable"),
    Question(id="z2", question="Which is the capital of France?", answer="Paris", test_set="general"),
)


@pytest.fixture
def shelf(workspace, tmp_path):
    path = tmp_path / "berths.md"
    path.write_text(TEXT, encoding="utf-8")
    embedder = load("hashing")
    library = Library(workspace.base("default"), embedder)
    library.add([path])
    return library, Search(library, embedder, floor=0.0)


@pytest.fixture
def compare(shelf, workspace):
    library, search = shelf

    def start(questions=QUESTIONS, reader=None, readers=None, arms=ARMS, **options):
        reader = reader or Reader()
        answerer = Answerer(search, None, count=estimate)
        cache = {}

        def hits(question):
            return cache.setdefault(question.id, search.search(question.question))

        plan = Plan(kb="default", arms=arms, questions=tuple(questions), settings={"model": "double"})
        answering = {a.name: Answering(a, (readers or {}).get(a.name, reader), answerer, hits, library) for a in arms}
        comparison = find(workspace.base("default"), plan)
        return comparison, run(comparison, plan, answering, **options), reader

    return start


def test_retrieval_reads_what_the_base_cannot_know(compare):
    comparison, card, _ = compare()
    right = {s.arm: s.answerable.correct for s in card.summaries}
    assert right["base"] == 0
    assert right["rag"] == right["both"] == right["oracle"] == len(BERTHS)
    assert comparison.complete
    assert (comparison.folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_both_retrieval_arms_see_the_very_same_evidence(compare):
    rag, both = Reader(), Reader()
    compare(readers={"rag": rag, "both": both})
    assert rag.prompts == both.prompts


def test_an_answer_from_the_documents_takes_the_time_of_its_search_too(shelf):
    library, search = shelf
    slow = search.search(QUESTIONS[0].question).model_copy(update={"seconds": 30.0})
    arm = Arm(name="rag", retrieval=True)
    for found in (slow, slow.model_copy(update={"hits": ()})):
        worker = Answering(arm, Reader(), Answerer(search, None, count=estimate), lambda _, found=found: found, library)
        (answer,) = worker.answer(QUESTIONS[:1])
        assert 30 <= answer.seconds < 60


def test_every_grounded_answer_says_what_it_cites_and_whether_the_answer_was_at_hand(compare):
    comparison, card, _ = compare()
    assert card is not None
    assert [s.at_hand and s.at_hand.correct for s in card.summaries] == [None, *[len(BERTHS)] * 3]
    found = {(a.arm, a.question.id): a for a in comparison.answers()}
    (quote,) = found["rag", "Cairn"].quotes
    assert re.fullmatch(r"\[\d+\] berths\.md › Berths > Cairn: The fee for berth Cairn is 37 pounds a week\.", quote)
    assert found["rag", "Cairn"].at_hand is True
    assert found["base", "Cairn"].quotes == () and found["base", "Cairn"].at_hand is None
    assert found["rag", "z1"].at_hand is None
    elsewhere = Question(id="e", question="What is the fee for berth Cairn?", answer="38 pounds")
    comparison, _, _ = compare(questions=[elsewhere])
    (answer,) = (a for a in comparison.answers() if a.arm == "rag")
    assert answer.at_hand is False and "its evidence does not hold the answer" in explain(answer)


def test_general_questions_are_asked_without_documents_and_never_of_retrieval_arms(compare):
    _, card, _ = compare()
    counted = {s.arm: s.general.n for s in card.summaries}
    assert counted == {"base": 1, "rag": 0, "both": 0, "oracle": 0}


def test_an_unanswerable_question_is_right_when_declined(compare):
    _, card, _ = compare()
    by_name = {s.arm: s for s in card.summaries}
    assert by_name["rag"].unanswerable.correct == 1
    assert by_name["oracle"].unanswerable.n == 0


def test_two_runs_and_another_order_of_the_questions_give_the_same_answers(compare):
    first, _, _ = compare()
    answers = first.answers()
    shutil.rmtree(first.folder)
    second, _, _ = compare(questions=QUESTIONS[::-1])
    keep = ("arm", "text", "correct", "abstained", "sections")
    assert sorted((a.question.id, *(getattr(a, k) for k in keep)) for a in answers) == sorted(
        (a.question.id, *(getattr(a, k) for k in keep)) for a in second.answers()
    )


def test_a_stopped_comparison_resumes_without_asking_again(compare):
    calls = iter([False, True])
    comparison, card, first = compare(stop=lambda: next(calls))
    assert card is None
    assert not comparison.complete
    asked = len(first.prompts)
    again, card, second = compare()
    assert again.id == comparison.id
    assert card is not None
    assert asked + len(second.prompts) == len(again.answers()) == 36


def test_a_torn_last_line_is_asked_again_and_leaves_no_half_answer(compare, workspace):
    comparison, _, _ = compare()
    whole = comparison.answers()
    comparison.card_file.unlink()
    data = comparison.answers_file.read_bytes()
    comparison.answers_file.write_bytes(data[:-40])
    again, card, _ = compare()
    assert card is not None
    assert [a.model_copy(update=UNTIMED) for a in again.answers()] == [a.model_copy(update=UNTIMED) for a in whole]


def test_an_arm_that_fails_midway_is_failed_not_zero_and_the_others_go_on(compare):
    _, card, _ = compare(readers={"both": Reader(fails_after=3)})
    by_name = {s.arm: s for s in card.summaries}
    assert by_name["both"].failed == "The model server went away."
    assert by_name["both"].answerable.n == 0
    assert by_name["rag"].answerable.n == len(BERTHS)
    assert {(d.a, d.b) for d in card.differences} == {("rag", "base")}


def test_every_answer_is_on_disk_with_its_marks_and_settings(compare):
    comparison, card, _ = compare()
    rows = [json.loads(line) for line in (comparison.folder / "marked.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(comparison.answers())
    assert card.settings["model"] == "double"
    assert card.settings["batch"] == BATCH


def test_finished_comparisons_are_listed_newest_first_and_can_be_repeated(compare, workspace):
    first, _, _ = compare()
    second, _, _ = compare()
    assert first.id != second.id
    assert [c.id for c in every(workspace.base("default"))] == [second.id, first.id]
    assert Comparison(first.folder).questions() == list(QUESTIONS)


def test_an_arm_given_twice_is_refused(compare):
    with pytest.raises(DocgraftError, match="twice"):
        compare(arms=(ARMS[0], ARMS[0]))


def test_a_finished_comparison_is_told_in_another_language_with_the_same_winner_and_numbers(compare):
    comparison, card, _ = compare(language="en")
    assert card is not None
    told = retelling.told(comparison, "zh-Hant")
    assert told.verdict.winner == card.verdict.winner and told.differences == card.differences
    assert told.verdict.sentence != card.verdict.sentence and len(told.verdict.reasons) == len(card.verdict.reasons)
    assert retelling.told(comparison, "en") == card
