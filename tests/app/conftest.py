"""The app's fakes, chosen through settings: a model server on loopback, the hashing embedder, an empty home."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import settings
from app.wiring import Wiring
from tests.stub_llm import StubLLM

MAIN = Path(__file__).parents[2] / "app" / "main.py"
MANUAL = (
    "# Kettle manual\n\n## Warranty\n\nThe Northwind kettle has a warranty of 18 months.\n\n"
    "## Descaling\n\nDescale the kettle every 40 days with 20 ml of citric acid.\n"
)
MANUAL_ZH = "# 員工手冊\n\n## 特休\n\n到職滿一年的員工有七天特休。\n\n## 宿舍\n\n宿舍晚上十一點鎖門。\n"


@pytest.fixture
def stub():
    """A model server that answers the same short sentence to everything; give it a script of your own by `.script`."""
    with StubLLM(["The warranty is 18 months [1]."]) as server:
        yield server


@pytest.fixture
def configured(home, monkeypatch, stub) -> Path:
    """Settings, by environment, that name the fakes."""
    values = {
        "MODEL__PROVIDER": "openai",
        "MODEL__NAME": "stub",
        "MODEL__BASE_URL": stub.url,
        "RETRIEVAL__EMBEDDER": "hashing",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"DOCGRAFT_{name}", value)
    return home


@pytest.fixture
def wiring(configured) -> Wiring:
    """The objects that the fakes make."""
    home = settings.workspace()
    return Wiring(settings.load(home), home)


@pytest.fixture
def manual(tmp_path) -> Path:
    """A small English document."""
    path = tmp_path / "kettle.md"
    path.write_text(MANUAL, encoding="utf-8")
    return path


@pytest.fixture
def manual_zh(tmp_path) -> Path:
    """A small Traditional Chinese document."""
    path = tmp_path / "員工手冊.md"
    path.write_text(MANUAL_ZH, encoding="utf-8")
    return path


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@pytest.fixture
def cli(configured, monkeypatch, capsys) -> Callable[..., Ended]:
    """Run the real command line in this process."""
    from app.cli import main

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["docgraft", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        found = capsys.readouterr()
        return Ended(code, found.out, found.err)

    return run


@pytest.fixture
def page(configured):
    """Open a view of the real page, as a session of its own."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    def open_page(view: str = "chat", **query: str) -> AppTest:
        test = AppTest.from_file(str(MAIN), default_timeout=30)
        for name, value in query.items():
            test.query_params[name] = value
        test.run()
        return test if view == "chat" else test.switch_page(f"views/{view}.py").run()

    yield open_page
    st.cache_resource.clear()
