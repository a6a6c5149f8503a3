"""What is remembered across chats: read, correct, forget."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import plain


def memories(user: str) -> None:
    """Every remembered fact of this user."""
    t, longterm = state.text(), state.wiring().longterm()
    st.caption(t("settings.memory_lead"))
    found = longterm.all(user)
    if not found:
        st.markdown(t("settings.memory_none"))
        return
    for memory in found:
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"memory-{memory.id}"):
            text = st.text_input(
                memory.created[:10], memory.text, key=f"memory-text-{memory.id}-{memory.updated}", width="stretch"
            )
            if text.strip() and text.strip() != memory.text:
                state.guarded(longterm.edit, user, memory.id, text.strip())
                st.rerun()
            st.button(
                t("chat.forget"), key=f"forget-{memory.id}", on_click=state.do, args=(longterm.forget, user, memory.id)
            )
    with st.popover(t("settings.forget_all"), icon=":material/delete_sweep:"):
        st.markdown(plain(t("common.sure")))
        st.button(
            t("settings.forget_all"),
            key="forget-all",
            type="primary",
            on_click=state.do,
            args=(longterm.forget_all, user),
        )
