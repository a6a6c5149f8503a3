"""The page's frame: login, navigation, language. `docgraft ui` starts it; the pages lie in app/views."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st

HERE = Path(__file__).parent
# Streamlit puts this folder first on the path, where app/text.py and its neighbours would shadow other packages.
sys.path[:] = [entry for entry in sys.path if entry != str(HERE)]
if str(HERE.parent) not in sys.path:
    sys.path.append(str(HERE.parent))

from app import state  # noqa: E402
from app.text import LANGUAGES  # noqa: E402
from app.widgets import error  # noqa: E402
from memory.errors import DocgraftError  # noqa: E402

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

ICONS = {
    "chat": ":material/forum:",
    "knowledge": ":material/library_books:",
    "pairs": ":material/dataset:",
    "train": ":material/model_training:",
    "compare": ":material/balance:",
    "settings": ":material/tune:",
}
# A name that Streamlit wants of the default page, and never shows.
ROOT = "root"


def frame() -> None:
    """Draw what stands around every page, then the page."""
    st.set_page_config(page_title="Docgraft", page_icon=str(HERE / "assets" / "icon.svg"), layout="centered")
    st.html(HERE / "assets" / "style.css")
    st.logo(str(HERE / "assets" / "logo.svg"), icon_image=str(HERE / "assets" / "icon.svg"), size="large")
    try:
        user = state.user()
    except DocgraftError as problem:
        error_without_settings(problem)
        return
    state.keep_language()
    if (words := HERE / "assets" / f"style.{state.language()}.css").exists():
        st.html(words)
    if user is None:
        login = st.Page("views/login.py", title=state.text()("common.log_in"))
        st.navigation([login, *_elsewhere("login")], position="hidden").run()
        return
    t = state.text()
    pages = [
        st.Page(
            f"views/{name}.py",
            title=t(f"common.{name}"),
            icon=icon,
            url_path=ROOT if name == "chat" else name,
            default=name == "chat",
        )
        for name, icon in ICONS.items()
    ]
    # The default page answers at the root only, but its name is what people type.
    pages.append(st.Page("views/chat.py", title=t("common.chat"), url_path="chat", visibility="hidden"))
    page = st.navigation([*pages, *_elsewhere("elsewhere", pages)])
    try:
        page.run()
    except DocgraftError as problem:
        error(problem)
    foot(user)


def _elsewhere(view: str, known: Sequence[Page] = ()) -> list[Page]:
    """A page of ours for an address that is none; Streamlit's own notice knows English only."""
    asked = urlsplit(st.context.url or "").path.rsplit("/", 1)[-1]
    if asked in {ROOT, *(page.url_path for page in known)} or not re.fullmatch(r"[\w-]+", asked):
        return []
    return [st.Page(f"views/{view}.py", title=state.text()("common.no_page"), url_path=asked, visibility="hidden")]


def foot(user: str) -> None:
    """The end of the sidebar: language and account."""
    t = state.text()
    with st.sidebar, st.container(key="foot"):
        st.segmented_control(
            t("common.language"),
            list(LANGUAGES),
            default=state.language(),
            required=True,
            format_func=LANGUAGES.__getitem__,
            key="language-switch",
            label_visibility="collapsed",
            on_change=lambda: st.session_state.update(language=st.session_state["language-switch"]),
        )
        if state.wiring().settings.server.login:
            st.button(f"{t('common.log_out')} · {user}", key="log-out", on_click=state.forget_session)


def error_without_settings(problem: DocgraftError) -> None:
    """Settings that cannot be read leave nothing to draw with but the error itself."""
    from app import keys

    st.error(keys.mask(f"{problem.message}\n\n{problem.hint}"))


frame()
