"""Blind votes on pairs of answers: what is shown on which side, what was voted, and what it adds up to.

Knows no page. Sides are random per item; to every ten come a repeat with sides swapped and an answer against itself.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from finetune.evaluation.records import ArmAnswer
from finetune.evaluation.statistics import mcnemar, wilson
from memory.records import Record, digest, now
from memory.workspace import append_line, mend_lines, read_lines
from retrieval.refusal import bare

Choice = Literal["left", "right", "tie", "both_wrong"]
REVEAL_AFTER = 20
"""Votes before the arms may be shown."""
TESTED = 10
"""Votes among which the voter is tested once with a repeat and once with a control."""

_TELLTALE = re.compile(
    r"\s*\[\d+(?:\s*,\s*\d+)*\]"
    r"|^(?:根據(?:資料|文件|上述內容)[，,]?|according to the (?:documents?|passages?|text),?)\s*",
    re.IGNORECASE,
)


class Ballot(Record):
    """One thing to vote on. `left` and `right` name arms and stay hidden until the end."""

    id: str
    question_id: str
    left: str
    right: str
    kind: Literal["plain", "repeat", "control"] = "plain"


class Vote(Record):
    """One vote as kept."""

    ballot: str
    choice: Choice
    user: str = ""
    time: str = ""


class Tally(Record):
    """What the votes add up to for arm `a` against arm `b`."""

    a: str
    b: str
    a_wins: int
    b_wins: int
    ties: int
    both_wrong: int
    share: float
    """Wins of `a` among decisive votes; 0.5 when there are none."""
    low: float
    high: float
    p: float
    """Exact two-sided sign test on decisive votes."""
    repeats: int
    repeats_agreed: int
    """The voter's own consistency on swapped repeats."""
    controls: int
    controls_tied: int
    """Same answer on both sides: a careful voter calls a tie."""
    enough: bool
    """Whether there are enough votes to reveal and to read anything into them."""


def ballots(question_ids: Sequence[str], a: str, b: str, *, seed: int = 0) -> list[Ballot]:
    """The ballots of one voting session, in order: every question once, and among every ten a repeat and a control.

    Ten by ten, so that whoever stops at REVEAL_AFTER has been tested too.
    """
    rng = random.Random(f"{seed}:{a}:{b}")
    plain = []
    for question in question_ids:
        left, right = rng.sample([a, b], 2)
        plain.append(
            Ballot(id=digest(question, left, right, str(seed))[:12], question_id=question, left=left, right=right)
        )
    rng.shuffle(plain)
    result: list[Ballot] = []
    for start in range(0, len(plain), TESTED):
        block = plain[start : start + TESTED]
        result += _tested(block, (a, b), rng) if len(block) == TESTED or not start else block
    return result


def _tested(block: Sequence[Ballot], arms: tuple[str, str], rng: random.Random) -> list[Ballot]:
    """A block with a repeat and a control of its first half in its second, before its last ballot: well after the first
    showing, so that memory does not stand in for judgement."""
    result, half = list(block), block[: (len(block) + 1) // 2]
    again, alike = (picked := rng.sample(half, min(2, len(half))))[0], picked[-1]
    arm = rng.choice(arms)
    for item in (_again(again, "repeat", again.right, again.left), _again(alike, "control", arm, arm)):
        earliest = min(len(half) + 2, len(result))
        result.insert(rng.randint(earliest, max(earliest, len(result) - 1)), item)
    return result


def session(answers: Sequence[ArmAnswer], a: str, b: str) -> list[Ballot]:
    """The ballots on two arms of a comparison: questions that both answered, and differently; always the same ones."""
    texts = {(x.arm, x.question.id): blinded(x.text) for x in answers if x.arm in (a, b)}
    asked = dict.fromkeys(x.question.id for x in answers if x.arm == a)
    differ = [q for q in asked if (b, q) in texts and texts[a, q] != texts[b, q]]
    return ballots(differ, a, b)


def blinded(text: str) -> str:
    """An answer without what gives its arm away: citation numbers, "according to the documents", where was looked."""
    return _TELLTALE.sub("", bare(text)).strip()


class VoteBox:
    """The votes of one comparison on disk; the last vote on a ballot counts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def cast(self, ballot: str, choice: Choice, user: str = "") -> None:
        """Keep a vote at once: it survives a restart."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        mend_lines(self.path)
        with self.path.open("a", encoding="utf-8") as file:
            append_line(file, Vote(ballot=ballot, choice=choice, user=user, time=now()).model_dump())

    def votes(self, user: str | None = None) -> dict[str, Vote]:
        """Ballot id → the last vote on it; of one user, or of all."""
        kept = (Vote.model_validate(row) for row in read_lines(self.path))
        return {vote.ballot: vote for vote in kept if user is None or vote.user == user}


def tally(items: Sequence[Ballot], votes: dict[str, Vote], a: str, b: str) -> Tally:
    """Wins, ties, the sign test and the voter's own consistency; repeats and controls never count as wins."""
    chosen = {item.id: _arm(item, votes[item.id].choice) for item in items if item.id in votes}
    plain = [chosen[item.id] for item in items if item.kind == "plain" and item.id in chosen]
    firsts = {item.question_id: chosen.get(item.id) for item in items if item.kind == "plain"}
    repeats = [item for item in items if item.kind == "repeat" and item.id in chosen and firsts.get(item.question_id)]
    controls = [item for item in items if item.kind == "control" and item.id in votes]
    a_wins, b_wins = plain.count(a), plain.count(b)
    low, high = wilson(a_wins, a_wins + b_wins)
    return Tally(
        a=a,
        b=b,
        a_wins=a_wins,
        b_wins=b_wins,
        ties=plain.count("tie"),
        both_wrong=plain.count("both_wrong"),
        share=a_wins / (a_wins + b_wins) if a_wins + b_wins else 0.5,
        low=low,
        high=high,
        p=mcnemar(a_wins, b_wins),
        repeats=len(repeats),
        repeats_agreed=sum(chosen[item.id] == firsts[item.question_id] for item in repeats),
        controls=len(controls),
        controls_tied=sum(votes[item.id].choice in {"tie", "both_wrong"} for item in controls),
        enough=len(plain) >= REVEAL_AFTER,
    )


def _again(ballot: Ballot, kind: Literal["repeat", "control"], left: str, right: str) -> Ballot:
    return Ballot(
        id=digest(ballot.id, kind, left)[:12], question_id=ballot.question_id, left=left, right=right, kind=kind
    )


def _arm(ballot: Ballot, choice: Choice) -> str:
    """The arm that was preferred, or the choice itself where none was."""
    return {"left": ballot.left, "right": ballot.right}.get(choice, choice)
