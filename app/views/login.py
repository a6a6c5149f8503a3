"""The login page: shown instead of everything else while login is on and nobody has logged in."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import error, heading
from memory.errors import DocgraftError

t = state.text()
heading(t("common.welcome"), t("common.tagline"))
with st.form("login"):
    name = st.text_input(t("common.account"), key="login-name", autocomplete="username")
    password = st.text_input(
        t("common.password"), type="password", key="login-password", autocomplete="current-password"
    )
    sent = st.form_submit_button(t("common.log_in"), type="primary")
if sent:
    try:
        if state.log_in(name.strip(), password):
            st.rerun()
        st.error(t("common.log_in_failed"))
    except DocgraftError as problem:
        error(problem)
