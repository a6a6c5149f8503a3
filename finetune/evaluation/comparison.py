"""Asking every arm every question, marking, summing up, deciding. Knows no pages and no settings.

Resumes after anything: whole batches that are on disk are not asked again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finetune.evaluation.arms import Answering, runnable
from finetune.evaluation.judges import Calibration
from finetune.evaluation.judging import Journal, Stopped, VotedPair, judged
from finetune.evaluation.kept import Comparison, Plan
from finetune.evaluation.marks import TOKENIZER, mark
from finetune.evaluation.records import ArmAnswer, ArmSummary, ComparisonCard, JudgeReport
from finetune.evaluation.summary import economics, numbers, summarise
from finetune.evaluation.verdict import DECIDING, Numbers, decide
from finetune.evaluation.words import joined, listed, say
from finetune.records import Arm, Question, Verdict
from memory.errors import BackendFailed
from memory.records import digest, now
from memory.workspace import append_line, mend_lines, read_lines, write_json, write_text
from retrieval.citations import strip
from retrieval.records import Answer, Citation

if TYPE_CHECKING:
    from finetune.evaluation.judges import Judge
    from retrieval.embedders import Embedder

BATCH = 16
"""Questions per batch, the same for every arm, so that every arm's answers come from batches of one shape.

Twice as many would be little faster on a CPU, and a crash costs one batch.
"""


@dataclass(frozen=True)
class Step:
    """How far a comparison is."""

    arm: str
    done: int
    total: int
    seconds_left: float | None


Progress = Callable[[Step], None]
Stop = Callable[[], bool]


def _quiet(step: Step) -> None:
    pass


def _never() -> bool:
    return False


def run(
    comparison: Comparison,
    plan: Plan,
    answering: Mapping[str, Answering],
    *,
    embedder: Embedder | None = None,
    judge: Judge | None = None,
    votes: Sequence[VotedPair] = (),
    progress: Progress = _quiet,
    stop: Stop = _never,
    language: str = "en",
) -> ComparisonCard | None:
    """Ask every arm every question it can be asked, mark, sum up, decide and write the card; None when stopped.

    `answering` holds one entry per arm name. An arm whose model fails is recorded as failed, never scored as wrong,
    and the other arms go on. `judge` is calibrated (on `votes` too) and published beside the verdict, never in it.
    """
    started = time.perf_counter()
    asked = {
        arm.name: [q for q in plan.questions if runnable(q, arm, answering[arm.name].library)] for arm in plan.arms
    }
    clock = _Clock(sum(map(len, asked.values())), progress)
    collected: dict[str, list[ArmAnswer]] = {}
    failed: dict[str, str] = {}
    done = _on_disk(comparison)
    for arm in plan.arms:
        worker = answering[arm.name]
        try:
            answers = list(_ask(comparison, worker, asked[arm.name], done=done, clock=clock, stop=stop))
        except BackendFailed as cause:
            if stop():
                return None
            failed[arm.name] = cause.message
            continue
        if len(answers) < len(asked[arm.name]):
            return None
        collected[arm.name] = answers
    if embedder is not None:
        collected = {arm: _similar(answers, embedder) for arm, answers in collected.items()}
    try:
        said = _judged(comparison, judge, collected, votes, stop=stop)
    except Stopped:
        return None
    card = _card(comparison, plan, collected, failed, seconds=time.perf_counter() - started, language=language)
    card = card.model_copy(update={"judge": said})
    _write(comparison, card, [a for answers in collected.values() for a in answers], language)
    return card


def _judged(
    comparison: Comparison,
    judge: Judge | None,
    collected: dict[str, list[ArmAnswer]],
    votes: Sequence[VotedPair],
    *,
    stop: Stop,
) -> JudgeReport | None:
    """What the judge says; a judge that cannot be reached takes nothing from the comparison."""
    if judge is None:
        return None
    try:
        return judged(Journal(judge, comparison.folder / "judgements.jsonl", stop=stop), collected, votes=votes)
    except BackendFailed as cause:
        return JudgeReport(calibration=Calibration(judge=judge.name), failed=cause.message)


def batches(questions: Sequence[Question]) -> list[list[Question]]:
    """Questions in batches of BATCH by id, so that the order of the file does not change which ones share a batch."""
    ordered = sorted(questions, key=lambda q: q.id)
    return [ordered[i : i + BATCH] for i in range(0, len(ordered), BATCH)]


def marked(arm: Arm, question: Question, answer: Answer) -> ArmAnswer:
    """An answer with its marks."""
    marks = None
    if question.answer is not None:
        # Without citation numbers: [5] is no "5".
        marks = mark(
            strip(answer.text),
            question.answer,
            question.accept,
            kind=question.kind,
            question=question.question,
            language=question.language,
        )
    right = answer.abstained if question.kind == "unanswerable" else None
    grounded = arm.retrieval or arm.oracle
    return ArmAnswer(
        arm=arm.name,
        question=question,
        text=answer.text,
        abstained=answer.abstained,
        correct=marks.correct and not answer.abstained if marks else right,
        marks=marks,
        supported=not answer.marks if grounded and not answer.abstained else None,
        sections=tuple(dict.fromkeys(hit.section.id for hit in answer.hits)),
        cited=tuple(dict.fromkeys(c.section_id for c in answer.citations)),
        quotes=tuple(_quoted(c) for c in answer.citations),
        cut_off=answer.cut_off,
        seconds=answer.seconds,
        prompt_tokens=answer.prompt_tokens,
        answer_tokens=answer.answer_tokens,
    )


def _quoted(citation: Citation) -> str:
    """A citation in one line."""
    place = " › ".join(part for part in (citation.document, citation.section) if part)
    return f"[{citation.number}] {place}: {' '.join(citation.quote.split())}"


def _ask(
    comparison: Comparison,
    worker: Answering,
    questions: Sequence[Question],
    *,
    done: dict[tuple[str, str], list[ArmAnswer]],
    clock: _Clock,
    stop: Stop,
) -> Iterator[ArmAnswer]:
    """Answers batch by batch; each whole batch is one line on disk, so that a crash costs one batch at most."""
    comparison.folder.mkdir(parents=True, exist_ok=True)
    for group in batches(questions):
        key = (worker.arm.name, digest(*(q.id for q in group)))
        answers = done.get(key)
        kept = answers is not None
        if answers is None:
            if stop():
                return
            said = worker.answer(group, size=BATCH, stopping=stop)
            held = _held()
            answers = [
                marked(worker.arm, q, a).model_copy(update={"memory": held, "at_hand": worker.at_hand(q)})
                for q, a in zip(group, said, strict=True)
            ]
            with comparison.answers_file.open("a", encoding="utf-8") as file:
                row = {"arm": key[0], "batch": key[1], "answers": [a.model_dump(mode="json") for a in answers]}
                append_line(file, row)
        clock.tick(worker.arm.name, len(group), kept=kept)
        yield from answers


def _held() -> int:
    """Bytes that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _on_disk(comparison: Comparison) -> dict[tuple[str, str], list[ArmAnswer]]:
    mend_lines(comparison.answers_file)
    return {
        (row["arm"], row["batch"]): [ArmAnswer.model_validate(a) for a in row["answers"]]
        for row in read_lines(comparison.answers_file)
    }


