"""Commands on the machine: doctor, the page's server, keys and accounts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.frame import AsJson, confirm, line, show_json, table, wiring
from memory.errors import DocgraftError

PANEL = "Machine"
_SIGNS = {"ok": "✓", "optional": "·", "problem": "✗"}


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(rich_help_panel=PANEL)(ui)
    app.command(rich_help_panel=PANEL)(doctor)
    group = typer.Typer(help="API keys, kept in a file that only you can read.", no_args_is_help=True)
    group.command("list")(key_list)
    group.command("set")(key_set)
    group.command("remove")(key_remove)
    app.add_typer(group, name="keys", rich_help_panel=PANEL)
    group = typer.Typer(help="Who may log in to the page.", no_args_is_help=True)
    group.command("list")(account_list)
    group.command("add")(account_add)
    group.command("password")(account_password)
    group.command("remove")(account_remove)
    app.add_typer(group, name="accounts", rich_help_panel=PANEL)


def ui(
    *,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port, when not server.port of the settings.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
) -> None:
    """Open the page."""
    import os
    import subprocess

    from app import serve

    objects = wiring()
    settings = objects.settings
    if port:
        settings = settings.model_copy(update={"server": settings.server.model_copy(update={"port": port})})
    command = serve.command(settings)
    serve.check_accounts(settings, objects.home)
    if not headless:
        serve.open_when_ready(settings)
    sys.stdout.flush()
    if os.name == "posix":
        # The server takes this process's place: signals reach it, and no child is left behind.
        os.execv(command[0], command)
    raise typer.Exit(subprocess.call(command))


def doctor(
    *,
    as_json: AsJson = False,
    quick: Annotated[bool, typer.Option("--quick", help="Load no model and open no knowledge base.")] = False,
) -> None:
    """Say what works on this machine, what does not, why, and the line that fixes it. Mends the stores."""
    from app.doctor import checks

    found = []
    for check in checks(wiring(), deep=not quick):
        found.append(check)
        if not as_json:
            line(f"{_SIGNS[check.health]} {check.name}: {check.found}")
            if check.fix:
                line(f"    {check.fix}")
    problems = sum(check.health == "problem" for check in found)
    if as_json:
        show_json({"ok": not problems, "checks": [check.model_dump(mode="json") for check in found]})
    elif not problems:
        line("\nEverything that is needed works.")
    raise typer.Exit(1 if problems else 0)


def key_list(*, as_json: AsJson = False) -> None:
    """List the names of the kept keys; the keys themselves are never shown."""
    from app import keys

    names = sorted(keys.stored(wiring().home))
    if as_json:
        show_json({"keys": names})
    else:
        line("\n".join(names) or "No keys are kept.")


def key_set(
    name: Annotated[str, typer.Argument(help="Its name, such as OPENAI_API_KEY.")], *, as_json: AsJson = False
) -> None:
    """Keep a key: typed unseen, or read from standard input."""
    from app import keys

    key = _secret(f"{name}: ")
    if not key:
        raise DocgraftError("The key is empty.", "Type or pipe it in.")
    keys.store(wiring().home, name, key)
    _said("kept", name, as_json=as_json)


def key_remove(name: str, *, as_json: AsJson = False) -> None:
    """Remove a kept key."""
    from app import keys

    home = wiring().home
    if name not in keys.stored(home):
        raise DocgraftError(f"No key {name!r} is kept.", "See: docgraft keys list")
    keys.store(home, name, "")
    _said("removed", name, as_json=as_json)


def account_list(*, as_json: AsJson = False) -> None:
    """List the accounts."""
    names = wiring().accounts().names()
    if as_json:
        show_json({"accounts": names})
    else:
        table(["Account"], [[name] for name in names])


def account_add(name: str, *, as_json: AsJson = False) -> None:
    """Add an account; its password is typed unseen, or read from standard input."""
    wiring().accounts().add(name, _secret("Password: "))
    _said("added", name, as_json=as_json)


def account_password(name: str, *, as_json: AsJson = False) -> None:
    """Give an account a new password."""
    wiring().accounts().set_password(name, _secret("New password: "))
    _said("changed", name, as_json=as_json)


def account_remove(
    name: str,
    *,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove an account with its conversations and memories. Its knowledge bases stay on disk."""
    objects = wiring()
    if name not in objects.accounts().names():
        raise DocgraftError(f"There is no account {name!r}.", "See: docgraft accounts list")
    confirm(f"Remove {name!r} with its conversations and memories?", yes=yes)
    objects.accounts().remove(name)
    objects.conversations().delete_user(name)
    _said("removed", name, as_json=as_json)


def _said(done: str, name: str, *, as_json: bool) -> None:
    if as_json:
        show_json({done: name})
    else:
        line(f"{done:<9} {name}")


def _secret(prompt: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    import getpass

    return getpass.getpass(prompt).strip()
