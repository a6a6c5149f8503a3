"""What a dataset holds, in numbers and charts, and what training with it can be expected to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import state
from app.widgets import plain
from app.widgets.pairs_review import opened, stale, word

if TYPE_CHECKING:
    from app.jobs import Job
    from finetune.datasets import Dataset
    from finetune.pairs import Check, Finding

LEAF = "#4f9d76"
SIGNS = {"stop": ":red[:material/block:]", "warning": ":orange[:material/warning:]", "note": ":green[:material/info:]"}
STEP = 20
LONGEST = 400


def overview(user: str, kb: str, dataset: Dataset) -> None:
    """Counts, what was dropped and why, and charts of coverage, kinds and lengths."""
    t, card = state.text(), dataset.card
    work = opened(user, kb, dataset)
    stale(user, kb, dataset, work)
    counts = work.counts()
    with st.container(horizontal=True):
        for name, value in (
            ("rows", card.counts["train"]),
            ("facts", card.counts.get("facts", 0)),
            ("tests", card.counts["test"]),
            ("dropped", card.counts["dropped"]),
        ):
            st.metric(t(f"pairs.count_{name}"), f"{value:,}")
    shares = sorted(card.settings.get("shares", {}).items(), key=lambda one: -one[1])
    if shares:
        st.caption(t("pairs.shares", shares=" · ".join(f"{word('kind', kind)} {share:.0%}" for kind, share in shares)))
    left, right = st.columns(2)
    with left:
        _bars("pairs.chart_kinds", {word("kind", name): n for name, n in counts["kind"].items()})
    with right:
        _bars("pairs.chart_dropped", {word("reason", name): n for name, n in card.dropped.items()})
    _coverage(card.coverage)
    left, right = st.columns(2)
    for column, name in ((left, "question"), (right, "answer")):
        with column:
            _lengths(f"pairs.chart_{name}", work.lengths()[name])


def _bars(title: str, counts: dict[str, int]) -> None:
    t = state.text()
    st.markdown(f"**{t(title)}**")
    if not counts:
        st.caption(t("pairs.nothing"))
        return
    kind, number = t("pairs.filter_kind"), t("pairs.axis_pairs")
    rows = [{kind: name, number: n} for name, n in sorted(counts.items(), key=lambda one: -one[1])]
    height = 28 * len(rows) + 50
    st.bar_chart(rows, x=kind, y=number, x_label="", y_label="", horizontal=True, color=LEAF, height=height, sort=False)


def _coverage(coverage: dict[str, Any]) -> None:
    t, total = state.text(), coverage.get("total")
    if not total:
        return
    st.markdown(f"**{t('pairs.chart_coverage')}**")
    st.caption(t("pairs.coverage", facts=total["with_facts"], text=total["with_text"], n=total["facts"]))
    rows = [
        {
            t("pairs.filter_document_id"): name,
            t("pairs.coverage_share"): entry["with_facts"] / entry["with_text"] if entry["with_text"] else 0.0,
            t("pairs.coverage_facts"): entry["facts"],
            t("pairs.coverage_none"): ", ".join(f"{word('why', why)} ({n})" for why, n in entry["why"].items()),
        }
        for name, entry in coverage.items()
        if name != "total"
    ]
    share = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0, color=LEAF)
    st.dataframe(rows, hide_index=True, key="coverage", column_config={t("pairs.coverage_share"): share})


def _lengths(title: str, lengths: list[int]) -> None:
    t = state.text()
    st.markdown(f"**{t(title)}**")
    if not lengths:
        st.caption(t("pairs.nothing"))
        return
    groups = Counter(min(length, LONGEST) // STEP * STEP for length in lengths)
    rows = [
        {t("pairs.axis_characters"): at, t("pairs.axis_pairs"): groups[at]} for at in range(0, max(groups) + STEP, STEP)
    ]
    st.bar_chart(rows, x=t("pairs.axis_characters"), y=t("pairs.axis_pairs"), color=LEAF, height=180)


def checkup(user: str, kb: str, dataset: Dataset) -> None:
    """What fine-tuning with this dataset can and cannot be expected to do. Counting runs in a job."""
    wiring = state.wiring()
    key = f"{dataset.id}-{dataset.card.fingerprint}"

    def look(job: Job) -> Any:
        from finetune.pairs import check

        return check(dataset)

    job = wiring.jobs().latest(user, "check", key) or wiring.jobs().start(user, "check", key, look)
    if job.running and not job.wait(0.5):
        _wait(job)
        return
    if job.error:
        raise job.error
    _report(job.result)


@st.fragment(run_every=0.5)
def _wait(job: Job) -> None:
    st.caption(state.text()("pairs.checking"))
    if not job.running:
        st.rerun()


def _report(report: Check) -> None:
    t = state.text()
    if report.recommended:
        st.success(t("pairs.check_go"), icon=":material/check_circle:")
    else:
        st.warning(t("pairs.check_no"), icon=":material/block:")
    words = {
        "facts": report.facts,
        "rows": f"{report.rows:,}",
        "forms": report.rows_per_fact,
        "tokens": f"{report.tokens:,}",
    }
    st.markdown(t("pairs.check_summary", **words))
    for finding in report.findings:
        message, hint = _said(report, finding)
        st.markdown(f"{SIGNS.get(finding.level, '')} {plain(message)}" + (f"  \n:small[{plain(hint)}]" if hint else ""))
    if report.leaks.get("near"):
        with st.expander(t("pairs.near"), key="near"):
            st.dataframe(report.leaks.get("near_examples", []), hide_index=True)


def _said(report: Check, finding: Finding) -> tuple[str, str]:
    """A finding in the page's language; what has no text of its own is shown as the check says it."""
    t = state.text()
    key = f"pairs.finding_{finding.kind}"
    if not t.has(key):
        return finding.message, finding.hint
    hint = t(f"{key}_hint") if t.has(f"{key}_hint") else ""
    total = report.counts.get("test", 0)
    return t(key, facts=report.facts, forms=f"{report.rows_per_fact:.1f}", tests=total), hint
