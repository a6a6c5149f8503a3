"""Looking pairs over on the page: filters, table, the row beside its source, and every change checked again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import pairing, state
from app.widgets import apart, error, passage, pending_error, picker, plain
from memory.errors import BadDataset, DocgraftError

if TYPE_CHECKING:
    from finetune.datasets import Dataset
    from finetune.pairs.review import Review, Wanted
    from finetune.records import Pair

SHOWN = 100
NEAR = 200
"""Characters shown before the evidence of a long section."""
QUOTING = ("numbers", "reviewer")
"""Reasons whose detail is somebody's words or a piece of the pair."""
LONG = 500
"""Characters of a section above which it scrolls."""
WIDTHS = {"question": 300, "answer": 130, "filter_kind": 90, "filter_split": 60, "filter_status": 120}
"""Of the table's columns: all of them are in sight."""
STATUSES = ("kept", "approved", "edited", "dropped")
FILTERS = ("document_id", "kind", "status", "split", "test_set")


def opened(user: str, kb: str, dataset: Dataset) -> Review:
    """The review of a dataset."""
    from finetune.pairs.review import Review

    return Review(dataset.folder, state.wiring().library(kb, user))


def review(user: str, kb: str, dataset: Dataset) -> None:
    """Everything that can be done with single pairs."""
    work = opened(user, kb, dataset)
    counts = work.counts()
    stale(user, kb, dataset, work)
    _counted(counts)
    wanted = _filters(user, kb, counts)
    pairs = _table(dataset, work, wanted)
    pending_error()  # Here and not at the head of the page, which is out of sight.
    if len(pairs) == 1:
        _one(work, pairs[0])
    elif pairs:
        _several(work, pairs)
    else:
        st.caption(state.text()("pairs.pick"))
    _add(user, kb, work)


def stale(user: str, kb: str, dataset: Dataset, work: Review) -> None:
    """Pairs whose section changed, and the button that makes only those again."""
    t, wiring = state.text(), state.wiring()
    found = work.stale()
    if not found:
        return
    names = {document.id: document.name for document in wiring.library(kb, user).documents()}
    where = ", ".join(f"{names.get(i) or t('pairs.gone_document')} ({n})" for i, n in found.most_common())
    with st.container(border=True):
        st.markdown(f":material/sync_problem: {t('pairs.stale', n=sum(found.values()), where=plain(where))}")
        if "pairs" not in dataset.card.settings:
            return
        busy = pairing.latest(wiring, user, kb)
        if st.button(t("pairs.renew"), key="renew", icon=":material/autorenew:", disabled=bool(busy and busy.running)):
            pairing.renew(wiring, user, kb, dataset, title=t("pairs.renewing"))
            st.rerun()


def _counted(counts: dict[str, dict[str, int]]) -> None:
    t = state.text()
    found = counts["status"]
    parts = [f"{found[name]} {t(f'pairs.status_{name}')}" for name in STATUSES if name in found]
    st.caption(" · ".join(parts))


def _filters(user: str, kb: str, counts: dict[str, dict[str, int]]) -> Wanted:
    from finetune.pairs.review import Wanted

    t = state.text()
    names = {document.id: document.name for document in state.wiring().library(kb, user).documents()}

    def said(field: str, value: str) -> str:
        if not value:
            return t("pairs.all")
        if field == "document_id":
            name = names.get(value) or t("pairs.gone_document")
        else:
            name = word(field, value)
        return f"{name} ({counts[field].get(value, 0)})"

    chosen: dict[str, Any] = {}
    with st.container(horizontal=True, key="pair-filters"):
        for field in FILTERS:
            # A value that is gone from the counts goes from the filter too, so that nothing is hidden by it.
            values: list[str] = ["", *sorted(counts[field])]
            chosen[field] = picker(
                t(f"pairs.filter_{field}"),
                values,
                key=f"filter-{field}",
                width=138,
                format_func=partial(said, field),
            )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen["text"] = st.text_input(t("pairs.filter_text"), key="filter-text")
        chosen["stale"] = st.checkbox(t("pairs.filter_stale"), key="filter-stale")
    return Wanted.model_validate({name: value or ("" if name != "stale" else False) for name, value in chosen.items()})


