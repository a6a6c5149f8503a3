"""The head of a chat: its title, what it is held with, what can be done with it, and what a new one invites to."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Literal

import streamlit as st

from app import reading, samples, state, talk
from app.talk import Held
from app.widgets import adapter_name, apart, base_names, empty, picker, plain, progress
from memory.conversations import Choices


def header(user: str, conversation: str) -> Held:
    """Draw the head and give what questions are asked with now."""
    wiring, t = state.wiring(), state.text()
    title = ""
    if conversation:
        found = wiring.conversations().get(user, conversation)
        title, choices = found.title, found.choices
    else:
        choices = st.session_state.get("draft") or Choices(kb=state.base())
    held = talk.held(wiring, choices, user)
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="chat-head"):
        st.markdown(f"**{plain(title)}**" if title else "", width="stretch")
        with st.popover(_label(held), icon=":material/tune:", type="tertiary", key="choices"):
            _pick(user, conversation, choices, held)
        if conversation:
            with st.popover(
                "", icon=":material/more_horiz:", type="tertiary", key="chat-menu", help=t("chat.chat_menu")
            ):
                _menu(user, conversation, title)
    return held


def _label(held: Held) -> str:
    parts = [held.model.rsplit("/", 1)[-1]]
    if held.adapter:
        parts.append("+ LoRA")
    if held.documents:
        parts.append(f"· {held.kb}")
    return plain(" ".join(parts))


def _pick(user: str, conversation: str, choices: Choices, held: Held) -> None:
    # A widget remembers what was picked in it; its key holds the value, so a choice made elsewhere makes a new one.
    wiring, t = state.wiring(), state.text()
    models, bases = wiring.model_names(), sorted({*base_names(), held.kb})
    changes: dict[str, str] = {}
    changes["model"] = st.selectbox(
        t("chat.model"),
        models,
        index=models.index(held.model),
        key=f"model-{conversation}-{held.model}",
        format_func=wiring.label,
    )
    changes["kb"] = st.selectbox(
        t("common.knowledge_base"), bases, index=bases.index(held.kb), key=f"kb-{conversation}-{held.kb}"
    )
    adapters = ["", *wiring.adapters(changes["kb"], user, model=changes["model"])]
    if len(adapters) > 1:
        changes["adapter"] = picker(
            t("chat.adapter"),
            adapters,
            index=adapters.index(held.adapter) if held.adapter in adapters else 0,
            key=f"adapter-{conversation}-{held.adapter}",
            help=t("chat.adapter_help"),
            format_func=apart(
                adapters, lambda name: adapter_name(user, changes["kb"], name) if name else t("chat.no_adapter")
            ),
        )
    documents = st.toggle(
        t("chat.documents"),
        held.documents,
        key=f"documents-{conversation}-{held.documents}",
        help=t("chat.documents_help"),
    )
    changes["mode"] = talk.mode(documents=documents, adapter=bool(changes.get("adapter")))
    if changes != {name: getattr(choices, name) for name in changes}:
        _choose(user, conversation, choices, changes)


def _choose(user: str, conversation: str, choices: Choices, changes: dict[str, Any]) -> None:
    resolved = talk.held(state.wiring(), choices.model_copy(update=changes), user)
    if conversation:
        state.wiring().conversations().choose(user, conversation, **changes)
    else:
        st.session_state["draft"] = choices.model_copy(update=changes)
        st.session_state["base"] = changes["kb"]
    if resolved != talk.held(state.wiring(), choices, user):
        st.rerun()


def _menu(user: str, conversation: str, title: str) -> None:
    wiring, t = state.wiring(), state.text()
    conversations = wiring.conversations()
    with st.form(f"rename-{conversation}", border=False):
        name = st.text_input(t("common.name"), title, key=f"title-{conversation}", max_chars=120)
        if st.form_submit_button(t("chat.rename"), icon=":material/edit:") and name.strip():
            conversations.rename(user, conversation, name.strip())
            st.rerun()
    stem = re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "chat"
    forms: dict[Literal["markdown", "json"], tuple[str, str]] = {
        "markdown": ("md", "text/markdown"),
        "json": ("json", "application/json"),
    }
    for form, (suffix, mime) in forms.items():
        st.download_button(
            t(f"chat.export_{form}"),
            partial(conversations.export, user, conversation, form),
            file_name=f"{stem}.{suffix}",
            mime=mime,
            key=f"export-{form}-{conversation}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
    if st.button(t("chat.delete_chat"), key=f"delete-{conversation}", icon=":material/delete:", type="tertiary"):
        st.session_state["deleting"] = conversation
    if st.session_state.get("deleting") == conversation:
        st.caption(t("common.sure"))
        if st.button(t("common.yes_delete"), key=f"delete-sure-{conversation}", type="primary"):
            st.session_state.pop("deleting")
            conversations.delete(user, conversation)
            state.open_conversation("")
            st.rerun()


def invitation(user: str, held: Held) -> None:
    """What stands where no question has been asked yet: what is missing, or questions to begin with."""
    wiring, t = state.wiring(), state.text()
    if held.documents and not wiring.library(held.kb, user).documents():
        empty(t("chat.empty_base", kb=held.kb), t("chat.empty_text"))
        _beginnings(user)
    elif held.documents:
        empty(t("chat.hero"), t("chat.hero_text"))
        _suggestions(user, held)
    else:
        empty(t("chat.hero"), t("chat.hero_closed"))
    _model_card(held)
    if held.documents and (told := reading.warning(wiring, held.kb, user, held.model, t)):
        st.caption(f":material/translate: {plain(told)}")


def _beginnings(user: str) -> None:
    from app import ingestion

    t = state.text()
    job = ingestion.running(state.wiring(), user, "samples")
    if job:
        progress(job)
        return
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button(t("chat.add_documents"), key="go-knowledge", icon=":material/upload_file:", type="primary"):
            st.switch_page("views/knowledge.py")
        if samples.there() and st.button(t("chat.add_samples"), key="add-samples", icon=":material/potted_plant:"):
            ingestion.start(state.wiring(), user, "samples", [samples.SAMPLES], title=t("knowledge.adding"))
            st.session_state["base"] = "samples"
            st.session_state["draft"] = Choices(kb="samples")
            st.rerun()


def _suggestions(user: str, held: Held) -> None:
    for number, question in enumerate(samples.questions(state.wiring().library(held.kb, user), state.language())):
        st.button(
            plain(question),
            key=f"suggestion-{number}",
            width="stretch",
            on_click=lambda question=question: st.session_state.update(suggested=question),
        )


def _model_card(held: Held) -> None:
    wiring, t = state.wiring(), state.text()
    found = wiring.model_state(held.model)
    if found.ready:
        return
    with st.container(border=True):
        st.markdown(t("chat.model_missing", name=plain(held.model)))
        job = wiring.jobs().latest("", "fetch", held.model)
        if job and job.running:
            progress(job)
        elif found.fetchable:
            if st.button(t("chat.fetch_plain"), key="fetch-model", type="primary", icon=":material/download:"):
                wiring.fetch(held.model, title=t("chat.fetching", name=held.model))
                st.rerun()
        else:
            st.caption(plain(t.told(found.fix, "doctor")))
