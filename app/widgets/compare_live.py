"""One question to every way of answering, side by side as the answers come; or just before and after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import comparing, state
from app.widgets import POLL, error, plain
from app.widgets.compare_words import arm_name, language
from finetune.evaluation.words import brief
from retrieval.answer import safe_markdown

if TYPE_CHECKING:
    from app.jobs import Job

KIND = "side-by-side"
BEFORE_AFTER = ("rag", "both")


def live(user: str, kb: str) -> None:
    """The question, and a column for each answer."""
    t, wiring = state.text(), state.wiring()
    adapted = bool(wiring.adapters(kb, user))
    found = wiring.jobs().latest(user, KIND, kb)
    with st.expander(t("compare.live"), icon=":material/view_column_2:", key="live", expanded=found is not None):
        with st.form("live-form", border=False):
            question = st.text_input(t("compare.live_label"), key="live-question", max_chars=2000)
            with st.container(horizontal=True):
                every = st.form_submit_button(t("compare.ask"), type="primary", key="live-ask")
                pair = adapted and st.form_submit_button(t("compare.before_after"), key="live-pair")
        if (every or pair) and question.strip():
            whole = ("base", "rag", "tuned", "both") if adapted else ("base", "rag")
            ask(user, kb, question.strip(), BEFORE_AFTER if pair else whole)
            st.rerun()
        if found:
            _watch(found)


def ask(user: str, kb: str, question: str, arms: tuple[str, ...], *, model: str = "", adapter: str = "") -> None:
    """Put a question to these ways of answering; one that is still being answered is stopped. Without model and adapter
    the default ones are asked."""
    wiring = state.wiring()
    for job in wiring.jobs().of(user, KIND, kb):
        job.stop()
        job.acknowledged = True
        job.wait(2)
    wish = comparing.Wish(arms=arms, model=model, adapter=adapter)
    work = comparing.side_by_side(wiring, user, kb, wish, question)
    wiring.jobs().start(user, KIND, kb, work, title=question, info={"arms": arms})


def _watch(job: Job) -> None:
    arms: tuple[str, ...] = job.info["arms"]

    @st.fragment(run_every=POLL if job.running else None)
    def columns() -> None:
        t = state.text()
        ended = not job.look().running
        if job.error:
            error(job.error)
        st.markdown(f"**{plain(job.title)}**")
        for arm, column in zip(arms, st.columns(len(arms)), strict=True):
            with column, st.container(border=True):
                st.markdown(f"**{_name(arm, arms)}**")
                shown = job.info.get(arm)
                if shown is None:
                    st.caption("—" if ended else t("compare.waiting"))
                    continue
                st.markdown(safe_markdown(shown["text"]) or t("compare.waiting"))
                answer = shown["answer"]
                if answer is not None:
                    cited = ", ".join(dict.fromkeys(c.document for c in answer.citations))
                    st.caption(brief(answer.seconds, language()) + (f" · {cited}" if cited else ""))
        if not ended and st.button(t("common.stop"), key="live-stop", icon=":material/stop_circle:"):
            job.stop()
        if ended and not job.info.get("drawn"):
            job.info["drawn"] = True
            st.rerun()

    columns()


def _name(arm: str, arms: tuple[str, ...]) -> str:
    t = state.text()
    if arms == BEFORE_AFTER:
        return t("compare.before") if arm == "rag" else t("compare.after")
    return arm_name(arm)
