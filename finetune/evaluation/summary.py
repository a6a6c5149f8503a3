"""Answers in, summaries, differences and the verdict's numbers out. Pure; knows no models and no files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from finetune.evaluation.records import ArmAnswer, ArmSummary, Economics, Share
from finetune.evaluation.statistics import Difference, compare, holm, wilson
from finetune.evaluation.verdict import BESIDE, FAMILY, WITHOUT, ArmNumbers, Change, Numbers

UNSEEN = {"", "unseen_wording", "unseen_section"}
"""Test sets that the verdict rests on; "" is a user's own question file."""


def share(values: Iterable[bool]) -> Share:
    """Count, total and Wilson interval."""
    flags = list(values)
    low, high = wilson(sum(flags), len(flags))
    return Share(correct=sum(flags), n=len(flags), low=low, high=high)


def summarise(answers: Sequence[ArmAnswer], *, known: frozenset[str] = frozenset(), failed: str = "") -> ArmSummary:
    """One arm's summary. `known`: ids of questions that the base answers without documents."""
    arm = answers[0].arm if answers else ""
    marked = [a for a in answers if _decides(a)]
    marks = [a.marks for a in marked if a.marks]
    similar = [a.similarity for a in marked if a.similarity is not None]
    supported = [a.supported for a in answers if a.supported is not None]
    at_hand = [a.at_hand for a in marked if a.at_hand is not None]
    return ArmSummary(
        arm=arm,
        answerable=share(bool(a.correct) for a in marked),
        wrongly_abstained=share(a.abstained for a in marked),
        unanswerable=share(bool(a.correct) for a in answers if is_unanswerable(a)),
        general=share(bool(a.correct) for a in answers if a.question.test_set == "general"),
        buckets=_buckets([a for a in answers if is_answerable(a)], known),
        exact=_mean(m.exact for m in marks),
        f1=_mean(m.f1 for m in marks),
        f1_characters=_mean(m.f1_characters for m in marks),
        rouge1=_mean(m.rouge1 for m in marks),
        rouge2=_mean(m.rouge2 for m in marks),
        rouge_l=_mean(m.rouge_l for m in marks),
        similarity=_mean(similar) if similar else None,
        supported=share(supported) if supported else None,
        at_hand=share(at_hand) if at_hand else None,
        length=_mean(m.length for m in marks),
        drift=sum(m.drift for m in marks),
        cut_off=sum(a.cut_off for a in answers),
        seconds=_mean(a.seconds for a in answers),
        prompt_tokens=_mean(a.prompt_tokens for a in answers),
        answer_tokens=_mean(a.answer_tokens for a in answers),
        memory=max((a.memory for a in answers), default=0),
        failed=failed,
    )


def is_answerable(answer: ArmAnswer) -> bool:
    """Whether the documents answer its question and there is a reference."""
    return answer.question.answer is not None and answer.question.test_set != "general"


def is_unanswerable(answer: ArmAnswer) -> bool:
    """Whether its question is one that the documents do not answer."""
    return answer.question.answer is None and answer.question.kind == "unanswerable"


def numbers(by_arm: dict[str, list[ArmAnswer]], settings: Mapping[str, Any] | None = None, *, seed: int = 0) -> Numbers:
    """What the verdict depends on, from complete arms that answered the same questions in the same order.

    `settings` of the comparison: what they say of its questions.
    """
    scored = {arm: [a for a in answers if _decides(a)] for arm, answers in by_arm.items()}
    return Numbers(
        arms={arm: _arm_numbers(answers) for arm, answers in scored.items()},
        differences=tuple(differences(scored, seed=seed)),
        further=tuple(further(scored, seed=seed)),
        forgetting=_change(by_arm, "base", "tuned", lambda a: a.question.test_set == "general"),
        abstention={
            arm: change
            for arm, plain in WITHOUT.items()
            if (change := _change(by_arm, plain, arm, is_unanswerable)) is not None
        },
        trained_wordings=_trained(by_arm, seed),
        **{name: int((settings or {}).get(name, 0)) for name in ("leaks", "left_out")},
    )


def differences(
    scored: dict[str, list[ArmAnswer]], family: Sequence[tuple[str, str]] = FAMILY, *, seed: int = 0
) -> list[Difference]:
    """Every pair of the family whose arms are both there, corrected together."""
    pairs = [(a, b) for a, b in family if a in scored and b in scored]
    arms = {arm for pair in pairs for arm in pair}
    if not pairs or not scored[pairs[0][0]]:
        return []
    clusters = [a.question.section_id or a.question.id for a in scored[pairs[0][0]]]
    return compare({arm: [float(bool(a.correct)) for a in scored[arm]] for arm in arms}, clusters, pairs, seed=seed)


