"""Blind votes on pairs of answers: sides random, names hidden until enough votes are cast, kept at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.widgets import plain
from app.widgets.compare_words import arm_name
from retrieval.answer import safe_markdown

if TYPE_CHECKING:
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.votes import Ballot, VoteBox

CHOICES = ("left", "right", "tie", "both_wrong")


def voting(user: str, comparison: Comparison) -> None:
    """The next ballot, or what the votes add up to."""
    from finetune.evaluation.votes import VoteBox, session

    t, card = state.text(), comparison.card()
    arms = [s.arm for s in card.summaries if not s.failed]
    if len(arms) < 2:
        return
    with st.expander(
        t("compare.vote"), icon=":material/how_to_vote:", key=f"vote-{comparison.id}", on_change="rerun"
    ) as o:
        if not o.open:
            return
        pairs = [(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
        a, b = (
            st.selectbox(
                t("compare.vote_between"),
                pairs,
                index=pairs.index(("rag", "both")) if ("rag", "both") in pairs else 0,
                format_func=lambda pair: " · ".join(map(arm_name, pair)),
                key=f"vote-pair-{comparison.id}",
            )
            or pairs[0]
        )
        answers = comparison.answers()
        texts = {(x.arm, x.question.id): x.text for x in answers}
        asked = {x.question.id: x.question.question for x in answers}
        items, box = session(answers, a, b), VoteBox(comparison.folder / "votes.jsonl")
        cast = box.votes(user)
        waiting = next((item for item in items if item.id not in cast), None)
        st.caption(t("compare.vote_progress", done=sum(i.id in cast for i in items), total=len(items)))
        if waiting:
            _ballot(user, box, waiting, asked[waiting.question_id], texts)
        _tally(items, box, user, a, b)


def _ballot(user: str, box: VoteBox, item: Ballot, question: str, texts: dict[tuple[str, str], str]) -> None:
    from finetune.evaluation.votes import blinded

    t = state.text()
    st.caption(t("compare.vote_lead"))
    st.markdown(f"**{plain(question)}**")
    for arm, column in zip((item.left, item.right), st.columns(2), strict=True):
        with column, st.container(border=True):
            st.markdown(safe_markdown(blinded(texts[arm, item.question_id])) or "—")
    with st.container(horizontal=True):
        for number, choice in enumerate(CHOICES, 1):
            st.button(
                t(f"compare.vote_{choice}"),
                key=f"cast-{choice}-{item.id}",
                shortcut=str(number),
                on_click=state.do,
                args=(box.cast, item.id, choice, user),
            )


def _tally(items: list[Ballot], box: VoteBox, user: str, a: str, b: str) -> None:
    from finetune.evaluation.votes import REVEAL_AFTER, tally

    t, votes = state.text(), box.votes(user)
    found = tally(items, votes, a, b)
    plain_ballots = [item for item in items if item.kind == "plain"]
    done = sum(item.id in votes for item in plain_ballots)
    if not found.enough and done < len(plain_ballots):
        st.caption(t("compare.vote_more", n=min(REVEAL_AFTER, len(plain_ballots)) - done))
        return
    names = {"a": arm_name(a), "b": arm_name(b)}
    counts = found.model_dump(include={"a_wins", "b_wins", "ties", "both_wrong"})
    st.markdown(t("compare.vote_result", **names, **counts))
    bounds = {"share": f"{found.share:.0%}", "low": f"{found.low:.0%}", "high": f"{found.high:.0%}"}
    st.markdown(t("compare.vote_range", a=names["a"], p=f"{found.p:.3f}", **bounds))
    st.caption(
        t(
            "compare.vote_care",
            agreed=found.repeats_agreed,
            repeats=found.repeats,
            tied=found.controls_tied,
            controls=found.controls,
        )
    )
