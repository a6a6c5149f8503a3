"""The one click as a command: pairs, training, comparison, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.comparing import print_card
from app.cli.frame import DEFAULT, USER, AsJson, Kb, console, line, progress, show_json, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.pipeline import Stage

WORDS = {"pairs": "1/3 making pairs", "train": "2/3 training", "compare": "3/3 comparing"}


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(rich_help_panel="Comparing")(tune)


def tune(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    effort: Annotated[str, typer.Option(help="quick, balanced or thorough; by the settings when left out.")] = "",
    model: Annotated[str, typer.Option(help="Local model to train; the default when left out.")] = "",
    most: Annotated[int, typer.Option(min=0, help="Questions of the comparison, at most; 0: all.")] = 120,
    language: Annotated[str, typer.Option(help="Of the verdict: en or zh-TW.")] = "",
    use: Annotated[bool, typer.Option("--use", help="Make the winner the chat's default for these documents.")] = False,
) -> None:
    """From documents to a verdict in one go: pairs, training, comparison. Goes on where it was after anything."""
    from app import comparing, pipeline
    from app.cli.chatting import ready
    from app.cli.training import EFFORTS

    objects = wiring()
    chosen = effort or objects.settings.training.effort
    if chosen not in EFFORTS:
        raise DocgraftError(f"{chosen!r} is no effort.", f"Choose one of: {', '.join(EFFORTS)}.")
    spoken = language or objects.settings.language
    wish = pipeline.Wish.model_validate(
        {
            "effort": chosen,
            "model": model,
            "most": most,
            "language": "zh-Hant" if spoken.startswith("zh") else "en",
        }
    )
    ready(objects, objects.training_base(model))
    try:
        with progress(WORDS["pairs"]) as told:

            def show(stage: Stage) -> None:
                told(stage.done, stage.total, f"{WORDS[stage.step]} {stage.message}".strip())

            card = pipeline.tune(objects, USER, kb, wish, progress=show)
    except KeyboardInterrupt:
        console().print("Stopped watching. The same command goes on from here; training goes on in the background.")
        raise
    if card is None:
        raise DocgraftError("Stopped before the verdict.", "The same command goes on from here.")
    folder = objects.folder(kb).comparison(card.id)
    used = pipeline.use(objects, USER, kb, card) if use else None
    if as_json:
        show_json(comparing.summary(card, folder) | {"used": used.model_dump() if used else None})
        return
    print_card(card, folder)
    if used:
        line(f"in use    the chat now answers {kb!r} by: {used.mode}")
    elif card.verdict.winner != "undecided":
        line(
            "\nMake the winner the chat's default with: docgraft tune --use" + ("" if kb == DEFAULT else f" --kb {kb}")
        )
