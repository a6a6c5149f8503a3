"""The one click on the compare page: what is ahead, the button, live progress, and coming back after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import comparing, pipeline, signals, state
from app.signals import STEPS, Stage
from app.widgets import POLL, effort_dial, error, plain, progress, time_left
from app.widgets.compare_words import arm_name, language
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.forecast import Forecast
    from app.jobs import Job

ELSEWHERE = 1.0
"""Seconds between two looks at a way that another process is going."""
NOTICED = 5.0
"""Seconds between two looks whether another process has begun to go one."""


def running(user: str, kb: str, *, draw: bool = True) -> bool:
    """Whether the one click or a comparison is at work; drawn with its progress.

    A click that a crash or a restart of the server interrupted goes on by itself.
    """
    wiring = state.wiring()
    if draw:
        pipeline.attach(wiring, user, kb)
    found = [wiring.jobs().latest(user, kind, kb) for kind in (pipeline.KIND, comparing.KIND)]
    working = [job for job in found if job and job.running]
    if draw:
        for job in found:
            if job:
                (_draw if job.running else _ended)(job)
    known = None if working else pipeline.way(wiring, user, kb)
    if known and known.going:
        if draw:
            _elsewhere(user, kb)
        return True
    return bool(working)


def _draw(job: Job) -> None:
    t = state.text()
    with st.container(border=True, key="tune-live" if job.kind == pipeline.KIND else "compare-live"):
        if job.kind == pipeline.KIND:
            st.caption(t("compare.resumable"))
            progress(
                job,
                said=lambda: f"{t('compare.running')} · {_step(job.info.get('stage'))}",
                left=lambda: _left(job.info.get("stage")),
            )
        else:
            progress(job, said=lambda: f"{t('compare.comparing')} · {arm_name(str(job.info.get('arm', '')))}")


def _step(stage: Stage | None) -> str:
    """Which step is done, which is being done, and what of it."""
    t = state.text()
    now = STEPS.index(stage.step) if stage else 0
    marks = ["✓" if i < now else "●" if i == now else "○" for i in range(len(STEPS))]
    steps = [f"{mark} {t(f'compare.step_{name}')}" for mark, name in zip(marks, STEPS, strict=True)]
    doing = stage.message if stage else ""
    if STEPS[now] == "compare":
        doing = arm_name(doing)
    elif STEPS[now] == "pairs":
        doing = t(f"pairs.stage_{doing}") if t.has(f"pairs.stage_{doing}") else doing
    elif stage:
        doing = t.notice(stage.notice, stage.values, doing).rstrip(".。")
    return "  ".join(steps) + (f" · {plain(doing)}" if doing else "")


def _left(stage: Stage | None) -> str:
    """Time left of this step, and said so: a minute left of training is not a minute to the verdict."""
    return time_left(stage.left if stage else None, "compare.step_left")


def _ended(job: Job) -> None:
    if job.error:
        error(job.error)
    elif job.state == "stopped":
        st.info(state.text()("compare.stopped"))


def _elsewhere(user: str, kb: str) -> None:
    """The way that another process goes, such as a terminal: as live as one's own, and it can be stopped from here."""
    t, wiring = state.text(), state.wiring()
    folder = wiring.folder(kb, user)

    @st.fragment(run_every=ELSEWHERE)
    def watching() -> None:
        if not pipeline.elsewhere(wiring, user, kb):
            st.rerun()
        stage = signals.seen(folder)
        parts = [t("compare.running"), _step(stage), _left(stage)]
        st.progress(stage.share if stage else 0.0, text=" · ".join(part for part in parts if part))
        if signals.halting(folder):
            st.caption(t("common.stopping"))
        else:
            st.button(
                t("common.stop"),
                key="stop-elsewhere",
                icon=":material/stop_circle:",
                on_click=signals.halt,
                args=(folder,),
            )

    with st.container(border=True, key="tune-live"):
        st.caption(t("compare.elsewhere"))
        watching()


@st.fragment(run_every=NOTICED)
def noticed(user: str, kb: str) -> None:
    """Draw the page again once another process has begun to go the way, so that a page left open shows it too."""
    known = pipeline.way(state.wiring(), user, kb)
    if known and known.going:
        st.rerun()


def whole_way(user: str, kb: str) -> None:
    """The one click."""
    t, wiring = state.text(), state.wiring()
    known = pipeline.way(wiring, user, kb)
    unfinished = known is not None and not known.comparison
    with st.container(border=True, key="whole-way"):
        st.markdown(f"**{t('compare.one_click')}**")
        st.caption(t("compare.one_click_text"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            effort = effort_dial(
                "compare", key=f"tune-effort-{kb}", before=lambda: known.wish.effort if known else None
            )
            wish = pipeline.Wish(effort=effort, language=language())
            label = t("compare.go_on") if unfinished and known and effort == known.wish.effort else t("compare.go")
            if st.button(label, key="tune", type="primary", icon=":material/psychiatry:"):
                if state.guarded(_able, wiring.training_base()):
                    pipeline.start(wiring, user, kb, wish)
                st.rerun()
        _ahead(user, kb, wish)


def _ahead(user: str, kb: str, wish: pipeline.Wish) -> None:
    """What the click would do, as soon as it is known."""
    t, wiring = state.text(), state.wiring()
    found = wiring.model_state(wiring.training_base())
    if not found.ready:
        if found.fetchable:
            size = f" ({found.size / 1e6:.0f} MB)" if found.size else ""
            st.caption(t("compare.ahead_model", name=plain(found.name), size=size))
        return
    job = pipeline.look(wiring, user, kb, wish)

    @st.fragment(run_every=POLL if job.running else None)
    def shown() -> None:
        if job.running and not job.wait(0.2):
            st.caption(t("compare.looking"))
            return
        if job.error:
            st.caption(plain(t.error(job.error.message)))
        elif job.result:
            st.caption(_said(job.result))
        if not job.info.get("drawn"):
            job.info["drawn"] = True
            st.rerun()

    shown()


def _said(ahead: Forecast) -> str:
    """The plan in a few words: each step with its time, then the whole and the memory."""
    t = state.text()
    steps = [
        t(
            "compare.ahead_done" if part.done else f"compare.ahead_{part.step}",
            n=f"{part.count:,}",
            time=t.duration(part.seconds),
            step=t(f"compare.step_{part.step}"),
        )
        for part in ahead.parts
    ]
    if all(part.done for part in ahead.parts):
        return " · ".join(steps)
    whole = t(
        "compare.ahead_whole" if ahead.fits else "compare.ahead_tight",
        time=t.duration(ahead.seconds),
        memory=f"{ahead.memory / 1e9:.1f}",
        free=f"{ahead.free / 1e9:.1f}",
    )
    return " · ".join(steps) + "  \n" + whole


def _able(model: str) -> None:
    """DocgraftError when the model that would be trained is neither on this machine nor to be had."""
    found = state.wiring().model_state(model)
    if not found.ready and not found.fetchable:
        raise DocgraftError(found.text, found.fix)
