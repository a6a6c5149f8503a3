"""Training at a service, on the page: what it would send and cost, consent, the jobs. For who may change settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import hosted, state
from app.hosted import Wish
from app.widgets import error, plain
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from finetune.hosted import Estimate, HostedJob

PROBLEM = "hosted-problem"


def hosted_training(user: str, kb: str) -> None:
    """A closed box with everything in it; nothing for whoever may not spend the installation's money."""
    t = state.text()
    if not state.may_change_settings() or not state.wiring().datasets(kb, user):
        return
    known = hosted.jobs(state.wiring(), user, kb).all()
    with st.expander(t("train.hosted"), key="hosted", icon=":material/cloud_upload:", expanded=bool(known)):
        st.caption(t("train.hosted_lead"))
        wish = _wish()
        if wish.model:
            _estimate(user, kb, wish)
        if problem := st.session_state.pop(PROBLEM, None):
            error(problem)
        for job in known:
            _job(user, kb, job)


def _do(action: Callable[..., object], *args: Any) -> None:
    """Do it; an error is shown in this box, where the person looks, and not at the top of the page."""
    if not state.guarded(action, *args):
        st.session_state[PROBLEM] = st.session_state.pop("error")


def _wish() -> Wish:
    from finetune.hosted import SERVICES

    t = state.text()
    left, right = st.columns(2)
    with left:
        service = str(st.selectbox(t("train.hosted_service"), list(SERVICES), key="hosted-service"))
        base_url = str(st.text_input(t("train.hosted_url"), key="hosted-url", help=t("train.hosted_url_help")) or "")
    with right:
        model = str(st.text_input(t("train.hosted_model"), key="hosted-model", help=t("train.hosted_model_help")) or "")
        epochs = int(st.number_input(t("train.field_epochs"), 1, 50, hosted.EPOCHS, key="hosted-epochs"))
    return Wish(service=service, model=model.strip(), base_url=base_url.strip(), epochs=epochs)


def _estimate(user: str, kb: str, wish: Wish) -> None:
    from finetune.hosted import service

    t, wiring = state.text(), state.wiring()
    try:
        found = hosted.counted(wiring, user, kb, wish)
    except DocgraftError as cause:
        st.error(plain(t.error(f"{cause.message} {cause.hint}")))
        return
    _card(found)
    if not wish.base_url and t.has(f"train.hosted_warning_{wish.service}"):
        st.warning(t(f"train.hosted_warning_{wish.service}"), icon=":material/event_busy:")
    if found.problems:
        st.error(t("train.hosted_few", least=service(wish.service).least, rows=found.rows), icon=":material/block:")
        return
    agreed = st.checkbox(
        t("train.hosted_consent", rows=f"{found.rows:,}", host=plain(found.host)), key="hosted-consent"
    )
    if st.button(t("train.hosted_start"), key="hosted-start", disabled=not agreed, icon=":material/cloud_upload:"):
        with st.spinner(t("train.hosted_sending")):
            _do(lambda: hosted.start(wiring, user, kb, wish, consent=agreed))
        st.rerun()


def _card(found: Estimate) -> None:
    t = state.text()
    with st.container(horizontal=True):
        cost = t("train.hosted_no_price") if found.cost is None else f"{found.cost:,.2f} USD"
        st.metric(t("train.hosted_cost"), cost, help=t("train.hosted_cost_help"))
        st.metric(t("train.rows"), f"{found.rows:,}")
        st.metric("Tokens", f"{found.tokens * found.epochs:,}")
    st.caption(t("train.hosted_first", host=plain(found.host)))
    st.code(found.example, language=None, wrap_lines=True)


def _job(user: str, kb: str, job: HostedJob) -> None:
    from finetune.hosted import ENDED

    t, wiring = state.text(), state.wiring()
    with st.container(border=True, key=f"hosted-job-{job.id}"):
        told = t(f"train.hosted_state_{job.state}")
        begun = job.created[:16].replace("T", " ")
        st.markdown(f"**{plain(job.service)}** · {plain(job.model)} · {told}  \n:small[{plain(begun)}]")
        if job.message:
            st.caption(plain(t.error(job.message)))
        if job.result:
            st.success(t("train.hosted_done", name=plain(hosted.model_name(job))), icon=":material/check:")
        if job.state in ENDED:
            return
        with st.container(horizontal=True):
            look, cancel = t("train.hosted_look"), t("train.hosted_cancel")
            arguments = (wiring, user, kb, job.id)
            st.button(look, key=f"look-{job.id}", on_click=_do, args=(hosted.advance, *arguments))
            st.button(cancel, key=f"cancel-{job.id}", type="tertiary", on_click=_do, args=(hosted.cancel, *arguments))
