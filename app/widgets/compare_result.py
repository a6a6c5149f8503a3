"""A finished comparison: the verdict, the chart of arms, differences, groups, every question, downloads."""

from __future__ import annotations

import html
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from app import pipeline, state
from app.widgets import plain
from app.widgets.compare_questions import questions
from app.widgets.compare_vote import voting
from app.widgets.compare_words import arm_name

if TYPE_CHECKING:
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.records import ArmSummary, ComparisonCard, Share

COLOURS = {"base": "#9aa39d", "rag": "#5b8fc7", "tuned": "#d6a23c", "both": "#4f9d76"}


def results(user: str, kb: str) -> None:
    """The comparisons of a knowledge base, the newest open."""
    from finetune.evaluation.kept import every

    t = state.text()
    finished = [one for one in every(state.wiring().folder(kb, user)) if one.complete]
    if not finished:
        return
    if len(finished) > 1:
        chosen = st.selectbox(
            t("compare.past"),
            finished,
            format_func=lambda one: f"{one.card().created[:16].replace('T', ' ')} · {one.card().questions}",
            key=f"past-{kb}-{len(finished)}",
        )
    else:
        chosen = finished[0]
    _show(user, kb, chosen or finished[0])


def _show(user: str, kb: str, comparison: Comparison) -> None:
    t, card = state.text(), comparison.card()
    _verdict(user, kb, card)
    st.html(_bars(card))
    _table(card)
    for name, draw in (("differences", _differences), ("buckets", _buckets), ("cost", _cost)):
        with st.expander(t(f"compare.{name}"), key=f"{name}-{card.id}"):
            draw(card)
    questions(comparison)
    voting(user, comparison)
    _downloads(comparison)


def _verdict(user: str, kb: str, card: ComparisonCard) -> None:
    t = state.text()
    st.html(f'<div class="dg-verdict">{html.escape(card.verdict.sentence)}</div>')
    if card.verdict.winner != "undecided" and st.button(t("compare.use"), key=f"use-{card.id}", type="primary"):
        if state.guarded(pipeline.use, state.wiring(), user, kb, card):
            arm = t(f"compare.arm_{card.verdict.winner}")
            st.toast(t("compare.used", kb=kb, arm=arm), icon=":material/check:")
        else:
            st.rerun()
    reasons = [*card.verdict.vetoes, *card.verdict.reasons]
    if reasons:
        with st.expander(t("compare.why"), expanded=True, key=f"why-{card.id}"):
            st.markdown("\n".join(f"- {plain(reason)}" for reason in reasons))


def _bars(card: ComparisonCard) -> str:
    """The chart as plain HTML: a bar per arm and the interval over it. Nothing is loaded, both themes work."""
    t, rows = state.text(), []
    for summary in card.summaries:
        name = html.escape(arm_name(summary.arm))
        if summary.failed:
            rows.append(f'<div class="dg-bar"><span>{name}</span><i>{html.escape(summary.failed)}</i><b>—</b></div>')
            continue
        share = summary.answerable
        colour = COLOURS.get(summary.arm, "#9aa39d")
        rows.append(
            f'<div class="dg-bar"><span>{name}</span><i>'
            f'<u style="width:{100 * share.share:.1f}%;background:{colour}"></u>'
            f'<s style="left:{100 * share.low:.1f}%;width:{100 * (share.high - share.low):.1f}%"></s>'
            f"</i><b>{share.share:.0%}</b></div>"
        )
    return f'<div class="dg-bars"><p class="dg-note">{html.escape(t("compare.chart"))}</p>{"".join(rows)}</div>'


def _table(card: ComparisonCard) -> None:
    t = state.text()

    def row(s: ArmSummary) -> dict[str, str]:
        return {
            t("compare.way"): arm_name(s.arm),
            t("compare.right"): _of(s.answerable),
            t("compare.declined"): _of(s.unanswerable),
            t("compare.wrongly"): _of(s.wrongly_abstained),
            "F1": f"{s.f1:.2f}",
            "ROUGE-L": f"{s.rouge_l:.2f}",
            t("compare.each"): f"{s.seconds:.2f} s",
        }

    st.dataframe([row(s) for s in card.summaries if not s.failed], hide_index=True)


def _of(share: Share) -> str:
    return f"{share.correct} / {share.n}" if share.n else "–"


def _differences(card: ComparisonCard) -> None:
    t = state.text()
    st.dataframe(
        [
            {
                t("compare.way"): f"{arm_name(d.a)} – {arm_name(d.b)}",
                t("compare.difference"): f"{100 * d.difference:+.1f}",
                t("compare.range"): f"{100 * d.low:+.1f} … {100 * d.high:+.1f}",
                "p (Holm)": f"{d.p_holm:.3f}",
                t("compare.settled"): "✓" if d.settled else "",
                t("compare.needed"): "" if d.needed is None else str(d.needed),
            }
            for d in card.differences
        ],
        hide_index=True,
    )


def _buckets(card: ComparisonCard) -> None:
    t = state.text()
    names = sorted({name for s in card.summaries for name in s.buckets})
    st.dataframe(
        [
            {t("compare.bucket"): name}
            | {arm_name(s.arm): _of(s.buckets[name]) if name in s.buckets else "–" for s in card.summaries}
            for name in names
        ],
        hide_index=True,
    )


def _cost(card: ComparisonCard) -> None:
    t, cost = state.text(), card.economics
    each = ", ".join(f"{arm_name(arm)} {seconds:.2f} s" for arm, seconds in cost.answer_seconds.items())
    money = ", ".join(f"{arm_name(arm)} {amount:.5f}" for arm, amount in cost.money_per_answer.items())
    refresh = ", ".join(f"{arm_name(arm)} {t.duration(seconds)}" for arm, seconds in cost.refresh_seconds.items())
    training = t.duration(cost.training_seconds) if cost.training_seconds else "–"
    st.markdown(plain(t("compare.cost_text", training=training, each=each, refresh=refresh)))
    if money:
        st.caption(plain(money))
    if cost.break_even:
        st.markdown(t("compare.break_even", n=cost.break_even))


def _downloads(comparison: Comparison) -> None:
    t = state.text()
    with st.container(horizontal=True):
        for name, file, mime in (
            ("report_html", "report.html", "text/html"),
            ("report_md", "report.md", "text/markdown"),
            ("answers", "marked.jsonl", "application/jsonl"),
        ):
            st.download_button(
                t(f"compare.{name}"),
                partial((comparison.folder / file).read_bytes),
                file_name=f"comparison-{comparison.id}-{file}",
                mime=mime,
                key=f"{name}-{comparison.id}",
                icon=":material/download:",
                on_click="ignore",
            )
