"""An environment per outside engine, beside Docgraft's own and never in it: made, looked at, removed.

engines/<name>/            the environment, made by uv where it is there, else by venv
engines/<name>/ready.json  written last: what is in it; without it the environment is half made
engines/<name>.log         what the installers printed
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from finetune.engines.pins import Pins, pins
from finetune.notices import Notice, notice
from memory.errors import BackendFailed, DocgraftError
from memory.records import Record, now
from memory.workspace import Workspace, write_json, write_text

Progress = Callable[[float, float, str], None]
WATCHED = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "bitsandbytes")
"""Packages whose versions are kept with every adapter."""
_EMPTY = '"""Stands in for a package that does not load here; training on text imports it and never calls it."""\n'


class Installed(Record):
    """ready.json."""

    name: str
    versions: dict[str, str]
    made: str
    seconds: float
    tool: str
    """uv or venv."""
    notes: tuple[str, ...] = ()
    """What was taken out, and why."""
    checks: str = ""
    """What `pip check` says of it; empty: nothing."""


class Environment:
    """The environment of one outside engine in a home folder. Cheap to make; reads what is there now."""

    def __init__(self, home: Workspace, name: str) -> None:
        self.pins: Pins = pins(name)
        self.name = name
        self.folder = home.engines / name
        self.ready_file = self.folder / "ready.json"
        self.log_file = home.engines / f"{name}.log"
        windows = sys.platform == "win32"
        self.python = self.folder / ("Scripts/python.exe" if windows else "bin/python")

    def installed(self) -> Installed | None:
        """What is in it, None when it was never finished."""
        try:
            return Installed.model_validate_json(self.ready_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def fault(self) -> Notice | None:
        """Why it cannot be used; None when it can."""
        if self.installed() is None:
            return notice("engine_half_installed" if self.folder.exists() else "engine_missing", name=self.name)
        if not self.python.exists():
            return notice("engine_interpreter", name=self.name)
        wanted, found = self.wanted(), self.version()
        if wanted and found != wanted:
            return notice("engine_version", name=self.name, version=found or "?", wanted=wanted)
        return None

    def wanted(self) -> str:
        """The version that is pinned."""
        named = (line.partition("==") for line in self.pins.requirements)
        return next((version for name, _, version in named if name == self.pins.package), "")

    def version(self) -> str:
        """The version that lies on the disk now, "" when there is none. Runs nothing."""
        paths = [
            str(path) for path in [*self.folder.glob("lib/python*/site-packages"), self.folder / "Lib/site-packages"]
        ]
        found = importlib.metadata.distributions(name=self.pins.package, path=paths)
        return next((one.version for one in found), "")

    def install(
        self, progress: Progress = lambda done, total, what: None, *, stop: Callable[[], bool] = lambda: False
    ) -> Installed:
        """Make it anew. DocgraftError before anything is written when the disk is too full; BackendFailed with the
        installer's last lines when it fails; then nothing counts as installed. Docgraft's own environment is not
        touched, which is looked at before and after."""
        self._room()
        own, begun = own_packages(), time.monotonic()
        self.remove()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.log_file, "")
        tool = shutil.which("uv") or ""
        making = [tool, "venv", "--python", sys.executable, str(self.folder)]
        progress(0, 1, "making an environment")
        self._run(making if tool else [sys.executable, "-m", "venv", str(self.folder)], progress, stop)
        self._run([*self._installer(tool), "install", *self.pins.requirements], progress, stop)
        notes = tuple(note for name in (*self.pins.spare, *self.pins.hollow) if (note := self._mended(name, tool)))
        progress(95, 100, "looking whether it loads")
        for module in self.pins.imports:
            self._run([str(self.python), "-c", f"import {module}"], progress, stop)
        if own_packages() != own:
            raise BackendFailed(
                "Packages of Docgraft's own environment changed while the engine was installed.",
                "Something else installed packages at the same time; run: docgraft doctor",
            )
        found = Installed(
            name=self.name,
            versions=self._versions(),
            made=now(),
            seconds=round(time.monotonic() - begun, 1),
            tool="uv" if tool else "venv",
            notes=notes,
            checks=check_packages(self.python) if not tool else "",
        )
        write_json(self.ready_file, found.model_dump(mode="json"))
        progress(100, 100, "installed")
        return found

    def remove(self) -> None:
        """Delete it; nothing when it is not there."""
        self.ready_file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _room(self) -> None:
        place = self.folder.parent
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
        if free < self.pins.disk:
            raise DocgraftError(
                f"{self.name} needs about {self.pins.disk / 1e9:.0f} GB of disk and {free / 1e9:.1f} GB are free.",
                f"Free some space, or move Docgraft's home ({place}) to a larger disk.",
            )

    def _installer(self, tool: str) -> list[str]:
        return [tool, "pip"] if tool else [str(self.python), "-m", "pip", "--disable-pip-version-check"]

    def _mended(self, module: str, tool: str) -> str:
        """Take a module out that does not load here; says so, "" when it loads or is not there."""
        code = (
            f"import importlib.util, sys\nif importlib.util.find_spec({module!r}) is None: sys.exit(7)\nimport {module}"
        )
        result = subprocess.run([str(self.python), "-c", code], cwd=self.folder, capture_output=True, check=False)
        if result.returncode in (0, 7):
            return ""
        removing = [*self._installer(tool), "uninstall", module]
        self._run(removing if tool else [*removing, "--yes"], lambda done, total, what: None, lambda: False)
        if module not in self.pins.hollow:
            return f"{module} does not load beside this torch and was removed: training on text does without it."
        site = subprocess.run(
            [str(self.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        (Path(site) / module).mkdir(exist_ok=True)
        write_text(Path(site) / module / "__init__.py", _EMPTY)
        return (
            f"{module} does not load beside this torch; an empty module stands in for it: text training never calls it."
        )

    def _run(self, command: list[str], progress: Progress, stop: Callable[[], bool]) -> None:
        """One installer's command, its output in the log and its packages on the progress bar."""
        collected = 0
        try:
            child = subprocess.Popen(
                command if Path(command[0]).stem != "uv" else _into(command, self.python),
                cwd=self.folder.parent,  # Python takes modules from the folder it is started in, whatever lies there.
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as cause:
            raise BackendFailed(f"{command[0]} could not be started: {cause}") from cause
        assert child.stdout
        with child, self.log_file.open("a", encoding="utf-8") as log:
            for text in child.stdout:
                log.write(text)
                if text.startswith(("Collecting ", "Installing ", "Downloading ", " + ")):
                    collected += text.startswith(("Collecting ", " + "))
                    progress(min(90.0, 90 * collected / self.pins.packages), 100, " ".join(text.split()[:2])[:48])
                if stop():
                    child.kill()
        if child.returncode != 0 or stop():
            self._failed(stopped=stop())

    def _failed(self, *, stopped: bool) -> None:
        if stopped:
            raise DocgraftError(f"Installing {self.name} was stopped; nothing of it counts as installed.")
        tail = " ".join(self.log_file.read_text(encoding="utf-8", errors="replace").split("\n")[-5:]).strip()[-600:]
        raise BackendFailed(
            f"{self.name} could not be installed: {tail}",
            f"The whole log is {self.log_file}. Without a network it needs a package mirror that pip is set up for.",
        )

    def _versions(self) -> dict[str, str]:
        code = (
            "import importlib.metadata as m, json, sys\nfound = {}\n"
            "for name in sys.argv[1:]:\n    try: found[name] = m.version(name)\n"
            "    except m.PackageNotFoundError: pass\nprint(json.dumps(found))"
        )
        command = [str(self.python), "-c", code, self.pins.package, *WATCHED]
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        return dict(json.loads(result.stdout))


def own_packages() -> dict[str, str]:
    """Every package of the environment that Docgraft itself runs in, with its version."""
    return {str(one.name): one.version for one in importlib.metadata.distributions()}


def check_packages(python: Path) -> str:
    """What `pip check` says of an environment; "" when its packages fit each other, or it has no pip."""
    command = [str(python), "-m", "pip", "check"]
    result = subprocess.run(command, cwd=python.parent, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 or "No module named pip" in result.stderr else result.stdout.strip()


def _into(command: list[str], python: Path) -> list[str]:
    """A uv command with the environment that it is for."""
    return [*command[:3], "--python", str(python), *command[3:]] if command[1] == "pip" else command
