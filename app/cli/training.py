"""Commands on training: start, list, watch, stop, resume, show."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.following import curves, follow, share
from app.cli.frame import DEFAULT, USER, AsJson, Kb, console, line, show_json, table, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.training import Plan, Wish
    from finetune.preflight import Preflight
    from finetune.records import Run, TrainingSpec

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id; the newest when left out.")]
AtWork = Annotated[str, typer.Argument(metavar="RUN", help="A run's id; the one at work when left out.")]
EFFORTS = ("quick", "balanced", "thorough")
APART = ("engine", "base", "dataset", "effort")
"""Values that the recipe starts from."""


def register(app: typer.Typer) -> None:
    """Add this module's commands, grouped under `train`."""
    group = typer.Typer(help="Train an adapter on a dataset.", no_args_is_help=True)
    for command in (start, runs, watch, stop, resume, show):
        group.command("list" if command is runs else command.__name__)(command)
    app.add_typer(group, name="train", rich_help_panel="Training")


def start(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    dataset: Annotated[str, typer.Option(metavar="ID", help="Dataset; the newest when left out.")] = "",
    effort: Annotated[str, typer.Option(help="quick, balanced or thorough; by the settings when left out.")] = "",
    base: Annotated[str, typer.Option(metavar="NAME", help="Base model: a name, Hugging Face id or folder.")] = "",
    engine: Annotated[str, typer.Option(help="trl, or another that `docgraft engines list` calls ready.")] = "",
    epochs: Annotated[float, typer.Option(help="Passes over the rows, at most; 0: as the effort says.")] = 0,
    rank: Annotated[int, typer.Option(help="LoRA rank; 0: as the effort says.")] = 0,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate; 0: by the model's size.")] = 0,
    batch: Annotated[int, typer.Option(help="Rows per step; 0: what fits.")] = 0,
    max_length: Annotated[int, typer.Option(help="Longest row in tokens; 0: the longest there is.")] = 0,
    max_steps: Annotated[int, typer.Option(help="Stop after so many steps; 0: by the epochs.")] = 0,
    method: Annotated[str, typer.Option(help="lora or qlora (base in 4 bits); by the machine when left out.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    values: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return; look with: train watch.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only show what would happen.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a folder that trains the same without Docgraft instead.")
    ] = None,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Measure time and memory first.")] = True,
) -> None:
    """Train an adapter: first says what will happen, then does it. Ctrl-C leaves it running in the background."""
    from app import reading, training
    from app.text import Text

    given = {
        "epochs": epochs,
        "rank": rank,
        "learning_rate": learning_rate,
        "batch": batch,
        "max_length": max_length,
        "max_steps": max_steps,
        "method": method,
        "seed": seed,
    }
    changes = {name: value for name, value in given.items() if value} | _parsed(values or [])
    wish = _wish(dataset=dataset, effort=effort, base=base, engine=engine, changes=changes)
    objects = wiring()
    with console().status("Looking at the rows and measuring this machine…" if probe else "Looking at the rows…"):
        made, card = training.plan(objects, USER, kb, wish)
        if probe and export is None and not training.busy(objects, USER):
            card = training.measured(made, card)
    if not as_json:
        if told := reading.warning(objects, kb, USER, wish.base or objects.training_base(), Text("en")):
            line(told)
        print_card(card, made.spec)
    if export is not None:
        _write_out(made, card, export, as_json=as_json)
        return
    if not card.ok:
        raise DocgraftError(card.problems[0].message, card.problems[0].hint)
    if check:
        _check(kb, made, card, as_json=as_json)
        return
    run = training.begin(objects, USER, kb, made)
    _end(kb, run.id, as_json=as_json, detach=detach, more={"card": _card_json(card)})


def _write_out(made: Plan, card: Preflight, folder: Path, *, as_json: bool) -> None:
    """Write the run as a folder. What only this machine lacks (the engine, memory) does not matter for it."""
    from app import training

    wrong = [problem for problem in card.problems if problem.kind not in ("engine", "memory")]
    if wrong:
        raise DocgraftError(wrong[0].message, wrong[0].hint)
    written = training.write_out(made, folder)
    if as_json:
        show_json({"export": written.model_dump(mode="json")})
        return
    line(f"Written to {folder}: {written.rows:,} rows, {written.steps:,} steps. Train there with:")
    for command in written.commands:
        line(f"  {command}")


