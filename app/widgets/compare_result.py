"""A finished comparison: the verdict, the chart of arms, differences, groups, every question, downloads."""

from __future__ import annotations

import html
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from app import comparing, pipeline, state
from app.widgets import picker, plain
from app.widgets.compare_questions import questions
from app.widgets.compare_vote import voting
from app.widgets.compare_words import arm_name, language
from finetune.evaluation.words import brief

if TYPE_CHECKING:
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.records import ArmSummary, ComparisonCard, Share

COLOURS = {
    "base": "#9aa39d",
    "rag": "#5b8fc7",
    "tuned": "#d6a23c",
    "both": "#4f9d76",
    "oracle": "#8e7cc3",
    "control": "#b9a58a",
    "control_both": "#8fb3a3",
}


def results(user: str, kb: str, *, at_work: bool = False) -> None:
    """The comparisons of a knowledge base, the newest open. `at_work`: another one is being made."""
    from finetune.evaluation.kept import every

    t = state.text()
    finished = [one for one in every(state.wiring().folder(kb, user)) if one.complete]
    if not finished:
        return
    by_id = {one.id: one for one in finished}
    chosen = finished[0].id
    if len(finished) > 1:
        listed = {name: _listed(one.card()) for name, one in by_id.items()}
        # The key holds the number: a comparison that has just finished is shown, whatever was picked before.
        key = f"past-{kb}-{len(finished)}"
        chosen = picker(t("compare.past"), list(by_id), format_func=listed.__getitem__, key=key)
    _show(user, kb, by_id[chosen], at_work=at_work)


def _listed(card: ComparisonCard) -> str:
    """To the second: two that look alike could not be told apart, nor picked."""
    return state.text()("compare.past_one", when=card.created[:19].replace("T", " "), n=card.questions)


def _told(comparison: Comparison) -> ComparisonCard:
    """The card in this session's language, said again once per process where it was made in the other one."""
    from finetune.evaluation.retelling import told

    key = ("told", str(comparison.folder), language())
    return state.wiring().shelf.get(key, lambda: told(comparison, language()))


def _show(user: str, kb: str, comparison: Comparison, *, at_work: bool) -> None:
    t, card = state.text(), _told(comparison)
    _verdict(user, kb, card)
    if card.repeats:
        _agreement(user, kb, card)
    st.html(_bars(card))
    _table(card)
    _adapters(card)
    parts = {"differences": _differences, "buckets": _buckets, "cost": _cost}
    for name, draw in (parts | ({"judge": _judge} if card.judge else {})).items():
        with st.expander(t(f"compare.{name}"), key=f"{name}-{card.id}"):
            draw(card)
    both = next((arm for arm in card.arms if arm.name == "both"), None)
    there = both is not None and both.adapter in state.wiring().adapters(kb, user, model=both.model)
    questions(user, kb, comparison, again=both if there and not at_work else None)
    voting(user, comparison)
    _downloads(user, kb, comparison, at_work=at_work)


def _verdict(user: str, kb: str, card: ComparisonCard) -> None:
    t = state.text()
    st.html(f'<div class="dg-verdict">{html.escape(card.verdict.sentence)}</div>')
    if card.verdict.winner != "undecided" and st.button(t("compare.use"), key=f"use-{card.id}", type="primary"):
        if state.guarded(pipeline.use, state.wiring(), user, kb, card):
            arm = arm_name(card.verdict.winner)
            st.toast(t("compare.used", kb=kb, arm=arm), icon=":material/check:")
        else:
            st.rerun()
    reasons = [*card.verdict.vetoes, *card.verdict.reasons]
    for summary in card.summaries:
        if summary.failed:
            reasons = [reason.replace(summary.failed, t.error(summary.failed)) for reason in reasons]
    if reasons:
        with st.expander(t("compare.why"), expanded=True, key=f"why-{card.id}"):
            st.markdown("\n".join(f"- {plain(reason)}" for reason in reasons))


def _adapters(card: ComparisonCard) -> None:
    """Which adapter stands behind a way of answering whose name does not say it."""
    from finetune.evaluation.report import adapters

    for text in adapters(card, language()):
        st.caption(plain(text))


def _bars(card: ComparisonCard) -> str:
    """The chart as plain HTML: a bar per arm and the interval over it. Nothing is loaded, both themes work."""
    t, rows = state.text(), []
    for summary in card.summaries:
        name = html.escape(arm_name(summary.arm))
        if summary.failed:
            failed = html.escape(t("compare.failed"))
            rows.append(f'<div class="dg-bar"><span>{name}</span><em>{failed}</em><b>—</b></div>')  # Why stands above.
            continue
        share = summary.answerable
        if not share.n:
            rows.append(f'<div class="dg-bar"><span>{name}</span><i></i><b>–</b></div>')
            continue
        colour = COLOURS.get(summary.arm.split("@")[0], "#9aa39d")
        rows.append(
            f'<div class="dg-bar"><span>{name}</span><i>'
            f'<u style="width:{100 * share.share:.1f}%;background:{colour}"></u>'
            f'<s style="left:{100 * share.low:.1f}%;width:{100 * (share.high - share.low):.1f}%"></s>'
            f"</i><b>{share.share:.0%}</b></div>"
        )
    return f'<div class="dg-bars"><p class="dg-note">{html.escape(t("compare.chart"))}</p>{"".join(rows)}</div>'


