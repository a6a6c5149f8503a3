"""The documents of a knowledge base on the page: list, preview, remove, a trial search, maintenance."""

from __future__ import annotations

import streamlit as st

from app import ingestion, samples, state
from app.widgets import adapter_name, apart, empty, error, passage, plain, quote
from memory.errors import DocgraftError
from retrieval.records import Document, Learned, Section

SHOWN = 30
SECTIONS = 40


def documents(user: str, kb: str) -> None:
    """The list, with a filter once it is long."""
    t, library = state.text(), state.wiring().library(kb, user)
    found = library.documents()
    _removed(user, kb)
    if not found:
        _none(user, kb)
        return
    st.subheader(t("knowledge.documents"))
    counts = library.statistics
    st.caption(t("knowledge.summary", documents=counts.documents, sections=counts.sections, chunks=counts.chunks))
    words = st.text_input(t("knowledge.search_label"), key="filter") if len(found) > SHOWN else ""
    matching = [document for document in found if words.lower() in document.name.lower()]
    if not matching:
        st.caption(t("knowledge.none_match"))
    for document in matching[:SHOWN]:
        _document(user, kb, document)
    if len(matching) > SHOWN:
        st.caption(t("knowledge.shown", shown=SHOWN, total=len(matching)))


def _removed(user: str, kb: str) -> None:
    """What a removal took away, and which pairs and adapters still hold it, said once."""
    t, removed = state.text(), st.session_state.pop("removed", None)
    if removed:
        st.success(t("knowledge.removed", name=plain(removed.name)))
        if removed.learned:
            st.warning(
                t("knowledge.learned", what=plain("; ".join(_learner(user, kb, one) for one in removed.learned)))
            )


def _learner(user: str, kb: str, one: Learned) -> str:
    """A dataset or adapter, by the name that the other pages give it."""
    if one.kind == "dataset":
        return state.text()("knowledge.learned_dataset", id=one.id[-6:], pairs=one.pairs)
    try:
        name = adapter_name(user, kb, one.id)
    except DocgraftError:  # Unfinished, or of another version: it is named all the same.
        name = one.id
    return state.text()("knowledge.learned_adapter", name=name)


def _none(user: str, kb: str) -> None:
    t, wiring = state.text(), state.wiring()
    if ingestion.running(wiring, user, kb):
        return
    empty(t("knowledge.empty"), t("knowledge.empty_text"))
    if not samples.there():
        return
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button(t("knowledge.samples"), key="samples", icon=":material/potted_plant:"):
            ingestion.start(wiring, user, kb, [samples.SAMPLES], title=t("knowledge.adding"))
            st.rerun()


def _document(user: str, kb: str, document: Document) -> None:
    t = state.text()
    key = f"document-{document.id}"
    with st.expander(plain(document.name), icon=":material/description:", key=key, on_change="rerun") as opened:
        if not opened.open:
            return
        language = t(f"knowledge.language_{document.language}")
        facts = [document.format, language, document.encoding, f"{document.chunks} {t('knowledge.chunks').lower()}"]
        st.caption(" · ".join(plain(fact) for fact in facts if fact))
        for note in document.notes:
            st.caption(f":material/info: {plain(t.told(note.detail or note.kind, 'file'))}")
        _preview(user, kb, document)
        _remove(user, kb, document)


def _preview(user: str, kb: str, document: Document) -> None:
    t, library = state.text(), state.wiring().library(kb, user)
    sections = library.sections(document.id)
    if not sections:
        return
    number = st.selectbox(
        t("knowledge.sections"),
        range(len(sections)),
        format_func=apart(range(len(sections)), lambda i: sections[i].heading or f"{i + 1}", lambda i: i + 1),
        key=f"section-{document.id}",
    )
    section = sections[number or 0]
    with st.container(height=260, border=False):
        passage(section.text)
    _chunks(user, kb, document, section)


def _chunks(user: str, kb: str, document: Document, section: Section) -> None:
    t = state.text()
    chunks = [c for c in state.wiring().library(kb, user).chunks(document.id) if c.section_id == section.id]
    with st.popover(f"{t('knowledge.section_chunks')} ({len(chunks)})", type="tertiary"):
        for chunk in chunks:
            quote(chunk.text, t("knowledge.tokens", n=chunk.tokens))


def _remove(user: str, kb: str, document: Document) -> None:
    t = state.text()
    with st.popover(t("knowledge.remove"), icon=":material/delete:", key=f"remove-{document.id}"):
        st.markdown(t("knowledge.remove_sure", name=plain(document.name)))
        if st.button(t("common.remove"), key=f"remove-sure-{document.id}", type="primary"):
            library = state.wiring().library(kb, user)
            state.guarded(lambda: st.session_state.update(removed=library.remove(document.id)))
            st.rerun()


def trial(user: str, kb: str) -> None:
    """A search without an answer: what a question would find."""
    t, wiring = state.text(), state.wiring()
    if not wiring.library(kb, user).statistics.documents:
        return
    with st.expander(t("knowledge.test_search"), icon=":material/search:", key="trial"):
        question = st.text_input(t("knowledge.test_label"), key="trial-question")
        if not question.strip():
            return
        try:
            found = wiring.search(kb, user).search(question.strip(), limit=5)
        except DocgraftError as problem:
            error(problem)
            return
        st.caption(t("knowledge.relevance", value=f"{found.relevance:.2f}", floor=f"{found.floor:.2f}"))
        if not found.relevant:
            st.info(t("knowledge.below_floor"))
        for hit in found.hits:
            best = hit.evidence[0].unit.rendered if hit.evidence else hit.section.text[:300]
            quote(best, f"{hit.document} · {hit.section.heading} · {hit.score:.2f}")


def maintenance(user: str, kb: str, *, busy: bool) -> None:
    """Rebuilding the vectors, and deleting the whole knowledge base."""
    t, wiring = state.text(), state.wiring()
    if not wiring.folder(kb, user).root.is_dir():
        return
    library = wiring.library(kb, user)
    changed = library.index is not None and library.index.fingerprint != library.embedder.fingerprint
    if changed:
        st.warning(t("knowledge.embedder_changed"))
    with st.expander(t("knowledge.maintenance"), icon=":material/build:", key="maintenance"):
        if st.button(t("knowledge.reindex"), key="reindex", help=t("knowledge.reindex_help"), disabled=busy):
            ingestion.reindex(wiring, user, kb, title=t("knowledge.reindexing"))
            st.rerun()
        with st.popover(t("knowledge.delete_base"), icon=":material/delete_forever:", disabled=busy):
            st.markdown(t("knowledge.delete_base_sure", kb=plain(kb)))
            if st.button(t("common.yes_delete"), key="delete-base", type="primary"):
                wiring.drop(kb, user)
                st.session_state["base"] = "default"
                st.rerun()
