"""The engines on the train page: which can train here, what each would take, the picker, the button that installs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import offers, state, training
from app.jobs import EVERYBODY
from app.widgets import error, picker, plain, progress

if TYPE_CHECKING:
    from app.offers import Offer
    from app.training import Plan
    from finetune.engines import Readiness
    from finetune.preflight import Preflight

JOB = "engine"


def engine_choice(user: str, kb: str, made: Plan, card: Preflight, *, help: str) -> None:
    """A box with the picker and a table of what every engine and service would take for this plan."""
    t = state.text()
    title = t("train.engines", name=made.spec.engine)
    with st.expander(title, key="engines", icon=":material/precision_manufacturing:"):
        _picker(made.spec.engine, help=help)
        found = offers.every(state.wiring(), user, kb, made, card)
        there = state.may_change_settings()
        st.table([_row(one) for one in found if there or one.memory is not None], hide_index=True, border="horizontal")
        st.caption(t("train.offers_help"))


def _row(offer: Offer) -> dict[str, str]:
    """Few columns, so that the table fits a telephone: an engine takes memory, a service takes money."""
    t = state.text()
    unknown = "–" if offer.model else t("train.offer_unknown")
    about = f"{offer.name} · {offer.model}" if offer.model else offer.name
    cost = t("train.hosted_no_price") if offer.cost is None else f"{offer.cost:,.2f} USD"
    return {
        t("train.field_engine"): f"**{plain(about)}** · {plain(words(offer.ready) or t('train.engine_ready'))}",
        t("train.offer_time"): unknown if offer.seconds is None else t.duration(offer.seconds),
        t("train.offer_takes"): cost if offer.memory is None else f"{offer.memory / 1e9:.1f} GB",
    }


def _picker(chosen: str, *, help: str) -> None:
    """Every engine with a word on whether it is ready; below, what is missing for the one picked."""
    from finetune import engines

    t, wiring, names = state.text(), state.wiring(), engines.names()
    ready = {name: training.readiness(wiring, name) for name in names}

    def label(name: str) -> str:
        return f"{name} · {t('train.engine_ready' if ready[name].ready else 'train.engine_not_ready')}"

    picked = str(
        picker(
            t("train.field_engine"),
            names,
            index=names.index(chosen),
            key="train-engine",
            format_func=label,
            help=help,
        )
    )
    about = f"train.engine_{picked}"
    st.caption(plain(" ".join(part for part in (t(about) if t.has(about) else "", words(ready[picked])) if part)))
    _installing(picked)


def words(ready: Readiness) -> str:
    """What is missing, in the page's language; "" when nothing is."""
    if ready.ready:
        return ""
    t, said = state.text(), (ready.reason, ready.hint)
    if ready.notice:
        return t.notice(ready.notice.id, ready.notice.values, " ".join(said).strip())
    return " ".join(t.error(part) for part in said).strip()


def _installing(name: str) -> None:
    """The button that installs an engine that runs here, or how far its installation is."""
    from finetune.engines.pins import PINS

    if name not in PINS or PINS[name].device:
        return
    t, wiring = state.text(), state.wiring()
    place = wiring.engine(name)
    if not place.fault():
        return
    job = wiring.jobs().latest(EVERYBODY, JOB, name)
    if job and job.running:
        progress(job)
        return
    if job and job.error:
        error(job.error)
    gigabytes = f"{place.pins.disk / 1e9:.0f}"
    if st.button(t("train.engine_install", name=name, gb=gigabytes), key=f"install-{name}", icon=":material/download:"):
        wiring.install_engine(name, title=t("train.engine_installing", name=name))
        st.rerun()
