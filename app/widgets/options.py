"""Every setting as a field of its type, checked before it is saved."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal, get_args, get_origin

import streamlit as st

from app import settings, state
from app.text import LANGUAGES, strings
from memory.errors import DocgraftError

RESTART = ("server.address", "server.port", "server.login", "server.upload_mb", "theme")


def options(user: str) -> None:
    """One form per group."""
    groups: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for key, field in settings.fields():
        groups[key.split(".")[0] if "." in key else "general"].append((key, field))
    for group, fields in groups.items():
        _group(group, fields)


def _group(group: str, fields: list[tuple[str, Any]]) -> None:
    t, current = state.text(), state.wiring().settings
    with (
        st.expander(t(f"settings.group_{group}"), expanded=group in ("general", "model")),
        st.form(group, border=False),
    ):
        given = {key: _field(key, field, settings.value(current, key)) for key, field in fields}
        sent = st.form_submit_button(t("common.save"), key=f"save-{group}")
    if sent:
        _save({k: v for k, v in given.items() if v != settings.value(current, k)})


def _field(key: str, field: Any, value: Any) -> Any:
    t = state.text()
    name = f"{settings.PREFIX}{key.upper().replace('.', '__')}"
    fixed = key in settings.overridden()
    help_text = strings()[f"help.{key}"]["help"] if t.language == "zh-TW" else field.description
    help_text += f" `{key}`"
    if fixed:
        help_text += " " + t("settings.fixed", name=name)
    shared: dict[str, Any] = {"key": f"set-{key}", "help": help_text, "disabled": fixed}
    label, kind = t(f"help.{key}"), field.annotation
    if get_origin(kind) is Literal:
        choices = list(get_args(kind))
        return st.selectbox(label, choices, index=choices.index(value), format_func=_named, **shared)
    if kind is bool:
        return st.toggle(label, value, **shared)
    if kind in (int, float):
        return st.number_input(label, value=value, step=1 if kind is int else 0.1, **shared)
    if kind is str:
        return str(st.text_input(label, value, **shared)).strip()
    words = str(st.text_input(label, ", ".join(value), **shared)).replace("，", ",")
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _named(choice: str) -> str:
    return LANGUAGES.get(choice, choice)


def _save(changes: dict[str, Any]) -> None:
    t = state.text()
    if not changes:
        st.caption(t("settings.nothing_changed"))
        return
    try:
        settings.save(state.wiring().home, {k: list(v) if isinstance(v, tuple) else v for k, v in changes.items()})
    except DocgraftError as problem:
        st.session_state["error"] = problem
        st.rerun()
    if "language" in changes:
        st.session_state.pop("language", None)
        st.session_state.pop("language-switch", None)
    st.toast(t("settings.saved_restart" if set(changes) & set(RESTART) else "settings.saved"))
    st.rerun()
