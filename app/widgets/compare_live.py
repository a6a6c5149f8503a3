"""One question to every way of answering, side by side as the answers come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import comparing, state
from app.widgets import POLL, error
from retrieval.answer import safe_markdown

if TYPE_CHECKING:
    from app.jobs import Job

KIND = "side-by-side"


def live(user: str, kb: str) -> None:
    """The question, and a column for each answer."""
    t, wiring = state.text(), state.wiring()
    with st.expander(t("compare.live"), icon=":material/view_column_2:", key="live"):
        arms = ("base", "rag", "tuned", "both") if wiring.adapters(kb, user) else ("base", "rag")
        with st.form("live-form", border=False):
            question = st.text_input(t("compare.live_label"), key="live-question", max_chars=2000)
            sent = st.form_submit_button(t("compare.ask"), type="primary")
        if sent and question.strip():
            for job in wiring.jobs().of(user, KIND, kb):
                job.stop()
                job.acknowledged = True
                job.wait(2)
            work = comparing.side_by_side(wiring, user, kb, comparing.Wish(arms=arms), question.strip())
            wiring.jobs().start(user, KIND, kb, work, title=question.strip())
            st.rerun()
        found = wiring.jobs().latest(user, KIND, kb)
        if found:
            _watch(found, arms)


def _watch(job: Job, arms: tuple[str, ...]) -> None:
    @st.fragment(run_every=POLL if job.running else None)
    def columns() -> None:
        t = state.text()
        ended = not job.look().running
        if job.error:
            error(job.error)
        for arm, column in zip(arms, st.columns(len(arms)), strict=True):
            with column, st.container(border=True):
                st.markdown(f"**{t(f'compare.arm_{arm}')}**")
                shown = job.info.get(arm)
                if shown is None:
                    st.caption("—" if ended else t("compare.waiting"))
                    continue
                st.markdown(safe_markdown(shown["text"]) or t("compare.waiting"))
                answer = shown["answer"]
                if answer is not None:
                    cited = ", ".join(dict.fromkeys(c.document for c in answer.citations))
                    st.caption(f"{answer.seconds:.1f} s" + (f" · {cited}" if cited else ""))
        if not ended and st.button(t("common.stop"), key="live-stop", icon=":material/stop_circle:"):
            job.stop()
        if ended and not job.info.get("drawn"):
            job.info["drawn"] = True
            st.rerun()

    columns()
