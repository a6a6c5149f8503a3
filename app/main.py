"""The page's frame: login, navigation, language. `docgraft ui` starts it; the pages lie in app/views."""

from __future__ import annotations

import sys
from pathlib import Path

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

ICONS = {
    "chat": ":material/forum:",
    "knowledge": ":material/library_books:",
    "pairs": ":material/dataset:",
    "train": ":material/model_training:",
    "compare": ":material/balance:",
    "settings": ":material/tune:",
}


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
    if user is None:
        st.navigation([st.Page("views/login.py", title=state.text()("common.log_in"))], position="hidden").run()
        return
    t = state.text()
    pages = [
        st.Page(
            path, title=t(f"common.{path.stem}"), icon=ICONS[path.stem], url_path=path.stem, default=path.stem == "chat"
        )
        for path in (HERE / "views" / f"{name}.py" for name in ICONS)
        if path.exists()
    ]
    page = st.navigation(pages)
    try:
        page.run()
    except DocgraftError as problem:
        error(problem)
    foot(user)


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
