"""The knowledge page: what is in a knowledge base, adding to it and removing from it."""

from __future__ import annotations

import streamlit as st

from app import ingestion, state
from app.widgets import base_picker, heading, pending_error, progress
from app.widgets.adding import adding, results
from app.widgets.documents import documents, maintenance, trial

user = str(state.user())
t = state.text()
heading(t("knowledge.title"), t("knowledge.lead"))
kb = base_picker()
pending_error()

job = ingestion.latest(state.wiring(), user, kb)
if job and job.running:
    with st.container(border=True):
        progress(job)
else:
    adding(user, kb)
    if job:
        results(user, kb, job)
documents(user, kb)
trial(user, kb)
maintenance(user, kb, busy=bool(job and job.running))
