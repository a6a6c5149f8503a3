"""What every command shares: common options, results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memory.errors import DocgraftError

if TYPE_CHECKING:
    from rich.console import Console

    from app.wiring import Wiring

DEFAULT = "default"
MAKING = ("add", "import")
"""Commands that may name a knowledge base that is not there yet."""


def _there(context: typer.Context, kb: str) -> str:
    """The name, when there is such a knowledge base or the command makes one: a slip makes no empty one."""
    from app import settings

    if kb == DEFAULT or context.info_name in MAKING:
        return kb
    home = settings.workspace()
    home.base(kb)  # Complains about what is no name at all.
    there = home.base_names()
    if kb in there:
        return kb
    known = f"There are: {', '.join(there)}." if there else "There is none yet."
    raise DocgraftError(f"There is no knowledge base {kb!r}. {known}", f"Make it with: docgraft add PATH --kb {kb}")


Kb = Annotated[str, typer.Option("--kb", metavar="NAME", help="Knowledge base.", callback=_there)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
USER = "local"
"""The command line works for the user of an installation without login (memory.conversations.LOCAL_USER)."""


def wiring() -> Wiring:
    """The objects that the settings and the environment of this command ask for."""
    from app import settings
    from app.wiring import Wiring

    home = settings.workspace()
    return Wiring(settings.load(home), home)


def console() -> Console:
    """Where progress, logs and errors go: standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def show_json(value: Any) -> None:
    """The one JSON document of a command."""
    plain = not sys.stdout.encoding.lower().startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=plain, indent=2, allow_nan=False) + "\n")


def line(text: str = "") -> None:
    """One line on standard output, control characters of documents left out: a file must not drive a terminal."""
    sys.stdout.write(printable(text) + "\n")


def printable(text: str) -> str:
    """`text` without what a terminal would take as a command."""
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 127 <= ord(c) < 160))


def table(headings: list[str], rows: list[list[str]]) -> None:
    """A plain table on standard output; its columns are wide enough for Chinese, and short names stay whole."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    first = min(32, max((cell_len(printable(row[0])) for row in rows), default=0))
    for heading, least in zip(headings, [first, *[None] * len(headings)], strict=False):
        grid.add_column(heading, overflow="fold", min_width=least)
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(grid)


def fail(error: DocgraftError, *, as_json: bool) -> None:
    """Say what went wrong and what to do about it, keys masked."""
    from app import keys

    message, hint = keys.mask(printable(error.message)), keys.mask(printable(error.hint))
    if as_json:
        show_json({"error": message, "hint": hint})
    sys.stderr.write(f"{message}\n" + (f"{hint}\n" if hint else ""))


@contextmanager
def progress(title: str) -> Iterator[Callable[[float, float, str], None]]:
    """A progress bar with the time left on standard error, as a function of (done, total, message)."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (SpinnerColumn(), TextColumn("{task.fields[message]}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(title, total=None, message=title)

        def update(done: float, total: float, message: str = "") -> None:
            shown = Text(printable(message) or title)
            shown.truncate(48, overflow="ellipsis")
            bar.update(task, completed=done, total=total or None, message=shown.plain)

        yield update


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; `yes` answers it. Without a terminal nothing is guessed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise DocgraftError(f"{question} Nobody is there to answer.", "Add --yes to go on without asking.")
    typer.confirm(question, abort=True, err=True)
