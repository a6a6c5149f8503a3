"""The page's server: its command line, and the refusal to listen to strangers without a login. Imports no Streamlit."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from pathlib import Path

from app.settings import Settings
from memory.errors import NotConfigured
from memory.workspace import Workspace

ENTRY = Path(__file__).with_name("entry.py")

LIGHT = {
    "primaryColor": "#2f6b4f",
    "backgroundColor": "#fcfbf7",
    "secondaryBackgroundColor": "#f2efe6",
    "textColor": "#1f2a24",
    "linkColor": "#2f6b4f",
    "borderColor": "#ded9cb",
    "codeBackgroundColor": "#f2efe6",
    "sidebar.backgroundColor": "#f4f1e9",
    "sidebar.secondaryBackgroundColor": "#e9e5d9",
}
DARK = {
    "primaryColor": "#4f9d76",
    "backgroundColor": "#141917",
    "secondaryBackgroundColor": "#1d2421",
    "textColor": "#e5e9e3",
    "linkColor": "#8fd0aa",
    "borderColor": "#333d38",
    "codeBackgroundColor": "#1d2421",
    "sidebar.backgroundColor": "#101512",
    "sidebar.secondaryBackgroundColor": "#1d2421",
}
SHAPE = {
    "baseRadius": "0.55rem",
    "showSidebarBorder": "true",
    "showWidgetBorder": "true",
    "linkUnderline": "false",
    "headingFont": "'Iowan Old Style', Palatino, Georgia, 'Noto Serif TC', 'Noto Serif CJK TC', 'Songti TC', serif",
    "font": "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans TC', 'Noto Sans CJK TC', 'PingFang TC', "
    "'Microsoft JhengHei', sans-serif",
    "headingFontWeights": "600",
}


def command(settings: Settings) -> list[str]:
    """The command that serves the page; NotConfigured when it would be open to the network without a login."""
    check_address(settings)
    options = {
        "server.address": settings.server.address,
        "server.port": settings.server.port,
        # Otherwise Streamlit advertises to developers, on the page and in the terminal; we open the browser ourselves.
        "server.headless": "true",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "server.maxUploadSize": settings.server.upload_mb,
        "server.fileWatcherType": "none",
        # A full collection after every run of the script holds up the answer that another thread is making: with the
        # model libraries loaded, half of the time to the first word went there.
        "runner.postScriptGC": "false",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "runner.magicEnabled": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
    } | _theme(settings.theme)
    flags = [f"--{name}={value}" for name, value in options.items()]
    # -P: a folder or file called `app` where somebody happens to start us must not be taken for ours.
    return [sys.executable, "-P", "-m", "streamlit", "run", str(ENTRY), *flags]


_OPENER = """
import socket, sys, time, webbrowser
host, port, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for _ in range(120):
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        time.sleep(0.5)
    else:
        webbrowser.open(url)
        break
"""


def open_when_ready(settings: Settings) -> subprocess.Popen[bytes]:
    """Open the browser once the page answers, from a process of its own that ends then, or after a minute."""
    host = settings.server.address if is_loopback(settings.server.address) else "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{settings.server.port}"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _OPENER, host, str(settings.server.port), url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def check_address(settings: Settings) -> None:
    """Refuse an address that others can reach while anybody who opens the page is let in."""
    if settings.server.login or is_loopback(settings.server.address):
        return
    raise NotConfigured(
        f"The page would be open to everybody who can reach {settings.server.address or 'this machine'}.",
        "Set server.login = true and add an account (docgraft accounts add NAME), or keep server.address = "
        '"127.0.0.1".',
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine can connect to `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def check_accounts(settings: Settings, home: Workspace) -> None:
    """With login on, at least one account must exist, or nobody could come in."""
    from memory.accounts import Accounts

    if settings.server.login and not Accounts(home.accounts).names():
        raise NotConfigured("Login is on and there is no account.", "Add one: docgraft accounts add NAME")


def _theme(choice: str) -> dict[str, str]:
    options = {f"theme.{name}": value for name, value in SHAPE.items()}
    if choice in ("auto", "light"):
        options |= {f"theme.light.{name}": value for name, value in LIGHT.items()}
    if choice in ("auto", "dark"):
        options |= {f"theme.dark.{name}": value for name, value in DARK.items()}
    if choice != "auto":
        options["theme.base"] = choice
    return options
