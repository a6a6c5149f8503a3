"""The compare page: the one click, comparisons of one's own, and what came out."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import base_picker, empty, heading, pending_error
from app.widgets.compare_live import live
from app.widgets.compare_own import own
from app.widgets.compare_result import results
from app.widgets.compare_start import noticed, running, whole_way

user = str(state.user())
t = state.text()
heading(t("compare.title"), t("compare.lead"))
kb = base_picker()
pending_error()
if not state.wiring().library(kb, user).documents():
    empty(t("compare.empty_base"), t("compare.empty_text"))
    if st.button(t("chat.add_documents"), key="go-knowledge", type="primary"):
        st.switch_page("views/knowledge.py")
else:
    at_work = running(user, kb)
    if not at_work:
        noticed(user, kb)
        whole_way(user, kb)
    results(user, kb, at_work=at_work)
    if not at_work:
        own(user, kb)
        live(user, kb)