def _table(card: ComparisonCard) -> None:
    from finetune.evaluation.report import scored

    t = state.text()

    def row(s: ArmSummary) -> dict[str, str]:
        return {
            t("compare.way"): arm_name(s.arm),
            t("compare.right"): _of(s.answerable),
            t("compare.declined"): _of(s.unanswerable),
            t("compare.wrongly"): _of(s.wrongly_abstained),
            "F1": f"{s.f1:.2f}",
            "ROUGE-L": f"{s.rouge_l:.2f}",
            t("compare.each"): brief(s.seconds, language(), places=2),
        }

    st.dataframe([row(s) for s in card.summaries if not s.failed], hide_index=True)
    st.caption(plain(scored(card, language())))


def _of(share: Share) -> str:
    return f"{share.correct} / {share.n}" if share.n else "–"


def _differences(card: ComparisonCard) -> None:
    t = state.text()
    st.dataframe(
        [
            {
                t("compare.way"): f"{arm_name(d.a)} – {arm_name(d.b)}",
                t("compare.difference"): _points(d.difference),
                t("compare.range"): f"{_points(d.low)} … {_points(d.high)}",
                "p (Holm)": f"{d.p_holm:.3f}",
                t("compare.settled"): "✓" if d.settled else "",
                t("compare.needed"): "" if d.needed is None else f"+{d.needed - d.n:,}",
            }
            for d in (*card.differences, *card.further)
        ],
        hide_index=True,
    )


def _points(share: float) -> str:
    """A difference in percentage points, with its sign unless it is none."""
    return f"{number:+.1f}" if (number := round(100 * share, 1)) else "0"


def _buckets(card: ComparisonCard) -> None:
    from finetune.evaluation.report import groups
    from finetune.evaluation.report_words import report_words

    t, whole = state.text(), [s for s in card.summaries if not s.failed]
    rows = [
        {t("compare.bucket"): group["label"]}
        | {arm_name(s.arm): _of(cell) if cell else "–" for s, cell in zip(whole, group["cells"], strict=True)}
        for group in groups(whole, report_words(language()))
    ]
    st.dataframe(rows, hide_index=True, height="content")


def _cost(card: ComparisonCard) -> None:
    from finetune.evaluation.report import costs
    from finetune.evaluation.report_words import report_words

    words = report_words(language())
    lines = costs(card, words, language())
    st.markdown("\n".join(f"- **{plain(name)}**{words['colon']}{plain(value)}" for name, value in lines))


def _judge(card: ComparisonCard) -> None:
    """What the judge says, or why it is not listened to."""
    from finetune.evaluation.report import judge

    st.markdown("\n".join(f"- {plain(text)}" for text in judge(card, language())))


def _downloads(user: str, kb: str, comparison: Comparison, *, at_work: bool) -> None:
    t = state.text()
    with st.container(horizontal=True):
        if st.button(t("compare.repeat"), key=f"repeat-{comparison.id}", icon=":material/replay:", disabled=at_work):
            state.guarded(_repeat, user, kb, comparison.id)
            st.rerun()
        for name, file, mime in (
            ("report_html", "report.html", "text/html"),
            ("report_md", "report.md", "text/markdown"),
            ("answers", "marked.jsonl", "application/jsonl"),
            ("card", "card.json", "application/json"),
        ):
            st.download_button(
                t(f"compare.{name}"),
                partial(_bytes, comparison, file, language()),
                file_name=f"comparison-{comparison.id}-{file}",
                mime=mime,
                key=f"{name}-{comparison.id}",
                icon=":material/download:",
                on_click="ignore",
            )


def _bytes(comparison: Comparison, file: str, spoken: str) -> bytes:
    """A file of the comparison; reports in the language of whoever asks for them."""
    from finetune.evaluation import report
    from finetune.evaluation.retelling import told

    if file == "report.html":
        return report.html(told(comparison, spoken), comparison.answers(), spoken).encode()
    if file == "report.md":
        return report.markdown(told(comparison, spoken), spoken).encode()
    return (comparison.folder / file).read_bytes()


def _repeat(user: str, kb: str, comparison: str) -> None:
    wish = comparing.again(state.wiring(), user, kb, comparison, language())
    comparing.ready(state.wiring(), user, kb, wish)
    comparing.start(state.wiring(), user, kb, wish)


def _agreement(user: str, kb: str, card: ComparisonCard) -> None:
    """How a repeated comparison agrees with the first."""
    from finetune.evaluation.kept import Comparison

    t, folder = state.text(), state.wiring().folder(kb, user)
    now, then = (Comparison(folder.comparison(name)) for name in (card.id, card.repeats))
    if then.complete:
        found = comparing.agreement(now, then)
        changed = t("compare.changed", names=", ".join(found.changed)) if found.changed else ""
        st.caption(plain(f"{t('compare.repeated', same=found.same, total=found.total)} {changed}".strip()))
