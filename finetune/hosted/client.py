"""The fine-tuning protocol of OpenAI and of Mistral over HTTP. Knows no datasets, no folders; the key is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from finetune.hosted import State
from finetune.models.hosted import mask
from memory.errors import BackendFailed, NotConfigured
from memory.records import Record

TRIES = 4
OVERLOADED = {429, 500, 502, 503, 504}
_STATES: dict[str, State] = {
    "validating_files": "queued",
    "queued": "queued",
    "running": "running",
    "paused": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "started": "running",
    "validating": "queued",
    "validated": "queued",
    "success": "succeeded",
    "failed_validation": "failed",
    "cancellation_requested": "cancelling",
}


class Remote(Record):
    """A job as the service tells it."""

    id: str
    state: State
    result: str = ""
    message: str = ""
    training_files: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


class Client:
    """One service. Every failure is BackendFailed or NotConfigured in words without the key."""

    def __init__(
        self,
        base_url: str,
        key: str,
        dialect: str,
        *,
        pause: Callable[[float], None] | None = None,
        timeout: float = 60.0,
    ) -> None:
        self.base_url, self.key, self.dialect, self.pause = base_url.rstrip("/"), key, dialect, pause or time.sleep
        self.http = httpx.Client(timeout=timeout, headers={"Authorization": f"Bearer {key}"})

    def upload(self, path: Path) -> str:
        """Send a file of rows; its id. BackendFailed when the service holds fewer bytes than the file has."""
        data = path.read_bytes()
        files = {"file": (path.name, data, "application/jsonl")}
        found = self._ask("POST", "/files", again=True, data={"purpose": "fine-tune"}, files=files)
        size = found.get("bytes", found.get("size_bytes", found.get("size")))
        if size is not None and int(size) != len(data):
            raise BackendFailed(
                f"{path.name} arrived only in part: {size} of {len(data)} bytes.", "Run it again: it is sent anew."
            )
        return self._text(found, "id")

    def create(self, model: str, files: dict[str, str], *, epochs: int, seed: int, suffix: str) -> Remote:
        """Start a job on uploaded files. Asked once: whoever does not know whether it arrived looks with `find`."""
        if self.dialect == "mistral":
            body: dict[str, Any] = {
                "model": model,
                "training_files": [{"file_id": files["train"], "weight": 1}],
                "validation_files": [files["dev"]] if "dev" in files else [],
                "hyperparameters": {"epochs": epochs},
                "suffix": suffix,
                "auto_start": True,
            }
        else:
            body = {
                "model": model,
                "training_file": files["train"],
                **({"validation_file": files["dev"]} if "dev" in files else {}),
                "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}},
                "seed": seed,
                "suffix": suffix,
            }
        return self._remote(self._ask("POST", "/fine_tuning/jobs", json=body))

    def find(self, file: str) -> Remote | None:
        """The job that trains on an uploaded file, None when the service knows of none."""
        found = self._ask("GET", "/fine_tuning/jobs", again=True)
        jobs = [self._remote(entry) for entry in found.get("data") or []]
        return next((job for job in jobs if file in job.training_files), None)

    def look(self, job: str) -> Remote:
        """How a job stands, with what the service said about it."""
        found = self._ask("GET", f"/fine_tuning/jobs/{job}", again=True)
        told = found.get("events")
        if told is None and self.dialect == "openai":
            told = self._ask("GET", f"/fine_tuning/jobs/{job}/events", again=True).get("data")
        lines = tuple(line for event in reversed(told or []) if (line := _said(event)))
        return self._remote(found).model_copy(update={"events": lines})

    def cancel(self, job: str) -> Remote:
        """Ask to end a job."""
        return self._remote(self._ask("POST", f"/fine_tuning/jobs/{job}/cancel", again=True))

    def close(self) -> None:
        """Let the connections go."""
        self.http.close()

    def _ask(self, method: str, path: str, *, again: bool = False, **body: Any) -> dict[str, Any]:
        """One request; with `again` it is repeated while the service is overloaded or cannot be reached."""
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES or not again
            try:
                response = self.http.request(method, self.base_url + path, **body)
            except httpx.HTTPError as cause:
                if last:
                    raise BackendFailed(
                        f"{self.base_url} could not be reached: {self._mask(str(cause))}",
                        "Check the address, then go on.",
                    ) from None
                self.pause(2.0**attempt)
                continue
            if response.status_code in OVERLOADED and not last:
                self.pause(_wait(response, 2.0**attempt))
                continue
            return self._read(response)
        raise AssertionError("unreachable")

    def _read(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code in (401, 403):
            raise NotConfigured(
                f"The service refused the key: {self._error(response)}", "Check the key: docgraft keys set NAME"
            )
        if response.status_code == 429:
            raise BackendFailed(
                f"The service is asked too often, or the quota is used up: {self._error(response)}", "Wait, then go on."
            )
        if response.status_code >= 400:
            raise BackendFailed(
                f"The service answered {response.status_code}: {self._error(response)}", "Nothing is lost; go on later."
            )
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BackendFailed("The service answered something that is no JSON object.", "Check the address.")
        return found

    def _error(self, response: httpx.Response) -> str:
        try:
            found = response.json()
            error = found.get("error", found) if isinstance(found, dict) else found
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except ValueError:
            text = response.text
        return self._mask(" ".join(text.split())[:300])

    def _mask(self, text: str) -> str:
        return mask(text, self.key)

    def _remote(self, found: dict[str, Any]) -> Remote:
        files = found.get("training_files") or [found.get("training_file") or ""]
        error = found.get("error")
        said = error.get("message") if isinstance(error, dict) else found.get("message")
        status = str(found.get("status", "")).lower()
        return Remote(
            id=self._text(found, "id"),
            state=_STATES.get(status, "queued"),
            result=str(found.get("fine_tuned_model") or ""),
            message=self._mask(str(said or "")),
            training_files=tuple(str(one.get("file_id") if isinstance(one, dict) else one) for one in files),
        )

    def _text(self, found: dict[str, Any], name: str) -> str:
        if not isinstance(found.get(name), str):
            raise BackendFailed(f"The service answered without {name!r}.", "Check the address: is it such a service?")
        return str(found[name])


def _wait(response: httpx.Response, otherwise: float) -> float:
    try:
        return min(float(response.headers.get("Retry-After", otherwise)), 60.0)
    except ValueError:
        return otherwise


def _said(event: Any) -> str:
    if not isinstance(event, dict):
        return ""
    data = event.get("data")
    more = data.get("error") or data.get("status") if isinstance(data, dict) else None
    return str(event.get("message") or " ".join(str(part) for part in (event.get("name"), more) if part))
