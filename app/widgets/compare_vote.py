"""Blind votes on pairs of answers: sides random, names hidden until enough votes are cast, kept at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.widgets import picker, plain
from app.widgets.compare_questions import earlier
from app.widgets.compare_words import arm_name
from retrieval.answer import safe_markdown

if TYPE_CHECKING:
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.records import ArmAnswer
    from finetune.evaluation.votes import Ballot, Choice, Vote, VoteBox

CHOICES: tuple[Choice, ...] = ("left", "right", "tie", "both_wrong")
LEAST = 0.4
"""Seconds in which nobody reads two answers: a press this soon is the last one, held down or doubled."""


def voting(user: str, comparison: Comparison) -> None:
    """The next ballot, or what the votes add up to."""
    t, card = state.text(), comparison.card()
    arms = [s.arm for s in card.summaries if not s.failed]
    if len(arms) < 2:
        return
    with st.expander(
        t("compare.vote"), icon=":material/how_to_vote:", key=f"vote-{comparison.id}", on_change="rerun"
    ) as opening:
        if opening.open and "vote-closed" not in st.session_state:
            # Open on a session's first run: its server was started anew under an open page. Streamlit drops what was
            # pressed at that moment, since the new session knows no fragment yet.
            st.caption(f":material/sync: {t('compare.vote_restarted')}")
        st.session_state["vote-closed"] = True
        if opening.open:
            _booth(user, comparison, arms)


@st.fragment
def _booth(user: str, comparison: Comparison, arms: list[str]) -> None:
    """Everything of the voting. A vote draws this alone again, so that the next ballot is there at once."""
    from finetune.evaluation.votes import VoteBox, session

    t = state.text()
    pairs = [(a, b) for i, a in enumerate(arms) for b in arms[i + 1 :]]
    a, b = (
        picker(
            t("compare.vote_between"),
            pairs,
            index=pairs.index(("rag", "both")) if ("rag", "both") in pairs else 0,
            format_func=lambda pair: " · ".join(map(arm_name, pair)),
            key=f"vote-pair-{comparison.id}",
        )
        or pairs[0]
    )
    answers = comparison.answers()
    items, box = session(answers, a, b), VoteBox(comparison.folder / "votes.jsonl")
    if not items:
        st.caption(t("compare.vote_same"))
        return
    votes = box.votes(user)
    waiting = next((item for item in items if item.id not in votes), None)
    done = sum(item.id in votes for item in items)
    if waiting:
        _ballot(user, box, waiting, answers)
    # Below the ballot: who reads the new number can press for the new ballot.
    st.progress(done / len(items), text=t("compare.vote_progress", done=done, total=len(items)))
    if st.session_state.pop("vote-too-soon", False):
        st.caption(f":material/timer: {t('compare.vote_too_soon')}")
    _tally(items, votes, a, b)


def _ballot(user: str, box: VoteBox, item: Ballot, answers: Sequence[ArmAnswer]) -> None:
    from finetune.evaluation.votes import blinded

    t = state.text()
    texts = {x.arm: x.text for x in answers if x.question.id == item.question_id}
    question = next(x.question for x in answers if x.question.id == item.question_id)
    shown, buttons = st.container(), st.container(horizontal=True)
    with buttons:  # Sent first: a key pressed at the sight of the answers must not reach the last ballot's buttons.
        for number, choice in enumerate(CHOICES, 1):
            st.button(
                t(f"compare.vote_{choice}"),
                key=f"cast-{choice}-{item.id}",
                shortcut=str(number),
                on_click=state.do,
                args=(_cast, user, box, item.id, choice),
            )
    with shown:
        st.caption(t("compare.vote_lead"))
        earlier(question)
        st.markdown(f"**{plain(question.question)}**")
        for side, column in zip(("left", "right"), st.columns(2), strict=True):
            with column, st.container(border=True):
                st.caption(t(f"compare.vote_{side}"))
                st.markdown(safe_markdown(blinded(texts[getattr(item, side)])) or "—")
    if st.session_state.get("vote-seen", ("", 0.0))[0] != item.id:
        st.session_state["vote-seen"] = (item.id, time.monotonic())


def _cast(user: str, box: VoteBox, item: str, choice: Choice) -> None:
    """Keep a vote on the ballot in sight, unless nobody can have read it yet: a key held down votes for nothing."""
    seen, since = st.session_state.get("vote-seen", ("", 0.0))
    if seen != item or time.monotonic() - since < LEAST:
        st.session_state["vote-too-soon"] = True
        return
    box.cast(item, choice, user)


def _tally(items: list[Ballot], votes: dict[str, Vote], a: str, b: str) -> None:
    from finetune.evaluation.votes import REVEAL_AFTER, tally

    t = state.text()
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
