"""One message of a conversation: its text, the evidence under it, and what can be done with it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state, talk
from app.talk import Held
from app.text import Text
from app.widgets import passage, plain, quote
from app.widgets.asking import submit
from memory.conversations import Turn
from memory.errors import DocgraftError
from retrieval.answer import safe_markdown

AROUND = 400
"""Characters shown before and after a quote in its section."""


def show(user: str, turn: Turn, chosen: Held) -> None:
    """Draw a message."""
    if turn.role == "user":
        _question(user, turn, chosen)
    else:
        _answer(user, turn)


def _question(user: str, turn: Turn, chosen: Held) -> None:
    t = state.text()
    with st.container(key=f"said-{turn.id}"), st.chat_message("user", avatar=":material/person:"):
        if st.session_state.get("editing") == turn.id:
            with st.form(f"edit-{turn.id}", border=False):
                text = st.text_area(t("chat.edit"), turn.text, key=f"edited-{turn.id}", label_visibility="collapsed")
                sent = st.form_submit_button(t("chat.ask_again"), type="primary")
            if sent and text.strip():
                st.session_state.pop("editing")
                talk.rewind(state.wiring(), user, turn)
                submit(user, turn.conversation_id, text.strip(), chosen)
                st.rerun()
            st.button(t("common.cancel"), key=f"keep-{turn.id}", on_click=st.session_state.pop, args=("editing", None))
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(turn.text), width="stretch")
            st.button(
                "",
                key=f"edit-button-{turn.id}",
                icon=":material/edit:",
                type="tertiary",
                help=t("chat.edit"),
                on_click=lambda: st.session_state.update(editing=turn.id),
            )


def _answer(user: str, turn: Turn) -> None:
    t, data = state.text(), turn.data
    answer: dict[str, Any] = data.get("answer") or {}
    with st.chat_message("assistant", avatar=":material/psychiatry:"):
        if answer.get("abstained"):
            said = "chat.abstained" if answer.get("reason") in ("empty", "below_floor") else "chat.no_answer"
            st.badge(t(said), icon=":material/search_off:", color="gray")
        if turn.text:
            st.markdown(_marked(turn.text, answer.get("marks") or []))
        if answer.get("marks"):
            _note(t("chat.unsupported"))
        _evidence(user, turn, answer, t)
        _states(turn, data, t)
        _learned(user, data, t)
        if turn.text or answer:
            _feet(user, turn, data, answer, t)


def _marked(text: str, marks: list[dict[str, Any]]) -> str:
    """The answer as safe Markdown, unsupported words highlighted. Marks are offsets into the text as answered."""
    pieces, at = [], 0
    for mark in sorted(marks, key=lambda m: int(m["start"])):
        start, end = int(mark["start"]), int(mark["end"])
        if start < at:
            continue
        pieces += [text[at:start], "\ue000", text[start:end], "\ue001"]
        at = end
    safe = safe_markdown("".join([*pieces, text[at:]]))
    return safe.replace("\ue000", ":orange-background[").replace("\ue001", "]")


def _evidence(user: str, turn: Turn, answer: dict[str, Any], t: Text) -> None:
    best = answer.get("quote")
    # Below the floor nothing comes close. Above it a weak model may have declined what the passage does say.
    if best and not (answer.get("abstained") and answer.get("reason") in ("empty", "below_floor")):
        quote(best["quote"], _where(best, t), label=t("chat.closest" if answer.get("abstained") else "chat.best_quote"))
    # One passage may be cited twice, for two quotes: the number alone is no key.
    for place, source in enumerate(turn.sources):
        label = f"{source['number']} · {_where(source, t)}"
        key = f"source-{turn.id}-{place}"
        with st.expander(plain(label), icon=":material/format_quote:", key=key, on_change="rerun") as opened:
            if opened.open:
                _in_context(user, turn, source, t)
    if answer.get("abstained") and turn.data.get("hits"):
        with st.expander(t("chat.nearest"), key=f"nearest-{turn.id}"):
            for hit in turn.data["hits"][:3]:
                quote(hit["text"], " · ".join(p for p in (hit["document"], hit["section"]) if p))


def _in_context(user: str, turn: Turn, source: dict[str, Any], t: Text) -> None:
    """The quote inside its section as the document stands now; the quote alone when the document has gone."""
    kb = (turn.data.get("held") or {}).get("kb", "default")
    try:
        section = state.wiring().library(kb, user).section(source["section_id"])
    except DocgraftError:
        quote(source["quote"], t("chat.document_gone"))
        return
    start, end = source["start"] - section.start, source["end"] - section.start
    before, inside, after = section.text[:start], section.text[start:end], section.text[end:]
    if len(before) > AROUND:
        before = "… " + before[-AROUND:].partition(" " if " " in before[-60:] else "\n")[2]
    if len(after) > AROUND:
        after = after[:AROUND].rpartition(" " if " " in after[:60] else "\n")[0] + " …"
    passage(before, inside, after)


def _where(source: dict[str, Any], t: Text) -> str:
    paged = source.get("page") and not source["document"].lower().endswith(".xlsx")  # A sheet is named, not numbered.
    page = t("common.page", n=source["page"]) if paged else ""
    return " · ".join(part for part in (source["document"], source["section"], page) if part)


def _states(turn: Turn, data: dict[str, Any], t: Text) -> None:
    if data.get("error"):
        st.error("\n\n".join(plain(t.error(data[part])) for part in ("error", "hint") if data.get(part)))
    elif turn.state in ("stopped", "partial"):
        st.badge(t("chat.stopped"), icon=":material/stop_circle:", color="orange")
    elif turn.state == "cut_off" and not (data.get("answer") or {}).get("abstained"):
        _note(t("chat.cut_off", n=state.wiring().settings.model.max_tokens))
    if data.get("left"):
        _note(t("chat.window", n=data["left"]))


def _learned(user: str, data: dict[str, Any], t: Text) -> None:
    known = {memory.id for memory in state.wiring().longterm().all(user)} if data.get("learned") else set()
    for memory in data.get("learned") or ():
        if memory["id"] in known:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(f":material/bookmark: {t('chat.remembered', text=plain(memory['text']))}", width="content")
                st.button(
                    t("chat.forget"),
                    key=f"forget-{memory['id']}",
                    type="tertiary",
                    on_click=state.do,
                    args=(state.wiring().longterm().forget, user, memory["id"]),
                )


def _feet(user: str, turn: Turn, data: dict[str, Any], answer: dict[str, Any], t: Text) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        vote = {1: 1, -1: 0}.get(turn.vote)
        st.feedback("thumbs", key=f"vote-{turn.id}", default=vote, on_change=_vote, args=(user, turn.id))
        st.caption(" · ".join(_facts(data, answer, t)), width="stretch")


def _facts(data: dict[str, Any], answer: dict[str, Any], t: Text) -> list[str]:
    used = data.get("held") or {}
    facts = [plain(str(used.get("model", "")).rsplit("/", 1)[-1])]
    if data.get("from_memory"):
        facts = [t("chat.from_memory")]
    elif used and not used.get("documents", True):
        facts.append(t("chat.closed_book"))
    if answer.get("question") and answer.get("seconds"):
        facts.append(
            t("chat.first_token", first=f"{answer['first_token_seconds']:.1f}", total=f"{answer['seconds']:.1f}")
        )
    return [fact for fact in facts if fact]


def _vote(user: str, turn_id: str) -> None:
    value = st.session_state.get(f"vote-{turn_id}")
    state.wiring().conversations().vote(user, turn_id, 0 if value is None else 1 if value else -1)


def _note(text: str) -> None:
    st.caption(text)
