"""From choices to a comparison: which arms, which questions, what answers them. Knows no page and no command."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from app.talk import Held
from finetune.records import Arm, Question
from memory.errors import BadDataset, DocgraftError
from memory.records import Record

if TYPE_CHECKING:
    from pathlib import Path

    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.evaluation.arms import Answering
    from finetune.evaluation.comparison import Costs, Plan, Step
    from finetune.evaluation.records import ComparisonCard
    from retrieval.records import SearchResult

KIND = "compare"
ARMS = ("base", "rag", "tuned", "both", "oracle", "control")
GROUNDED = ("rag", "both")
ADAPTED = ("tuned", "both", "control")
MOST = 120
"""Questions that are asked unless more are wanted: enough to settle a difference of about fifteen points."""


class Wish(Record):
    """What a person chose; empty fields follow what there is."""

    arms: tuple[str, ...] = ()
    """Empty: base and rag, and with an adapter also tuned and both."""
    model: str = ""
    adapter: str = ""
    """Empty: the newest of this knowledge base that goes with the model."""
    control: str = ""
    """An adapter trained on other documents, as KNOWLEDGE BASE/ADAPTER."""
    dataset: str = ""
    """Whose test sets are asked; empty: the newest."""
    questions: tuple[Question, ...] = ()
    """Asked instead of a dataset's."""
    most: int = MOST
    """At most so many questions; 0: all."""
    language: str = "en"
    """Of verdict and report: en or zh-Hant."""


class Ready(NamedTuple):
    """Everything that a comparison needs."""

    plan: Plan
    answering: dict[str, Answering]


def ready(wiring: Wiring, user: str, kb: str, wish: Wish) -> Ready:
    """The plan and its arms. DocgraftError when an arm needs what is not there."""
    from finetune.evaluation.comparison import Plan

    model = wish.model or wiring.model_names()[0]
    adapter = _adapter(wiring, user, kb, model, wish)
    names = wish.arms or (("base", "rag", "tuned", "both") if adapter else ("base", "rag"))
    arms = tuple(_arm(name, model, adapter, wish.control) for name in dict.fromkeys(names))
    questions, leaks = _questions(wiring, user, kb, wish)
    plan = Plan(
        kb=kb,
        arms=arms,
        questions=questions,
        settings=_decides(wiring, user, kb, model, adapter=adapter, control=wish.control),
        leaks=leaks,
        costs=_costs(wiring, user, kb, model, adapter),
        versions=_versions(),
    )
    return Ready(plan=plan, answering=_answering(wiring, user, kb, plan, model))


def compare(
    wiring: Wiring,
    user: str,
    kb: str,
    wish: Wish,
    *,
    progress: Callable[[Step], None] = lambda step: None,
    stop: Callable[[], bool] = lambda: False,
) -> ComparisonCard | None:
    """Run (or go on with) the comparison that the wish describes; None when stopped."""
    from finetune.evaluation.comparison import find, run

    made = ready(wiring, user, kb, wish)
    comparison = find(wiring.folder(kb, user), made.plan)
    return run(
        comparison,
        made.plan,
        made.answering,
        embedder=wiring.embedder(),
        progress=progress,
        stop=stop,
        language=wish.language,
    )


def start(wiring: Wiring, user: str, kb: str, wish: Wish, *, title: str = "") -> Job:
    """`compare` in the background; the job's result is the card, None when stopped."""

    def work(job: Job) -> Any:
        def told(step: Step) -> None:
            job.progress(step.done, step.total, step.arm, left=step.seconds_left)

        return compare(wiring, user, kb, wish, progress=told, stop=job.stopping)

    for job in wiring.jobs().of(user, KIND, kb):
        job.acknowledged = job.acknowledged or not job.running
    return wiring.jobs().start(user, KIND, kb, work, title=title)


def side_by_side(wiring: Wiring, user: str, kb: str, wish: Wish, question: str) -> Callable[[Job], None]:
    """One question to every arm, one after the other, as the work of a job; `job.info` grows by arm."""

    def work(job: Job) -> None:
        model = wish.model or wiring.model_names()[0]
        adapter = _adapter(wiring, user, kb, model, wish)
        for number, name in enumerate(wish.arms):
            held = Held(kb=kb, model=model, adapter=adapter if name in ADAPTED else "", documents=name in GROUNDED)
            job.progress(number, len(wish.arms), name)
            job.info.setdefault(name, {"text": "", "answer": None})
            for piece in wiring.answers(user, question, held, stop=job.stopping):
                if isinstance(piece, str):
                    job.info[name]["text"] += piece
                else:
                    job.info[name] = {"text": piece.text, "answer": piece}
            if job.stopping():
                return

    return work


def _arm(name: str, model: str, adapter: str, control: str) -> Arm:
    if name not in ARMS:
        raise DocgraftError(f"There is no arm {name!r}.", f"Arms are: {', '.join(ARMS)}.")
    if name == "control" and "/" not in control:
        raise DocgraftError(
            "The control arm needs an adapter trained on other documents.", "Give it as KNOWLEDGE BASE/ADAPTER."
        )
    if name in ("tuned", "both") and not adapter:
        raise DocgraftError(
            f"The arm {name!r} needs an adapter of {model}, and there is none.", "Train one: docgraft train start"
        )
    used = control if name == "control" else adapter if name in ADAPTED else None
    return Arm(name=name, retrieval=name in GROUNDED, adapter=used, model=model, oracle=name == "oracle")


def _adapter(wiring: Wiring, user: str, kb: str, model: str, wish: Wish) -> str:
    from app.wiring import models
    from finetune import adapters

    if not wish.adapter:
        return next(iter(wiring.adapters(kb, user, model=model)), "")
    card = adapters.show(wiring.folder(kb, user), wish.adapter)
    if card.base != models.chosen(wiring.settings, model).name:
        raise DocgraftError(
            f"The adapter {card.id} belongs to {card.base}, not to {model}.", "Choose that model, or another adapter."
        )
    return card.id


