"""Runs another trainer in its own interpreter: `python outside_run.py FOLDER MODULE ARGUMENT…`.

Imports nothing of Docgraft, which that interpreter does not have. It adds to transformers' trainer what a run needs
to be stopped and resumed: a checkpoint every minute, and one at the step in which FOLDER/stop appears. It ends when
whoever started it is gone, which it sees by its standard input.
"""

import os
import runpy
import sys
import threading
import time
from pathlib import Path

CHECKPOINT_SECONDS = 60.0


def main() -> None:
    """What `python -m MODULE ARGUMENT…` does, with the additions."""
    folder, *command = sys.argv[1:]
    threading.Thread(target=_end_with, daemon=True).start()
    _keep(Path(folder) / "stop")
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def _end_with() -> None:
    while os.read(0, 1024):  # Not through sys.stdin, whose lock would be held at the interpreter's end.
        pass
    os._exit(1)


def _keep(stop: Path) -> None:
    """Make the trainer's standard flow look at the clock and at the stop file after every step."""
    from transformers.trainer_callback import DefaultFlowCallback

    usual, saved = DefaultFlowCallback.on_step_end, [time.monotonic()]

    def on_step_end(self, args, state, control, **more):  # type: ignore[no-untyped-def]
        usual(self, args, state, control, **more)
        if stop.exists():
            control.should_training_stop = control.should_save = True
        if control.should_save or time.monotonic() - saved[0] > CHECKPOINT_SECONDS:
            control.should_save, saved[0] = True, time.monotonic()
        return control

    DefaultFlowCallback.on_step_end = on_step_end  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
