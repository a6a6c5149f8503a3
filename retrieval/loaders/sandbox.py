"""Reads files in child processes that are killed when a file takes too long or too much memory. Knows no format.

A child is kept for the next file, so that a folder of small files does not pay for a start each time. It is a plain
`python -c` process with pipes, not `multiprocessing`: callers need no main guard, and threads may call.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from queue import Empty, Queue
from time import monotonic
from typing import IO, Any, cast

from memory import errors
from memory.errors import BackendFailed, BadDocument, DocgraftError
from retrieval.loaders.child import receive, send
from retrieval.loaders.limits import MEGABYTE, Limits
from retrieval.records import Parsed

_ROOT = Path(__file__).parents[2]
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from retrieval.loaders.child import main; main()"
_FILES_PER_CHILD = 200
_LARGEST_IDLE = 400 * MEGABYTE
_POLL = 0.1
_GONE = None


class Sandbox:
    """Children that read files, at most `children` of them at a time. Safe to share between threads."""

    def __init__(self, children: int = 4) -> None:
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(children)

    def read(
        self,
        path: Path,
        *,
        name: str,
        limits: Limits,
        password: str | None = None,
        encoding: str | None = None,
        ocr: bool = False,
    ) -> Parsed:
        """See `retrieval.loaders.read`."""
        request = {
            "path": os.fsencode(path.absolute()).hex(),
            "name": name,
            "limits": limits.model_dump(),
            "password": password,
            "encoding": encoding,
            "ocr": ocr,
        }
        seconds = limits.ocr_seconds if ocr else limits.seconds
        with self._room:
            reply = self._ask(name, request, seconds, limits.memory)
        return _opened(name, reply, limits.memory)

    def close(self) -> None:
        """End the children that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def _ask(self, name: str, request: dict[str, Any], seconds: float, memory: int) -> dict[str, Any]:
        child = self._take()
        try:
            reply = child.ask(request, seconds=seconds, memory=memory)
            if reply is _GONE and child.files == 1 and not child.fresh:
                # It had waited too long and was just leaving: that says nothing about the file.
                child.kill()
                child = _Child()
                reply = child.ask(request, seconds=seconds, memory=memory)
        except TimeoutError as error:
            raise BadDocument(
                name, f"reading it took longer than {seconds:g} seconds and was stopped.", _SLOW, kind="timed_out"
            ) from error
        except BaseException:
            child.kill()
            raise
        self._give_back(child, reply)
        return {"crashed": child.ending} if reply is None else reply

    def _take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    child.fresh, child.files = False, 0
                    return child
                child.kill()
        return _Child()

    def _give_back(self, child: _Child, reply: dict[str, Any] | None) -> None:
        if reply is None or "memory" in reply or child.total >= _FILES_PER_CHILD or child.memory > _LARGEST_IDLE:
            child.kill()
            return
        with self._lock:
            self._idle.append(child)


_SLOW = "Split it, or raise the time limit in the settings."


class _Child:
    """One process and the thread that listens to it."""

    def __init__(self) -> None:
        self.fresh = True
        """Whether it has just been started."""
        self.files = 0
        """Files asked for since it was taken."""
        self.total = 0
        self.ending = ""
        try:
            self._process = subprocess.Popen(
                # -P: what lies in the folder that is read, or where somebody started us, is never run as a module.
                [sys.executable, "-P", "-X", "utf8", "-c", _CODE, str(_ROOT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            raise BackendFailed("The process that reads files could not be started.", str(error)) from error
        self._replies: Queue[dict[str, Any] | None] = Queue()
        threading.Thread(target=self._listen, name="docgraft-reader", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def memory(self) -> int:
        """Resident bytes, its own children included; 0 once it has gone."""
        import psutil

        try:
            process = psutil.Process(self._process.pid)
            return sum(p.memory_info().rss for p in (process, *process.children(recursive=True)))
        except psutil.Error:
            return 0

    def ask(self, request: dict[str, Any], *, seconds: float, memory: int) -> dict[str, Any] | None:
        """The reply; None when it died. TimeoutError when it took longer than `seconds`, and it is killed then."""
        self.files += 1
        self.total += 1
        before = self.memory
        deadline = monotonic() + seconds
        try:
            send(cast(IO[bytes], self._process.stdin), request)  # type: ignore[arg-type]
        except OSError:
            return _GONE
        while True:
            try:
                reply = self._replies.get(timeout=_POLL)
            except Empty:
                if monotonic() > deadline:
                    self.kill()
                    raise TimeoutError from None
                if self.memory > before + memory + 128 * MEGABYTE:
                    self.kill()
                    return {"memory": True}
                continue
            if reply is None:
                self.ending = self._farewell()
            return reply

    def kill(self) -> None:
        """End it and what it started, now."""
        if self.alive:
            _kill_group(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    continue
        self._process.wait()

    def _listen(self) -> None:
        pipe = cast(IO[bytes], self._process.stdout)
        try:
            while (reply := receive(pipe)) is not None:  # type: ignore[arg-type]
                self._replies.put(reply)
        except (OSError, ValueError):
            pass
        self._replies.put(None)

    def _farewell(self) -> str:
        code = self._process.wait()
        return f"the parser crashed (signal {-code})" if code < 0 else f"the parser ended with code {code}"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    import signal

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _opened(name: str, reply: dict[str, Any], memory: int) -> Parsed:
    """The document in a reply, or the error in it."""
    if "parsed" in reply:
        return Parsed.model_validate(reply["parsed"])
    if "bad" in reply:
        _, reason, hint, kind = reply["bad"]
        raise BadDocument(name, reason, hint, kind=kind)
    if "failed" in reply:
        kind, message, hint = reply["failed"]
        raise _error(kind, message, hint)
    if "memory" in reply:
        raise BadDocument(
            name,
            f"reading it needs more than {memory / MEGABYTE:,.0f} MB of memory.",
            "Split it, or raise the memory limit in the settings.",
            kind="memory",
        )
    raise BadDocument(
        name, f"the file is damaged: {reply['crashed']}.", "Open it in its own program and save it again."
    )


def _error(kind: str, message: str, hint: str) -> DocgraftError:
    """The error of that name again; MissingExtra builds its message itself, so it comes back through its base."""
    error = DocgraftError(message, hint)
    found = getattr(errors, kind, DocgraftError)
    if isinstance(found, type) and issubclass(found, DocgraftError):
        error.__class__ = found
    return error


@lru_cache(maxsize=1)
def shared() -> Sandbox:
    """The one that `retrieval.loaders.read` uses; made when the first file comes, closed when the program ends."""
    sandbox = Sandbox()
    atexit.register(sandbox.close)
    return sandbox
