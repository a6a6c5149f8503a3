"""Stands in for an outside trainer in its environment: prints its recorded log, writes the files it would write.

Called as the environment's Python: `stand_in.py -P outside_run.py FOLDER MODULE … CONFIG`. Beside it lies
`stand_in.json`: what to do (`way`), the recorded log, and the adapter to hand over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import yaml

HERE = Path(sys.argv[1])


def main() -> int:
    threading.Thread(target=_end_with, daemon=True).start()
    orders = json.loads((HERE / "stand_in.json").read_text())
    folder, config = Path(sys.argv[4]), Path(sys.argv[-1])
    settings = yaml.safe_load(config.read_text())
    output = Path(settings["output_dir"])
    (HERE / "seen.json").write_text(json.dumps({"argv": sys.argv[2:], "env": dict(os.environ), "settings": settings}))
    if orders["way"] == "missing module":
        print("Traceback (most recent call last):\nImportError: cannot import name 'x' from 'y'")
        return 1
    if not _steps(orders, folder, output, made=_resumed(settings)):
        return 1
    if orders["way"] != "no adapter":
        _save(output, orders["adapter"])
    if orders["way"] == "hang":
        time.sleep(600)
    return 0


def _end_with() -> None:
    """As the real one's runner does: end when whoever started it is gone."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def _steps(orders: dict, folder: Path, output: Path, *, made: int) -> bool:
    """Print the log from the step after `made` on; False when memory ran out."""
    step = 0
    for line in _lines(orders["log"]):
        is_step = "'loss'" in line
        step += is_step
        if is_step and step <= made:
            continue
        nan = orders["way"] == "not a number"
        print(re.sub(r"'loss': '[\d.]+'", "'loss': 'nan'", line) if nan else line, end="", flush=True)
        if is_step and orders["way"] == "out of memory" and step == 3:
            print("RuntimeError: [enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: not enough memory")
            return False
        if is_step:
            _meet(orders["way"], folder, step)
        stop = is_step and (folder / "stop").exists()
        if is_step and (stop or step % 4 == 0):
            _save(output / f"checkpoint-{step}", orders["adapter"], state=True)
        if stop:
            return True
    return True


def _meet(way: str, folder: Path, step: int) -> None:
    """What comes from outside after a step: a wish to stop that it waits for, or the end."""
    while way == "wait to be stopped" and step == 3 and not (folder / "stop").exists():
        time.sleep(0.02)
    if way == "killed" and step == 6:
        os.kill(os.getpid(), signal.SIGKILL)


def _resumed(settings: dict) -> int:
    checkpoint = settings.get("resume_from_checkpoint")
    return int(checkpoint.rpartition("-")[2]) if checkpoint else 0


def _lines(path: str) -> list[str]:
    text = Path(path).read_bytes().decode() + "A line that nobody has ever seen: {'odd': }\n"
    return re.findall(r"[^\r\n]*[\r\n]+", text)


def _save(folder: Path, adapter: str, *, state: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(Path(adapter) / name, folder / name)
    if state:
        (folder / "trainer_state.json").write_text("{}")


if __name__ == "__main__":
    raise SystemExit(main())
