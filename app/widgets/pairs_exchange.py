"""Pairs in and out on the page: a file becomes a dataset, a dataset becomes another trainer's files."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.widgets import error, picker, plain
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from finetune.datasets import Dataset


def exchange(user: str, kb: str, dataset: Dataset | None) -> None:
    """Export of the dataset that is looked at, and import of a file."""
    if dataset is not None:
        _export(dataset)
    _import(user, kb)


def _export(dataset: Dataset) -> None:
    from finetune.formats import REGISTRY

    t = state.text()
    st.subheader(t("pairs.export"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = picker(
            t("pairs.format"), list(REGISTRY), key="export-format", format_func=lambda name: t(f"pairs.format_{name}")
        )
        if st.button(t("pairs.prepare"), key="export-prepare"):
            st.session_state["exported"] = _packed(dataset, str(chosen))
    ready = st.session_state.get("exported")
    if ready and ready[:2] == (dataset.card.fingerprint, chosen):
        _, _, data, notes = ready
        for note in notes:
            st.caption(plain(note))
        st.download_button(
            t("pairs.download", kb=len(data) // 1024 + 1),
            data,
            file_name=f"pairs-{dataset.id[-6:]}-{chosen}.zip",
            mime="application/zip",
            key="export-download",
            icon=":material/download:",
            type="primary",
            on_click="ignore",
        )


def _packed(dataset: Dataset, form: str) -> tuple[str, str, bytes, tuple[str, ...]]:
    """Fingerprint, format, the export's files as one ZIP, and what should be known of them."""
    from finetune.formats import export

    with tempfile.TemporaryDirectory() as folder:
        try:
            done = export(dataset, form, Path(folder))
        except DocgraftError as problem:
            st.session_state["error"] = problem
            st.rerun()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder).as_posix())
    return dataset.card.fingerprint, form, packed.getvalue(), done.notes


def _import(user: str, kb: str) -> None:
    t, wiring = state.text(), state.wiring()
    st.subheader(t("pairs.import"))
    st.caption(t("pairs.import_text"))
    # A new key empties the uploader, so that a rerun cannot import the same file again.
    turn = st.session_state.setdefault("imports", 0)
    file = st.file_uploader(
        t("pairs.import_label"),
        key=f"import-{turn}",
        type=["json", "jsonl", "csv"],
        max_upload_size=wiring.settings.server.upload_mb,
        label_visibility="collapsed",
    )
    skip = st.checkbox(t("pairs.skip_bad"), key="import-skip")
    if st.button(t("pairs.import_button"), key="import-button", disabled=file is None) and file is not None:
        st.session_state["imports"] = turn + 1
        st.session_state["imported"] = _taken(user, kb, file.getvalue(), skip)
        st.rerun()
    problems = st.session_state.pop("imported", None)
    if isinstance(problems, DocgraftError):
        error(problems)
    elif problems is not None:
        _problems(problems)


def _taken(user: str, kb: str, data: bytes, skip: bool) -> object:
    from finetune.pairs.importing import import_dataset

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs"
        path.write_bytes(data)
        try:
            made, problems = import_dataset(state.wiring().library(kb, user), path, strict=not skip)
        except DocgraftError as problem:
            return problem
    st.session_state[f"dataset-{kb}"] = made.id
    return [problem.model_dump() for problem in problems]


def _problems(problems: object) -> None:
    t = state.text()
    st.success(t("pairs.imported"))
    if problems:
        st.dataframe(problems, hide_index=True, key="import-problems")
