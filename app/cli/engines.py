"""Commands on training engines: list, install, check, remove."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.frame import AsJson, confirm, console, line, progress, show_json, table, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from finetune.engines.environments import Environment

Name = Annotated[str, typer.Argument(metavar="NAME", help="An engine, as `docgraft engines list` names it.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands, grouped under `engines`."""
    group = typer.Typer(help="Training engines: which there are, and an environment for each.", no_args_is_help=True)
    for command in (engines, install, check, remove):
        group.command("list" if command is engines else command.__name__)(command)
    app.add_typer(group, name="engines", rich_help_panel="Training")


def engines(*, as_json: AsJson = False) -> None:
    """List the training engines: whether each can train here, and what is missing."""
    found = [_entry(name) for name in _names()]
    if as_json:
        show_json({"engines": found})
        return
    rows = [[e["name"], "yes" if e["ready"] else "no", e["version"], e["reason"] or "ready"] for e in found]
    table(["Engine", "Ready", "Version", "In words"], rows)
    for entry in found:
        if entry["hint"] and not entry["ready"]:
            line(f"{entry['name']}: {entry['hint']}")


def install(
    name: Name,
    *,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before downloading.")] = False,
) -> None:
    """Install an engine into an environment of its own; Docgraft's own environment is not touched."""
    import sys
    from pathlib import Path

    from finetune.engines.environments import check_packages

    place = _environment(name)
    free = shutil.disk_usage(wiring().home.root if wiring().home.root.exists() else Path.home()).free
    confirm(
        f"{name} will be installed into {place.folder}. That takes up to {place.pins.disk / 1e9:.0f} GB of disk "
        f"({free / 1e9:.0f} GB are free) and several minutes."
        + (f" It trains on {place.pins.device} only." if place.pins.device else ""),
        yes=yes or as_json,
    )
    own = Path(sys.executable)
    before = check_packages(own)
    with progress(f"installing {name}") as show:
        found = place.install(show)
    after = check_packages(own)
    if before != after:
        raise DocgraftError(f"Docgraft's own environment is not what it was: {after}", "Run: docgraft doctor")
    if as_json:
        show_json({"installed": found.model_dump(mode="json"), "folder": str(place.folder), "own_untouched": True})
        return
    line(f"{name} {found.versions.get(place.pins.package, '')} is installed in {place.folder} ({found.seconds:.0f} s).")
    for note in (*found.notes, *(f"pip check: {text}" for text in found.checks.splitlines())):
        line(f"  {note}")
    line(f"Try it with: docgraft engines check {name}")


def check(name: Name, *, as_json: AsJson = False) -> None:
    """Train a tiny model for two steps with an engine, for real, and look at what comes out."""
    from finetune.engines.trial import trial

    with console().status(f"Training a tiny model for two steps with {name}…"):
        found = trial(name, wiring().home.root)
    if as_json:
        show_json({"check": found.model_dump(mode="json")})
    elif found.works:
        line(f"{name} works: {found.steps} steps in {found.seconds:g} s, loss {found.loss or 0:.3f}, adapter opened")
        line("  " + ", ".join(f"{package} {version}" for package, version in found.versions.items()))
    if not found.works and not as_json:
        raise DocgraftError(found.reason or f"{name} made no adapter that changes anything.", found.hint)
    if not found.works:
        raise typer.Exit(1)


def remove(
    name: Name,
    *,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an engine's environment. Adapters that it trained stay and work."""
    place = _environment(name)
    confirm(f"The environment {place.folder} will be deleted.", yes=yes)
    place.remove()
    if as_json:
        show_json({"removed": name})
    else:
        line(f"{name} is removed.")


def _names() -> list[str]:
    from finetune import engines as known

    return known.names()


def _entry(name: str) -> dict[str, Any]:
    from app.training import readiness
    from finetune.engines.pins import PINS

    ready = readiness(wiring(), name)
    place = _environment(name) if name in PINS else None
    return {
        "name": name,
        "ready": ready.ready,
        "device": ready.device,
        "reason": ready.reason,
        "hint": ready.hint,
        "version": place.version() if place else "",
        "environment": str(place.folder) if place else "",
        "installed": place is None or not place.fault(),
    }


def _environment(name: str) -> Environment:
    from finetune import engines as known
    from finetune.engines.environments import Environment

    if name not in known.REGISTRY:
        known.load(name)  # Says which there are.
    return Environment(wiring().home, name)
