"""Fetching a page by its address: what is refused, what is cut off, and a page against a real server on loopback."""

from __future__ import annotations

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from memory.errors import BadDocument
from retrieval.loaders import Limits, parse, web
from tests.loaders import files

PAGE = b"<html><body><h1>The hut</h1><p>It has twelve beds.</p></body></html>"


class _Site(BaseHTTPRequestHandler):
    """Pages that behave well and badly."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        route = getattr(self, "page" + self.path.partition("?")[0].replace("/", "_").replace(".", "_"), None)
        if route:
            route()
        else:
            self.reply(b"gone", status=404)

    def reply(self, body, *, status=200, kind="text/html; charset=utf-8", **headers):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def page_hut(self):
        self.reply(PAGE)

    def page_big5(self):
        self.reply("<p>保固三年</p>".encode("big5"), kind="text/html; charset=big5")

    def page_rules_pdf(self):
        self.reply(files.plain_pdf(), kind="application/octet-stream")

    def page_packed(self):
        self.reply(gzip.compress(PAGE), Content_Encoding="gzip")

    def page_bomb(self):
        self.reply(gzip.compress(b"a" * 60_000_000), Content_Encoding="gzip")

    def page_moved(self):
        self.reply(b"", status=302, Location="/hut")

    def page_loop(self):
        self.reply(b"", status=301, Location="/loop")

    def page_inside(self):
        self.reply(b"", status=302, Location="http://169.254.169.254/latest/meta-data")

    def page_file(self):
        self.reply(b"", status=302, Location="file:///etc/passwd")

    def page_song(self):
        self.reply(b"ID3", kind="audio/mpeg")

    def page_large(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        for _ in range(400):
            self.wfile.write(b"x" * 10_000)

    def page_slow(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def page_headers(self):
        for _ in range(100):
            self.wfile.write(b"H")
            self.wfile.flush()
            time.sleep(0.1)

    def log_message(self, *args):
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is what these tests are about."""


@pytest.fixture(scope="module")
def site():
    server = _Server(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetch(url, **limits):
    return web.fetch(url, limits=Limits(download_seconds=5).model_copy(update=limits), allow_private=True)


def test_a_page_is_fetched_with_its_type(site, tmp_path):
    page = fetch(f"{site}/hut#beds")
    assert (page.data, page.name, page.content_type, page.charset, page.suffix) == (
        PAGE, f"{site}/hut", "text/html", "utf-8", ".html",
    )  # fmt: skip
    path = files.save(tmp_path, "page", page.data)
    assert "twelve beds" in parse(path, name=page.name + page.suffix, encoding=page.charset).text


def test_the_servers_charset_and_packing_are_understood(site):
    assert fetch(f"{site}/big5").charset == "big5"
    assert fetch(f"{site}/packed").data == PAGE
    assert fetch(f"{site}/rules.pdf").suffix == ".pdf"


def test_redirects_are_followed_and_counted(site):
    assert fetch(f"{site}/moved").name == f"{site}/hut"
    with pytest.raises(BadDocument, match="redirects more than 5"):
        fetch(f"{site}/loop")


@pytest.mark.parametrize("path", ["/inside", "/file"])
def test_a_redirect_is_checked_like_the_first_address(site, path, monkeypatch):
    real = web._target
    monkeypatch.setattr(web, "_target", lambda url, allow_private: real(url, allow_private=url.startswith(site)))
    with pytest.raises(BadDocument) as caught:
        web.fetch(f"{site}{path}", limits=Limits(download_seconds=5))
    assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    ("path", "limits", "kind"),
    [
        ("/large", {"download": 1_000_000}, "too_large"),
        ("/bomb", {"download": 1_000_000}, "too_large"),
        ("/rules.pdf", {"download": 100}, "too_large"),
        ("/slow", {"download_seconds": 0.6}, "timed_out"),
        ("/headers", {"download_seconds": 0.6}, "timed_out"),
        ("/song", {}, "unsupported"),
        ("/nowhere", {}, "missing"),
    ],
)
def test_what_is_too_large_too_slow_or_no_document_is_refused(site, path, limits, kind):
    start = time.monotonic()
    with pytest.raises(BadDocument) as caught:
        fetch(f"{site}{path}", **limits)
    assert caught.value.kind == kind
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0/",
        "http://10.0.0.7/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://224.0.0.1/",
        "file:///etc/passwd",
        "ftp://example.org/a",
        "gopher://example.org/",
        "http://user:secret@example.org/",
        "http:///path",
        "not an address",
        "http://[broken/",
    ],
)
def test_private_addresses_and_other_schemes_are_refused(url):
    with pytest.raises(BadDocument) as caught:
        web.fetch(url, limits=Limits(download_seconds=2))
    assert caught.value.kind in ("refused", "missing")
    assert "secret" not in str(caught.value)


def test_a_name_with_one_private_address_is_refused(monkeypatch):
    answers = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(web.socket, "getaddrinfo", lambda *args, **more: answers)
    with pytest.raises(BadDocument) as caught:
        web.fetch("http://two-faced.example/")
    assert caught.value.kind == "refused"


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch):
    asked = []

    def lookup(host, *args, **more):
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.216.34" if len(asked) == 1 else "127.0.0.1", 80))]

    def connect(address, timeout):
        raise ConnectionRefusedError(str(address))

    monkeypatch.setattr(web.socket, "getaddrinfo", lookup)
    monkeypatch.setattr(web.socket, "create_connection", connect)
    with pytest.raises(BadDocument) as caught:
        web.fetch("http://rebinding.example/")
    assert "93.184.216.34" in caught.value.hint
    assert asked == ["rebinding.example"]


def test_an_unknown_server_is_missing(monkeypatch):
    def lookup(*args, **more):
        raise OSError("no such host")

    monkeypatch.setattr(web.socket, "getaddrinfo", lookup)
    with pytest.raises(BadDocument) as caught:
        web.fetch("http://nowhere.example/")
    assert caught.value.kind == "missing"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_public_addresses_are_allowed(address):
    assert web.is_public(address)
