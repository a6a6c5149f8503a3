"""The train page: see what would happen, start it, watch it, use what came out."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import base_picker, heading, pending_error
from app.widgets.training_adapters import adapters
from app.widgets.training_hosted import hosted_training
from app.widgets.training_plan import planning
from app.widgets.training_runs import active, history

user = str(state.user())
t = state.text()
heading(t("train.title"), t("train.lead"))
kb = base_picker()
pending_error()
with st.container():  # A place of its own: what is below stays as it is when a run comes or goes.
    active(user, kb)
planning(user, kb)
hosted_training(user, kb)
adapters(user, kb)
history(user, kb)
