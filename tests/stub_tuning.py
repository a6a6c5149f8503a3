"""A fine-tuning service on loopback that speaks OpenAI's or Mistral's protocol, remembers everything, and can fail.

with StubTuning("openai") as stub:
    stub.faults["POST /files"] = [429, 500]       # the next two answers to it
    stub.states = ["queued", "running", "succeeded"]
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-TEST-CANARY-000"


class StubTuning:
    """The service. `states` are what a job is at each look; the last repeats."""

    def __init__(self, dialect: str = "openai", *, answer: str = "The warranty is 18 months.") -> None:
        self.dialect, self.answer = dialect, answer
        self.states = ["queued", "running", "succeeded"]
        self.faults: dict[str, list[Any]] = {}
        self.files: dict[str, bytes] = {}
        self.jobs: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.chats: list[dict[str, Any]] = []
        self.looks = 0
        self.lose_answer = False
        """Create the job but break the connection off before answering."""
        self.cut_uploads = 0
        """How many uploads keep only half of what was sent."""

    def __enter__(self) -> StubTuning:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def answer_to(self, asked: str, body: bytes, kind: str) -> Any:
        """The JSON answer to a request."""
        if asked == "POST /files":
            return self._file(body, kind)
        if asked == "POST /fine_tuning/jobs":
            return self._create(json.loads(body))
        if asked == "GET /fine_tuning/jobs":
            return {"data": self.jobs}
        if asked.endswith("/cancel"):
            self.states = [self._word("cancelled")]
            return self._job(self.jobs[-1])
        if asked.endswith("/events"):
            return {"data": [{"message": "Step 2: loss 0.5"}, {"message": "Step 1: loss 0.9"}]}
        if asked.startswith("GET /fine_tuning/jobs/"):
            return self._look()
        if not asked.endswith("/chat/completions"):
            return {"message": "what?"}
        self.chats.append(json.loads(body))
        message = {"role": "assistant", "content": self.answer}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "ft", "choices": [
            {"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip

    def _file(self, body: bytes, kind: str) -> Any:
        boundary = kind.partition("boundary=")[2].encode()
        part = next(one for one in body.split(b"--" + boundary) if b"filename=" in one)
        data = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        if self.cut_uploads:
            self.cut_uploads -= 1
            data = data[: len(data) // 2]
        name = f"file-{len(self.files) + 1}"
        self.files[name] = data
        return {"id": name, "object": "file", "bytes" if self.dialect == "openai" else "size_bytes": len(data)}

    def _create(self, body: dict[str, Any]) -> Any:
        files = {"training_file": body["training_file"]} if self.dialect == "openai" else {
            "training_files": [one["file_id"] for one in body["training_files"]]}  # fmt: skip
        self.jobs.append({"id": f"job-{len(self.jobs) + 1}", "model": body["model"], "asked": body, **files})
        return self._job(self.jobs[-1])

    def _look(self) -> Any:
        job = self._job(self.jobs[-1])
        self.looks += 1
        if self.dialect == "mistral":
            job["events"] = [{"name": "status-updated", "data": {"status": job["status"]}}]
        return job

    def _job(self, job: dict[str, Any]) -> dict[str, Any]:
        state = self.states[min(self.looks, len(self.states) - 1)]
        status = self._word(state)
        found = {**job, "status": status, "fine_tuned_model": "ft:base:docgraft:1" if state == "succeeded" else None}
        if state == "failed":
            found["error"] = {"code": "invalid_training_file", "message": "The job failed on row 3."}
        return found

    def _word(self, state: str) -> str:
        if self.dialect == "openai":
            return state
        return {"succeeded": "SUCCESS"}.get(state, state.upper())


def _handler(stub: StubTuning) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one class
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = f"{method} {re.sub(r'^/v1|[?].*$', '', self.path)}"
            stub.asked.append(asked)
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            faults = stub.faults.get(asked) or stub.faults.get("*") or []
            fault = faults.pop(0) if faults else None
            if key != KEY:
                return self._send(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
            if fault == "drop":
                return self._drop()
            if fault:
                return self._send(fault, {"error": {"message": f"trouble with {key}"}}, {"Retry-After": "0"})
            answer = stub.answer_to(asked, body, self.headers.get("Content-Type", ""))
            if stub.lose_answer and asked == "POST /fine_tuning/jobs":
                stub.lose_answer = False
                return self._drop()
            if asked.endswith("/chat/completions") and json.loads(body).get("stream"):
                return self._stream(answer)
            return self._send(200, answer)

        def _stream(self, answer: Any) -> None:
            (choice,) = answer["choices"]
            pieces = [{"delta": choice["message"]}, {"delta": {}, "finish_reason": "stop"}]
            chunks = [answer | {"object": "chat.completion.chunk", "choices": [{"index": 0} | one]} for one in pieces]
            data = "".join(f"data: {text}\n\n" for text in (*map(json.dumps, chunks), "[DONE]")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _drop(self) -> None:
            self.close_connection = True
            self.connection.close()

        def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
