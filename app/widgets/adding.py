"""Adding documents on the knowledge page: upload, folder, web address, and what became of each file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import ingestion, state
from app.widgets import error
from retrieval.records import FileResult, Upload

if TYPE_CHECKING:
    from app.jobs import Job
    from retrieval.library import Source

SHOWN = 200


def adding(user: str, kb: str) -> None:
    """The three ways in. Files are taken over by a button, never by a rerun."""
    t = state.text()
    with st.container(border=True):
        # A path names any file of the server: with login on, that is for its administrators only.
        ways = ["upload", "folder", "web"] if state.may_change_settings() else ["upload", "web"]
        way = st.segmented_control(
            t("knowledge.add"),
            ways,
            default="upload",
            required=True,
            key="way",
            format_func=lambda name: t(f"knowledge.{name}"),
            label_visibility="collapsed",
        )
        {"upload": _upload, "folder": _folder, "web": _web}[str(way)](user, kb)


def _upload(user: str, kb: str) -> None:
    t = state.text()
    limit = state.wiring().settings.server.upload_mb
    # A new key empties the uploader after its files were taken over, and gives their memory back.
    turn = st.session_state.setdefault("uploads", 0)
    files = st.file_uploader(
        t("knowledge.upload_label", mb=limit),
        accept_multiple_files=True,
        key=f"upload-{turn}",
        help=t("knowledge.upload_help"),
        max_upload_size=limit,
    )
    st.caption(t("knowledge.formats"))
    password = _password("upload", any(str(f.name).lower().endswith(".pdf") for f in files or ()))
    if st.button(t("knowledge.add_button"), key="add-upload", type="primary", disabled=not files):
        uploads = [Upload(name=file.name, data=file.getvalue()) for file in files or ()]
        state.release(files or ())
        st.session_state["uploads"] = turn + 1
        _start(user, kb, list(uploads), password)


def _folder(user: str, kb: str) -> None:
    t = state.text()
    path = st.text_input(t("knowledge.folder_label"), key="folder", placeholder="/home/…")
    password = _password("folder", bool(path))
    if st.button(t("knowledge.add_button"), key="add-folder", type="primary", disabled=not path.strip()):
        _start(user, kb, [Path(path.strip()).expanduser()], password)


def _web(user: str, kb: str) -> None:
    t = state.text()
    url = st.text_input(t("knowledge.web_label"), key="web", placeholder="https://…", type="url")
    if st.button(t("knowledge.add_button"), key="add-web", type="primary", disabled=not (url or "").strip()):
        _start(user, kb, [str(url).strip()])


def _password(key: str, shown: bool) -> str:
    if not shown:
        return ""
    return st.text_input(state.text()("knowledge.password_label"), type="password", key=f"password-{key}")


def _start(user: str, kb: str, sources: list[Source], password: str = "") -> None:
    passwords = {"": password} if password else None
    ingestion.start(state.wiring(), user, kb, sources, title=state.text()("knowledge.adding"), passwords=passwords)
    st.rerun()


def results(user: str, kb: str, job: Job) -> None:
    """What the last job came to, until it is put away."""
    t = state.text()
    with st.container(border=True):
        if job.error:
            error(job.error)
        if job.state == "stopped":
            st.info(t("knowledge.stopped"))
        if job.info.get("what") == "reindex" and job.state == "done":
            st.success(t("knowledge.reindexed"))
        if isinstance(job.result, list):
            _table(job.result)
        st.button(
            t("knowledge.dismiss"),
            key="dismiss",
            type="tertiary",
            on_click=ingestion.put_away,
            args=(state.wiring(), user, kb),
        )


def _table(found: list[FileResult]) -> None:
    t = state.text()
    counts = Counter(result.status for result in found)
    words = [f"{n} {t(f'knowledge.status_{status}')}" for status, n in counts.items()]
    st.markdown(f"**{' · '.join(words) or t('knowledge.added_none')}**")
    # What did not work comes first: nobody reads to the end of a long table.
    order = ("failed", "skipped", "duplicate", "updated", "added", "unchanged")
    rows = sorted(found, key=lambda result: order.index(result.status))
    st.dataframe(
        [
            {
                t("knowledge.file"): result.name,
                t("knowledge.status"): t(f"knowledge.status_{result.status}"),
                t("knowledge.chunks"): result.chunks,
                t("knowledge.notes"): said(result),
            }
            for result in rows[:SHOWN]
        ],
        hide_index=True,
        key="results",
    )


def said(result: FileResult) -> str:
    """Reason and notes of a result in one line, in the page's language."""
    t = state.text()
    notes = [note.detail or f"{note.kind}: {note.count}" for note in result.notes]
    return " ".join(t.told(part, "file") for part in (result.reason, *notes) if part)
