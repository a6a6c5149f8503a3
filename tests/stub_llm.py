"""STUB-LLM: a server on loopback with the OpenAI chat interface that replies from a script and records every prompt.

with StubLLM(["first answer", Reply(status=500), Reply("slow", delay=0.2)]) as stub:
    model = init_chat_model("openai:stub", base_url=stub.url, api_key="none")
    ...
    assert stub.prompts[0][-1]["content"] == "…"
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Messages = list[dict[str, Any]]


@dataclass
class Reply:
    """One scripted answer. The defaults are a good one."""

    text: str = ""
    finish: str = "stop"
    delay: float = 0.0
    """Seconds before the first byte; with streaming, before every piece."""
    status: int = 200
    error: str = "scripted failure"
    """Message of the error body when `status` is not 200."""
    drop_after: int | None = None
    """Close the connection after this many pieces (streaming) or before any byte (0)."""
    body: str | None = None
    """Sent as it is instead of a well-formed body."""
    reasoning: str = ""
    """Sent in the separate field `reasoning_content`."""
    pieces: Sequence[str] | None = None
    """Streamed pieces; by default the words of `text`."""
    headers: dict[str, str] = field(default_factory=dict)

    def parts(self) -> list[str]:
        """The streamed pieces of the text."""
        if self.pieces is not None:
            return list(self.pieces)
        words = self.text.split(" ")
        return [word if position == 0 else " " + word for position, word in enumerate(words)] if self.text else []


Script = Sequence["Reply | str"] | Callable[[Messages], "Reply | str"]


class StubLLM:
    """The server. `script` is a list (the last one repeats) or a function of the messages."""

    def __init__(
        self,
        script: Script = ("ok",),
        *,
        context: int | None = None,
        count: Callable[[str], int] = lambda text: max(1, len(text) // 4),
        key: str | None = None,
    ) -> None:
        """`context`: a prompt that does not fit with max_tokens (by `count`) gets status 400. `key`: required."""
        self.script = script
        self.context = context
        self.count = count
        self.key = key
        self.requests: list[dict[str, Any]] = []
        """Every request's JSON body, refused ones too."""
        self.authorizations: list[str] = []
        self.pieces_sent = 0
        """Streamed pieces that were really written: shows whether a client that stopped listening stopped the work."""
        self._lock = threading.Lock()
        self._answered = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL to configure, with /v1."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def prompts(self) -> list[Messages]:
        """The messages of every request, oldest first."""
        return [request["messages"] for request in self.requests]

    def tokens(self, request: dict[str, Any]) -> int:
        """The prompt tokens of a request, by `count`, plus four per message."""
        return sum(self.count(_text(message.get("content"))) + 4 for message in request["messages"])

    def next_reply(self, request: dict[str, Any]) -> Reply:
        """Record the request and choose what to answer."""
        with self._lock:
            self.requests.append(request)
            if self.context is not None and self.tokens(request) > self.context - (request.get("max_tokens") or 0):
                message = f"This model's maximum context length is {self.context} tokens. Please reduce the length."
                return Reply(status=400, error=message)
            position, self._answered = self._answered, self._answered + 1
        reply = (
            self.script(request["messages"])
            if callable(self.script)
            else self.script[min(position, len(self.script) - 1)]
        )
        return Reply(reply) if isinstance(reply, str) else reply

    def __enter__(self) -> StubLLM:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: StubLLM


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        entry = {"id": "stub", "object": "model", "owned_by": "stub"}
        if self.server.stub.context is not None:
            entry["max_model_len"] = self.server.stub.context
        self._json(200, {"object": "list", "data": [entry]})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        given = self.headers.get("Authorization", "")
        self.server.stub.authorizations.append(given)
        if self.server.stub.key is not None and given != f"Bearer {self.server.stub.key}":
            self._json(401, _error(f"Incorrect API key provided: {given.removeprefix('Bearer ')}", "invalid_api_key"))
            return
        if not self.path.endswith("/chat/completions"):
            self._json(404, _error(f"There is no {self.path} here.", "not_found"))
            return
        request = json.loads(raw)
        reply = self.server.stub.next_reply(request)
        try:
            self._answer(request, reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, request: dict[str, Any], reply: Reply) -> None:
        if reply.drop_after == 0:
            time.sleep(reply.delay)
            self.close_connection = True
            self.connection.close()
        elif reply.status != 200:
            time.sleep(reply.delay)
            self._json(reply.status, _error(reply.error, str(reply.status)), reply.headers)
        elif reply.body is not None:
            time.sleep(reply.delay)
            self._raw(200, reply.body.encode(), reply.headers)
        elif request.get("stream"):
            self._stream(request, reply)
        else:
            time.sleep(reply.delay)
            self._json(200, _whole(self.server.stub, request, reply), reply.headers)

    def _stream(self, request: dict[str, Any], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        if reply.reasoning:
            self._event(_piece({"role": "assistant", "content": "", "reasoning_content": reply.reasoning}))
        for number, part in enumerate(reply.parts()):
            if reply.drop_after is not None and number >= reply.drop_after:
                self.connection.close()
                return
            time.sleep(reply.delay)
            self._event(_piece({"role": "assistant", "content": part}))
            self.server.stub.pieces_sent += 1
        self._event(_piece({}, finish=reply.finish))
        if (request.get("stream_options") or {}).get("include_usage"):
            self._event({**_piece({}), "choices": [], "usage": _usage(self.server.stub, request, reply)})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, value: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(value, ensure_ascii=False).encode(), headers)

    def _raw(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _usage(stub: StubLLM, request: dict[str, Any], reply: Reply) -> dict[str, int]:
    prompt, answer = stub.tokens(request), stub.count(reply.text)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _whole(stub: StubLLM, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    return {
        "id": "stub-1",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [choice],
        "usage": _usage(stub, request, reply),
    }


def _piece(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "stub-1", "object": "chat.completion.chunk", "created": 0, "model": "stub", "choices": [choice]}
