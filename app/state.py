"""What a browser session is: its user, language and conversation, beside the objects that the process shares."""

from __future__ import annotations

import atexit
import gc
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import keys, settings
from app.jobs import Job
from app.text import LANGUAGES, Text
from app.wiring import Shelf, Wiring
from memory.conversations import LOCAL_USER
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

GONE_SECONDS = 5.0
"""A browser that has not asked for this long, and is disconnected, has gone."""


@st.cache_resource(show_spinner=False)
def _shelf(home: str) -> Shelf:
    root = settings.workspace()
    keys.guard_logs(keys.known(root, settings.load(root)))
    # With the model libraries loaded, collecting everything once more at the end would take seconds after Ctrl-C.
    atexit.register(gc.freeze)
    return Shelf()


def wiring() -> Wiring:
    """The objects behind the page, by the settings as they are now; what is heavy lies on a shared shelf."""
    home = settings.workspace()
    return Wiring(settings.load(home), home, shelf=_shelf(f"{home.root}:{os.getpid()}"))


def user() -> str | None:
    """Who is in front of this session; None while login is on and nobody has logged in."""
    if not wiring().settings.server.login:
        return LOCAL_USER
    name: str | None = st.session_state.get("user")
    return name


def language() -> str:
    """The language of this session: the one picked, else the setting's."""
    picked = st.session_state.get("language") or st.query_params.get("lang")
    return picked if picked in LANGUAGES else wiring().settings.language


def keep_language() -> None:
    """Keep a picked language in the address, so that a reload or a restart of the server comes back in it."""
    picked = st.session_state.get("language")
    if picked and st.query_params.get("lang") != picked:
        st.query_params["lang"] = picked


def text() -> Text:
    """The strings of this session's language."""
    return Text(language())


def base() -> str:
    """The knowledge base that this session looks at: the one picked, else the default or first one with documents."""
    if "base" in st.session_state:
        return str(st.session_state["base"])
    home = wiring().workspace(user() or LOCAL_USER)
    filled = [name for name in home.base_names() if any(home.base(name).originals.glob("*"))]
    return "default" if "default" in filled or not filled else filled[0]


def conversation_id() -> str:
    """The open conversation, kept in the address so that a reload comes back to it; "" for a new one."""
    return str(st.query_params.get("c", ""))


def open_conversation(conversation: str) -> None:
    """Open a conversation; "" for a new one."""
    if conversation:
        st.query_params["c"] = conversation
    else:
        st.query_params.pop("c", None)


def watched() -> Callable[[Job], bool]:
    """A check for background work, free of Streamlit's session context: whether this browser is still there."""
    from streamlit.runtime import exists, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    session = context.session_id if context else ""

    def check(job: Job) -> bool:
        if time.monotonic() - job.seen < GONE_SECONDS or not exists():
            return True
        return get_instance().is_active_session(session)

    return check


def may_change_settings() -> bool:
    """Whether this user may change what counts for everybody: without login its one user, else the accounts named."""
    current = wiring().settings.server
    return not current.login or user() in current.admins


def release(files: Sequence[UploadedFile]) -> None:
    """Give back the memory of uploads that were taken over; Streamlit would hold them until the browser leaves."""
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    manager = context.uploaded_file_mgr if context else None
    if context and isinstance(manager, MemoryUploadedFileManager):
        for file in files:
            manager.remove_file(session_id=context.session_id, file_id=file.file_id)


def forget_session() -> None:
    """Log out: nothing of this session is left for the next person at the same browser."""
    st.session_state.clear()
    st.query_params.clear()


def log_in(name: str, password: str) -> bool:
    """Check an account; DocgraftError after too many failures."""
    if not wiring().accounts().check(name, password):
        return False
    forget_session()
    st.session_state["user"] = name
    return True


def guarded(action: Callable[..., object], *args: Any) -> bool:
    """Do something a person asked for; an error they can fix is kept to be shown, and False says so."""
    try:
        action(*args)
    except DocgraftError as error:
        st.session_state["error"] = error
        return False
    return True


def do(action: Callable[..., object], *args: Any) -> None:
    """`guarded`, as a widget's callback."""
    guarded(action, *args)