def _wish(*, effort: str, **values: Any) -> Wish:
    from app.training import Wish

    if effort and effort not in EFFORTS:
        raise DocgraftError(f"{effort!r} is no effort.", f"Choose one of: {', '.join(EFFORTS)}.")
    return Wish.model_validate({**values, "effort": effort or None})


def _parsed(values: list[str]) -> dict[str, Any]:
    """NAME=VALUE as JSON where it is JSON, else as text."""
    found: dict[str, Any] = {}
    for entry in values:
        name, equals, value = entry.partition("=")
        if not equals:
            raise DocgraftError(f"{entry!r} sets nothing.", "Write it as NAME=VALUE, for example --set patience=4.")
        if (name := name.strip()) in APART:
            raise DocgraftError(f"{name!r} decides about other values.", f"Give it as --{name}, so that they follow.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _card_json(card: Preflight) -> dict[str, Any]:
    return card.model_dump(mode="json")


def print_card(card: Preflight, spec: TrainingSpec) -> None:
    """The card in words."""
    from finetune.evaluation.words import duration

    line(f"Training {spec.base} on dataset {spec.dataset} ({spec.effort}, {spec.engine})")
    line(f"  {card.rows:,} rows about {card.facts:,} facts, {card.tokens:,} tokens; "
         f"the loss looks at {card.supervised_per_row:.0f} tokens a row (answer and end)")  # fmt: skip
    line(f"  {card.steps:,} steps of {spec.batch * spec.accumulation} rows, {card.epochs:g} passes at most; "
         f"{card.checks} questions asked after each")  # fmt: skip
    line(f"  rank {spec.rank}, learning rate {spec.learning_rate:g}, {card.precision} on {card.device}; "
         f"{card.trainable / 1e6:.1f} M trained numbers, adapter {card.adapter_bytes / 1e6:.0f} MB")  # fmt: skip
    line(f"  memory {card.memory_needed / 1e9:.1f} GB of {card.memory_free / 1e9:.1f} GB free; "
         f"{card.truncated} rows cut; prompts as in the chat: {'yes' if card.parity else 'no'}")  # fmt: skip
    for begin, supervised in (("first row ", False), ("  learned ", True)):
        text = "".join(piece.text for piece in card.sample if piece.supervised is supervised)
        if text:
            line(f"  {begin} {json.dumps(text, ensure_ascii=False)}")
    if card.seconds is not None:
        line(f"  about {duration(card.seconds)} at most, {card.tokens_per_second or 0:,.0f} tokens/s (measured here)")
    for advice in (*card.problems, *card.warnings):
        line(f"  ! {advice.message} {advice.hint}".rstrip())


def _check(kb: str, made: Plan, card: Preflight, *, as_json: bool) -> None:
    """Every value, and what the same training would take with every engine and service."""
    from app import offers
    from finetune.evaluation.words import duration

    found = offers.every(wiring(), USER, kb, made, card)
    if as_json:
        engines = [one.model_dump(mode="json") for one in found]
        show_json({"card": _card_json(card), "spec": made.spec.model_dump(mode="json"), "engines": engines})
        return
    line("Every value; another one with --set NAME=VALUE:")
    values = " ".join(f"{name}={json.dumps(value)}" for name, value in made.spec.model_dump(mode="json").items())
    for part in textwrap.wrap(values, 110, break_long_words=False, break_on_hyphens=False):
        line(f"  {part}")
    line("The same with every engine and service, about:")
    for one in found:
        time = duration(one.seconds) if one.seconds is not None else "time not known"
        memory = [f"{one.memory / 1e9:.1f} GB"] if one.memory is not None else []
        cost = [f"{one.cost:,.2f} USD with {one.model}"] if one.cost is not None else []
        line(f"  {one.name:<13} {', '.join([time, *memory, *cost])}; {one.ready.reason or 'ready'}")


def _end(kb: str, run: str, *, as_json: bool, detach: bool = False, more: dict[str, Any] | None = None) -> None:
    """Follow a run to its end, or until somebody has seen enough, and say how it stands."""
    objects = wiring()
    where = "" if kb == DEFAULT else f" --kb {kb}"
    if not detach and not follow(objects.runs(kb), run):
        console().print(
            f"\nTraining goes on in the background.\n  watch: docgraft train watch {run}{where}\n"
            f"  stop:  docgraft train stop {run}{where}"
        )
    found = objects.runs(kb).show(run)
    if found.state == "failed":
        raise DocgraftError(
            found.message, f"The log: docgraft train show {run}{where} --log. Go on: docgraft train resume {run}"
        )
    if as_json:
        show_json({"run": found.model_dump(mode="json"), **(more or {})})
    else:
        _print_run(found)


def _print_run(run: Run) -> None:
    line(f"run       {run.id} {run.state}" + (f", step {run.step} of {run.steps}" if run.steps else ""))
    if run.message:
        line(f"          {run.message}")
    if run.adapter:
        line(f"adapter   {run.adapter}")


def runs(*, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """List the runs of a knowledge base."""
    found = wiring().runs(kb).all()
    if as_json:
        show_json({"runs": [run.model_dump(mode="json") for run in found]})
    elif not found:
        line("No runs yet. Start one with: docgraft train start")
    else:
        rows = [
            [
                run.id,
                run.created[5:16].replace("T", " "),
                run.state,
                share(run),
                run.spec.base.rsplit("/", 1)[-1],
                run.spec.effort,
                "yes" if run.adapter else "",
            ]
            for run in found
        ]
        table(["Run", "Created", "State", "Done", "Base", "Effort", "Kept"], rows)


def watch(run: RunId = "", *, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """Follow a run live. Ctrl-C stops only the watching."""
    _end(kb, _which(kb, run), as_json=as_json)


def stop(run: AtWork = "", *, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """Stop a run; the best it has learned so far becomes its adapter."""
    found = wiring().runs(kb).stop(_which(kb, run) if run else _at_work(kb))
    if as_json:
        show_json({"run": found.model_dump(mode="json")})
    else:
        _print_run(found)


def resume(
    run: RunId = "",
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start and return; look with: train watch.")] = False,
) -> None:
    """Go on with a stopped or failed run from its last good checkpoint."""
    found = wiring().runs(kb).resume(_which(kb, run))
    _end(kb, found.id, as_json=as_json, detach=detach)


def show(
    run: RunId = "",
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    log: Annotated[bool, typer.Option("--log", help="The last lines that the process printed.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Every event, for curves of your own.")] = False,
) -> None:
    """Show a run: state, settings, scores, and the command line that trains it."""
    kept = wiring().runs(kb)
    found = kept.show(_which(kb, run))
    if as_json:
        more: dict[str, Any] = {"log": kept.log(found.id)} if log else {}
        if events:
            more["events"] = [event.model_dump(mode="json") for event in kept.events(found.id)]
        show_json({"run": found.model_dump(mode="json"), "command": kept.command(found.id), **more})
        return
    _print_run(found)
    for name, value in found.spec.model_dump().items():
        line(f"  {name:<14} {value}")
    every = kept.events(found.id)
    for event in [event for event in every if event.notice == "rows_read"][-1:]:
        line(f"  {event.message}")
    for drawn in curves(every):
        line(f"  {drawn}")
    for event in [event for event in every if event.kind == "evaluation"][-1:]:
        line(f"  {event.message}")
    line("command   " + " ".join(kept.command(found.id)))
    if log:
        line(kept.log(found.id))


def _which(kb: str, run: str) -> str:
    """A run by its id, the beginning of it, or the newest."""
    known = wiring().runs(kb).all()
    if run:
        found = [r.id for r in known if r.id == run] or [r.id for r in known if len(run) >= 6 and r.id.startswith(run)]
        if len(found) > 1:
            raise DocgraftError(f"{run!r} is the beginning of {len(found)} runs' ids.", "Give more of the id.")
        return found[0] if found else run
    if not known:
        raise DocgraftError(f"In knowledge base {kb!r} no run yet.", "Start one with: docgraft train start")
    return known[0].id


def _at_work(kb: str) -> str:
    """The one run that trains, else the one that waits; of several, a person must say which."""
    from app.training import ACTIVE

    active = [run for run in wiring().runs(kb).all() if run.state in ACTIVE]
    found = [run.id for run in active if run.state != "queued"] or [run.id for run in active]
    if not found:
        raise DocgraftError(f"In knowledge base {kb!r} no run is at work.", "Start one with: docgraft train start")
    if len(found) > 1:
        raise DocgraftError(
            f"{len(found)} runs could be stopped: {', '.join(found)}.", "Say which: docgraft train stop RUN"
        )
    return found[0]