def further(scored: dict[str, list[ArmAnswer]], *, seed: int = 0) -> list[Difference]:
    """Comparisons beside the verdict: against the controls and the ceiling, and of every further adapter or model.

    Corrected among themselves, so that asking for them does not weaken the verdict. Only questions that both arms
    could be asked count, so the ceiling is compared on those whose passage is known.
    """
    pairs = [pair for pair in BESIDE if set(pair) <= scored.keys()]
    pairs += [(arm, arm.split("@")[0]) for arm in scored if "@" in arm and arm.split("@")[0] in scored]
    found = []
    for a, b in pairs:
        both = {x.question.id for x in scored[a]} & {x.question.id for x in scored[b]}
        shared = {arm: [x for x in scored[arm] if x.question.id in both] for arm in (a, b)}
        found += differences(shared, ((a, b),), seed=seed)
    corrected = holm([d.p for d in found])
    return [d.model_copy(update={"p_holm": p}) for d, p in zip(found, corrected, strict=True)]


def economics(
    summaries: Sequence[ArmSummary],
    *,
    training_seconds: float = 0.0,
    index_seconds: float = 0.0,
    prices: tuple[float, float] | None = None,
    currency: str = "",
) -> Economics:
    """Costs per arm and what training must earn back. `prices`: money per million tokens in and out."""
    by_name = {s.arm: s for s in summaries if not s.failed}
    saved = by_name["rag"].seconds - by_name["tuned"].seconds if {"rag", "tuned"} <= by_name.keys() else 0.0
    money = {
        arm: (s.prompt_tokens * prices[0] + s.answer_tokens * prices[1]) / 1e6 for arm, s in by_name.items() if prices
    }
    return Economics(
        training_seconds=training_seconds,
        answer_seconds={arm: s.seconds for arm, s in by_name.items()},
        answer_tokens={arm: s.prompt_tokens + s.answer_tokens for arm, s in by_name.items()},
        money_per_answer=money,
        currency=currency if money else "",
        break_even=round(training_seconds / saved) if saved > 0 and training_seconds else None,
        refresh_seconds={"rag": index_seconds, "tuned": training_seconds}
        if training_seconds
        else {"rag": index_seconds},
    )


def _decides(answer: ArmAnswer) -> bool:
    return is_answerable(answer) and answer.question.test_set in UNSEEN


def _arm_numbers(answers: Sequence[ArmAnswer]) -> ArmNumbers:
    marks = [a.marks for a in answers if a.marks]
    return ArmNumbers(
        correct=sum(bool(a.correct) for a in answers),
        answerable=len(answers),
        wrongly_abstained=sum(a.abstained for a in answers),
        length=_mean(m.length for m in marks),
        f1=_mean(m.f1 for m in marks),
        seconds=_mean(a.seconds for a in answers),
    )


def _change(
    by_arm: dict[str, list[ArmAnswer]], before: str, after: str, chosen: Callable[[ArmAnswer], bool]
) -> Change | None:
    if before not in by_arm or after not in by_arm:
        return None
    pairs = [
        (bool(b.correct), bool(a.correct)) for b, a in zip(by_arm[before], by_arm[after], strict=True) if chosen(b)
    ]
    if not pairs:
        return None
    return Change(lost=sum(b and not a for b, a in pairs), gained=sum(a and not b for b, a in pairs), n=len(pairs))


def _trained(by_arm: dict[str, list[ArmAnswer]], seed: int) -> Difference | None:
    seen = {
        arm: [a for a in by_arm.get(arm, ()) if is_answerable(a) and a.question.test_set == "trained_wording"]
        for arm in ("tuned", "base")
    }
    found = differences(seen, (("tuned", "base"),), seed=seed) if all(seen.values()) else []
    return found[0] if found else None


def _buckets(answers: Sequence[ArmAnswer], known: frozenset[str]) -> dict[str, Share]:
    groups: dict[str, list[bool]] = {}
    for answer in answers:
        question = answer.question
        names = [f"set: {question.test_set}"] if question.test_set else []
        if not _decides(answer):  # Trained wordings stand alone: they would make every other group look better.
            groups.setdefault(names[0], []).append(bool(answer.correct))
            continue
        names += [f"kind: {question.kind}", f"language: {question.language}"]
        names += [f"base: {'known' if question.id in known else 'unknown'}"] if known else []
        for name in names:
            groups.setdefault(name, []).append(bool(answer.correct))
    return {name: share(flags) for name, flags in sorted(groups.items())}


def _mean(values: Iterable[float]) -> float:
    kept = list(values)
    return sum(kept) / len(kept) if kept else 0.0
