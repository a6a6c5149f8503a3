"""Every path on disk, atomic writes and locks. Nobody else joins paths below the home folder."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout
from platformdirs import user_data_dir

from memory.errors import DocgraftError

_NAME = re.compile(r"[\w][\w .-]{0,63}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))}


def check_name(name: str, what: str = "name") -> str:
    """`name` in NFC if it can be a folder on every system, else DocgraftError: letters, digits, space, _ . - only."""
    folded = unicodedata.normalize("NFC", name)
    stem = folded.split(".")[0].strip().lower()
    if not _NAME.fullmatch(folded) or folded[-1] in " ." or stem in _RESERVED:
        raise DocgraftError(
            f"{name!r} cannot be a {what}.",
            "Use 1 to 64 letters, digits, spaces, '-', '_' or '.', beginning with a letter or digit.",
        )
    return folded


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace `path` with `data` by write-beside-and-rename, so a reader sees the old or the new file, never half.

    A `private` file is readable by its owner only, from its first byte on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(3).hex()}.tmp")
    try:
        beside.touch(mode=0o600 if private else 0o666)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """`write_bytes` of indented JSON that keeps Chinese readable and refuses NaN."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def append_line(file: IO[str], value: Any) -> None:
    """Append one JSON line to an append-only log and flush it, so that a follower sees whole lines."""
    file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    file.flush()


def read_lines(path: Path) -> Iterator[Any]:
    """The JSON lines of an append-only log; a torn last line (a crash during a write) is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            if raw.strip():
                yield json.loads(raw)


def mend_lines(path: Path) -> None:
    """Cut a last line that a killed writer left without its end, so that the next one does not join it."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)


class KnowledgeBaseFolder:
    """The paths of one knowledge base."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self.library = root / "library.db"
        self.originals = root / "originals"
        self.vectors = root / "vectors"
        self.datasets = root / "datasets"
        self.runs = root / "runs"
        self.comparisons = root / "comparisons"
        self.pipeline = root / "pipeline.json"
        self.live = root / "pipeline.live.json"
        self.halt = root / "pipeline.halt"
        self.choice = root / "choice.json"

    def original(self, document_id: str) -> Path:
        """Where the bytes of a document are kept, under its id and never under a client's file name."""
        return self.originals / _identifier(document_id)

    def dataset(self, dataset_id: str) -> Path:
        """The folder of one dataset."""
        return self.datasets / _identifier(dataset_id)

    def run(self, run_id: str) -> Path:
        """The folder of one training run."""
        return self.runs / _identifier(run_id)

    def comparison(self, comparison_id: str) -> Path:
        """The folder of one comparison."""
        return self.comparisons / _identifier(comparison_id)

    @contextmanager
    def lock(self, what: str, timeout: float = 10.0) -> Iterator[None]:
        """Hold the named lock of this knowledge base across processes; DocgraftError when another holds it too long."""
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.root / f".{_identifier(what)}.lock", timeout=timeout):
                yield
        except Timeout as cause:
            raise DocgraftError(
                f"Another Docgraft process is busy with the {what} of knowledge base {self.name!r}.",
                "Wait for it to finish, then try again.",
            ) from cause


class Workspace:
    """The home folder: the same from every working directory."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root or user_data_dir("docgraft", appauthor=False)).expanduser().absolute()
        self.settings = self.root / "settings.toml"
        self.database = self.root / "docgraft.db"
        self.models = self.root / "models"
        self.bases = self.root / "bases"
        self.engines = self.root / "engines"
        self.accounts = self.root / "accounts.toml"
        self.secrets = self.root / "secrets.toml"

    def of_user(self, user: str) -> Workspace:
        """The home of an account: knowledge bases of its own, beside shared models, settings and conversations."""
        own = Workspace(self.root)
        own.bases = self.root / "users" / check_name(user, "account name") / "bases"
        return own

    def model(self, name: str) -> Path:
        """The folder of a fetched base model; the `/` of a Hub id becomes `--`."""
        return self.models / check_name(name.replace("/", "--"), "model name")

    def reading(self, identity: str) -> Path:
        """The file of a model's reading check."""
        return self.root / "readings" / f"{_identifier(identity)}.json"

    def base(self, name: str) -> KnowledgeBaseFolder:
        """The folder of a knowledge base, which need not exist yet."""
        return KnowledgeBaseFolder(self.bases / check_name(name, "knowledge base name"), name)

    def base_names(self) -> list[str]:
        """The knowledge bases on disk, sorted."""
        if not self.bases.is_dir():
            return []
        return sorted(p.name for p in self.bases.iterdir() if p.is_dir() and not p.name.startswith("."))

    def every_base(self) -> list[KnowledgeBaseFolder]:
        """The knowledge bases of this home, those of every account included."""
        accounts = self.root / "users"
        homes = [self.root, *(sorted(p for p in accounts.iterdir() if p.is_dir()) if accounts.is_dir() else [])]
        found = []
        for home in homes:
            own = Workspace(self.root)
            own.bases = home / "bases"
            found += [own.base(name) for name in own.base_names()]
        return found


def _identifier(value: str) -> str:
    """`value` if it is a plain identifier, so that no caller's id can leave its folder."""
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}", value):
        raise DocgraftError(f"{value!r} is not an identifier.", "Use an id as the list commands print it.")
    return value
