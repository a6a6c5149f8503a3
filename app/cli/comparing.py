"""The command that compares ways of answering on the same questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import DEFAULT, USER, AsJson, Kb, console, line, progress, show_json, table, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from finetune.evaluation.comparison import Step
    from finetune.evaluation.records import ComparisonCard


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(rich_help_panel="Comparing")(compare)


def compare(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    arms: Annotated[str, typer.Option(help="base, rag, tuned, both, oracle, control; by what there is.")] = "",
    questions: Annotated[
        Path | None, typer.Option(help="JSONL or CSV of your own; else the dataset's test sets.")
    ] = None,
    dataset: Annotated[str, typer.Option(metavar="ID", help="Dataset; the newest when left out.")] = "",
    model: Annotated[str, typer.Option(help="Model; the default when left out.")] = "",
    adapter: Annotated[str, typer.Option(metavar="ID", help="Adapter; the newest when left out.")] = "",
    control: Annotated[str, typer.Option(metavar="KB/ID", help="An adapter trained on other documents.")] = "",
    most: Annotated[int, typer.Option(min=0, help="At most so many questions; 0: all.")] = 120,
    language: Annotated[str, typer.Option(help="Of verdict and report: en or zh-TW.")] = "",
) -> None:
    """Compare ways of answering on the same questions, and say what the numbers support. Resumes after anything."""
    from app import comparing
    from finetune.evaluation.questions import from_file

    objects = wiring()
    spoken = language or objects.settings.language
    wish = comparing.Wish(
        arms=tuple(name.strip() for name in arms.split(",") if name.strip()),
        model=model,
        adapter=adapter,
        control=control,
        dataset=dataset,
        questions=tuple(from_file(questions)) if questions else (),
        most=most,
        language="zh-Hant" if spoken.startswith("zh") else "en",
    )
    try:
        with progress("Comparing") as told:

            def show(step: Step) -> None:
                told(step.done, step.total, step.arm)

            card = comparing.compare(objects, USER, kb, wish, progress=show)
    except KeyboardInterrupt:
        console().print("Stopped. The same command goes on from here.")
        raise
    if card is None:
        raise DocgraftError("The comparison was stopped.", "The same command goes on from here.")
    folder = objects.folder(kb).comparison(card.id)
    if as_json:
        show_json(comparing.summary(card, folder))
    else:
        print_card(card, folder)


def print_card(card: ComparisonCard, folder: Path) -> None:
    """Verdict first, then the arms, then where the rest is."""
    line(card.verdict.sentence)
    for reason in (*card.verdict.vetoes, *card.verdict.reasons):
        line(f"  - {reason}")
    line()
    rows = [
        [s.arm, s.failed, "", "", "", ""]
        if s.failed
        else [
            s.arm,
            f"{s.answerable.share:.0%} ({100 * s.answerable.low:.0f}–{100 * s.answerable.high:.0f})",
            f"{s.answerable.correct}/{s.answerable.n}",
            f"{s.unanswerable.correct}/{s.unanswerable.n}",
            f"{s.wrongly_abstained.correct}/{s.answerable.n}",
            f"{s.seconds:.2f} s",
        ]
        for s in card.summaries
    ]
    table(["Arm", "Right", "of", "Declined rightly", "wrongly", "Each"], rows)
    line(f"\nreport    {folder / 'report.html'}")
    line(f"answers   {folder / 'marked.jsonl'}")
