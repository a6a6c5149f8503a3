"""Commands on fine-tuning at a service: start, list, watch, cancel."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import DEFAULT, USER, AsJson, Kb, confirm, console, line, show_json, table, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from finetune.hosted import Estimate, HostedJob

JobId = Annotated[str, typer.Argument(metavar="JOB", help="A hosted job's id; the newest when left out.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands, grouped under `hosted`."""
    group = typer.Typer(help="Fine-tune at a service. Rows of your documents leave this machine.", no_args_is_help=True)
    for command in (start, jobs, watch, cancel):
        group.command("list" if command is jobs else command.__name__)(command)
    app.add_typer(group, name="hosted", rich_help_panel="Training")


def start(
    *,
    model: Annotated[str, typer.Option("--model", help="The base model, by the service's name.")],
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    service: Annotated[str, typer.Option(help="openai or mistral: the protocol that is spoken.")] = "openai",
    dataset: Annotated[str, typer.Option(metavar="ID", help="Dataset; the newest when left out.")] = "",
    epochs: Annotated[int, typer.Option(min=1, max=50, help="Passes over the rows.")] = 3,
    base_url: Annotated[str, typer.Option(metavar="URL", help="Another service that speaks the protocol.")] = "",
    key_env: Annotated[str, typer.Option(metavar="NAME", help="Name of the key, not the key.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Only say what it would send and cost; needs no key.")] = False,
    consent: Annotated[
        bool, typer.Option("--consent", help="Yes: rows made from the documents leave this machine.")
    ] = False,
) -> None:
    """Send the dataset's rows to a service and have it train on them. Asks first, with the cost."""
    from app import hosted

    wish = hosted.Wish(service=service, model=model, dataset=dataset, epochs=epochs, base_url=base_url, key_env=key_env)
    found = hosted.counted(wiring(), USER, kb, wish)
    if check and as_json:
        show_json({"estimate": found.model_dump(mode="json")})
    elif check:
        _print_estimate(found)
    else:
        agreed = _agreed(found, consent, as_json=as_json)
        _print_job(hosted.start(wiring(), USER, kb, wish, consent=agreed), as_json=as_json)


def _agreed(found: Estimate, consent: bool, *, as_json: bool) -> bool:
    """Whether the person agrees to what would be sent; the estimate is shown first."""
    if found.problems:
        raise DocgraftError(found.problems[0], "Build a larger dataset: docgraft pairs build")
    if not as_json:
        _print_estimate(found)
    if not consent and sys.stdin.isatty() and not as_json:
        confirm(f"Send {found.rows:,} rows made from your documents to {found.host}?", yes=False)
        return True
    return consent


def jobs(*, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """List the hosted jobs of a knowledge base, as they were last known."""
    from app import hosted

    found = hosted.jobs(wiring(), USER, kb).all()
    if as_json:
        show_json({"jobs": [job.model_dump(mode="json") for job in found]})
    elif not found:
        line("No hosted jobs. What one would cost: docgraft hosted start --model NAME --check")
    else:
        rows = [[j.id, j.created[:16].replace("T", " "), j.service, j.model, j.state, j.result] for j in found]
        table(["Job", "Created", "Service", "Base", "State", "Model"], rows)


def watch(
    job: JobId = "",
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    every: Annotated[float, typer.Option(min=0, help="Seconds between two looks.")] = 20.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and return.")] = False,
) -> None:
    """Go on with a job and follow it to its end. Ctrl-C ends only the watching."""
    from app import hosted
    from finetune.hosted import ENDED

    name, said = _which(kb, job), 0
    while True:
        found = hosted.advance(wiring(), USER, kb, name)
        for event in found.events[said:]:
            console().print(event, markup=False)
        said = len(found.events)
        if once or found.state in ENDED:
            break
        time.sleep(every)
    if found.state == "failed":
        raise DocgraftError(f"The job failed: {found.message or 'the service does not say why'}", "Nothing was kept.")
    _print_job(found, as_json=as_json)


def cancel(job: JobId = "", *, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """End a job at its service."""
    from app import hosted

    _print_job(hosted.cancel(wiring(), USER, kb, _which(kb, job)), as_json=as_json)


def _which(kb: str, job: str) -> str:
    from app import hosted

    if job:
        return job
    found = hosted.jobs(wiring(), USER, kb).all()
    if not found:
        raise DocgraftError("There is no hosted job yet.", "Start one with: docgraft hosted start --model NAME")
    return found[0].id


def _print_estimate(found: Estimate) -> None:
    cost = "unknown" if found.cost is None else f"about {found.cost:,.2f} US dollars"
    line(f"Training {found.model} at {found.host}: {found.rows:,} rows, {found.tokens:,} tokens, {found.epochs} passes")
    line(f"  cost {cost} (estimated high, before anything is sent; the service's bill counts)")
    for text in (*found.problems, *found.warnings):
        line(f"  ! {text}")
    line("  The first row that would leave this machine:")
    for text in found.example.splitlines()[:12]:
        line(f"    {text}")


def _print_job(found: HostedJob, *, as_json: bool) -> None:
    from app.hosted import model_name

    if as_json:
        picked = model_name(found) if found.result else ""
        show_json({"job": found.model_dump(mode="json"), "model": picked})
        return
    line(f"job       {found.id} {found.state}" + (f": {found.message}" if found.message else ""))
    if found.result:
        line(f"model     {found.result}, here called {model_name(found)}")
        line(f"          docgraft ask QUESTION --model {model_name(found)}")
        line(f"          docgraft compare --models {model_name(found)}")
    else:
        line(f"          docgraft hosted watch {found.id}")
