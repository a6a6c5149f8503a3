"""A comparison by hand: arms, adapters and models, and questions from a dataset, a file, the chat or the keyboard."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import comparing, state
from app.widgets import adapter_name, apart, plain
from app.widgets.compare_words import arm_name, language
from memory.errors import BadDataset

if TYPE_CHECKING:
    from finetune.records import Question

ENDINGS = (".jsonl", ".json", ".csv", ".tsv")


def own(user: str, kb: str) -> None:
    """What to compare, on which questions, and the button."""
    t = state.text()
    with st.expander(t("compare.own"), icon=":material/checklist:", key="own"):
        arms = _arms(user, kb)
        questions = _source(user, kb)
        most = st.number_input(t("compare.most"), 1, 10_000, comparing.MOST, key="most")
        ready = bool(arms["arms"]) and questions is not None
        if st.button(t("compare.start"), key="compare", type="primary", disabled=not ready):
            state.guarded(_start, user, kb, arms, int(most), questions)
            st.rerun()


def _arms(user: str, kb: str) -> dict[str, Any]:
    """The ways of answering, with the choices that some of them need."""
    t, wiring = state.text(), state.wiring()
    adapters, model = wiring.adapters(kb, user), wiring.model_names()[0]
    controls = comparing.controls(wiring, user, kb, model)
    offered = [
        arm
        for arm in comparing.ARMS
        if (adapters or arm not in comparing.ADAPTED) and (controls or arm not in comparing.CONTROLS)
    ]
    usual = [arm for arm in offered if arm in ("base", "rag", "tuned", "both")]
    chosen: dict[str, Any] = {
        "arms": tuple(
            st.pills(
                t("compare.arms"),
                offered,
                selection_mode="multi",
                default=usual,
                format_func=arm_name,
                help=t("compare.arms_help"),
                key="arms",
            )
            or ()
        )
    }
    if len(adapters) > 1:
        picked = st.multiselect(
            t("compare.adapters"),
            adapters,
            default=adapters[:1],
            format_func=apart(adapters, lambda one: adapter_name(user, kb, one)),
            key="adapters",
        )
        chosen |= {"adapter": picked[0] if picked else "", "adapters": tuple(picked[1:])}
    others = [name for name in wiring.model_names()[1:] if wiring.model_state(name).ready]
    if others:
        chosen["models"] = tuple(st.multiselect(t("compare.models"), others, key="models"))
    return chosen


def _source(user: str, kb: str) -> Any:
    """Where the questions come from: "dataset", an upload, or rows; None while there are none."""
    t, wiring = state.text(), state.wiring()
    ways = (["dataset"] if wiring.datasets(kb, user) else []) + ["file", "typed"]
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
    if way == "file":
        return st.file_uploader(
            t("compare.from_file"),
            type=[ending[1:] for ending in ENDINGS],
            help=t("compare.file_help"),
            key="questions",
        )
    return _typed(user, kb) if way == "typed" else "dataset"


def _typed(user: str, kb: str) -> list[Question] | None:
    """Questions of the chat to pick from, and a table to type in, each with an answer to mark by if there is one."""
    from finetune.evaluation.questions import typed

    t, asked = state.text(), comparing.from_conversations(state.wiring(), user, kb)
    picked: list[Question] = []
    if asked:
        picked = st.multiselect(
            t("compare.from_chat"),
            asked,
            format_func=apart(asked, lambda q: q.question[:90], lambda q: q.id[:6]),
            key="chat-questions",
        )
    words = {key: t(f"compare.{key}") for key in ("question", "expected", "absent")}
    st.caption(t("compare.typed_help"))
    rows = st.data_editor(
        [{"question": q.question, "expected": "", "absent": False} for q in picked]
        or [{"question": "", "expected": "", "absent": False}],
        column_config={
            "question": st.column_config.TextColumn(words["question"], width="large"),
            "expected": st.column_config.TextColumn(words["expected"]),
            "absent": st.column_config.CheckboxColumn(words["absent"]),
        },
        num_rows="dynamic",
        hide_index=True,
        key=f"typed-{len(picked)}",
    )
    history = {q.question: q.history for q in picked}
    found = [
        typed(
            str(row["question"]),
            str(row.get("expected") or ""),
            absent=bool(row.get("absent")),
            history=history.get(str(row["question"]), ()),
        )
        for row in rows
        if str(row.get("question") or "").strip()
    ]
    return found or None


def _start(user: str, kb: str, arms: dict[str, Any], most: int, source: Any) -> None:
    questions: tuple[Question, ...] = ()
    if isinstance(source, list):
        questions = tuple({q.id: q for q in source}.values())
    elif source != "dataset":
        questions = _read(source.name, source.getvalue())
    wish = comparing.Wish(**arms, questions=questions, most=most, language=language())
    comparing.ready(state.wiring(), user, kb, wish)  # What cannot be is told now, not by a job that fails.
    comparing.start(state.wiring(), user, kb, wish)


def _read(name: str, data: bytes) -> tuple[Question, ...]:
    """The questions of an upload; only the ending of its name is used."""
    from finetune.evaluation.questions import from_file

    ending = Path(plain(name).replace("\\", "")).suffix.lower()
    if ending not in ENDINGS:
        raise BadDataset(f"{name!r} is no question file.", f"Use one of: {', '.join(ENDINGS)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"questions{ending}"
        path.write_bytes(data)
        return tuple(from_file(path))
