"""The page's server listens to this machine only, unless people must log in."""

from __future__ import annotations

import os
import subprocess

import pytest

from app import serve
from app.settings import Server, Settings
from memory.errors import NotConfigured


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_this_machines_own_addresses_are_served(address):
    command = serve.command(Settings(server=Server(address=address)))
    assert f"--server.address={address}" in command


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "", "example.com", "127.0.0.1.evil.com"])
def test_any_other_address_is_refused_without_a_login(address):
    with pytest.raises(NotConfigured, match="login"):
        serve.command(Settings(server=Server(address=address)))
    assert serve.command(Settings(server=Server(address=address, login=True)))


def test_login_without_an_account_is_refused(workspace):
    with pytest.raises(NotConfigured, match="accounts add"):
        serve.check_accounts(Settings(server=Server(login=True)), workspace)


def test_foreign_origins_telemetry_and_large_uploads_are_off():
    command = serve.command(Settings(server=Server(upload_mb=7)))
    for flag in (
        "server.enableXsrfProtection=true",
        "server.enableCORS=true",
        "browser.gatherUsageStats=false",
        "server.maxUploadSize=7",
        "client.showErrorDetails=none",
    ):
        assert f"--{flag}" in command


@pytest.mark.parametrize("theme", ["auto", "dark"])
def test_the_theme_follows_the_setting(theme):
    command = " ".join(serve.command(Settings(theme=theme)))
    assert "theme.dark.primaryColor" in command
    assert ("theme.light.primaryColor" in command) == (theme == "auto")


def test_a_folder_called_app_where_the_command_is_typed_is_not_taken_for_ours(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('not ours')")
    python = [part for part in serve.command(Settings())[:3] if part != "-m"]
    found = subprocess.run(
        [*python, "-c", "import app; print(app.__file__)"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(serve.ENTRY.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == str(serve.ENTRY.with_name("__init__.py")), found.stderr


def test_the_browser_is_opened_once_the_page_answers_and_not_before(tmp_path, monkeypatch):
    import http.server
    import threading

    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        serve.open_when_ready(Settings(server=Server(port=page.server_port))).wait(20)
        page.shutdown()
    assert opened.read_text().strip() == f"http://127.0.0.1:{page.server_port}"
