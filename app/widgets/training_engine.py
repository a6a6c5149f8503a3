"""The engine picker of the train page: which engines can train here, in words, and the button that installs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import state, training
from app.jobs import EVERYBODY
from app.widgets import error, plain, progress

if TYPE_CHECKING:
    from finetune.engines import Readiness

JOB = "engine"


def engine_picker(chosen: str, *, help: str) -> None:
    """Every engine with a word on whether it is ready; below, what is missing for the one picked."""
    from finetune import engines

    t, wiring, names = state.text(), state.wiring(), engines.names()
    ready = {name: training.readiness(wiring, name) for name in names}

    def label(name: str) -> str:
        return f"{name} · {t('train.engine_ready' if ready[name].ready else 'train.engine_not_ready')}"

    picked = str(
        st.selectbox(
            t("train.field_engine"),
            names,
            index=names.index(chosen),
            key="train-engine",
            format_func=label,
            help=help,
        )
    )
    about = f"train.engine_{picked}"
    st.caption(plain(" ".join(part for part in (t(about) if t.has(about) else "", words(ready[picked])) if part)))
    _installing(picked)


def words(ready: Readiness) -> str:
    """What is missing, in the page's language; "" when nothing is."""
    if ready.ready:
        return ""
    english = f"{ready.reason} {ready.hint}".strip()
    return state.text().notice(ready.notice.id, ready.notice.values, english) if ready.notice else english


def _installing(name: str) -> None:
    """The button that installs an engine that runs here, or how far its installation is."""
    from finetune.engines.pins import PINS

    if name not in PINS or PINS[name].device:
        return
    t, wiring = state.text(), state.wiring()
    place = wiring.engine(name)
    if not place.fault():
        return
    job = wiring.jobs().latest(EVERYBODY, JOB, name)
    if job and job.running:
        progress(job)
        return
    if job and job.error:
        error(job.error)
    gigabytes = f"{place.pins.disk / 1e9:.0f}"
    if st.button(t("train.engine_install", name=name, gb=gigabytes), key=f"install-{name}", icon=":material/download:"):
        wiring.install_engine(name, title=t("train.engine_installing", name=name))
        st.rerun()
