"""Commands on models: which there are, and fetching one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import AsJson, console, line, progress, show_json, table, wiring

if TYPE_CHECKING:
    from app.wiring import Wiring
    from finetune.models.catalog import Entry
    from finetune.models.devices import Device


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Chat models and base models.", no_args_is_help=True)
    group.command("list")(models)
    group.command()(fetch)
    group.command()(check)
    app.add_typer(group, name="models", rich_help_panel="Machine")


def models(*, as_json: AsJson = False) -> None:
    """List the models that can be picked, and those that can be fetched."""
    from finetune.models.catalog import CATALOG
    from finetune.models.devices import describe

    objects = wiring()
    states = [objects.model_state(name) for name in objects.model_names()]
    others = [entry for name, entry in CATALOG.items() if name not in objects.model_names()]
    if as_json:
        show_json(
            {
                "models": [state.model_dump(mode="json") for state in states],
                "catalog": [entry.model_dump(mode="json") for entry in CATALOG.values()],
            }
        )
        return
    device = describe()
    table(["Model", "Ready", "Where"], [[s.name, "yes" if s.ready else "no", s.text] for s in states])
    for state in states:
        if state.ready and state.fix:
            line(f"\n{newer(state.name, state.fix)}")
    line("\nCan be fetched with `docgraft models fetch NAME`; any other Hugging Face id works too:")
    table(
        ["Model", "Parameters", "Memory", "Fits here", "Licence", "Languages"],
        [_offered(entry, device) for entry in others],
    )


def newer(name: str, fix: str) -> str:
    """That the package brings a newer edition of a model that lies here, and the line that fetches it."""
    return f"A newer {name} comes with this Docgraft: {fix}"


def _offered(entry: Entry, device: Device) -> list[str]:
    """A row of the catalog; what needs code of its own runs on a model server only."""
    needed = entry.memory(device.precision)
    fits = "on a server" if entry.own_code else "yes" if needed <= device.free else "no"
    size, memory = f"{entry.parameters / 1e9:.1f} B", f"{needed / 1e9:.1f} GB"
    return [entry.name, size, memory, fits, entry.licence, ", ".join(entry.languages)]


def fetch(
    name: Annotated[str, typer.Argument(help="A catalog name or a Hugging Face id.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Fetch a base model; without a name, the one that the settings ask for."""
    objects = wiring()
    name = name or objects.settings.model.name
    for warning in objects.model_state(name).warnings:
        console().print(warning, markup=False)
    path = fetch_with_progress(objects, name)
    if as_json:
        show_json({"model": name, "path": path})
    else:
        line(f"ready     {path}")


def check(
    name: Annotated[str, typer.Argument(help="A model as `docgraft models list` names it.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Ask a model 80 built-in reading questions, English and Chinese, and keep how well it reads."""
    import psutil

    from finetune.models import check as reading

    objects = wiring()
    name = name or objects.settings.model.name
    with progress(f"Reading check of {name}") as told:
        found = reading.check(objects.chat_model(name), name, progress=lambda done, of: told(done, of, "questions"))
    reading.keep(found, objects.home)
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    for result in found.languages:
        line(reading.sentence(result))
    line(f"First token after {found.first_token_seconds:.1f} s, then {found.tokens_per_second:.0f} tokens a second.")
    weak = [result.language for result in found.languages if not reading.reads(found, result.language)]
    for entry in reading.alternatives(found, weak, psutil.virtual_memory().available):
        line(f"Reads {' and '.join(entry.languages)} and fits: {entry.name} ({entry.licence})")


def fetch_with_progress(objects: Wiring, name: str) -> str:
    """Fetch a model under a progress bar; gives its folder."""
    from app.wiring.models import chosen
    from finetune.models.fetch import fetch

    with progress(f"Fetching {name}") as told:
        path = fetch(chosen(objects.settings, name).name, objects.home, lambda what, n, of: told(n, of, what))
        return str(path)
