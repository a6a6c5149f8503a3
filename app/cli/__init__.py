"""The command `docgraft`: puts the commands together and turns errors into one line, a hint and an exit code."""

from __future__ import annotations

import io
import sys

import typer

from app.cli import (
    adapters,
    chatting,
    comparing,
    documents,
    engines,
    hosted,
    machine,
    memories,
    models,
    pairs,
    training,
    tuning,
)
from app.cli.frame import fail
from app.system import missing_library, refused
from memory.errors import DocgraftError

app = typer.Typer(
    name="docgraft",
    help="Retrieve, fine-tune, or both? Chat with your documents, graft them onto a small model, know if it worked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)
for part in (
    documents,
    chatting,
    pairs,
    training,
    engines,
    hosted,
    adapters,
    comparing,
    tuning,
    memories,
    models,
    machine,
):
    part.register(app)


def main() -> None:
    """Run the command line. Exit 0: done. 1: something the user can fix. 2: wrong usage. 130: Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding (cp950, ASCII) shows what it can: no character of a document ends a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except DocgraftError as error:
        fail(error, as_json="--json" in sys.argv)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): not an error, and Python must not complain at exit either.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # The outermost frame: what the system lacks is told, the rest stays a bug.
        told = missing_library(error) or refused(error)
        if told is None:
            raise
        fail(told, as_json="--json" in sys.argv)
        sys.exit(1)
