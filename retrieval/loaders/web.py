"""One web page by its address, given by hand: http and https only, with limits, and never from inside the network.

The address that was checked is the address that is connected to, for every redirect again; so neither a name that
changes its mind nor a redirect reaches the local machine or network. Knows no format.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import PurePosixPath
from threading import Timer
from time import monotonic
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from memory.errors import BadDocument
from retrieval.loaders.formats import SUFFIXES
from retrieval.loaders.limits import DEFAULT, MEGABYTE, Fetched, Limits

_REDIRECTS = {301, 302, 303, 307, 308}
_STEP = 64 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument."
_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/epub+zip": ".epub",
    f"{_OFFICE}wordprocessingml.document": ".docx",
    f"{_OFFICE}presentationml.presentation": ".pptx",
    f"{_OFFICE}spreadsheetml.sheet": ".xlsx",
}
_UNTOLD = {"", "application/octet-stream", "binary/octet-stream", "application/x-download", "application/zip"}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HEADERS = {
    "User-Agent": "docgraft (a person asked for this page)",
    "Accept": "text/html,application/xhtml+xml,application/pdf,text/*;q=0.9,*/*;q=0.5",
    "Accept-Encoding": "gzip, identity",
    "Connection": "close",
}


class _Target(NamedTuple):
    """Where to connect for one request."""

    url: SplitResult
    host: str
    port: int
    address: str
    """A checked IP address of the host."""


def fetch(url: str, *, limits: Limits = DEFAULT, allow_private: bool = False) -> Fetched:
    """Fetch a page. BadDocument of kind `refused`, `missing`, `too_large`, `timed_out` or `unsupported`.

    `allow_private` is for tests against a server on loopback.
    """
    deadline = monotonic() + limits.download_seconds
    shown = url.strip()
    for _ in range(limits.redirects + 1):
        target = _target(shown, allow_private=allow_private)
        answer = _ask(target, shown, limits, deadline)
        if isinstance(answer, Fetched):
            return answer
        shown = urljoin(shown, answer)
    raise BadDocument(url, f"it redirects more than {limits.redirects} times.", kind="refused")


def _target(url: str, *, allow_private: bool) -> _Target:
    """The address to connect to, checked."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except (ValueError, UnicodeError) as error:
        raise BadDocument(url, "this is not a web address.", str(error), kind="refused") from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise BadDocument(url, "only http:// and https:// addresses can be fetched.", kind="refused")
    if parts.username is not None or parts.password is not None:
        raise BadDocument(url.replace(parts.netloc, host), "an address with a user name is refused.", kind="refused")
    port = port or (443 if parts.scheme.lower() == "https" else 80)
    return _Target(parts, host, port, _address(url, host, port, allow_private=allow_private))


def _address(url: str, host: str, port: int, *, allow_private: bool) -> str:
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise BadDocument(url, f"there is no server {host}.", "Check the address.", kind="missing") from error
    if not allow_private and not all(map(is_public, found)):
        hint = "Save the page as a file and add that."
        raise BadDocument(url, "addresses inside this machine or network are refused.", hint, kind="refused")
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from anywhere; addresses wrapped in IPv6 are judged by what they wrap."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            wrapped.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(inner is not None and not inner.is_global for inner in wrapped):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast


def _ask(target: _Target, url: str, limits: Limits, deadline: float) -> Fetched | str:
    """The page, or where it redirects to."""
    try:
        with _connection(target, deadline) as connection:
            connection.request("GET", _path(target.url), headers={**_HEADERS, "Host": _host(target)})
            with closing(connection.getresponse()) as response:
                return _answer(response, url, limits, deadline)
    except ssl.SSLError as error:
        raise BadDocument(url, f"the secure connection failed: {error.reason}.", kind="refused") from error
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        if monotonic() >= deadline - 0.05 or isinstance(error, TimeoutError):
            raise _late(url, limits) from error
        raise BadDocument(url, "the server could not be reached.", str(error), kind="missing") from error


