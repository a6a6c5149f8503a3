"""Before a run on the page: what to train, every value of it, the card of what would happen, and Start."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import streamlit as st

from app import reading, state, training
from app.jobs import EVERYBODY
from app.text import strings
from app.training import Wish
from app.widgets import apart, effort_dial, empty, error, picked, picker, plain, progress
from app.widgets.pairs_building import label
from app.widgets.training_engine import engine_choice, words
from finetune.records import TrainingSpec

if TYPE_CHECKING:
    from app.jobs import Job
    from finetune.preflight import Advice, Preflight
    from finetune.records import Effort

CHOSEN = ("engine", "base", "dataset", "effort")
"""Fields of the spec that have a place of their own above the others."""


def planning(user: str, kb: str) -> None:
    """Choices, card, Start."""
    t, wiring = state.text(), state.wiring()
    found = {dataset.id: dataset for dataset in wiring.datasets(kb, user)}
    if not found:
        _no_pairs()
        return
    with st.container(border=True, key="plan"):
        st.subheader(t("train.new"))
        dataset = picker(
            t("pairs.dataset"), list(found), key=f"train-dataset-{kb}", format_func=lambda name: label(found[name])
        )
        left, right = st.columns(2)
        with left:
            base = _base()
        with right:
            effort = effort_dial("train", key=f"train-effort-{kb}", before=lambda: _last(user, kb))
        if not _ready(base):
            return
        if told := reading.warning(wiring, kb, user, base, t):
            st.caption(f":material/translate: {plain(told)}")
        wish = Wish(
            dataset=str(dataset),
            base=base,
            effort=effort,
            engine=_engine(),
            changes=st.session_state.get("train-changes") or {},
        )
        _looked(user, kb, training.look(wiring, user, kb, wish))


def _last(user: str, kb: str) -> Effort | None:
    """The effort of the newest run."""
    return next((run.spec.effort for run in state.wiring().runs(kb, user).all()), None)


def _engine() -> str:
    """The engine when another than the settings' was chosen; its picker, drawn later, must not change the wish."""
    chosen = str(picked("train-engine") or "")
    return "" if chosen == state.wiring().settings.training.engine else chosen


def _no_pairs() -> None:
    t = state.text()
    empty(t("train.no_pairs"), t("train.no_pairs_text"))
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button(t("train.go_pairs"), key="go-pairs", icon=":material/dataset:", type="primary"):
            st.switch_page("views/pairs.py")


def _base() -> str:
    from finetune.models.catalog import EMBEDDED

    t, wiring = state.text(), state.wiring()
    default = wiring.training_base()
    local = [name for name in wiring.model_names() if wiring.training_base(name) == name]
    hosted = {name for name, model in wiring.settings.models.items() if model.provider != "local"}
    if wiring.settings.model.provider != "local":
        hosted.add(wiring.settings.model.name)
    names = [name for name in dict.fromkeys([default, EMBEDDED, *local]) if name not in hosted]
    return str(
        st.selectbox(
            t("train.base"),
            names,
            key="train-base",
            format_func=apart(names, lambda name: wiring.label(name).replace(name, name.rsplit("/", 1)[-1]), str),
            help=t("train.base_help"),
        )
    )


def _ready(base: str) -> bool:
    """Whether the base lies here; else the button that fetches it."""
    t, wiring = state.text(), state.wiring()
    found = wiring.model_state(base)
    if found.ready:
        return True
    job = wiring.jobs().latest(EVERYBODY, "fetch", base)
    if job and job.running:
        progress(job)
        return False
    if job and job.error:
        error(job.error)
    st.markdown(t("chat.model_missing", name=plain(base)))
    if found.fetchable and st.button(t("chat.fetch_plain"), key="fetch-base", icon=":material/download:"):
        wiring.fetch(base, title=t("chat.fetching", name=base))
        st.rerun()
    return False


