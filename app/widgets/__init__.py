"""Pieces that several pages share: errors, progress of a job, pickers, quotes. They draw; they decide nothing."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

import streamlit as st

from app import keys, state
from app.text import LANGUAGES
from finetune.records import Effort
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.jobs import Job

POLL = 0.4
"""Seconds between two looks at a running job."""
SPARE = "＋"


def error(problem: DocgraftError) -> None:
    """What went wrong and what to do about it, keys masked."""
    wiring = state.wiring()
    secrets = keys.known(wiring.home, wiring.settings)
    t = state.text()
    said = [t.error(problem.message), t.error(problem.hint)]
    if (told := getattr(problem, "notice", None)) and t.language != "en":
        said = [t.notice(told.id, told.values, problem.message)]
    st.error("\n\n".join(keys.mask(plain(part), secrets) for part in said if part), icon=":material/error:")


def pending_error() -> None:
    """Show, once, the error that an action left."""
    problem = st.session_state.pop("error", None)
    if isinstance(problem, DocgraftError):
        error(problem)


def plain(text: str) -> str:
    """Text that Markdown shows as it is: names and messages of documents must not become links, images or formulas."""
    return "".join("\\" + c if c in "\\`*_{}[]<>()#+!|~$:" else c for c in text)


def heading(title: str, lead: str = "") -> None:
    """A page's title."""
    st.html(f'<div class="dg-title"><h1>{html.escape(title)}</h1><p>{html.escape(lead)}</p></div>')


def empty(title: str, text: str) -> None:
    """What stands where nothing is yet."""
    st.html(f'<div class="dg-empty"><h2>{html.escape(title)}</h2><p>{html.escape(text)}</p></div>')


def quote(text: str, where: str, *, label: str = "") -> None:
    """A passage of a document with the place it stands in."""
    head = f'<div class="dg-label">{html.escape(label)}</div>' if label else ""
    st.html(
        f'<figure class="dg-quote">{head}<blockquote>{html.escape(text)}</blockquote>'
        f"<figcaption>{html.escape(where)}</figcaption></figure>"
    )


def passage(before: str, inside: str = "", after: str = "") -> None:
    """A passage with its middle highlighted."""
    marked = f"<mark>{html.escape(inside)}</mark>" if inside else ""
    shown = f"{html.escape(before)}{marked}{html.escape(after)}"
    st.html(f'<div class="dg-passage">{shown}</div>')


def time_left(seconds: float | None, words: str = "common.remaining") -> str:
    """How long it will still take; "" when that is not known, or over in a moment."""
    t = state.text()
    return t(words, time=t.duration(seconds)) if seconds and seconds >= 1 else ""


def progress(
    job: Job,
    *,
    on_end: Callable[[], Any] | None = None,
    said: Callable[[], str] = lambda: "",
    left: Callable[[], str] | None = None,
    stop: str = "",
) -> None:
    """A running job's bar, time left and Stop button; the page runs again when it has ended.

    `said` gives more words about how far it is, `left` others for the time left, `stop` another word for stopping.
    """
    t = state.text()

    @st.fragment(run_every=POLL)
    def bar() -> None:
        if not job.look().running:
            if on_end:
                on_end()
            st.rerun()
        parts = [job.title, said(), plain(job.message), left() if left else time_left(job.remaining)]
        st.progress(job.share, text=" · ".join(part for part in parts if part))
        if job.stopping():
            st.caption(t("common.stopping"))
        else:
            st.button(stop or t("common.stop"), key=f"stop-{job.id}", icon=":material/stop_circle:", on_click=job.stop)

    bar()


def picker(label: str, options: Sequence[Any], *, key: str, index: int = 0, **more: Any) -> Any:
    """A selectbox whose options are worded in the page's language.

    Streamlit knows a choice by its words: after a change of language it would show the old ones and then forget the
    choice. So every language has a widget of its own, which begins with what was picked in the other.
    """
    kept = picked(key)
    if kept in options:
        index = list(options).index(kept)
    return st.selectbox(label, options, index=index, key=f"{key}-{state.language()}", **more)


def apart(
    options: Sequence[Any], words: Callable[[Any], str], mark: Callable[[Any], object] = lambda option: option[-6:]
) -> Callable[[Any], str]:
    """Words for options, no two alike: Streamlit knows a choice by its words and takes the first that has them.

    `mark` tells those apart that are called the same.
    """
    said = [words(option) for option in options]
    counts = Counter(said)
    told = {o: w if counts[w] == 1 else f"{w} · {mark(o)}" for o, w in zip(options, said, strict=True)}
    return told.__getitem__


def picked(key: str) -> Any:
    """What is picked in a `picker`, also before it is drawn; None when it was not there before."""
    names = sorted(LANGUAGES, key=lambda language: language != state.language())
    return next((st.session_state[f"{key}-{n}"] for n in names if f"{key}-{n}" in st.session_state), None)


def effort_dial(page: str, *, key: str, before: Callable[[], Effort | None] = lambda: None) -> Effort:
    """The one dial, where the person left it in this session; else as `before`, the last time; else as set.

    Streamlit forgets a widget that is not drawn, as while a click runs or on another page.
    """
    t, kept = state.text(), f"kept-{key}"
    if key not in st.session_state:
        st.session_state[key] = st.session_state.get(kept) or before() or state.wiring().settings.training.effort
    chosen = st.segmented_control(
        t(f"{page}.effort"),
        get_args(Effort),
        required=True,
        key=key,
        format_func=lambda name: t(f"{page}.effort_{name}"),
        help=t(f"{page}.effort_help") if t.has(f"{page}.effort_help") else None,
    )
    st.session_state[kept] = chosen
    return cast("Effort", chosen)


def base_picker() -> str:
    """Choose the knowledge base of this session, or make a new one."""
    t, names = state.text(), base_names()
    current = state.base()
    # The key holds the choice: when another page or the form below chooses, the old widget's value does not come back.
    chosen = st.selectbox(
        t("common.knowledge_base"),
        [*names, SPARE],
        index=names.index(current),
        format_func=lambda name: t("common.new_base") if name == SPARE else name,
        key=f"base-picker-{current}",
    )
    if chosen == SPARE:
        with st.form("new-base", clear_on_submit=True):
            name = st.text_input(t("common.name"), key="new-base-name", max_chars=64)
            if st.form_submit_button(t("common.create")):
                if state.guarded(lambda: state.wiring().workspace(str(state.user())).base(name)):
                    st.session_state["base"] = name.strip()
                st.rerun()
    elif chosen != current:
        st.session_state["base"] = chosen
        st.rerun()
    return current


def adapter_name(user: str, kb: str, adapter: str) -> str:
    """What people tell an adapter from others by."""
    from finetune.adapters import show

    return show(state.wiring().folder(kb, user), adapter).called


def base_names() -> list[str]:
    """The knowledge bases this user can pick, the one in use among them."""
    names = state.wiring().workspace(str(state.user())).base_names()
    return sorted({"default", state.base(), *names})
