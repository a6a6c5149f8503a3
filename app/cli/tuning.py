"""The one click as a command: a plan, then pairs, training, comparison, verdict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.comparing import print_card
from app.cli.frame import DEFAULT, USER, AsJson, Kb, console, line, printable, progress, show_json, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.forecast import Forecast
    from app.pipeline import Wish
    from app.signals import Stage
    from app.wiring import Wiring
    from finetune.evaluation.records import ComparisonCard

WORDS = {"pairs": "1/3 making pairs", "train": "2/3 training", "compare": "3/3 comparing"}
COUNTED = {"pairs": "pairs", "train": "rows", "compare": "answers"}


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(rich_help_panel="Comparing")(tune)


def tune(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    effort: Annotated[str, typer.Option(help="quick, balanced or thorough; by the settings when left out.")] = "",
    model: Annotated[str, typer.Option(help="Local model to train; the default when left out.")] = "",
    most: Annotated[
        int, typer.Option(min=-1, help="Questions of the comparison, at most; 0: all; -1: by the effort.")
    ] = -1,
    language: Annotated[str, typer.Option(help="Of the verdict: en or zh-TW.")] = "",
    use: Annotated[bool, typer.Option("--use", help="Make the winner the chat's default for these documents.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done and how long it takes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """From documents to a verdict in one go: pairs, training, comparison. Goes on where it was after anything.

    Says first what it will do and about how long that takes. On a terminal it asks before it starts.
    """
    from app import comparing, pipeline
    from app.cli.chatting import ready

    objects = wiring()
    wish = _wish(objects, effort, model, most=most, language=language)
    ready(objects, objects.training_base(model))
    asks = not yes and not as_json and sys.stdin.isatty()
    with console().status("Looking at the documents and this machine…"):
        ahead = pipeline.plan(objects, USER, kb, wish)
    if plan:
        show_json({"plan": forecast_json(ahead)}) if as_json else _print_plan(ahead, wish, line)
        return
    _print_plan(ahead, wish, lambda text: console().print(printable(text), markup=False))
    if asks and not typer.confirm("Start?", default=True, err=True):
        raise typer.Exit(1)
    card = _walk(objects, kb, wish)
    used = pipeline.use(objects, USER, kb, card) if use else None
    folder = objects.folder(kb).comparison(card.id)
    if as_json:
        ending = {"used": used.model_dump() if used else None, "plan": forecast_json(ahead)}
        show_json(comparing.summary(card, folder) | ending)
        return
    print_card(card, folder)
    if not used and asks and card.verdict.winner != "undecided":
        line()
        if typer.confirm("Make the winner the chat's default for these documents?", default=False, err=True):
            used = pipeline.use(objects, USER, kb, card)
    if used:
        line(f"in use    the chat now answers {kb!r} by: {used.mode}")
    elif card.verdict.winner != "undecided":
        where = "" if kb == DEFAULT else f" --kb {kb}"
        line(f"\nMake the winner the chat's default with: docgraft tune{where} --effort {wish.effort} --use")


def _wish(objects: Wiring, effort: str, model: str, *, most: int, language: str) -> Wish:
    from app import pipeline
    from app.cli.training import EFFORTS

    chosen = effort or objects.settings.training.effort
    if chosen not in EFFORTS:
        raise DocgraftError(f"{chosen!r} is no effort.", f"Choose one of: {', '.join(EFFORTS)}.")
    spoken = language or objects.settings.language
    return pipeline.Wish.model_validate(
        {
            "effort": chosen,
            "model": model,
            "most": None if most < 0 else most,
            "language": "zh-Hant" if spoken.startswith("zh") else "en",
        }
    )


def _walk(objects: Wiring, kb: str, wish: Wish) -> ComparisonCard:
    from app import pipeline

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
    return card


def _print_plan(ahead: Forecast, wish: Wish, say: Any) -> None:
    """What is ahead, a line per step."""
    from finetune.evaluation.words import duration

    say(f"Effort {wish.effort}: about {duration(ahead.seconds)}, {ahead.memory / 1e9:.1f} GB of memory "
        f"({ahead.free / 1e9:.1f} GB free)")  # fmt: skip
    for part in ahead.parts:
        took = "done already" if part.done else f"about {duration(part.seconds)}"
        say(f"  {WORDS[part.step]:<18} about {part.count:,} {COUNTED[part.step]:<8} {took}")
    if not ahead.fits:
        say("  ! There may not be memory enough. Close other programs, or choose a smaller model.")


def forecast_json(ahead: Forecast) -> dict[str, Any]:
    """The plan for programs."""
    return ahead.model_dump(mode="json") | {"seconds": ahead.seconds, "fits": ahead.fits}
