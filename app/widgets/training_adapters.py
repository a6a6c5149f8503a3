"""Finished adapters on the page: scores, what has become outdated, use in the chat, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import state, training
from app.widgets import plain
from memory.conversations import Choices
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from finetune.adapters import Staleness
    from finetune.records import AdapterCard

SHOWN = 12


def adapters(user: str, kb: str) -> None:
    """The adapters of the knowledge base, newest first."""
    from finetune.adapters import cards

    t = state.text()
    found = cards(state.wiring().folder(kb, user))
    if not found:
        return
    st.subheader(t("train.adapters"))
    for card in found:
        with st.container(border=True, key=f"adapter-{card.id}"):
            _adapter(user, kb, card)


def _adapter(user: str, kb: str, card: AdapterCard) -> None:
    t = state.text()
    with st.container(horizontal=True, vertical_alignment="center"):
        facts = [card.base, t(f"train.effort_{card.spec.effort}"), f"{card.bytes / 1e6:.0f} MB", card.id[-6:]]
        st.markdown(f"**{plain(card.called)}**  \n:small[{plain(' · '.join(facts))}]", width="stretch")
        if card.spec.engine == "rehearsal":
            st.badge(t("train.rehearsal"), color="gray")
        elif st.button(t("train.use"), key=f"use-{card.id}", type="primary", icon=":material/forum:"):
            _use(user, kb, card)
    said = [
        t("train.score_of", name=t(f"train.score_{name}"), value=f"{card.scores[name]:.0%}", base=_base_of(card, name))
        for name in ("unseen_wording", "general", "abstention")
        if name in card.scores
    ]
    if said:
        st.caption(" · ".join(said))
    stale = training.staleness(state.wiring(), user, kb, card.id)
    if stale.stale:
        _outdated(stale)
    with st.container(horizontal=True):
        with st.popover(t("train.adapter_card"), type="tertiary", icon=":material/description:"):
            _more(user, kb, card)
        with st.popover(t("common.remove"), type="tertiary", icon=":material/delete:", key=f"remove-adapter-{card.id}"):
            _remove(user, kb, card)


def _base_of(card: AdapterCard, name: str) -> str:
    before = card.scores.get(f"base_{name}")
    return "–" if before is None else f"{before:.0%}"


def _use(user: str, kb: str, card: AdapterCard) -> None:
    """A new conversation with this adapter and the documents; both can be changed there."""
    wiring, t = state.wiring(), state.text()
    model = training.model_of(wiring, card)
    if not model:
        st.session_state["error"] = DocgraftError(t("train.no_model", base=card.base), t("train.no_model_hint"))
        st.rerun()
    mode = "both" if wiring.library(kb, user).statistics.documents else "tuned"
    st.session_state["draft"] = Choices(kb=kb, model=model, adapter=card.id, mode=mode)
    st.session_state["base"] = kb
    state.open_conversation("")
    st.switch_page("views/chat.py")


def _outdated(stale: Staleness) -> None:
    t = state.text()
    st.warning(t("train.stale", n=len(stale.chunks_gone), facts=len(stale.facts)), icon=":material/sync_problem:")
    if stale.facts:
        with st.popover(t("train.stale_facts"), type="tertiary"):
            for fact in stale.facts[:SHOWN]:
                st.markdown(plain(f"{fact.question} → {fact.answer}"))
            if len(stale.facts) > SHOWN:
                st.caption(t("train.more", n=len(stale.facts) - SHOWN))


def _more(user: str, kb: str, card: AdapterCard) -> None:
    from finetune.adapters import folder

    readme = folder(state.wiring().folder(kb, user), card.id) / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        st.code(
            text.split("---", 2)[-1].strip() if text.startswith("---") else text, language="markdown", wrap_lines=True
        )
    if state.may_change_settings():
        st.code(str(readme.parent), language=None, wrap_lines=True)


def _remove(user: str, kb: str, card: AdapterCard) -> None:
    from finetune.adapters import remove

    t = state.text()
    st.caption(t("common.sure"))
    st.button(
        t("common.yes_delete"),
        key=f"remove-adapter-sure-{card.id}",
        on_click=state.do,
        args=(remove, state.wiring().folder(kb, user), card.id),
    )
