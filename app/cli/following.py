"""A run followed on the terminal from its events: the curves' numbers, what was found out, the time left."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from app.cli.frame import console, printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from finetune.records import Event, Run
    from finetune.runs import Runs

BARS = "▁▂▃▄▅▆▇█"
SCORES = (("unseen_wording", "unseen wordings"), ("general", "general"), ("abstention", "refusals"))
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
    drawn = _has_bars(sys.stderr)  # Asked before Progress puts itself in its place.
    with Progress(*columns, console=console(), transient=True) as bar:
        found = runs.show(run)
        waits = found.message if found.state == "queued" else "waiting for the first step"
        task = bar.add_task("", total=1, said=printable(waits))
        losses: list[float] = []
        try:
            for event in runs.watch(run):
                _show(bar, task, event, losses if drawn else None)
        except KeyboardInterrupt:
            return False
    return True


def _show(bar: Progress, task: Any, event: Event, losses: list[float] | None) -> None:
    if event.kind == "step":
        said = numbers(event)
        if losses is not None and event.values.get("loss") is not None:
            losses.append(event.values["loss"])
            said = f"{curve(losses)} {said}".strip()
        bar.update(task, completed=event.step, total=event.values.get("steps") or 1, said=said)
    elif event.kind in TOLD:
        bar.console.print(printable(words(event)), markup=False)


def words(event: Event) -> str:
    """What happened, in one line."""
    scores = [f"{label} {event.values[name]:.0%}" for name, label in SCORES if event.values.get(name) is not None]
    where = f"step {event.step}" if event.step else ""
    return f"{event.kind:<11}" + " · ".join(part for part in (where, *scores, event.message) if part)


def numbers(event: Event) -> str:
    """Loss, speed and time left of one step."""
    values = event.values
    parts = [f"loss {values['loss']:.3f}"] if values.get("loss") is not None else []
    if values.get("tokens_per_second"):
        parts.append(f"{values['tokens_per_second']:,.0f} tokens/s")
    if values.get("seconds_left") is not None:
        left = float(values["seconds_left"])
        parts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return " · ".join(parts)


def curve(values: Sequence[float], width: int = 20) -> str:
    """Values between their lowest and highest as a row of bars; "" for a single one."""
    if len(values) < 2:
        return ""
    count = min(width, len(values))
    parts = [values[n * len(values) // count : (n + 1) * len(values) // count] for n in range(count)]
    means = [sum(part) / len(part) for part in parts]
    low, span = min(means), max(means) - min(means)
    return "".join(BARS[round((mean - low) / span * 7) if span else 0] for mean in means)


def curves(events: Sequence[Event]) -> list[str]:
    """What the page draws, one line each: loss, pace, and the scores from the base's on."""
    found = []
    for name, label, form in (("loss", "loss", ".3f"), ("tokens_per_second", "tokens/s", ",.0f")):
        found.append((label, form, _values(events, ("step",), name)))
    for name, label in SCORES:
        found.append((label, ".0%", _values(events, ("probe", "evaluation"), name)))
    drawn = _has_bars(sys.stdout)
    return [
        f"{label:<16} {f'{curve(values):<20} ' if drawn else ''}{values[0]:{form}} to {values[-1]:{form}}"
        for label, form, values in found
        if len(values) > 1
    ]


def _values(events: Sequence[Event], kinds: Sequence[str], name: str) -> list[float]:
    return [event.values[name] for event in events if event.kind in kinds and event.values.get(name) is not None]


def _has_bars(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().startswith("utf")
