"""Asking on the chat page: the input, the answer while it comes, and Stop. The work runs in a job, not here."""

from __future__ import annotations

import streamlit as st

from app import state, talk
from app.jobs import Job
from app.talk import Held
from app.widgets import POLL, plain
from memory.conversations import Choices
from retrieval.answer import safe_markdown

KIND = "answer"
LONGEST = 20_000
"""Characters of a question. The window says so when a model cannot read as much."""


def asked(user: str, conversation: str) -> Job | None:
    """The running answer of this conversation."""
    job = state.wiring().jobs().latest(user, KIND, conversation) if conversation else None
    return job.look() if job and job.running else None


def submit(user: str, conversation: str, question: str, chosen: Held) -> None:
    """Start answering; a new conversation comes into being with its first question."""
    wiring = state.wiring()
    conversations = wiring.conversations()
    if not conversation:
        choices = Choices(kb=chosen.kb, model=chosen.model, adapter=chosen.adapter, mode=chosen.mode)
        conversation = conversations.create(user, choices=choices).id
        state.open_conversation(conversation)
    before = len(conversations.turns(user, conversation))
    work = talk.answering(wiring, user, conversation, question, watched=state.watched())
    wiring.jobs().start(user, KIND, conversation, work, title=question, info={"turns": before})


def streaming(job: Job, chosen: Held) -> None:
    """The question, and the answer as far as it has come."""
    t = state.text()
    with st.container(key=f"said-{job.id}"), st.chat_message("user", avatar=":material/person:"):
        st.markdown(plain(job.title))

    @st.fragment(run_every=POLL)
    def answer() -> None:
        if not job.look().running:
            job.acknowledged = True
            st.rerun()
        with st.chat_message("assistant", avatar=":material/psychiatry:"):
            text = job.text()
            if text:
                st.markdown(safe_markdown(text) + " ▍")
            else:
                st.caption(t("chat.reading" if state.wiring().warm(chosen.model) else "chat.loading_model"))
            if job.stopping():
                st.caption(t("common.stopping"))
            else:
                st.button(t("common.stop"), key="stop", icon=":material/stop_circle:", on_click=job.stop)

    answer()


def composer(user: str, conversation: str, chosen: Held, *, busy: bool) -> None:
    """Where the question is typed."""
    t = state.text()
    hint = t("chat.busy") if busy else t("chat.ask") if chosen.documents else t("chat.ask_closed")
    question = st.chat_input(hint, key="question", max_chars=LONGEST, disabled=busy)
    question = question or st.session_state.pop("suggested", None)
    if question and str(question).strip() and not busy:
        submit(user, conversation, str(question).strip(), chosen)
        st.rerun()
