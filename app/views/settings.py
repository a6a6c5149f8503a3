"""The settings page: everything that can be set, the models, what is remembered, and what the machine can do."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import heading, pending_error
from app.widgets.machine import machine
from app.widgets.memories import memories
from app.widgets.models import models
from app.widgets.options import options

t = state.text()
heading(t("settings.title"), t("settings.lead", path=str(state.wiring().home.settings)))
pending_error()
sections = {"settings": options, "models": models, "memory": memories, "machine": machine}
if not state.may_change_settings():
    del sections["settings"], sections["models"], sections["machine"]
chosen = st.segmented_control(
    t("settings.title"),
    list(sections),
    default=next(iter(sections)),
    required=True,
    format_func=lambda name: t(f"settings.tab_{name}"),
    key="settings-tab",
    label_visibility="collapsed",
)
sections[str(chosen)](str(state.user()))
