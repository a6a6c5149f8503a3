"""A model's reply → question–answer objects, however sloppily it was written. Pure; never guesses a missing answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

QUESTION_KEYS = ("question", "instruction", "q", "query", "prompt", "問題", "问题", "提問", "提问", "題目", "题目")
ANSWER_KEYS = ("answer", "output", "a", "response", "completion", "答案", "回答", "答覆", "答复", "答")
QUOTE_KEYS = ("quote", "evidence", "引文", "原文", "依據", "依据")
NUMBER_KEYS = ("number", "id", "n", "編號", "编号")
_WRAPPERS = ("pairs", "data", "items", "questions", "results", "qa", "qa_pairs", "list")


class Said(NamedTuple):
    """One object of a reply; what was missing is empty."""

    question: str
    answer: str
    quote: str
    number: int


class Parsed(NamedTuple):
    """What a reply held."""

    items: list[Said]
    null: int
    """Objects without a question, or with one that is no text."""
    readable: bool
    """Whether any objects were found at all."""


def parse_reply(reply: str) -> Parsed:
    """The objects of a reply: fenced or between prose, an array or one object, in strict or sloppy JSON.

    A leading reasoning block is left out, also one that is not closed; the word <think> inside an object is text.
    """
    text = without_reasoning(reply)
    for value in _values(text):
        objects = _objects(value)
        if objects:
            items = [_said(o) for o in objects]
            good = [item for item in items if item is not None]
            return Parsed(good, len(items) - len(good), True)
    return Parsed([], 0, False)


def without_reasoning(reply: str) -> str:
    """The reply without the reasoning in front; "" when the reasoning never ends."""
    text = reply.strip().lstrip("\ufeff")
    opened = re.match(r"<(think|thinking|reasoning)>", text, re.IGNORECASE)
    if opened:
        closed = re.search(rf"</{opened[1]}>", text, re.IGNORECASE)
        return text[closed.end() :] if closed else ""
    closing = re.search(r"</(?:think|thinking|reasoning)>", text, re.IGNORECASE)
    first = re.search(r"[\[{]\s*[\[{\"'“]", text)
    # Some templates open the block themselves: only its end is in the reply, before anything else.
    return text[closing.end() :] if closing and (first is None or closing.start() < first.start()) else text


def _values(text: str) -> Iterator[Any]:
    """Every value that begins at a bracket and can be read, fenced ones first."""
    for part in [*(m[1] for m in re.finditer(r"```[\w-]*\s*\n?(.*?)(?:```|\Z)", text, re.DOTALL)), text]:
        found = list(_read_all(part))
        # Objects one below the other are an array whose brackets were forgotten.
        alone = [value for value in found if isinstance(value, dict)]
        if len(alone) > 1:
            yield alone
        yield from found


def _read_all(text: str) -> Iterator[Any]:
    place = 0
    while match := re.compile(r"[\[{]").search(text, place):
        reader = _Reader(text, match.start())
        try:
            value = reader.value()
        except _Unreadable:
            place = match.start() + 1
            continue
        place = reader.place
        yield value


def _objects(value: Any) -> list[dict[str, Any]]:
    """The question–answer objects of a value: an array of them, one alone, or either inside a wrapper."""
    if isinstance(value, dict):
        if _get(value, QUESTION_KEYS, missing=_NOTHING) is not _NOTHING:
            return [value]
        for name, inner in value.items():
            if str(name).strip().lower() in _WRAPPERS and (found := _objects(inner)):
                return found
        return []
    if isinstance(value, list):
        found = [v for v in value if isinstance(v, dict) and _get(v, QUESTION_KEYS, missing=_NOTHING) is not _NOTHING]
        return found or [o for v in value if isinstance(v, list) for o in _objects(v)]
    return []


_NOTHING = object()


def _get(value: dict[str, Any], names: tuple[str, ...], missing: Any = "") -> Any:
    folded = {str(key).strip().lower(): item for key, item in value.items()}
    return next((folded[name] for name in names if name in folded), missing)


def _said(value: dict[str, Any]) -> Said | None:
    question = _text(_get(value, QUESTION_KEYS))
    if not question:
        return None
    number = _get(value, NUMBER_KEYS)
    return Said(
        question=question,
        answer=_text(_get(value, ANSWER_KEYS)),
        quote=_text(_get(value, QUOTE_KEYS)),
        number=int(number) if str(number).strip().isdecimal() else 0,
    )


def _text(value: Any) -> str:
    """Text and numbers; null, lists and objects are not text and never become any."""
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).strip() if isinstance(value, str | int | float) else ""


class _Unreadable(Exception):
    """The text at this place is no value."""


_CLOSING = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’", "＂": "＂"}
"""Opening quote → the one that closes it."""


class _Reader:
    """JSON as models write it: single or curly quotes, trailing commas, quotes inside quotes, Python's None."""

    def __init__(self, text: str, place: int = 0) -> None:
        self.text = text
        self.place = place

    def value(self) -> Any:
        """The value at the place; `place` moves behind it."""
        self._blank()
        mark = self._peek()
        if mark == "{":
            return self._object()
        if mark == "[":
            return self._array()
        if mark in _CLOSING:
            return self._string()
        return self._bare()

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.place += 1
        while not self._closes("}"):
            key = self._string() if self._peek() in _CLOSING else self._word()
            self._blank()
            if self._peek() not in {":", "："}:
                raise _Unreadable
            self.place += 1
            found[key] = self.value()
        return found

    def _array(self) -> list[Any]:
        found: list[Any] = []
        self.place += 1
        while not self._closes("]"):
            found.append(self.value())
        return found

    def _closes(self, mark: str) -> bool:
        """Past blanks and commas; whether the bracket closes here."""
        while self._peek() and self._peek() in " \t\r\n,，":
            self.place += 1
        if self._peek() == mark:
            self.place += 1
            return True
        if not self._peek():
            raise _Unreadable
        return False

    def _string(self) -> str:
        """Up to the closing quote that something structural follows: an apostrophe inside does not end it."""
        closing = _CLOSING[self._peek()]
        self.place += 1
        begin = self.place
        while self.place < len(self.text):
            here = self.text[self.place]
            if here == "\\":
                self.place += 2
                continue
            if here == closing and self._ends_here():
                raw = self.text[begin : self.place]
                self.place += 1
                return _unescaped(raw)
            self.place += 1
        raise _Unreadable

    def _ends_here(self) -> bool:
        rest = self.text[self.place + 1 : self.place + 200].lstrip()
        if not rest or rest[0] in ":：}]":
            return True
        if rest[0] in ",，":
            return bool(re.match(r"[,，]\s*(?:[\"'“‘＂{}\[\]]|\w+\s*[:：]|\d|null|true|false|None|$)", rest))
        return False

    def _bare(self) -> Any:
        match = re.compile(r"-?\d+(?:\.\d+)?|[A-Za-z]+").match(self.text, self.place)
        if not match:
            raise _Unreadable
        self.place = match.end()
        word = match[0]
        if word[0] in "-0123456789":
            return float(word) if "." in word else int(word)
        constants = {"null": None, "none": None, "true": True, "false": False}
        if word.lower() not in constants:
            raise _Unreadable
        return constants[word.lower()]

    def _word(self) -> str:
        match = re.compile(r"[^\W\d]\w*").match(self.text, self.place)
        if not match:
            raise _Unreadable
        self.place = match.end()
        return match[0]

    def _blank(self) -> None:
        while self._peek() and self._peek().isspace():
            self.place += 1

    def _peek(self) -> str:
        return self.text[self.place : self.place + 1]


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _unescaped(raw: str) -> str:
    def one(match: re.Match[str]) -> str:
        mark = match[1]
        return chr(int(mark[1:], 16)) if mark[0] == "u" and len(mark) == 5 else _ESCAPES.get(mark, mark)

    return (
        re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, raw, flags=re.DOTALL)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )
