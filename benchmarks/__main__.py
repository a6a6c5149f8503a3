"""What can be measured, and how: `make bench` runs what needs nothing but this repository and the embedded model.

    python -m benchmarks [--list] [--data FOLDER]

`--list` only prints the commands; `--data` (practice/, xquad/, drcd/, lantern-bay/) adds the benchmarks that need it.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

ALONE = {
    "index_scale": ["--sizes", "1000", "10000"],
    "fifty_users": [],
    "fuzz_loaders": ["2000", "7"],
    "crash_library": ["--kills", "30"],
    "crash_runs": ["--kills", "30"],
    "crash_tune": ["--kills", "20"],
    "verdict_statistics": [],
    "training_speed": ["{model}"],
    "facts24": ["{model}"],
    "engines": ["{model}"],
    "batching": ["{model}"],
}
WITH_DATA = {
    "search_quality": ["{data}"],
    "pairs_quality": ["exam", "{data}/lantern-bay"],
    "one_click": ["{data}/lantern-bay"],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--list", action="store_true", help="only print the commands")
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    options = parser.parse_args()
    chosen = ALONE | (WITH_DATA if options.data else {})
    if options.list:
        for name in ALONE | WITH_DATA:
            print((importlib.import_module(f"benchmarks.{name}").__doc__ or name).strip(), end="\n\n")
        return 0
    model = _embedded() if any("{model}" in arguments for arguments in chosen.values()) else ""
    failed = [name for name, arguments in chosen.items() if _run(name, arguments, model=model, data=str(options.data))]
    print(f"{len(chosen) - len(failed)} benchmarks ran" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return bool(failed)


def _run(name: str, arguments: list[str], **values: str) -> int:
    command = [sys.executable, "-m", f"benchmarks.{name}", *(a.format(**values) for a in arguments)]
    print("$", " ".join(command), flush=True)
    return subprocess.run(command, check=False).returncode


def _embedded() -> str:
    """The folder of the embedded model, fetched when it is not there."""
    from app.settings import workspace
    from finetune.models.catalog import EMBEDDED
    from finetune.models.fetch import fetch

    return str(fetch(EMBEDDED, workspace()))


if __name__ == "__main__":
    sys.exit(main())
