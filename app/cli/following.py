"""A run followed on the terminal from its events: the curves' numbers, what was found out, the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.frame import console, printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from finetune.records import Event, Run
    from finetune.runs import Runs

TOLD = ("started", "probe", "evaluation", "warning", "saved", "verified", "completed", "stopped", "failed")


def share(run: Run) -> str:
    """How far a run is."""
    return f"{run.step / run.steps:.0%}" if run.steps else ""


def follow(runs: Runs, run: str) -> bool:
    """Show a run until it has ended; False when Ctrl-C ended the watching."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[said]}", markup=False),
    )
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task("", total=1, said="waiting for the first step")
        try:
            for event in runs.watch(run):
                _show(bar, task, event)
        except KeyboardInterrupt:
            return False
    return True


def _show(bar: Progress, task: Any, event: Event) -> None:
    if event.kind == "step":
        bar.update(task, completed=event.step, total=event.values.get("steps") or 1, said=numbers(event))
    elif event.kind in TOLD:
        bar.console.print(printable(words(event)), markup=False)


def words(event: Event) -> str:
    """What happened, in one line."""
    scores = [
        f"{label} {event.values[name]:.0%}"
        for name, label in (("unseen_wording", "unseen wordings"), ("general", "general"), ("abstention", "refusals"))
        if event.values.get(name) is not None
    ]
    where = f"step {event.step}" if event.step else ""
    return f"{event.kind:<11}" + " · ".join(part for part in (where, *scores, event.message) if part)


def numbers(event: Event) -> str:
    """Loss, speed and time left of one step."""
    values = event.values
    parts = [f"loss {values['loss']:.3f}"] if values.get("loss") is not None else []
    if values.get("tokens_per_second"):
        parts.append(f"{values['tokens_per_second']:.0f} tokens/s")
    if values.get("seconds_left") is not None:
        left = float(values["seconds_left"])
        parts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return " · ".join(parts)