def _looked(user: str, kb: str, job: Job) -> None:
    """What the look has found so far; the page runs again when it has found more."""
    if job.running:
        job.wait(0.3)
    found: Preflight | None = job.info.get("card")
    # Nothing that comes and goes stands above the values: a press there must not miss because the page has moved.
    with st.container():
        if found is not None:
            _values(job.info["plan"].spec)
            engine_choice(user, kb, job.info["plan"], found, help=help_of("engine"))
    with st.container():
        _told(job, found)
    if found is not None:
        _card(found, job.info["plan"].spec, measuring=job.running)
        _room(job, found)
        _start(user, kb, job, found)


def _told(job: Job, found: Preflight | None) -> None:
    """One line of the same height while it looks and afterwards; or what went wrong."""
    t = state.text()
    if job.running:
        _wait(job, found is not None)
    elif job.error:
        error(job.error)
        _again(job, t("train.look_again"))
        if job.info.get("plan") is None and st.session_state.get("train-changes"):
            st.button(t("train.reset"), key="reset-values", on_click=_reset)
    elif found and found.tokens_per_second:
        st.caption(f":material/speed: {t('train.card_speed', n=f'{found.tokens_per_second:,.0f}')}")


def _start(user: str, kb: str, job: Job, found: Preflight) -> None:
    t = state.text()
    with st.container(horizontal=True):
        st.button(
            t("train.queue") if training.busy(state.wiring(), user) else t("train.start"),
            key=f"start-{job.id}",
            type="primary",
            icon=":material/model_training:",
            disabled=not found.ok,
            on_click=state.do,
            args=(training.start_once, state.wiring(), user, kb, job),
        )
        if found.ok and found.seconds is None and not job.running and job.info["plan"].spec.engine == "trl":
            _again(job, t("train.measure"))


def _room(job: Job, found: Preflight) -> None:
    """Where memory is short and a chat model holds some of it, the button that gives it back and looks again."""
    bases = state.wiring().bases()

    def free() -> None:
        bases.unload()
        job.acknowledged = True

    if bases.loaded and any(problem.kind == "memory" for problem in found.problems):
        st.button(state.text()("common.unload", name=bases.loaded.name), key="unload", on_click=free)


def _again(job: Job, title: str) -> None:
    def forget() -> None:
        job.acknowledged = True

    st.button(title, key=f"again-{job.id}", on_click=forget)


def _wait(job: Job, counted: bool) -> None:
    t = state.text()

    @st.fragment(run_every=0.7)
    def waiting() -> None:
        st.caption(f":material/hourglass_top: {t('train.measuring' if counted else 'train.looking')}")
        if not job.look().running or (not counted and job.info.get("card")):
            st.rerun()

    waiting()


def _card(card: Preflight, spec: TrainingSpec, *, measuring: bool) -> None:
    t = state.text()
    for problem in card.problems:
        st.error(plain(said(problem)), icon=":material/block:")
    time = (
        t.duration(card.seconds)
        if card.seconds is not None
        else t("train.measuring_short" if measuring else "train.unknown")
    )
    with st.container(horizontal=True):
        st.metric(t("train.time"), time, help=t("train.time_help"))
        st.metric(t("train.rows"), f"{card.rows:,}", help=t("train.rows_help"))
        st.metric(t("train.facts"), f"{card.facts:,}")
        st.metric(t("train.memory"), f"{card.memory_needed / 1e9:.1f} GB", help=t("train.memory_help"))
    words = t(
        "train.card",
        steps=f"{card.steps:,}",
        batch=spec.batch * spec.accumulation,
        passes=f"{card.epochs:g}",
        checks=card.checks,
        tokens=f"{card.tokens:,}",
        supervised=f"{card.supervised_per_row:.0f}",
        cut=card.truncated,
        free=f"{card.memory_free / 1e9:.1f}",
        adapter=f"{card.adapter_bytes / 1e6:.0f}",
        precision=card.precision,
        device=card.device.upper(),
    )
    st.caption(plain(f"{words} {t('train.parity' if card.parity else 'train.no_parity')}"))
    for warning in card.warnings:
        st.markdown(f":orange[:material/warning:] {plain(said(warning))}")
    if card.sample:
        with st.expander(t("train.sample"), key="sample"):
            st.caption(t("train.sample_text"))
            shown = "".join(
                f"<mark>{html.escape(piece.text)}</mark>" if piece.supervised else html.escape(piece.text)
                for piece in card.sample
            )
            st.html(f'<div class="dg-passage dg-marked">{shown}</div>')


