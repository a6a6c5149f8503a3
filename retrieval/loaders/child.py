"""The child process that reads files: requests and replies as length-prefixed JSON on its standard input and output.

Knows no parent but that pipe. It ends when the pipe closes, or when no request has come for a while.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from memory.errors import BadDocument, DocgraftError

IDLE_SECONDS = 120
LENGTH = 8


def main() -> None:
    """Serve until the pipe closes. Whatever a library prints goes to standard error, never into a reply."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _own_group()
    while _asked(requests) and (request := receive(requests)) is not None:
        send(replies, answer(request))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request: `parsed`, or what went wrong."""
    from retrieval.loaders import Limits, parse

    limits = Limits.model_validate(request["limits"])
    _limit_memory(limits.memory)
    try:
        parsed = parse(
            Path(os.fsdecode(bytes.fromhex(request["path"]))),
            name=request["name"],
            limits=limits,
            password=request["password"],
            encoding=request["encoding"],
            ocr=request["ocr"],
        )
        return {"parsed": parsed.model_dump(mode="json")}
    except BadDocument as error:
        return {"bad": [error.name, error.reason, error.hint, error.kind]}
    except DocgraftError as error:
        return {"failed": [type(error).__name__, error.message, error.hint]}
    except MemoryError:
        return {"memory": True}
    except RecursionError:
        return {"crashed": "it is nested too deeply"}
    except Exception as error:  # noqa: BLE001 - the outermost frame of a worker: a parser may raise anything
        return {"crashed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    finally:
        _limit_memory(None)


def send(pipe: BinaryIO, message: dict[str, Any]) -> None:
    """Write one message."""
    data = json.dumps(message).encode("ascii")
    pipe.write(len(data).to_bytes(LENGTH, "big") + data)
    pipe.flush()


def receive(pipe: BinaryIO) -> dict[str, Any] | None:
    """Read one message; None at the end of the pipe."""
    head = pipe.read(LENGTH)
    if len(head) < LENGTH:
        return None
    data = pipe.read(int.from_bytes(head, "big"))
    message: dict[str, Any] = json.loads(data)
    return message


def _asked(pipe: BinaryIO) -> bool:
    """Whether a request comes before it has been idle for too long; where pipes cannot be watched, it just waits."""
    if sys.platform == "win32":
        return True
    import select

    return bool(select.select([pipe], [], [], IDLE_SECONDS)[0])


def _own_group() -> None:
    """Let the parent's Ctrl-C pass by; the parent ends this process itself."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _limit_memory(more: int | None) -> None:
    """Let the address space grow by at most `more` bytes, or without a limit; a no-op where the system has none."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if more is None:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    main()
