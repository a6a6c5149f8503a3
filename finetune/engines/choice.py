"""Which checkpoint is best, when to stop early, and what the curves mean in words. Pure; knows numbers only."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.notices import Notice, notice
from memory.records import Record

GENERAL_DROP = 3
"""General questions that may be lost against the base (METHODS 7.2)."""
ABSTENTION_DROP = 0.05
"""Share of refusals that may be lost against the base; one of them always may, for a single one decides nothing."""


class Scores(Record):
    """One evaluation. Shares from 0 to 1; None: nothing was asked."""

    step: int = 0
    epoch: float = 0.0
    unseen_wording: float | None = None
    """Trained facts asked in words that training never saw."""
    general: float | None = None
    general_count: int = 0
    abstention: float | None = None
    """Refusals where the passages shown do not say."""
    abstention_count: int = 0
    loss: float | None = None
    """Mean training loss since the evaluation before."""
    seconds: float = 0.0


def forgot(scores: Scores, base: Scores) -> Notice | None:
    """What was lost against the base beyond what is allowed; None when nothing was."""
    items, refusals = 0, 0.0
    if scores.general is not None and base.general is not None:
        lost = round((base.general - scores.general) * scores.general_count)
        items = lost if lost > GENERAL_DROP else 0
    if scores.abstention is not None and base.abstention is not None:
        drop = base.abstention - scores.abstention
        gone = round(drop * scores.abstention_count)
        refusals = drop if gone > max(1, ABSTENTION_DROP * scores.abstention_count) else 0.0
    if not items and not refusals:
        return None
    kind = "both" if items and refusals else "general" if items else "refusals"
    return notice(f"forgetting_{kind}", items=items, asked=scores.general_count, refusals=refusals)


def better(new: Scores, best: Scores | None, base: Scores) -> bool:
    """Whether `new` should replace `best`: first keep what the base could do, then know more in unseen words.

    A checkpoint that forgot too much loses to one that did not, unless the latter answers less than half as many
    facts: what has learned nothing is of no use, however little it forgot. With equal scores the later one wins when
    its training loss fell, for it is surer of the same answers.
    """
    if best is None:
        return True
    kept, before = not forgot(new, base), not forgot(best, base)
    if kept != before:
        safe, bold = (new, best) if kept else (best, new)
        worth = (safe.unseen_wording or 0.0) >= 0.5 * (bold.unseen_wording or 0.0)
        return kept if worth else not kept
    if new.unseen_wording is None or best.unseen_wording is None:
        return (new.loss or 0.0) <= (best.loss if best.loss is not None else float("inf"))
    if new.unseen_wording != best.unseen_wording:
        return new.unseen_wording > best.unseen_wording
    return new.loss is not None and best.loss is not None and new.loss < best.loss


def stale(history: Sequence[Scores], base: Scores) -> int:
    """How many evaluations in a row, up to the last, brought no higher score than the best before them."""
    best, since = None, 0
    for scores in history:
        rose = best is None or _rank(scores, base) > _rank(best, base)
        best, since = (scores, 0) if rose else (best, since + 1)
    return since


def finished(history: Sequence[Scores], base: Scores, patience: int) -> Notice | None:
    """Why training should end now; None while it should go on."""
    if not history or history[-1].unseen_wording is None:
        return None
    last = history[-1]
    if len(history) > 1 and all(s.unseen_wording == 1.0 and not forgot(s, base) for s in history[-2:]):
        return notice("ended_known")
    since = stale(history, base)
    if since >= patience and (last.loss is None or last.loss < 1.0):
        return notice("ended_no_better", evaluations=since)
    return None


def words(history: Sequence[Scores], base: Scores) -> Notice:
    """What the curves say, in one sentence for someone who does not read curves. One evaluation at least."""
    last, lost = history[-1], forgot(history[-1], base)
    if lost:
        return lost
    if last.unseen_wording is None:
        return notice("no_unseen")
    peak = max(scores.unseen_wording or 0.0 for scores in history)
    falls = len(history) > 1 and (last.loss or 0.0) < (history[-2].loss or 0.0)
    if falls and last.unseen_wording < peak - 0.05:
        return notice("overfitting")
    if last.loss is not None and last.loss < 0.05 and last.unseen_wording < 0.7:
        return notice("memorised")
    return notice("answers", share=last.unseen_wording)


def _rank(scores: Scores, base: Scores) -> tuple[bool, float]:
    return not forgot(scores, base), scores.unseen_wording or 0.0