def said(advice: Advice) -> str:
    """Advice in the page's language; what has no text of its own is shown as the card says it."""
    english, told = f"{advice.message} {advice.hint}".strip(), advice.notice
    return state.text().notice(told.id, told.values, english) if told else english


def _values(spec: TrainingSpec) -> None:
    """Every value of the spec, settable; the recipe's own until something is set."""
    t = state.text()
    changes = st.session_state.get("train-changes") or {}
    title = t("train.values_changed", n=len(changes)) if changes else t("train.values")
    with st.expander(title, key="values", icon=":material/tune:"), st.form("values-form", border=False):
        given: dict[str, Any] = {}
        columns = st.columns(2)
        fields = [name for name in TrainingSpec.model_fields if name not in CHOSEN]
        for number, name in enumerate(fields):
            with columns[number % 2]:
                given[name] = _field(spec, name)
        with st.container(horizontal=True):
            if st.form_submit_button(t("train.apply"), key="apply-values"):
                _apply(spec, given)
            if st.form_submit_button(t("train.reset"), key="reset-values", type="tertiary"):
                _reset()
                st.rerun()


def help_of(name: str) -> str:
    """A field's help: its docstring, or the page's translation of it."""
    entry = strings().get(f"train.field_{name}", {})
    text = entry.get("help", "") if state.text().language == "zh-TW" else TrainingSpec.model_fields[name].description
    return f"{text} `{name}`"


def _field(spec: TrainingSpec, name: str) -> Any:
    t, kind, value = state.text(), TrainingSpec.model_fields[name].annotation, getattr(spec, name)
    # The key holds the recipe's value: another effort or base must not keep the field of the one before.
    shared: dict[str, Any] = {"key": f"value-{name}-{value}", "help": help_of(name)}
    title = t(f"train.field_{name}")
    if get_origin(kind) is Literal:
        return _choice(spec, name, list(get_args(kind)), title=title, **shared)
    if kind is bool:
        return st.toggle(title, value, **shared)
    if kind is int:
        return int(st.number_input(title, value=value, step=1, **shared))
    if kind is float:
        small = 0 < value < 0.01
        return float(st.number_input(title, value=value, step=None if not small else 1e-4, format="%g", **shared))
    words = str(st.text_input(title, ", ".join(value), **shared)).replace("，", ",")
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _choice(spec: TrainingSpec, name: str, choices: list[Any], *, title: str, **shared: Any) -> Any:
    """One of a few; what cannot work on this machine is grey, and why is said below."""
    closed = training.closed(state.wiring(), spec, name, choices)
    found = st.segmented_control(
        title,
        choices,
        default=getattr(spec, name),
        required=True,
        format_func=lambda choice: f":gray[~~{choice}~~]" if choice in closed else str(choice),
        **shared,
    )
    for reason in dict.fromkeys(words(ready) for ready in closed.values()):
        st.caption(plain(reason))
    return found


def _apply(spec: TrainingSpec, given: dict[str, Any]) -> None:
    changed = {name: value for name, value in given.items() if value != getattr(spec, name)}
    kept = st.session_state.get("train-changes") or {}
    if state.guarded(training.changed, spec, changed):
        st.session_state["train-changes"] = kept | changed
    st.rerun()


def _reset() -> None:
    st.session_state.pop("train-changes", None)
