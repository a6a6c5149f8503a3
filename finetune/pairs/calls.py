"""Calls to a model, each paid once: a journal of replies that survives any end of the process. Knows no pairs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from memory.errors import BackendFailed, DocgraftError
from memory.records import Record, digest
from memory.workspace import read_lines

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Result = TypeVar("Result")


class Call(Record):
    """One line of calls.jsonl."""

    key: str
    section_id: str
    reply: str = ""
    """As the model sent it."""
    error: str = ""
    """Why nothing usable came of it, if nothing did."""


class Calls:
    """Asks a model and remembers. The same request is never sent again once it was answered."""

    def __init__(self, model: BaseChatModel, path: Path, *, name: str, tries: int) -> None:
        self.model = model
        self.path = path
        self.name = name
        self.tries = tries
        self._known: dict[str, str] = {}
        if path.exists():
            self._known = {call.key: call.reply for call in read_calls(path) if call.reply}

    def ask(
        self, messages: Sequence[BaseMessage], section_id: str, read: Callable[[str], Result | None]
    ) -> tuple[Result | None, str]:
        """What `read` makes of the reply, tried again while it makes nothing of it; and why it failed, or ""."""
        error = ""
        for attempt in range(self.tries):
            key = digest(self.name, str(attempt), *(f"{m.type}:{m.text}" for m in messages), length=24)
            reply, error = self._reply(key, messages, section_id)
            if reply:
                result = read(reply)
                if result is not None:
                    return result, ""
                error = "no question–answer pairs in the reply"
                self._write(Call(key=key, section_id=section_id, reply=reply, error=error))
        return None, error

    def _reply(self, key: str, messages: Sequence[BaseMessage], section_id: str) -> tuple[str, str]:
        if key in self._known:
            return self._known[key], ""
        from retrieval.reply import mapped

        try:
            reply = str(self.model.invoke(list(messages)).text)
        except self._errors() as cause:
            error = str(mapped(cause)).splitlines()[0]
            self._write(Call(key=key, section_id=section_id, error=error))
            return "", error
        self._write(Call(key=key, section_id=section_id, reply=reply, error="" if reply.strip() else "an empty reply"))
        self._known[key] = reply
        return reply, "" if reply.strip() else "an empty reply"

    @staticmethod
    def _errors() -> tuple[type[Exception], ...]:
        from retrieval.reply import foreign

        return (*foreign(), DocgraftError)

    def _write(self, call: Call) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(call.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def read_calls(path: Path) -> Iterator[Call]:
    """Every call so far; a torn last line is left out."""
    for line in read_lines(path):
        yield Call.model_validate(line)


def failures(dataset: Path) -> list[Call]:
    """Requests of a dataset that gave nothing usable, with the raw reply, newest last."""
    return [call for call in read_calls(dataset / "calls.jsonl") if call.error]


def name_of(model: BaseChatModel) -> str:
    """What a chat model is called, for the journal and the card."""
    for attribute in ("model_name", "model", "model_id"):
        value = getattr(model, attribute, None)
        if isinstance(value, str) and value:
            return value
    if not hasattr(model, "_llm_type"):
        raise BackendFailed("This is not a chat model.", "Give a LangChain chat model.")
    return str(model._llm_type)
