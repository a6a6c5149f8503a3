"""Commands on what is remembered across chats."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.frame import USER, AsJson, confirm, line, show_json, table, wiring
from memory.errors import DocgraftError


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="What is remembered across chats.", no_args_is_help=True)
    group.command("list")(remembered)
    group.command()(forget)
    app.add_typer(group, name="memory", rich_help_panel="Chat")


def remembered(*, as_json: AsJson = False) -> None:
    """List what is remembered."""
    found = wiring().longterm().all(USER)
    if as_json:
        show_json({"memories": [memory.model_dump(mode="json") for memory in found]})
    elif not found:
        line("Nothing is remembered.")
    else:
        table(["ID", "Remembered", "Since"], [[m.id, m.text, m.created[:10]] for m in found])


def forget(
    memory: Annotated[str, typer.Argument(metavar="[ID]", help="What to forget.")] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Forget everything.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget one thing, or everything: gone from every store."""
    if bool(memory) == everything:
        raise typer.BadParameter("Give an ID, or --all.")
    longterm = wiring().longterm()
    if everything:
        confirm("Forget everything that is remembered?", yes=yes)
        gone = longterm.forget_all(USER)
    else:
        if memory not in {known.id for known in longterm.all(USER)}:
            raise DocgraftError(f"Nothing is remembered under {memory!r}.", "See: docgraft memory list")
        gone = longterm.forget(USER, memory)
    if as_json:
        show_json(gone.model_dump(mode="json"))
    else:
        line(f"forgot    {gone.memories} (blanked in {gone.turns} messages, {gone.conversations} summaries dropped)")
