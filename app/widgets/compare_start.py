"""Starting on the compare page: the one click, and a comparison with arms and questions of one's own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import streamlit as st

from app import comparing, pipeline, state
from app.widgets import error, plain, progress
from app.widgets.compare_words import language
from finetune.records import Effort
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.jobs import Job
    from finetune.records import Question


def running(user: str, kb: str, *, draw: bool = True) -> bool:
    """Whether the one click or a comparison is at work; drawn with its progress."""
    jobs = state.wiring().jobs()
    found = [jobs.latest(user, kind, kb) for kind in (pipeline.KIND, comparing.KIND)]
    working = [job for job in found if job and job.running]
    if draw:
        for job in found:
            if job:
                (_draw if job.running else _ended)(job)
    return bool(working)


def _draw(job: Job) -> None:
    t = state.text()
    with st.container(border=True):
        if job.kind == pipeline.KIND:
            stage = job.info.get("stage", "pairs")
            st.markdown(f"**{t(f'compare.stage_{stage}')}**")
            st.caption(t("compare.resumable"))
        progress(job)


def _ended(job: Job) -> None:
    if job.error:
        error(job.error)
    elif job.state == "stopped":
        st.info(state.text()("compare.stopped"))


def whole_way(user: str, kb: str) -> None:
    """The one click."""
    t, wiring = state.text(), state.wiring()
    known = pipeline.way(wiring, user, kb)
    unfinished = known is not None and not known.comparison
    with st.container(border=True):
        st.markdown(f"**{t('compare.one_click')}**")
        st.caption(t("compare.one_click_text"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            effort = st.segmented_control(
                t("compare.effort"),
                get_args(Effort),
                default=known.wish.effort if known and unfinished else wiring.settings.training.effort,
                required=True,
                format_func=lambda name: t(f"compare.effort_{name}"),
                key="tune-effort",
            )
            label = t("compare.go_on") if unfinished and known and effort == known.wish.effort else t("compare.go")
            if st.button(label, key="tune", type="primary", icon=":material/psychiatry:"):
                wish = pipeline.Wish.model_validate({"effort": effort, "language": language()})
                if state.guarded(_able, wiring.training_base()):
                    pipeline.start(wiring, user, kb, wish, title=t("compare.running"))
                st.rerun()


def _able(model: str) -> None:
    """DocgraftError when the model that would be trained is not on this machine."""
    found = state.wiring().model_state(state.wiring().pick(model))
    if not found.ready:
        raise DocgraftError(f"{model}: {found.text}", found.fix)


def own(user: str, kb: str) -> None:
    """Arms and questions chosen by hand."""
    t, wiring = state.text(), state.wiring()
    with st.expander(t("compare.own"), icon=":material/checklist:", key="own"):
        has_adapter = bool(wiring.adapters(kb, user))
        offered = [a for a in comparing.ARMS[:5] if has_adapter or a not in comparing.ADAPTED]
        arms = st.pills(
            t("compare.arms"),
            offered,
            selection_mode="multi",
            default=[a for a in offered if a != "oracle"],
            format_func=lambda name: t(f"compare.arm_{name}"),
            key="arms",
        )
        ways = ["dataset", "file"] if wiring.datasets(kb, user) else ["file"]
        if "dataset" not in ways:
            st.caption(t("compare.no_dataset"))
        way = st.segmented_control(
            t("compare.questions"),
            ways,
            default=ways[0],
            required=True,
            format_func=lambda name: t(f"compare.from_{name}"),
            key="question-source",
        )
        upload = None
        if way == "file":
            upload = st.file_uploader(
                t("compare.from_file"),
                type=["jsonl", "json", "csv", "tsv"],
                help=t("compare.file_help"),
                key="questions",
            )
        most = st.number_input(t("compare.most"), 1, 10_000, comparing.MOST, key="most")
        ready = bool(arms) and (way == "dataset" or upload is not None)
        if st.button(t("compare.start"), key="compare", type="primary", disabled=not ready):
            state.guarded(_start, user, kb, tuple(arms or ()), int(most), upload)
            st.rerun()


def _start(user: str, kb: str, arms: tuple[str, ...], most: int, upload: Any) -> None:
    questions = _read(upload.name, upload.getvalue()) if upload else ()
    wish = comparing.Wish(arms=arms, questions=questions, most=most, language=language())
    comparing.start(state.wiring(), user, kb, wish, title=state.text()("compare.comparing"))


def _read(name: str, data: bytes) -> tuple[Question, ...]:
    """The questions of an upload; only the ending of its name is used."""
    from finetune.evaluation.questions import from_file

    ending = Path(plain(name).replace("\\", "")).suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"questions{ending if ending in ('.jsonl', '.json', '.csv', '.tsv') else '.jsonl'}"
        path.write_bytes(data)
        return tuple(from_file(path))