def word(field: str, value: str) -> str:
    """A value of a pair in the page's language."""
    t = state.text()
    return t(f"pairs.{field}_{value}") if t.has(f"pairs.{field}_{value}") else value


def _table(dataset: Dataset, work: Review, wanted: Wanted) -> list[Pair]:
    """The table, one part of it at a time; gives the pairs that are selected."""
    t = state.text()
    mark = f"{dataset.id}-{hash(wanted)}"
    total = work.page(wanted, limit=0).total
    parts = max(1, -(-total // SHOWN))
    part = 1
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.caption(t("pairs.found", n=total))
        if parts > 1:
            part = int(st.number_input(t("pairs.part", n=parts), 1, parts, key=f"part-{mark}", width=160))
    pairs = work.page(wanted, offset=(part - 1) * SHOWN, limit=SHOWN).pairs
    shown = st.dataframe(
        [
            {
                t("pairs.question"): pair.instruction,
                t("pairs.answer"): pair.output,
                t("pairs.filter_kind"): word("kind", pair.kind),
                t("pairs.filter_split"): word("split", pair.split),
                t("pairs.filter_status"): " · ".join(x for x in (word("status", pair.status), why(pair.reason)) if x),
            }
            for pair in pairs
        ],
        hide_index=True,
        height=300,
        column_config={t(f"pairs.{name}"): st.column_config.Column(width=width) for name, width in WIDTHS.items()},
        key=f"pairs-{mark}-{part}",
        on_select="rerun",
        selection_mode="multi-row",
    )
    rows: list[int] = shown["selection"]["rows"]
    return [pairs[row] for row in rows if row < len(pairs)]


def _one(work: Review, pair: Pair) -> None:
    with st.container(border=True, key="one-pair"):
        _source(work, pair)
        _facts(pair)
        _edit(work, pair)


def _source(work: Review, pair: Pair) -> None:
    t = state.text()
    found = work.beside(pair)
    if found is None:
        st.caption(t("pairs.no_source"))
        return
    st.caption(plain(f"{found.document} · {found.heading}"))
    with st.container(height=200 if len(found.text) > LONG else "content", border=False):
        passage(_near(found.text[: found.start]), found.text[found.start : found.end], found.text[found.end :])
    if _near(found.text[: found.start]) != found.text[: found.start]:
        with st.popover(t("pairs.whole_section"), type="tertiary"):
            passage(found.text[: found.start], found.text[found.start : found.end], found.text[found.end :])
    if pair.input:
        with st.popover(t("pairs.shown_evidence"), type="tertiary"):
            passage(pair.input)


def _near(before: str) -> str:
    """What stands right before the evidence, so that it is in sight without scrolling."""
    if len(before) <= NEAR:
        return before
    return "… " + before[before.find("\n", len(before) - NEAR) + 1 or len(before) - NEAR :]


def why(reason: str) -> str:
    """Why a pair was dropped or is not verified, in the page's language."""
    kind, _, more = (part.strip() for part in reason.partition(":"))
    if kind == "unverified":
        more = why(more)
    elif more == "by hand" or (kind not in QUOTING and state.language() != "en"):
        more = ""  # The check's own words; the translated ones before them say nearly as much.
    return ": ".join(part for part in (word("reason", kind), more) if part)


def _facts(pair: Pair) -> None:
    words = [
        word("kind", pair.kind),
        word("split", pair.split),
        word("test_set", pair.test_set or ""),
        word("maker", pair.maker),
    ]
    st.caption(" · ".join(plain(part) for part in words if part))
    if pair.reason:
        st.caption(f":material/info: {plain(why(pair.reason))}")
    for asked, answered in pair.history:
        st.caption(plain(f"{asked} → {answered}"))


def _edit(work: Review, pair: Pair) -> None:
    t = state.text()
    force = False
    with st.form(f"edit-{pair.id}", border=False):
        question = st.text_area(t("pairs.question"), pair.instruction, key=f"question-{pair.id}", height=80)
        answer = st.text_area(t("pairs.answer"), pair.output, key=f"answer-{pair.id}", height=80)
        refused, reason = st.session_state.get("refused", ("", ""))
        if refused == pair.id:
            st.error(plain(t("pairs.does_not_hold", reason=why(reason))), icon=":material/error:")
            force = st.checkbox(t("pairs.force"), key=f"force-{pair.id}")
        if st.form_submit_button(t("common.save"), key=f"save-{pair.id}", icon=":material/check:"):
            _changed(work, pair, question, answer, force)
    with st.container(horizontal=True):
        _buttons(work, [pair])


def _changed(work: Review, pair: Pair, question: str, answer: str, force: bool) -> None:
    """Keep an edit that holds; one that does not is refused with its reason, and may then be kept as unverified."""
    from finetune.pairs.review import DoesNotHold

    st.session_state.pop("refused", None)
    try:
        work.edit(pair.id, question=question, answer=None if answer == pair.output else answer, force=force)
    except DoesNotHold as problem:
        st.session_state["refused"] = (pair.id, problem.reason)
    st.rerun()


def _several(work: Review, pairs: list[Pair]) -> None:
    t = state.text()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(t("pairs.selected", n=len(pairs)))
        _buttons(work, pairs)


def _buttons(work: Review, pairs: list[Pair]) -> None:
    t, ids = state.text(), [pair.id for pair in pairs]
    dropped = all(pair.status == "dropped" for pair in pairs)
    if not dropped:
        st.button(
            t("pairs.approve"), key="approve", icon=":material/thumb_up:", on_click=state.do, args=(_approve, work, ids)
        )
        st.button(t("pairs.drop"), key="drop", icon=":material/block:", on_click=state.do, args=(work.drop, ids))
    else:
        st.button(
            t("pairs.restore"), key="restore", icon=":material/undo:", on_click=state.do, args=(work.restore, ids)
        )
    _undo(work)


def _approve(work: Review, ids: list[str]) -> None:
    _, refused = work.approve(ids)
    if refused:
        reason = why(next(iter(refused.values())))
        raise BadDataset(state.text()("pairs.not_approved", n=len(refused), reason=reason))


def _undo(work: Review) -> None:
    from finetune.pairs.review import EDITS

    if (work.folder / EDITS).is_file() and (work.folder / EDITS).stat().st_size:
        st.button(
            state.text()("pairs.undo"),
            key="undo",
            type="tertiary",
            icon=":material/history:",
            on_click=state.do,
            args=(work.undo,),
        )


def _add(user: str, kb: str, work: Review) -> None:
    """A pair of one's own, about a section."""
    t, library = state.text(), state.wiring().library(kb, user)
    with st.expander(t("pairs.add"), icon=":material/add:", key="add-pair", on_change="rerun") as opening:
        if not opening.open:
            return
        if st.session_state.pop("pair-added", False):
            st.session_state.update({"add-question": "", "add-answer": "", "add-force": False})
        sections = {section.id: section for section in library.sections() if section.text.strip()}
        places = {name: number for number, name in enumerate(sections, 1)}
        if not sections:
            return
        chosen = st.selectbox(
            t("pairs.add_section"),
            list(sections),
            key="add-section",
            format_func=apart(list(sections), lambda i: f"{sections[i].document} · {sections[i].heading}", places.get),
        )
        with st.container(height=160, border=False):
            passage(sections[str(chosen)].text)
        with st.form("add-pair-form", border=False):
            question = st.text_input(t("pairs.question"), key="add-question")
            answer = st.text_input(t("pairs.answer"), key="add-answer")
            force = st.checkbox(t("pairs.force"), key="add-force")
            if st.form_submit_button(t("pairs.add_button"), key="add-pair-button"):
                _added(work, question, answer, str(chosen), force)


def _added(work: Review, question: str, answer: str, section: str, force: bool) -> None:
    from finetune.pairs.review import DoesNotHold

    t = state.text()
    if not question.strip() or not answer.strip():
        st.warning(t("pairs.add_both"))
        return
    try:
        pair = work.add(question, answer, section_id=section, force=force)
    except DoesNotHold as problem:
        st.error(plain(t("pairs.does_not_hold", reason=why(problem.reason))), icon=":material/error:")
        return
    except DocgraftError as problem:
        error(problem)
        return
    st.session_state["pair-added"] = True
    st.toast(t("pairs.added" if pair.split == "train" else "pairs.added_test"))
    st.rerun()
