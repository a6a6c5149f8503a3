"""The pairs page: build a dataset from the documents, look it over, know what to expect of it."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import base_picker, heading, pending_error
from app.widgets.pairs_building import building, dataset_picker
from app.widgets.pairs_exchange import exchange
from app.widgets.pairs_overview import checkup, overview
from app.widgets.pairs_review import review

user = str(state.user())
t = state.text()
heading(t("pairs.title"), t("pairs.lead"))
kb = base_picker()
errors = st.container()
building(user, kb)
dataset = dataset_picker(user, kb)
if dataset is None:
    exchange(user, kb, None)
else:
    sections = {"overview": overview, "review": review, "check": checkup, "exchange": exchange}
    chosen = st.segmented_control(
        t("pairs.title"),
        list(sections),
        default="overview",
        required=True,
        format_func=lambda name: t(f"pairs.tab_{name}"),
        key="pairs-tab",
        label_visibility="collapsed",
    )
    sections[str(chosen)](user, kb, dataset)
with errors:  # What the review did not show beside the pair.
    pending_error()
