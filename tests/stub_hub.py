"""A Hugging Face Hub on loopback that serves one folder as one repository, can cut a download short and can refuse."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

COMMIT = "1" * 40


class StubHub:
    """The server. `refuse` is an error code of the Hub (GatedRepo, RepoNotFound); `break_once` cuts a file in half."""

    def __init__(self, folder: Path, repository: str, *, refuse: str = "", break_once: str = "") -> None:
        self.folder = folder
        self.repository = repository
        self.refuse = refuse
        self.break_once = break_once
        self.requests: list[str] = []
        self.sent = 0
        """Bytes of files sent."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())

    def __enter__(self) -> StubHub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: StubHub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def _serve(self, *, body: bool) -> None:
        hub, path = self.server.hub, urlparse(self.path).path
        hub.requests.append(f"{self.command} {path}")
        if hub.refuse:
            status = 403 if hub.refuse == "GatedRepo" else 404
            self._json({"error": hub.refuse}, status, {"X-Error-Code": hub.refuse, "X-Error-Message": hub.refuse})
        elif path.startswith("/api/models/"):
            self._json(self._tree() if "/tree/" in path else self._info())
        else:
            self._file(hub.folder / path.rpartition("/")[2], body)

    def _info(self) -> dict:
        siblings = [{"rfilename": file.name} for file in self.server.hub.files()]
        return {"id": self.server.hub.repository, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}

    def _tree(self) -> list:
        files = self.server.hub.files()
        return [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": _etag(f)} for f in files]

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def _file(self, file: Path, body: bool) -> None:
        data = file.read_bytes()
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        piece = data[begin:]
        self.send_response(206 if begin else 200)
        headers = {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        headers |= {"Content-Length": str(len(piece)), "Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        if not body:
            return
        if file.name == self.server.hub.break_once:
            self.server.hub.break_once = ""
            piece = piece[: len(piece) // 2]
            self.close_connection = True
        self.wfile.write(piece)
        self.server.hub.sent += len(piece)


def _etag(file: Path) -> str:
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
