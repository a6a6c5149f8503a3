"""What an address shows that is no page: where the pages are."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import empty

t = state.text()
empty(t("common.no_page"), t("common.no_page_text"))
with st.container(horizontal=True, horizontal_alignment="center"):
    st.page_link("views/chat.py", label=t("common.chat"), icon=":material/forum:")
