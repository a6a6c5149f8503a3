"""Models on the page: which are here, fetching others, and model servers with their keys."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from app import keys, reading, settings, state
from app.jobs import EVERYBODY
from app.widgets import plain, progress


def models(user: str) -> None:
    """Local models, then model servers."""
    t, wiring = state.text(), state.wiring()
    st.caption(t("settings.models_lead"))
    for name in wiring.model_names():
        _here(name)
    if loaded := wiring.bases().loaded:
        st.button(t("common.unload", name=loaded.name), key="unload", on_click=wiring.bases().unload)
    _catalog()
    st.subheader(t("settings.further"))
    st.caption(t("settings.further_lead"))
    _servers()


def _here(name: str) -> None:
    t, wiring = state.text(), state.wiring()
    found = wiring.model_state(name)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"model-{_slug(name)}"):
        about = plain(t.told(found.text, "doctor"))
        st.markdown(f"**{plain(name)}**  \n:small[{about}]", width="stretch")
        if found.ready:
            st.badge(t("settings.ready"), color="green", icon=":material/check:")
        if found.fetchable:
            _fetch(name)
        elif not found.ready:
            st.caption(plain(t.told(found.fix, "doctor")))
        if name == wiring.settings.model.name:
            st.badge(t("settings.in_use"), color="gray")
        elif (
            found.ready
            and name not in wiring.settings.models
            and st.button(t("settings.use"), key=f"use-{_slug(name)}")
        ):
            state.guarded(settings.save, wiring.home, {"model.name": name, "model.provider": "local"})
            st.rerun()
        if found.ready:
            _reads(name)


def _reads(name: str) -> None:
    """How well it reads, and the button that finds out."""
    t, wiring = state.text(), state.wiring()
    known, job = wiring.reading(name), wiring.jobs().latest(EVERYBODY, "reading", name)
    if job and job.running:
        progress(job)
        return
    with st.popover(reading.short(known) or t("settings.reads"), key=f"reads-{_slug(name)}", type="tertiary"):
        if job and job.error:
            st.caption(plain(t.error(f"{job.error.message} {job.error.hint}")))
        if known:
            for one in known.languages:
                st.markdown(plain(reading.sentence(known, one.language, t)))
            speed = {"first": f"{known.first_token_seconds:.1f}", "speed": f"{known.tokens_per_second:.0f}"}
            st.caption(t("settings.reads_speed", **speed))
        st.caption(t("settings.reads_lead"))
        if st.button(t("settings.reads_check"), key=f"check-{_slug(name)}", icon=":material/fact_check:"):
            reading.start(wiring, name, title=t("settings.reads_checking", name=name))
            st.rerun()


def _fetch(name: str) -> None:
    t, wiring = state.text(), state.wiring()
    job = wiring.jobs().latest(EVERYBODY, "fetch", name)
    if job and job.running:
        progress(job)
    else:
        if job and job.error:
            st.caption(plain(t.error(f"{job.error.message} {job.error.hint}")))
        if st.button(t("settings.fetch"), key=f"fetch-{_slug(name)}", icon=":material/download:"):
            wiring.fetch(name, title=t("chat.fetching", name=name))
            st.rerun()


def _catalog() -> None:
    from finetune.models.catalog import CATALOG

    t, wiring = state.text(), state.wiring()
    here = set(wiring.model_names())
    with st.expander(t("settings.catalog"), key="catalog"):
        for name, known in CATALOG.items():
            if name in here or known.own_code:
                continue
            with st.container(horizontal=True, vertical_alignment="center", key=f"catalog-{_slug(name)}"):
                size = f"{known.parameters / 1e9:.1f} B"
                facts = " · ".join([size, f"{known.memory() / 1e9:.1f} GB", known.licence, ", ".join(known.languages)])
                st.markdown(f"**{plain(name)}**  \n:small[{plain(facts)}]", width="stretch")
                _fetch(name)


def _servers() -> None:
    t, wiring = state.text(), state.wiring()
    for label, model in wiring.settings.models.items():
        with st.container(horizontal=True, vertical_alignment="center", key=f"server-{_slug(label)}"):
            where = f"{model.provider} · {model.name} · {model.base_url}"
            st.markdown(f"**{plain(label)}**  \n:small[{plain(where)}]", width="stretch")
            if st.button(t("common.remove"), key=f"remove-server-{_slug(label)}", type="tertiary"):
                state.guarded(settings.save, wiring.home, {f"models.{label}": None})
                st.rerun()
    with st.expander(t("settings.further_add"), key="add-server"), st.form("server", border=False):
        given = {
            "label": st.text_input(t("settings.further_label"), key="server-label", max_chars=40),
            "provider": st.text_input(t("settings.provider"), "openai", key="server-provider"),
            "name": st.text_input(t("settings.model_name"), key="server-model"),
            "base_url": st.text_input(
                t("settings.base_url"), key="server-url", placeholder="http://127.0.0.1:11434/v1"
            ),
            "api_key_env": st.text_input(t("settings.key_name"), key="server-key-name", placeholder="OPENAI_API_KEY"),
        }
        key = st.text_input(t("settings.key_value"), key="server-key", type="password")
        if st.form_submit_button(t("common.save"), key="save-server"):
            if state.guarded(_add, given, key.strip()):
                st.session_state.pop("server-key", None)
            st.rerun()


def _add(given: dict[str, Any], key: str) -> None:
    home = state.wiring().home
    label = settings.check_model_name(given["label"].strip()).replace(".", "-")
    fields = {name: str(given[name]).strip() for name in ("provider", "name", "base_url", "api_key_env")}
    settings.save(home, {f"models.{label}.{name}": value for name, value in fields.items() if value})
    if key:
        keys.store(home, fields["api_key_env"] or "OPENAI_API_KEY", key)


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name)
