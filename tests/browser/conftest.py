"""A real browser on the real page, served as `docgraft ui` serves it. Skipped, with the reason, where none is there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.stub_llm import StubLLM

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
PATIENCE = 240_000
"""Milliseconds: a step of a second or two takes minutes where many processes share one core."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def browser():
    """One Chromium for the session."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (docgraft[dev])")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def stub():
    """A model server on loopback."""
    with StubLLM(["The warranty is 18 months [1]."]) as server:
        yield server


@pytest.fixture
def environment():
    """More of the server's environment; a test module may set its own."""
    return {}


@pytest.fixture
def served(home, stub, tmp_path, environment):
    """The page's address; `restart()` ends the server and starts it again on the same home."""
    server = Served(home, stub.url, tmp_path / "server.log")
    server.environment |= environment
    server.start()
    yield server
    server.stop()


class Served:
    """The server process."""

    def __init__(self, home: Path, model_url: str, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.environment = os.environ | {
            "DOCGRAFT_HOME": str(home),
            "DOCGRAFT_SERVER__PORT": str(self.port),
            "DOCGRAFT_MODEL__PROVIDER": "openai",
            "DOCGRAFT_MODEL__NAME": "stub",
            "DOCGRAFT_MODEL__BASE_URL": model_url,
            "DOCGRAFT_RETRIEVAL__EMBEDDER": "hashing",
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        code = "from app.cli import main; main()"
        command = [sys.executable, "-c", code, "ui", "--headless"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=ROOT)
        for _ in range(150):
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        import signal

        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def restart(self) -> None:
        """End it and start it again."""
        self.stop()
        self.start()


@pytest.fixture
def page(browser, served):
    """A fresh browser session on the page."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    found = context.new_page()
    found.set_default_timeout(PATIENCE)
    found.goto(served.url)
    yield found
    context.close()