def _similar(answers: Sequence[ArmAnswer], embedder: Embedder) -> list[ArmAnswer]:
    """The same with the cosine of answer and reference, where there is a reference and an answer."""
    import numpy as np

    chosen = [i for i, a in enumerate(answers) if a.question.answer and a.text.strip()]
    if not chosen:
        return list(answers)
    said = np.asarray(embedder.embed_documents([answers[i].text for i in chosen]), dtype=np.float32)
    wanted = np.asarray(embedder.embed_documents([answers[i].question.answer or "" for i in chosen]), dtype=np.float32)
    scores = (said * wanted).sum(1) / np.maximum(np.linalg.norm(said, axis=1) * np.linalg.norm(wanted, axis=1), 1e-9)
    by_place = dict(zip(chosen, scores.tolist(), strict=True))
    return [a.model_copy(update={"similarity": by_place.get(i)}) for i, a in enumerate(answers)]


def _card(
    comparison: Comparison,
    plan: Plan,
    collected: dict[str, list[ArmAnswer]],
    failed: dict[str, str],
    *,
    seconds: float,
    language: str,
) -> ComparisonCard:
    known = plan.known or frozenset(a.question.id for a in collected.get("base", ()) if a.correct)
    summaries: list[ArmSummary] = []
    for arm in plan.arms:
        summary = summarise(collected.get(arm.name, []), known=known, failed=failed.get(arm.name, ""))
        summaries.append(summary.model_copy(update={"arm": arm.name}))
    found = numbers(collected, plan.settings)
    return ComparisonCard(
        id=comparison.id,
        kb=plan.kb,
        created=now(),
        arms=plan.arms,
        settings={**plan.settings, "batch": BATCH},
        questions=len(plan.questions),
        questions_fingerprint=digest(*(q.model_dump_json() for q in plan.questions), length=32),
        summaries=tuple(summaries),
        differences=found.differences,
        further=found.further,
        verdict=decided(found, failed, language),
        economics=economics(
            summaries,
            training_seconds=plan.costs.training_seconds,
            index_seconds=plan.costs.index_seconds,
            prices=plan.costs.prices,
            currency=plan.costs.currency,
        ),
        tokenizer=TOKENIZER,
        seconds=seconds,
        versions=plan.versions,
        language=language,
        repeats=plan.repeats,
    )


def decided(found: Numbers, failed: dict[str, str], language: str) -> Verdict:
    """The verdict, with the arms that did not get through named among its reasons."""
    verdict = decide(found, language)
    lost = (say(language, "failed", arm=say(language, arm), why=why) for arm, why in failed.items())
    missed = [say(language, arm) for arm in DECIDING if arm in failed]
    sentence = verdict.sentence
    if missed:
        sentence = joined(sentence, say(language, "lost", arms=listed(missed, language)), language)
    return verdict.model_copy(update={"sentence": sentence, "reasons": (*lost, *verdict.reasons)})


def _write(comparison: Comparison, card: ComparisonCard, answers: Sequence[ArmAnswer], language: str) -> None:
    """Report first, card last: the card's presence means that everything else is there."""
    from finetune.evaluation.report import html, markdown

    write_text(comparison.folder / "report.html", html(card, answers, language))
    write_text(comparison.folder / "report.md", markdown(card, language))
    flat = "".join(json.dumps(a.model_dump(mode="json"), ensure_ascii=False) + "\n" for a in answers)
    write_text(comparison.folder / "marked.jsonl", flat)
    write_json(comparison.card_file, card.model_dump(mode="json"))


class _Clock:
    """Counts answers over all arms and estimates what is left by the pace of those that were given now."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total = total
        self.done = self.kept = 0
        self.progress = progress
        self.started = time.perf_counter()

    def tick(self, arm: str, count: int, *, kept: bool) -> None:
        self.done += count
        self.kept += count if kept else 0
        spent, given = time.perf_counter() - self.started, self.done - self.kept
        left = spent / given * (self.total - self.done) if given else None
        self.progress(Step(arm=arm, done=self.done, total=self.total, seconds_left=left))
