"""A finished comparison asked again: the same arms and questions, and what has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.comparing.wishes import Wish
from memory.errors import DocgraftError
from memory.records import Record

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.records import ArmAnswer
    from finetune.records import Arm


class Repetition(Record):
    """How a comparison agrees with the one that it repeats."""

    of: str
    same: int
    """Answers that are word for word the same."""
    total: int
    changed: tuple[str, ...] = ()
    """Settings that are not what they were."""


def again(wiring: Wiring, user: str, kb: str, comparison: str, language: str) -> Wish:
    """The wish that repeats a comparison from its folder. DocgraftError when there is none of that id."""
    from finetune.evaluation.kept import Comparison

    found = Comparison(wiring.folder(kb, user).comparison(comparison))
    if not found.complete:
        raise DocgraftError(f"There is no finished comparison {comparison!r}.", "See them on the compare page.")
    arms, settings = found.card().arms, found.plan()["settings"]
    main = next((arm for arm in arms if "@" not in arm.name and not arm.name.startswith("control")), arms[0])
    adapted = next((arm.adapter for arm in arms if arm.name in ("tuned", "both") and arm.adapter), "")
    control = next((arm.adapter for arm in arms if arm.name.startswith("control") and arm.adapter), "")
    return Wish(
        arms=tuple(_wished(arm) for arm in arms),
        model=main.model,
        adapter=adapted or "",
        control=control or "",
        questions=tuple(found.questions()),
        leaks=int(settings.get("leaks", 0)),
        left_out=int(settings.get("left_out", 0)),
        most=0,
        repeats=found.id,
        language=language,
    )


def _wished(arm: Arm) -> str:
    """The arm as a wish says it: a further adapter by its id."""
    way, _, which = arm.name.partition("@")
    return f"{way}@{arm.adapter}" if which and arm.adapter else arm.name


def agreement(now: Comparison, then: Comparison) -> Repetition:
    """Which answers are the same, and which settings are not."""
    before, after = _said(then), _said(now)
    shared = before.keys() & after.keys()
    old, new = then.plan()["settings"], now.plan()["settings"]
    return Repetition(
        of=then.id,
        same=sum(before[key].text == after[key].text for key in shared),
        total=len(shared),
        changed=tuple(sorted(key for key in old.keys() | new.keys() if _plain(old.get(key)) != _plain(new.get(key)))),
    )


def _said(comparison: Comparison) -> dict[tuple[str, str], ArmAnswer]:
    return {(answer.arm, answer.question.id): answer for answer in comparison.answers()}


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