def _questions(wiring: Wiring, user: str, kb: str, wish: Wish) -> tuple[tuple[Question, ...], int]:
    """The questions, and how many of them stand in training rows."""
    from finetune import datasets
    from finetune.evaluation.questions import from_pairs, sample

    if wish.questions:
        return tuple(sample(list(wish.questions), wish.most)), 0
    known = wiring.datasets(kb, user)
    if wish.dataset:
        chosen = datasets.read(wiring.folder(kb, user).dataset(wish.dataset))
    elif known:
        chosen = known[0]
    else:
        raise BadDataset(
            f"There are no questions to compare with in {kb!r}.",
            "Build pairs (docgraft pairs build), or give a file: --questions FILE",
        )
    return tuple(sample(from_pairs(chosen.pairs("test")), wish.most)), int(chosen.card.leaks.get("exact", 0))


def _answering(wiring: Wiring, user: str, kb: str, plan: Plan, model: str) -> dict[str, Answering]:
    from finetune.evaluation.arms import Answering, OneByOne, turns

    search, library = wiring.search(kb, user), wiring.library(kb, user)
    found: dict[str, SearchResult] = {}

    def hits(question: Question) -> SearchResult:
        if question.id not in found:
            found[question.id] = search.search(question.question, history=turns(question))
        return found[question.id]

    workers = {}
    for arm in plan.arms:
        answerer = wiring.answerer(Held(kb=kb, model=model, documents=True), user)
        answerer.model = wiring.chat_model(model, adapter=_folder(wiring, user, kb, arm.adapter))
        batches = hasattr(answerer.model, "batch_answer")
        speaker: Any = answerer.model if batches else OneByOne(answerer)
        workers[arm.name] = Answering(arm, speaker, answerer, hits, library)
    return workers


def _folder(wiring: Wiring, user: str, kb: str, adapter: str | None) -> Path | None:
    if not adapter:
        return None
    from finetune import adapters

    base, _, name = adapter.rpartition("/")
    return adapters.folder(wiring.folder(base or kb, user), name)


def _decides(wiring: Wiring, user: str, kb: str, model: str, *, adapter: str, control: str) -> dict[str, Any]:
    """Everything that decides the answers, to be stored with them."""
    from app.wiring import models

    library, chosen = wiring.library(kb, user), models.chosen(wiring.settings, model)
    index = library.index
    return {
        "model": chosen.model_dump(exclude={"api_key_env"}),
        "adapter": adapter,
        "control": control,
        "evidence": models.plan(wiring.settings, model).model_dump(mode="json"),
        "retrieval": wiring.settings.retrieval.model_dump(exclude={"embedder_key_env"}),
        "revision": library.revision,
        "embedder": index.fingerprint if index else "",
    }


def _costs(wiring: Wiring, user: str, kb: str, model: str, adapter: str) -> Costs:
    from app.wiring import models
    from finetune.evaluation.comparison import Costs

    price = wiring.settings.prices.get(models.chosen(wiring.settings, model).name) or wiring.settings.prices.get(model)
    return Costs(
        training_seconds=_trained(wiring, user, kb, adapter),
        index_seconds=_indexed(wiring, user, kb),
        prices=(price.input, price.output) if price else None,
    )


def _trained(wiring: Wiring, user: str, kb: str, adapter: str) -> float:
    """Seconds that the adapter's run took, by its own events."""
    from datetime import datetime

    if not adapter:
        return 0.0
    times = [datetime.fromisoformat(event.time) for event in wiring.runs(kb, user).events(adapter)]
    return (max(times) - min(times)).total_seconds() if times else 0.0


def _indexed(wiring: Wiring, user: str, kb: str) -> float:
    """Seconds that indexing one changed document takes: measured on a few chunks of a document of mean size."""
    library = wiring.library(kb, user)
    counts = library.statistics
    chunks = library.chunks()[:4]
    if not chunks:
        return 0.0
    began = time.perf_counter()
    wiring.embedder().embed_documents([chunk.text for chunk in chunks])
    return (time.perf_counter() - began) / len(chunks) * counts.chunks / max(1, counts.documents)


def _versions() -> dict[str, str]:
    found = {}
    for package in ("docgraft", "torch", "transformers", "peft"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def summary(card: ComparisonCard, folder: Path) -> dict[str, Any]:
    """What other programs rely on: arms, comparisons, verdict, report and answers."""
    arms = {
        s.arm: {
            "n": s.answerable.n,
            "correct": s.answerable.correct,
            "accuracy": s.answerable.share,
            "low": s.answerable.low,
            "high": s.answerable.high,
            "abstained": s.wrongly_abstained.correct,
            "unanswerable": {"n": s.unanswerable.n, "declined": s.unanswerable.correct},
            "general": {"n": s.general.n, "correct": s.general.correct},
            "f1": s.f1,
            "rouge_l": s.rouge_l,
            "similarity": s.similarity,
            "seconds": s.seconds,
            "tokens": s.prompt_tokens + s.answer_tokens,
            "buckets": {name: {"n": b.n, "correct": b.correct} for name, b in s.buckets.items()},
            "failed": s.failed,
        }
        for s in card.summaries
    }
    return {
        "comparison": card.id,
        "arms": arms,
        "comparisons": [d.model_dump(mode="json") for d in card.differences],
        "verdict": card.verdict.model_dump(mode="json"),
        "economics": card.economics.model_dump(mode="json"),
        "report": str(folder / "report.html"),
        "answers": str(folder / "marked.jsonl"),
    }
