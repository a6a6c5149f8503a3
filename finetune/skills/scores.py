"""How well a model reads a knowledge base whose questions have references. Asks the way chat does; trains nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence

from finetune.evaluation.arms import Answering, turns
from finetune.evaluation.marks import correct
from finetune.models.local import LocalChatModel
from finetune.records import Arm, Question
from memory.records import Record
from retrieval.answer import Answerer
from retrieval.library import Library
from retrieval.packing import SMALL
from retrieval.records import Answer, SearchResult
from retrieval.search import Search


class Score(Record):
    """Counts of one knowledge base."""

    kb: str
    answerable: int
    section: int
    """Right with the answering section given."""
    search: int
    """Right with the best evidence of the search."""
    declined: int
    """Answerable, and declined with the evidence of the search."""
    unanswerable: int
    refused: int
    """Of the unanswerable, with the evidence of the search."""
    seconds: float
    """For all of it."""


def score(
    model: LocalChatModel, library: Library, search: Search, questions: Sequence[Question], *, kb: str = ""
) -> Score:
    """Ask every question with the evidence of the search, and every answerable one with its section given."""
    started = time.monotonic()
    found: dict[str, SearchResult] = {}

    def hits(question: Question) -> SearchResult:
        if question.id not in found:
            found[question.id] = search.search(question.question, history=turns(question))
        return found[question.id]

    def ask(arm: Arm, asked: Sequence[Question]) -> list[Answer]:
        answerer = Answerer(search, model, plan=SMALL, count=model.count, answer_tokens=model.max_new_tokens)
        return Answering(arm, model, answerer, hits, library).answer(asked)

    answerable = [question for question in questions if question.answer is not None]
    absent = [question for question in questions if question.answer is None]
    read = ask(Arm(name="rag", retrieval=True), answerable)
    given = ask(Arm(name="oracle", retrieval=False, oracle=True), answerable)
    none = ask(Arm(name="rag", retrieval=True), absent)
    return Score(
        kb=kb,
        answerable=len(answerable),
        section=_right(given, answerable),
        search=_right(read, answerable),
        declined=sum(answer.abstained for answer in read),
        unanswerable=len(absent),
        refused=sum(answer.abstained for answer in none),
        seconds=time.monotonic() - started,
    )


def _right(answers: Sequence[Answer], questions: Sequence[Question]) -> int:
    return sum(
        not answer.abstained
        and correct(answer.text, question.answer or "", question.accept, question=question.question)
        for answer, question in zip(answers, questions, strict=True)
    )