def _answer(response: http.client.HTTPResponse, url: str, limits: Limits, deadline: float) -> Fetched | str:
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location:
        return location
    if response.status != 200:
        kind = "missing" if response.status in (404, 410) else "refused"
        raise BadDocument(url, f"the server answered {response.status} {response.reason}.", kind=kind)
    return _page(response, url, limits, deadline)


@contextmanager
def _connection(target: _Target, deadline: float) -> Iterator[http.client.HTTPConnection]:
    """A connection to the checked address that is cut at the deadline, however slowly the server drips."""
    seconds = max(deadline - monotonic(), 0.01)
    plain = socket.create_connection((target.address, target.port), timeout=seconds)
    cut = Timer(seconds, _cut, [plain])
    cut.daemon = True
    cut.start()
    secure: socket.socket = plain
    connection = http.client.HTTPConnection(target.host, target.port, timeout=seconds)
    try:
        if target.url.scheme.lower() == "https":
            secure = ssl.create_default_context().wrap_socket(plain, server_hostname=target.host)
        connection.sock = secure
        yield connection
    finally:
        cut.cancel()
        connection.close()
        secure.close()
        plain.close()


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _page(response: http.client.HTTPResponse, url: str, limits: Limits, deadline: float) -> Fetched:
    media = response.headers.get_content_type() if response.getheader("Content-Type") else ""
    suffix = _suffix(media, url)
    length = response.getheader("Content-Length") or ""
    if length.isdecimal() and int(length) > limits.download:
        raise _large(url, limits)
    data = _body(response, url, limits, deadline)
    if length.isdecimal() and not response.getheader("Content-Encoding") and len(data) < int(length):
        raise _late(url, limits) if monotonic() >= deadline - 0.05 else _short(url)
    clean = urlunsplit(urlsplit(url)._replace(fragment=""))
    charset = response.headers.get_content_charset() or ""
    return Fetched(data=data, name=clean, content_type=media, charset=charset, suffix=suffix)


def _suffix(media: str, url: str) -> str:
    if media in _TYPES:
        return _TYPES[media]
    own = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    if own in SUFFIXES and (media in _UNTOLD or media.startswith("text/")):
        return own
    if media.startswith("text/"):
        return ".txt"
    raise BadDocument(url, f"it is {media or 'of no known type'}, which cannot be read.", kind="unsupported")


def _body(response: http.client.HTTPResponse, url: str, limits: Limits, deadline: float) -> bytes:
    """The content, unpacked; the limit holds for what it unpacks to."""
    coding = (response.getheader("Content-Encoding") or "identity").lower().strip()
    if coding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise BadDocument(url, f"its encoding {coding!r} is not known.", kind="unsupported")
    unpack = zlib.decompressobj(wbits=47) if coding != "identity" else None
    parts, size = [], 0
    while block := response.read1(_STEP):
        if unpack:
            block = _unpacked(unpack, block, limits.download - size + 1, url)
        size += len(block)
        if size > limits.download:
            raise _large(url, limits)
        if monotonic() > deadline:
            raise _late(url, limits)
        parts.append(block)
    return b"".join(parts)


def _unpacked(unpack: zlib._Decompress, block: bytes, most: int, url: str) -> bytes:
    try:
        return unpack.decompress(block, max(most, 1))
    except zlib.error as error:
        raise BadDocument(url, "the server sent damaged data.", str(error)) from error


def _large(url: str, limits: Limits) -> BadDocument:
    return BadDocument(url, f"it is larger than {limits.download / MEGABYTE:,.0f} MB.", kind="too_large")


def _late(url: str, limits: Limits) -> BadDocument:
    return BadDocument(url, f"it took longer than {limits.download_seconds:g} seconds.", kind="timed_out")


def _short(url: str) -> BadDocument:
    return BadDocument(url, "the server stopped in the middle.", "Try again.", kind="damaged")


def _path(url: SplitResult) -> str:
    path = quote(url.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(url.query, safe='=&%/?:@!$,;+~*()._-')}" if url.query else path


def _host(target: _Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    usual = 443 if target.url.scheme.lower() == "https" else 80
    return host if target.port == usual else f"{host}:{target.port}"
