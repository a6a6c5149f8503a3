"""What happens around the steps of a run: events, evaluations, the best checkpoint, stopping. Knows no trainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from finetune.engines import Job
from finetune.engines.checkpoints import Checkpoints
from finetune.engines.choice import Scores, better, finished, words
from finetune.engines.examine import Exam, ExamStopped, examine
from finetune.notices import Notice, notice

CHECKPOINT_SECONDS = 60.0
"""A run that is killed loses at most about this much work."""
EVALUATION_SHARE = 0.25
"""Evaluations may take this share of the training time; with more, they become rarer."""


class Progress:
    """The running account of one training run; goes into every checkpoint and comes back on resuming."""

    def __init__(self, job: Job, exam: Exam, checkpoints: Checkpoints, tensors: Callable[[], dict[str, Any]]) -> None:
        self.job = job
        self.exam = exam
        self.checkpoints = checkpoints
        self.tensors = tensors
        self.base = Scores()
        self.history: list[Scores] = []
        self.best: Scores | None = None
        self.reason: Notice | None = None
        """Why it ended before the last step, in words."""
        self._losses: list[float] = []
        self._saved = self._begun = time.monotonic()
        self._tokens = 0
        self._first = 0
        self._examined = 0.0

    def state(self) -> dict[str, Any]:
        """For state.json."""
        return {
            "base": self.base.model_dump(),
            "history": [scores.model_dump() for scores in self.history],
            "best": self.best.model_dump() if self.best else None,
            "losses": self._losses,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """From state.json."""
        self.base = Scores(**state["base"])
        self.history = [Scores(**values) for values in state["history"]]
        self.best = Scores(**state["best"]) if state["best"] else None
        self._losses = list(state["losses"])

    def probe(self, model: Any) -> None:
        """What the base answers before any training; nothing is said of a probe that was stopped."""
        if not self.job.spec.evaluate:
            return
        try:
            self.base = examine(model, self.exam)
        except ExamStopped:
            return
        self.job.emit("probe", message=notice("base_probe"), **_values(self.base))

    def begin(self, step: int) -> None:
        """The clock starts at this step."""
        self._begun = self._saved = time.monotonic()
        self._first = step

    def count(self, tokens: int) -> None:
        """Tokens of one batch, padding and shared beginnings counted once."""
        self._tokens += tokens

    def step(self, step: int, steps: int, epoch: float, **values: float) -> None:
        """One optimiser step was made."""
        self._losses.append(values["loss"])
        spent = max(time.monotonic() - self._begun - self._examined, 1e-9)
        done = max(step - self._first, 1)
        share = 1 + self._examined / spent
        self.job.emit(
            "step",
            step=step,
            epoch=epoch,
            steps=steps,
            tokens_per_second=self._tokens / spent,
            seconds_left=(steps - step) * spent / done * share,
            **values,
        )

    def due(self, epoch: int, last: bool) -> bool:
        """Whether to evaluate after this epoch (counted from 1)."""
        if not self._asks:
            return False
        if last or not self.history:
            return True
        spent = time.monotonic() - self._begun - self._examined
        per_epoch = spent / max(epoch, 1)
        every = max(1, round(self.history[-1].seconds / max(per_epoch * EVALUATION_SHARE, 1e-9)))
        return epoch - round(self.history[-1].epoch) >= every

    def evaluate(self, model: Any, step: int, epoch: float, *, last: bool = False) -> bool:
        """Ask the exam, keep the weights when they are the best so far; whether training should end before its time.

        An exam that was stopped halfway leaves everything as it was before, and no event.
        """
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        try:
            scores = examine(model, self.exam, step=step, epoch=epoch, loss=loss)
        except ExamStopped:
            return True
        self._examined += scores.seconds
        self._losses = []
        self.history.append(scores)
        chosen = better(scores, self.best, self.base)
        if chosen:
            self.best = scores
            self.checkpoints.keep_best(self.tensors(), scores.model_dump())
        self.job.emit(
            "evaluation",
            message=words(self.history, self.base),
            best=chosen,
            **_values(scores),
        )
        self.reason = None if last else finished(self.history, self.base, self.job.spec.patience)
        return self.reason is not None

    def lacks(self, step: int) -> bool:
        """Whether the last step of a run was never examined: it was stopped in the middle of that, and resumed."""
        return self._asks and not self.job.stopping() and (not self.history or self.history[-1].step < step)

    @property
    def _asks(self) -> bool:
        """Whether the run has exams, and anything to ask in them."""
        return self.job.spec.evaluate and len(self.exam) > 0

    def save_due(self) -> bool:
        """Whether a checkpoint should be written now."""
        return time.monotonic() - self._saved > CHECKPOINT_SECONDS

    def saved(self, step: int, epoch: float) -> None:
        """A checkpoint was written."""
        self._saved = time.monotonic()
        self.job.emit("checkpoint", step=step, epoch=epoch)

    def scores(self) -> dict[str, float]:
        """The card's scores: the best checkpoint's, and the base's before training."""
        chosen = (self.best or Scores()).model_dump(include={"unseen_wording", "general", "abstention", "loss"})
        before = self.base.model_dump(include={"unseen_wording", "general", "abstention"})
        every = chosen | {f"base_{name}": value for name, value in before.items()}
        return {name: value for name, value in every.items() if value is not None}


def _values(scores: Scores) -> dict[str, Any]:
    values = scores.model_dump(exclude={"step", "epoch"})
    return {"step": scores.step, "epoch": scores.epoch} | values
