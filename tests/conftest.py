"""Every test gets its own empty home and none of the machine's settings."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_dir

from finetune.models.adapter_files import WEIGHTS
from finetune.models.threads import share_processors
from memory.records import digest
from memory.workspace import Workspace

# Before any test module imports torch.
share_processors()
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # Each worker has a processor of its own.
DATA = Path(__file__).parents[1] / "samples"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty DOCGRAFT_HOME; nothing of the user's environment reaches a test, and no hub is asked."""
    for name in [n for n in os.environ if n.startswith("DOCGRAFT_") or n.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("DOCGRAFT_HOME", str(folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "False")
    return folder


@pytest.fixture
def workspace(home) -> Workspace:
    return Workspace(home)


@pytest.fixture
def samples() -> Path:
    return DATA


@pytest.fixture(scope="session")
def embedded_model() -> Path:
    """The folder of the real embedded model, fetched once into the user's cache and shared by every session."""
    from finetune.models.catalog import CATALOG, EMBEDDED
    from finetune.models.fetch import fetch, skill

    # Another reader is another model: what an earlier version of the product fetched is not it.
    reader = digest((skill(CATALOG[EMBEDDED].skill) / WEIGHTS).read_bytes())
    cache = Path(user_cache_dir("docgraft-tests", appauthor=False)) / reader
    cache.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, FileLock(cache / ".lock"), warnings.catch_warnings():
        patch.setenv("HF_HUB_OFFLINE", "1")
        warnings.simplefilter("ignore")
        return fetch(EMBEDDED, Workspace(cache))
