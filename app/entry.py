"""What Streamlit serves: the page, and the way to it from addresses that no page can have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_FOUND = re.compile(r"/[A-Za-z0-9_-]*/?|/(_stcore|media|component|static)/.*")
"""A page's name, which app/main.py knows or does not, and what Streamlit itself serves."""


class Astray:
    """Leads somebody who opens any other address to the notice that there is no such page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only what a browser opens as a page: a script or picture that is missing stays missing."""
        if scope["type"] == "http" and not _FOUND.fullmatch(scope["path"]):
            request = Request(scope)
            if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                await RedirectResponse("/no-such-page")(scope, receive, send)
                return
        await self.app(scope, receive, send)


app = st.App(Path(__file__).with_name("main.py"), middleware=[Middleware(Astray)])
