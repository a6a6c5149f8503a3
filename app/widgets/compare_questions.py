"""Every question of a comparison with its answers and why each got its mark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.widgets import plain
from app.widgets.compare_live import BEFORE_AFTER, ask
from app.widgets.compare_words import arm_name, language
from retrieval.answer import safe_markdown

if TYPE_CHECKING:
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.records import ArmAnswer
    from finetune.records import Arm, Question

SHOWN = 25
"""Questions drawn at once; so many more come with each press."""
BESIDE = 2
"""Answers in a row: with and without the adapter stand beside each other where those are the ways."""
Right = dict[str, bool | None]
FILTERS: dict[str, Callable[[Right], bool]] = {
    "all": lambda right: True,
    "differ": lambda right: len(set(right.values())) > 1,
    "broke": lambda right: _went(right, "rag", "both") or _went(right, "base", "tuned"),
    "gained": lambda right: _went(right, "both", "rag") or _went(right, "tuned", "base"),
    "wrong": lambda right: not any(right.values()),
}


def _went(right: Right, had: str, lost: str) -> bool:
    return bool(right.get(had)) and right.get(lost) is False


def questions(user: str, kb: str, comparison: Comparison, *, again: Arm | None) -> None:
    """A filtered list of every question with its answers. With `again`, whose model and adapter are asked, each can be
    asked before and after training."""
    t = state.text()
    with st.expander(t("compare.every"), key=f"every-{comparison.id}", on_change="rerun") as opened:
        if not opened.open:
            return
        grouped: dict[str, list[ArmAnswer]] = defaultdict(list)
        for answer in comparison.answers():
            grouped[answer.question.id].append(answer)
        chosen = st.pills(
            t("compare.filter"),
            list(FILTERS),
            default="all",
            required=True,
            format_func=lambda name: t(f"compare.filter_{name}"),
            key=f"filter-{comparison.id}",
        )
        keep = FILTERS[str(chosen or "all")]
        found = [group for group in grouped.values() if keep({a.arm: a.correct for a in group})]
        key = f"shown-{comparison.id}-{chosen}"
        shown = found[: st.session_state.get(key, SHOWN)]
        st.caption(t("compare.shown", shown=len(shown), total=len(found)))
        for group in shown:
            _one(user, kb, group, again)
        if len(shown) < len(found) and st.button(t("compare.more"), key=f"more-{comparison.id}"):
            st.session_state[key] = len(shown) + SHOWN
            st.rerun()


def _one(user: str, kb: str, group: list[ArmAnswer], again: Arm | None) -> None:
    t, question = state.text(), group[0].question
    with st.container(border=True):
        earlier(question)
        st.markdown(f"**{plain(question.question)}**")
        st.caption(t("compare.reference", text=plain(question.answer or t("compare.not_there"))))
        if question.evidence:
            st.caption(t("compare.evidence", text=plain(question.evidence)))
        for start in range(0, len(group), BESIDE):
            for answer, column in zip(group[start : start + BESIDE], st.columns(BESIDE), strict=False):
                with column:
                    _answer(answer)
        if again:
            st.button(
                t("compare.before_after"),
                key=f"again-{question.id}",
                icon=":material/compare_arrows:",
                on_click=ask,
                args=(user, kb, question.question, BEFORE_AFTER),
                kwargs={"model": again.model, "adapter": again.adapter},
            )


def _answer(answer: ArmAnswer) -> None:
    """An answer, what it cites, and why it got its mark."""
    from finetune.evaluation.report import explain

    sign = {True: ":green[:material/check:]", False: ":red[:material/close:]"}.get(answer.correct, "·")  # type: ignore[arg-type]
    st.markdown(f"{sign} **{arm_name(answer.arm)}**  \n{safe_markdown(answer.text)}")
    for quote in answer.quotes:
        st.caption(plain(quote))
    st.caption(plain(explain(answer, language())))


def earlier(question: Question) -> None:
    """The turns that a question follows, without which it cannot be understood."""
    for user, assistant in question.history:
        st.caption(state.text()("compare.earlier", text=plain(" → ".join(part for part in (user, assistant) if part))))
