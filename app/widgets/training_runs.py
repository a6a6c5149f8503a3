"""Runs on the page: the one at work with its curves, and all of them. Everything is read from the run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app import state, training
from app.widgets import plain

if TYPE_CHECKING:
    from finetune.records import Event, Run
    from finetune.runs import Runs

POLL = 1.5
POINTS = 300
"""Points of a curve; more are thinned out."""
LEAF, SAND, SKY = "#4f9d76", "#d6a23c", "#5b8fc7"
SCORES = (("unseen_wording", LEAF), ("general", SKY), ("abstention", SAND))
SIGNS = {
    "completed": ":green[:material/check_circle:]",
    "failed": ":red[:material/error:]",
    "stopped": ":gray[:material/stop_circle:]",
    "queued": ":gray[:material/schedule:]",
}
WORKING = ":orange[:material/model_training:]"


def active(user: str, kb: str) -> None:
    """Runs at work or in the queue; the page runs again when their number changes."""
    runs = state.wiring().runs(kb, user)
    now = [run.id for run in runs.all() if run.state in training.ACTIVE]
    if not now:
        return

    @st.fragment(run_every=POLL)
    def watching() -> None:
        found = [run for run in runs.all() if run.state in training.ACTIVE]
        if [run.id for run in found] != now:
            st.rerun()
        runs.tick()
        for run in reversed(found):
            with st.container(border=True, key=f"run-{run.id}"):
                _live(runs, run)

    watching()


def _live(runs: Runs, run: Run) -> None:
    t = state.text()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{SIGNS.get(run.state, WORKING)} **{t(f'train.state_{run.state}')}** · {_name(run)}", width="stretch"
        )
        if run.state != "stopping":
            st.button(
                t("common.stop"),
                key=f"stop-run-{run.id}",
                icon=":material/stop_circle:",
                help=t("train.stop_help"),
                on_click=state.do,
                args=(runs.stop, run.id),
            )
    if run.state == "queued":
        st.caption(f"{t('train.queued_text')} {plain(_said(run))}".strip())
        return
    events = runs.events(run.id)
    _bar(run, events)
    if run.message:
        st.caption(plain(_said(run)))
    curves(events)
    _log(runs, run)


def _name(run: Run) -> str:
    t = state.text()
    # A rehearsal's curves look like learning and are none: nobody may take them for results.
    engine = t("train.rehearsal") if run.spec.engine == "rehearsal" else run.spec.engine
    parts = [engine, run.spec.base.rsplit("/", 1)[-1], t(f"train.effort_{run.spec.effort}"), run.id[-6:]]
    return plain(" · ".join(parts))


def _said(run: Run) -> str:
    return state.text().notice(run.notice, run.values, run.message)


def _bar(run: Run, events: list[Event]) -> None:
    t = state.text()
    last = next((event for event in reversed(events) if event.kind == "step"), None)
    values: dict[str, Any] = last.values if last else {}
    parts = [t("train.step", step=run.step, steps=run.steps)] if run.steps else [t("train.preparing")]
    if values.get("loss") is not None:
        parts.append(t("train.loss_now", value=f"{values['loss']:.3f}"))
    if values.get("tokens_per_second"):
        parts.append(t("train.speed_now", n=f"{values['tokens_per_second']:,.0f}"))
    if values.get("seconds_left") is not None:
        parts.append(t("common.remaining", time=t.duration(values["seconds_left"])))
    st.progress(min(1.0, run.step / run.steps) if run.steps else 0.0, text=" · ".join(parts))


def curves(events: list[Event]) -> None:
    """Loss, and the scores of every evaluation (unseen wordings, general questions, refusals)."""
    t = state.text()
    steps = [event for event in events if event.kind == "step" and event.values.get("loss") is not None]
    every = -(-len(steps) // POINTS) or 1
    step, loss = t("train.axis_step"), t("train.axis_loss")
    rows = [{step: event.step, loss: event.values["loss"]} for event in steps[::every]]
    scored = [event for event in events if event.kind in ("probe", "evaluation")]
    if len(rows) < 2 and len(scored) < 2:
        return
    left, right = st.columns(2)
    with left:
        if len(rows) > 1:
            st.markdown(f"**{t('train.chart_loss')}**")
            st.line_chart(rows, x=step, y=loss, height=190, color=LEAF)
    known = [(name, colour) for name, colour in SCORES if any(e.values.get(name) is not None for e in scored)]
    with right:
        if len(scored) > 1 and known:
            st.markdown(f"**{t('train.chart_scores')}**", help=t("train.chart_scores_help"))
            table = [
                {step: e.step}
                | {t(f"train.score_{n}"): 100 * e.values[n] for n, _ in known if e.values.get(n) is not None}
                for e in scored
            ]
            labels = [t(f"train.score_{name}") for name, _ in known]
            st.line_chart(table, x=step, y=labels, y_label="%", height=190, color=[colour for _, colour in known])


def _log(runs: Runs, run: Run) -> None:
    with st.popover(state.text()("train.log"), type="tertiary", icon=":material/terminal:"):
        st.code(runs.log(run.id, 40) or "…", language=None, wrap_lines=True)


def history(user: str, kb: str) -> None:
    """Every run that has ended, newest first."""
    t, runs = state.text(), state.wiring().runs(kb, user)
    found = [run for run in runs.all() if run.state not in training.ACTIVE]
    if not found:
        return
    st.subheader(t("train.history"))
    for run in found:
        created = run.created[:16].replace("T", " ")
        title = f"{SIGNS.get(run.state, '')} {_name(run)} · {t(f'train.state_{run.state}')} · {created}"
        with st.expander(title, key=f"ended-{run.id}", on_change="rerun") as opening:
            if opening.open:
                _ended(runs, run)


def _ended(runs: Runs, run: Run) -> None:
    t = state.text()
    if run.message:
        st.markdown(plain(_said(run)))
    events = runs.events(run.id)
    read = next((t.notice(e.notice, e.values, e.message) for e in events if e.notice == "rows_read"), "")
    st.caption(plain(f"{t('train.step', step=run.step, steps=run.steps)} · {read}".strip(" ·")))
    curves(events)
    with st.container(horizontal=True):
        if run.state in ("stopped", "failed"):
            st.button(
                t("train.resume"),
                key=f"resume-run-{run.id}",
                icon=":material/play_arrow:",
                on_click=state.do,
                args=(runs.resume, run.id),
            )
        _log(runs, run)
        with st.popover(t("train.spec"), type="tertiary", icon=":material/list_alt:"):
            st.json(run.spec.model_dump(mode="json"))
            st.code(" ".join(runs.command(run.id)), language=None, wrap_lines=True)
        with st.popover(t("common.delete"), type="tertiary", icon=":material/delete:", key=f"delete-run-{run.id}"):
            st.caption(t("train.delete_sure"))
            st.button(
                t("common.yes_delete"),
                key=f"delete-run-sure-{run.id}",
                on_click=state.do,
                args=(runs.remove, run.id),
            )
