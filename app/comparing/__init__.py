"""From choices to a comparison: which arms, which questions, what answers them. Knows no page and no command."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from app.comparing.arms import answering, arms, controls, first_adapter
from app.comparing.costs import costs
from app.comparing.live import side_by_side
from app.comparing.questions import from_conversations, questions
from app.comparing.repeating import again, agreement
from app.comparing.shown import summary
from app.comparing.wishes import ADAPTED, ANSWER_TOKENS, ARMS, CONTROLS, KIND, MOST, Wish
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring
    from finetune.evaluation.arms import Answering
    from finetune.evaluation.comparison import Step
    from finetune.evaluation.judges import Judge
    from finetune.evaluation.judging import VotedPair
    from finetune.evaluation.kept import Plan
    from finetune.evaluation.records import ComparisonCard
    from finetune.records import Arm

__all__ = [
    "ADAPTED",
    "ARMS",
    "CONTROLS",
    "KIND",
    "MOST",
    "Ready",
    "Wish",
    "again",
    "agreement",
    "compare",
    "controls",
    "from_conversations",
    "ready",
    "side_by_side",
    "start",
    "summary",
]


class Ready(NamedTuple):
    """Everything that a comparison needs."""

    plan: Plan
    answering: dict[str, Answering]
    judge: Judge | None = None


def ready(wiring: Wiring, user: str, kb: str, wish: Wish) -> Ready:
    """The plan and its arms. DocgraftError when an arm needs what is not there."""
    from finetune.evaluation.kept import Plan

    model = wish.model or wiring.model_names()[0]
    adapter = first_adapter(wiring, user, kb, model, wish)
    chosen = arms(wiring, user, kb, wish)
    asked = questions(wiring, user, kb, wish)
    judge = _judge(wiring, wish, chosen)
    settings = _decides(wiring, user, kb, model, chosen)
    settings |= {"leaks": asked.leaks, "judge": judge.name if judge else ""}
    settings |= {"left_out": asked.left_out} if asked.left_out else {}
    plan = Plan(
        kb=kb,
        arms=chosen,
        questions=asked.questions,
        settings=settings,
        costs=costs(wiring, user, kb, model, adapter),
        versions=_versions(),
        repeats=wish.repeats,
    )
    return Ready(plan, answering(wiring, user, kb, chosen), judge)


def compare(
    wiring: Wiring,
    user: str,
    kb: str,
    wish: Wish,
    *,
    anew: bool = True,
    progress: Callable[[Step], None] = lambda step: None,
    stop: Callable[[], bool] = lambda: False,
) -> ComparisonCard | None:
    """Run (or go on with) the comparison that the wish describes; None when stopped.

    Without `anew` the card of a finished comparison with the same plan is given back: nothing is asked twice.
    """
    from finetune.evaluation.comparison import run
    from finetune.evaluation.kept import find

    made = ready(wiring, user, kb, wish)
    comparison = find(wiring.folder(kb, user), made.plan, finished=not anew)
    if comparison.complete and comparison.card().language == wish.language:
        return comparison.card()
    with wiring.folder(kb, user).lock(f"comparison-{comparison.id}", timeout=1):
        return run(
            comparison,
            made.plan,
            made.answering,
            embedder=wiring.embedder(),
            judge=made.judge,
            votes=_votes(wiring, user, kb) if made.judge else (),
            progress=progress,
            stop=stop,
            language=wish.language,
        )


def start(wiring: Wiring, user: str, kb: str, wish: Wish) -> Job:
    """`compare` in the background; the job's result is the card, None when stopped."""

    def work(job: Job) -> Any:
        def told(step: Step) -> None:
            job.info["arm"] = step.arm
            job.progress(step.done, step.total, left=step.seconds_left)

        return compare(wiring, user, kb, wish, progress=told, stop=job.stopping)

    for job in wiring.jobs().of(user, KIND, kb):
        job.acknowledged = job.acknowledged or not job.running
    return wiring.jobs().start(user, KIND, kb, work)


def _judge(wiring: Wiring, wish: Wish, chosen: tuple[Arm, ...]) -> Judge | None:
    """The judge that is wanted; DocgraftError when it would judge its own answers."""
    from finetune.evaluation.judges import ModelJudge

    name = wish.judge or wiring.settings.judge.model
    if not name:
        return None
    if any(arm.model == name for arm in chosen):
        raise DocgraftError(
            f"{name!r} would judge its own answers.", "Set judge.model to another model, or leave it empty."
        )
    return ModelJudge(wiring.chat_model(name), name)


def _votes(wiring: Wiring, user: str, kb: str) -> tuple[VotedPair, ...]:
    """The user's own blind votes on earlier comparisons of this knowledge base: what a judge is measured against."""
    from finetune.evaluation.judging import voted
    from finetune.evaluation.kept import every
    from finetune.evaluation.votes import VoteBox, session

    found: list[VotedPair] = []
    for comparison in every(wiring.folder(kb, user)):
        box = VoteBox(comparison.folder / "votes.jsonl")
        if not comparison.complete or not (votes := box.votes(user)):
            continue
        answers = comparison.answers()
        texts = {(answer.arm, answer.question.id): answer for answer in answers}
        names = [arm.name for arm in comparison.card().arms]
        for a, b in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]):
            found += voted(session(answers, a, b), votes, texts)
    return tuple(found)


def _decides(wiring: Wiring, user: str, kb: str, model: str, chosen: tuple[Arm, ...]) -> dict[str, Any]:
    """Everything that decides the answers, to be stored with them."""
    from app.wiring import models

    library, setting = wiring.library(kb, user), models.chosen(wiring.settings, model)
    index = library.index
    return {
        "model": setting.model_dump(exclude={"api_key_env", "temperature"}),
        "weights": {name: _weights(wiring, name) for name in sorted({arm.model for arm in chosen})},
        "adapters": {arm.name: arm.adapter for arm in chosen if arm.adapter},
        "decoding": {"sampling": "greedy", "longest": min(setting.max_tokens, ANSWER_TOKENS)},
        "evidence": wiring.plan(model).model_dump(mode="json"),
        "retrieval": wiring.settings.retrieval.model_dump(exclude={"embedder_key_env"}),
        "revision": library.revision,
        "embedder": index.fingerprint if index else "",
    }


def _weights(wiring: Wiring, name: str) -> str:
    """The fingerprint of a local model's files; "" for one on a server, which may change unseen."""
    from app.wiring import models
    from finetune.models import fetch
    from finetune.models.fingerprints import fingerprint

    chosen = models.chosen(wiring.settings, name)
    return fingerprint(fetch.local(chosen.name, wiring.home)) if chosen.provider == "local" else ""


def _versions() -> dict[str, str]:
    found = {}
    for package in ("docgraft", "torch", "transformers", "peft"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
