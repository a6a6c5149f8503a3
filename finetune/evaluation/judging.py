"""A judge at work on a comparison: calibrated first, used only above the bar, every judgement kept as it is made.

Knows the judge as a Protocol and the comparison as answers; the verdict never rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from finetune.evaluation.judges import Calibration, Judge, JudgedPair, Judgement, Preference, calibrate
from finetune.evaluation.records import ArmAnswer, JudgeReport
from finetune.evaluation.statistics import mcnemar
from finetune.evaluation.summary import is_answerable
from finetune.evaluation.votes import Ballot, Vote
from memory.records import digest
from memory.workspace import append_line, mend_lines, read_lines
from retrieval.citations import strip

PAIRS = (("both", "rag"), ("tuned", "base"), ("rag", "base"))
"""What a judge is asked about, as far as the arms are there."""
PLANTED = 20
"""References that a judge is calibrated on, at most."""
MOST = 60
"""Questions that a judge is asked about for each pair of arms, at most: two calls each."""

VotedPair = tuple[str, str, str, str, Preference]
"""(question, reference, a, b, what the person preferred)."""


class Journal:
    """A judge whose judgements are kept in a file, so that none is paid for twice."""

    def __init__(self, judge: Judge, path: Path, *, stop: Callable[[], bool] = lambda: False) -> None:
        self.judge = judge
        self.name = judge.name
        self.path = path
        self.stop = stop
        mend_lines(path)
        self.known = {row["key"]: Judgement.model_validate(row["judgement"]) for row in read_lines(path)}

    def compare(self, question: str, reference: str, a: str, b: str) -> Judgement:
        """The kept judgement, or a new one. Raises BackendFailed, and Stopped when nobody wants to wait any longer."""
        key = digest(self.name, question, reference, a, b)
        if key not in self.known:
            if self.stop():
                raise Stopped
            self.known[key] = self.judge.compare(question, reference, a, b)
            with self.path.open("a", encoding="utf-8") as file:
                append_line(file, {"key": key, "judgement": self.known[key].model_dump(mode="json")})
        return self.known[key]


class Stopped(Exception):
    """Nobody wants to wait for the judge any longer."""


def judged(
    judge: Judge,
    by_arm: Mapping[str, Sequence[ArmAnswer]],
    *,
    votes: Sequence[VotedPair] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> JudgeReport:
    """Calibrate the judge on planted pairs and on votes, and, when it is above the bar, ask it about PAIRS."""
    pairs = [(a, b) for a, b in PAIRS if a in by_arm and b in by_arm]
    if not pairs:
        return JudgeReport(calibration=Calibration(judge=judge.name))
    references = _references(by_arm[pairs[0][0]])
    calibration = calibrate(judge, references[:PLANTED], votes)
    if not calibration.usable:
        return JudgeReport(calibration=calibration)
    found = []
    for number, (a, b) in enumerate(pairs):
        progress(number, len(pairs))
        found.append(_pair(judge, a, b, list(zip(by_arm[a], by_arm[b], strict=True))))
    return JudgeReport(calibration=calibration, pairs=tuple(found))


def voted(ballots: Sequence[Ballot], votes: Mapping[str, Vote], texts: Mapping[tuple[str, str], ArmAnswer]) -> list:
    """The votes that say something about two different answers to a question with a reference, for calibration."""
    found: list[VotedPair] = []
    for ballot in ballots:
        vote = votes.get(ballot.id)
        left, right = texts.get((ballot.left, ballot.question_id)), texts.get((ballot.right, ballot.question_id))
        if vote is None or ballot.kind != "plain" or left is None or right is None or left.question.answer is None:
            continue
        words: dict[str, Preference] = {"left": "a", "right": "b", "tie": "tie", "both_wrong": "tie"}
        found.append(
            (left.question.question, left.question.answer, strip(left.text), strip(right.text), words[vote.choice])
        )
    return found


def _references(answers: Sequence[ArmAnswer]) -> list[tuple[str, str]]:
    return [(a.question.question, a.question.answer) for a in answers if is_answerable(a) and a.question.answer]


def _pair(judge: Judge, a: str, b: str, answers: Sequence[tuple[ArmAnswer, ArmAnswer]]) -> JudgedPair:
    asked = [(x, y) for x, y in answers if is_answerable(x) and strip(x.text) != strip(y.text)][:MOST]
    same = sum(is_answerable(x) and strip(x.text) == strip(y.text) for x, y in answers)
    said = [judge.compare(x.question.question, x.question.answer or "", strip(x.text), strip(y.text)) for x, y in asked]
    wins = [j.preference for j in said if not j.failed]
    a_wins, b_wins = wins.count("a"), wins.count("b")
    return JudgedPair(
        a=a,
        b=b,
        a_wins=a_wins,
        b_wins=b_wins,
        ties=wins.count("tie") + same,
        failed=sum(j.failed for j in said),
        p=mcnemar(a_wins, b_wins),
    )
