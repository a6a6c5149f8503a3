"""The verdict as a pure function of the numbers; the rule in plain words stands in docs/HOW-IT-DECIDES.md.

Knows nothing of models, questions or pages: arms come in as counts and settled or unsettled differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from finetune.evaluation.statistics import ALPHA, Difference, mcnemar
from finetune.evaluation.words import joined, points, questions, say, signed
from finetune.records import Verdict
from memory.records import Record

FAMILY = (
    ("rag", "base"),
    ("tuned", "base"),
    ("both", "base"),
    ("both", "rag"),
    ("both", "tuned"),
    ("rag", "tuned"),
)
"""The comparisons that are corrected together."""

BESIDE = (("tuned", "control"), ("both", "control_both"), ("oracle", "rag"))
"""Comparisons that explain the verdict without deciding it."""

SIMPLER = {"base": (), "rag": ("base",), "tuned": ("base",), "both": ("base", "rag", "tuned")}
DECIDING = ("base", "rag", "tuned", "both")
"""The ways of answering that a verdict is about."""
NAMED = ("both", "rag", "tuned", "base")
"""The same in the order in which a sentence names them."""
MARGIN = 0.05
"""Differences inside this band are too small to matter."""
FEW = 3
"""Fewer questions lost than this are chance, however large a share of a small set they make."""
VERBOSE = 3.0
"""An arm this many times longer than one it beats may win by length alone."""
COSTLY = 3.0
"""An adapter whose answers take this many times as long as without it is too slow for what it gains."""
WITHOUT = {"tuned": "base", "both": "rag"}
"""The same way of answering without the adapter."""

Winner = Literal["rag", "tuned", "both", "base", "undecided"]


class ArmNumbers(Record):
    """What one arm did. Shares are between 0 and 1."""

    correct: int
    answerable: int
    wrongly_abstained: int = 0
    length: float = 0.0
    """Mean answer length in tokens."""
    f1: float = 0.0
    """Mean token F1."""
    seconds: float = 0.0
    """Mean seconds per answer."""


class Change(Record):
    """A paired before/after count: questions only the first got right, only the second, and all of them."""

    lost: int
    gained: int
    n: int

    @property
    def drop(self) -> float:
        """How much lower the second is, as a share of all; negative when it gained."""
        return (self.lost - self.gained) / self.n if self.n else 0.0

    @property
    def serious(self) -> bool:
        """More than five points and not by chance, or more than fifteen points and at least FEW questions."""
        large = self.drop > 3 * MARGIN and self.lost - self.gained >= FEW
        return large or (self.drop > MARGIN and mcnemar(self.lost, self.gained) < ALPHA)


class Numbers(Record):
    """Everything the verdict depends on."""

    arms: dict[str, ArmNumbers]
    differences: tuple[Difference, ...]
    """Over the questions in wordings and about sections that the adapter never saw, one per pair of FAMILY."""
    further: tuple[Difference, ...] = ()
    """The pairs of BESIDE that were asked, and further adapters and models; they explain and do not decide."""
    forgetting: Change | None = None
    """General questions: base, then adapter."""
    abstention: dict[str, Change] = Field(default_factory=dict)
    """Unanswerable questions, adapter arm → counterpart without the adapter, then with it."""
    trained_wordings: Difference | None = None
    """`tuned` minus `base` on wordings that the adapter was trained on."""
    leaks: int = 0
    """Test questions that stand in the training rows."""
    left_out: int = 0
    """Test questions of the dataset that were not asked: their answer is longer than an answer can hold."""


def decide(numbers: Numbers, language: str = "en") -> Verdict:
    """The winner, why, what was vetoed, and how many more questions an undecided comparison needs."""
    vetoes = _vetoes(numbers)
    eligible = [arm for arm in DECIDING if arm in numbers.arms and arm not in vetoes]
    winners = [arm for arm in eligible if arm != "base" and _beats_all_simpler(numbers, arm, eligible)]
    winner, why = _choose(numbers, winners, eligible)
    nearest = _nearest(numbers, eligible) if why == "undecided" else None
    return Verdict(
        winner=winner,
        sentence=_sentence(numbers, language, why, winner=winner, eligible=eligible, nearest=nearest),
        reasons=tuple(_reasons(numbers, language, winner, eligible)),
        vetoes=tuple(_veto(numbers, language, arm, code) for arm, codes in vetoes.items() for code in codes),
        needed=(nearest.needed or 0) - nearest.n if nearest else None,
    )


def _choose(numbers: Numbers, winners: Sequence[str], eligible: Sequence[str]) -> tuple[Winner, str]:
    if "both" in winners:
        return "both", "both_wins"
    if "rag" in winners and "tuned" in winners:
        if _beats(numbers, "tuned", "rag"):
            return "tuned", "tuned_wins"
        # Not told apart: retrieval follows a changed document at once, an adapter must be retrained.
        return "rag", "rag_wins" if _beats(numbers, "rag", "tuned") else "rag_by_upkeep"
    if "rag" in winners:
        return "rag", "rag_wins"
    if "tuned" in winners:
        return "tuned", "tuned_wins"
    return _without_winner(numbers, eligible)


def _without_winner(numbers: Numbers, eligible: Sequence[str]) -> tuple[Winner, str]:
    """What there is to say when nothing is shown to be better: why that is, and whether it settles for the base."""
    there = [arm for arm in DECIDING if arm in numbers.arms]
    others = [arm for arm in eligible if arm != "base"]
    if not there:
        return "undecided", "nobody"
    if not any(numbers.arms[arm].answerable for arm in there):
        return "undecided", "unmarked"
    if len(there) == 1:
        return "undecided", "alone"
    if "base" not in there:
        return "undecided", "no_base"
    if not others:
        return "base", "nothing_left"
    if not any(numbers.arms[arm].correct for arm in eligible):
        return "undecided", "nothing_right"
    return ("base", "nothing_helps") if all(_no_better(numbers, arm) for arm in others) else ("undecided", "undecided")


def _vetoes(numbers: Numbers) -> dict[str, list[str]]:
    """Adapter arms that must not win whatever they score, with the reasons."""
    found: dict[str, list[str]] = {}
    for arm in ("tuned", "both"):
        if arm not in numbers.arms:
            continue
        change = numbers.abstention.get(arm)
        checks = {
            "veto_forgetting": numbers.forgetting is not None and numbers.forgetting.serious,
            "veto_abstention": change is not None and change.serious,
            "veto_leak": numbers.leaks > 0,
            "veto_cost": _too_costly(numbers, arm),
        }
        codes = [code for code, true in checks.items() if true]
        if codes:
            found[arm] = codes
    for arm in numbers.arms:
        if _wins_by_length(numbers, arm):
            found.setdefault(arm, []).append("veto_verbose")
    return found


def _veto(numbers: Numbers, language: str, arm: str, code: str) -> str:
    """Why an arm is out, with the counts that it rests on where there are such."""
    counted = {"veto_forgetting": numbers.forgetting, "veto_abstention": numbers.abstention.get(arm)}.get(code)
    return say(language, code, arm=say(language, arm), **(counted.model_dump() if counted else {}))


def _too_costly(numbers: Numbers, arm: str) -> bool:
    """Better than without the adapter, but not by what pays for training it again, or only by taking much longer."""
    plain = WITHOUT[arm]
    if plain not in numbers.arms or not _beats(numbers, arm, plain):
        return False
    found = _difference(numbers, arm, plain)
    slower = numbers.arms[arm].seconds > COSTLY * max(numbers.arms[plain].seconds, 1.0)
    return slower or (found is not None and found.difference < MARGIN)


def _wins_by_length(numbers: Numbers, arm: str) -> bool:
    """Ahead of a simpler arm only by saying much more: three times longer, and lower in token F1."""
    mine = numbers.arms[arm]
    return any(
        _beats(numbers, arm, other)
        and mine.length > VERBOSE * max(numbers.arms[other].length, 1.0)
        and mine.f1 < numbers.arms[other].f1
        for other in SIMPLER.get(arm, ())
        if other in numbers.arms
    )


def _difference(numbers: Numbers, a: str, b: str) -> Difference | None:
    return next((d for d in numbers.differences if (d.a, d.b) == (a, b)), None)


def _beats(numbers: Numbers, a: str, b: str) -> bool:
    forward, backward = _difference(numbers, a, b), _difference(numbers, b, a)
    if forward is not None:
        return forward.settled and forward.difference > 0
    return backward is not None and backward.settled and backward.difference < 0


def _beats_all_simpler(numbers: Numbers, arm: str, eligible: Sequence[str]) -> bool:
    simpler = [other for other in SIMPLER[arm] if other in eligible]
    return bool(simpler) and all(_beats(numbers, arm, other) for other in simpler)


def _no_better(numbers: Numbers, arm: str) -> bool:
    """Whether the interval shows that `arm` is at best negligibly better than the base."""
    found = _difference(numbers, arm, "base")
    return found is not None and found.high < MARGIN


def _nearest(numbers: Numbers, eligible: Sequence[str]) -> Difference | None:
    """The open comparison that the fewest questions would settle; those against the base come first."""
    open_ = [d for d in numbers.differences if {d.a, d.b} <= set(eligible) and d.needed and d.difference > 0]
    return min(open_, key=lambda d: (d.b != "base", d.needed), default=None)


def _sentence(
    numbers: Numbers, language: str, why: str, *, winner: str, eligible: Sequence[str], nearest: Difference | None
) -> str:
    """The verdict in a sentence: only ways that answered are named in it."""
    shares = {arm: f"{c.correct / c.answerable:.0%}" for arm, c in numbers.arms.items() if c.answerable}
    others = [f"{say(language, arm)} {shares[arm]}" for arm in NAMED if arm in eligible and arm in shares]
    mine = "" if winner == "undecided" else f"{say(language, winner)} {shares.get(winner, '')}"
    against = [d for d in numbers.differences if d.b == "base" and d.a in eligible]
    alone = next((arm for arm in DECIDING if arm in numbers.arms), "base")
    told = say(
        language,
        "undecided_0" if why == "undecided" and nearest is None else why,
        mine=shares.get(winner, ""),
        others=("、" if language.startswith("zh") else ", ").join(other for other in others if other != mine),
        a=say(language, nearest.a if nearest else alone),
        b=say(language, nearest.b if nearest else "base"),
        more=questions((nearest.needed or 0) - nearest.n, language, more=True) if nearest else "",
        needed=f"{nearest.needed:,}" if nearest else "",
        asked=questions(max((d.n for d in against), default=0), language),
        smallest=points(max((d.smallest for d in against), default=1.0), language, sign=False),
        **{arm: shares.get(arm, "") for arm in DECIDING},
    )
    best = max(eligible, key=lambda arm: numbers.arms[arm].correct, default="")
    if winner not in eligible or numbers.arms[best].correct == numbers.arms[winner].correct:
        return told
    return joined(told, say(language, "ahead", a=say(language, best), share=shares[best]), language)


def _reasons(numbers: Numbers, language: str, winner: str, eligible: Sequence[str]) -> list[str]:
    """One sentence for each comparison, then what a reader must know beside them."""
    lines = [compared(found, language) for found in numbers.differences if {found.a, found.b} <= set(eligible)]
    trained, unseen = numbers.trained_wordings, _difference(numbers, "tuned", "base")
    gained = trained is not None and trained.settled and trained.difference > 0
    if gained and not (unseen and unseen.difference > MARGIN):
        lines.append(say(language, "memorised"))
    for arm, counts in numbers.arms.items():
        if counts.answerable and counts.wrongly_abstained > counts.answerable / 2:
            lines.append(say(language, "abstains", arm=say(language, arm)))
    if winner == "rag" and "both" in eligible and not _beats(numbers, "rag", "both"):
        found = _difference(numbers, "both", "rag")
        if found is not None and not found.settled and found.needed and found.difference > 0:
            lines.append(say(language, "both_open", needed=questions(found.needed, language)))
    if numbers.left_out:
        lines.append(say(language, "left_out", n=questions(numbers.left_out, language)))
    return [*lines, *(_explained(found, language) for found in numbers.further)]


def _explained(found: Difference, language: str) -> str:
    """A comparison beside the verdict, in words; against a control it tells facts from manners."""
    if (found.a, found.b) not in BESIDE[:2]:
        return compared(found, language)
    better = found.settled and found.difference > 0
    return say(
        language,
        "facts" if better else "manners",
        a=say(language, found.a),
        b=say(language, f"of_{found.b}"),
        difference=points(found.difference, language, sign=not better),
    )


def compared(found: Difference, language: str) -> str:
    """One comparison in a sentence."""
    clear = round(100 * found.low) > 0 or round(100 * found.high) < 0
    return say(
        language,
        "settled" if found.settled else "open_among_many" if clear else "open",
        a=say(language, found.a),
        b=say(language, found.b),
        difference=points(found.difference, language),
        low=signed(found.low),
        high=signed(found.high),
        n=questions(found.n, language),
        smallest=points(found.smallest, language, sign=False),
    )
