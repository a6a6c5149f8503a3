"""Building pairs on the page: one button, its progress, what came of it, and which dataset is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app import pairing, state
from app.widgets import effort_dial, empty, error, picker, progress

if TYPE_CHECKING:
    from app.jobs import Job
    from finetune.datasets import Dataset
    from finetune.pairs import PairSettings
    from finetune.records import Effort

STEPS = {"forms": 1, "most_facts": 100, "context": 0.05, "refusals": 0.05, "replay": 0.05, "reading": 0.5}
"""Settings that the page shows, and the step of their fields."""


def building(user: str, kb: str) -> None:
    """The build that runs, or the button that starts one."""
    t, wiring = state.text(), state.wiring()
    job = pairing.latest(wiring, user, kb)
    if job and job.running:
        with st.container(border=True):
            progress(job, said=lambda: _stage(job), stop=t("pairs.pause"))
        return
    if job:
        _result(user, kb, job)
    if not wiring.library(kb, user).statistics.documents:
        _no_documents()
        return
    with st.container(border=True):
        _unfinished(user, kb)
        _start(user, kb)


def _stage(job: Job) -> str:
    t = state.text()
    words = t(f"pairs.stage_{job.info.get('stage', 'facts')}")
    kept = job.info.get("kept")
    return f"{words} · {t('pairs.kept_so_far', n=kept)}" if kept else words


def _result(user: str, kb: str, job: Job) -> None:
    t = state.text()
    if job.error:
        error(job.error)
    elif job.result is None:
        st.info(t("pairs.paused"))
    else:
        counts = job.result.card.counts
        st.success(t("pairs.built", rows=counts["train"], facts=counts.get("facts", 0), dropped=counts["dropped"]))
    if job.result is not None and not job.error:
        pairing.put_away(state.wiring(), user, kb)
        st.session_state[f"dataset-{kb}"] = job.result.id


def _no_documents() -> None:
    t = state.text()
    empty(t("pairs.no_documents"), t("pairs.no_documents_text"))
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button(t("chat.add_documents"), key="go-knowledge", icon=":material/upload_file:", type="primary"):
            st.switch_page("views/knowledge.py")


def _unfinished(user: str, kb: str) -> None:
    from finetune.pairs.build import waiting

    t, wiring = state.text(), state.wiring()
    for name in waiting(wiring.folder(kb, user)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("pairs.unfinished", name=name), width="stretch")
            if st.button(t("pairs.resume"), key=f"resume-{name}", icon=":material/play_arrow:"):
                pairing.start(wiring, user, kb, None, title=t("pairs.building"), resume=name)
                st.rerun()


def _start(user: str, kb: str) -> None:
    t, wiring = state.text(), state.wiring()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        effort = effort_dial("pairs", key="pairs-effort")
        pressed = st.button(t("pairs.build"), key="build", type="primary", icon=":material/dataset:")
    with st.expander(t("pairs.options"), key="build-options"):
        settings, model = _options(effort)
    if pressed:
        pairing.start(wiring, user, kb, settings, title=t("pairs.building"), model=model)
        st.rerun()


def _options(effort: Effort) -> tuple[PairSettings, str]:
    from finetune.pairs import preset

    t, wiring = state.text(), state.wiring()
    made = preset(effort)
    changes: dict[str, Any] = {}
    for name, step in STEPS.items():
        changes[name] = st.number_input(
            t(f"pairs.option_{name}"),
            value=getattr(made, name),
            min_value=type(step)(0 if isinstance(step, float) else 1),
            step=step,
            key=f"option-{name}-{effort}",
            help=t(f"pairs.option_{name}_help"),
        )
    model = picker(
        t("pairs.option_model"),
        ["", *wiring.model_names()],
        key="option-model",
        format_func=lambda name: wiring.label(name) if name else t("pairs.no_model"),
        help=t("pairs.option_model_help"),
    )
    return made.model_copy(update=changes), str(model or "")


def dataset_picker(user: str, kb: str) -> Dataset | None:
    """The dataset that is looked at, with the button that renews what changed; None while there is none."""
    t, wiring = state.text(), state.wiring()
    found = {dataset.id: dataset for dataset in wiring.datasets(kb, user)}
    if not found:
        if wiring.library(kb, user).statistics.documents and not pairing.latest(wiring, user, kb):
            empty(t("pairs.none"), t("pairs.none_text"))
        return None
    wanted = st.session_state.get(f"dataset-{kb}")
    names = list(found)
    chosen = picker(
        t("pairs.dataset"),
        names,
        index=names.index(wanted) if wanted in found else 0,
        format_func=lambda name: label(found[name]),
        key=f"dataset-picker-{kb}-{wanted}-{len(names)}",
    )
    st.session_state[f"dataset-{kb}"] = chosen
    return found[str(chosen)]


def label(dataset: Dataset) -> str:
    """A dataset in a picker: when it was made, and how much it holds."""
    created = dataset.card.created.replace("T", " ")[:16]
    return state.text()("pairs.dataset_label", created=created, rows=dataset.card.counts["train"], id=dataset.id[-6:])
