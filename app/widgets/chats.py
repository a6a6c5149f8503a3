"""The sidebar's conversations: new, search, open."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import plain

SHOWN = 25


def sidebar(user: str) -> None:
    """Draw the list of this user's conversations."""
    t = state.text()
    with st.sidebar:
        st.button(t("chat.new"), key="new-chat", icon=":material/add:", width="stretch", on_click=_open, args=("",))
        words = st.text_input(
            t("chat.find"), key="find-chat", placeholder=t("chat.find"), label_visibility="collapsed", type="search"
        )
        with st.container(key="chats", gap=None):
            _found(user, words.strip()) if words and words.strip() else _all(user)


def _all(user: str) -> None:
    t = state.text()
    conversations = state.wiring().conversations().all(user)
    if not conversations:
        st.caption(t("chat.no_chats"))
    for conversation in conversations[:SHOWN]:
        _entry(conversation.id, conversation.title)
    if len(conversations) > SHOWN:
        st.caption(t("chat.more_chats", n=len(conversations) - SHOWN))


def _found(user: str, words: str) -> None:
    from retrieval.tokens import fold

    t, seen = state.text(), set()
    for found in state.wiring().conversations().search(user, words, fold=fold):
        if found.conversation.id not in seen:
            seen.add(found.conversation.id)
            _entry(found.conversation.id, found.conversation.title)
            st.caption(plain(found.excerpt))
    if not seen:
        st.caption(t("chat.none_found"))


def _entry(conversation: str, title: str) -> None:
    st.button(
        plain(title) or state.text()("chat.untitled"),
        key=f"chat-{conversation}",
        type="secondary" if conversation == state.conversation_id() else "tertiary",
        width="stretch",
        on_click=_open,
        args=(conversation,),
    )


def _open(conversation: str) -> None:
    st.session_state.pop("editing", None)
    state.open_conversation(conversation)
