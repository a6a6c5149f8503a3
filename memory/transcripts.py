"""Texts about conversations: titles, excerpts, exported transcripts. Pure; knows no database."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memory.conversations import Conversation, Turn

TITLE_COLUMNS = 48
"""Width of an automatic title; a Chinese character takes two columns."""
AROUND = 40
"""Characters of an excerpt on each side of what was found."""

SPEAKERS = {"user": "You", "assistant": "Docgraft"}
STATES = {"stopped": "stopped by you", "cut_off": "cut off by the token limit", "partial": "unfinished"}


def title_of(question: str) -> str:
    """A title from a first question: its first line that says something, without Markdown, cut at a word."""
    lines = (re.sub(r"[#*_`>~|\[\]]+", " ", line) for line in question.splitlines())
    line = next((" ".join(text.split()) for text in lines if re.search(r"\w", text)), "")
    shown, width = "", 0
    for character in line:
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > TITLE_COLUMNS:
            return _at_a_word(shown) + "…"
        shown += character
    return shown


def _at_a_word(text: str) -> str:
    """Cut half a Latin word off the end, unless hardly anything would stay."""
    start = text.rfind(" ")
    return text[:start].rstrip() if start > len(text) // 2 and text[-1].isascii() else text.rstrip()


def fold(text: str) -> str:
    """Width and case folded: Ｔａｉｎａｎ finds TAINAN."""
    return unicodedata.normalize("NFKC", text).casefold()


def excerpt(text: str, wanted: str, folding: Callable[[str], str] = fold) -> str | None:
    """The surroundings of the first `wanted` (already folded) in `text`; None when it is not there."""
    if wanted not in folding(text):
        return None
    start, end = _place(text, wanted, folding)
    before, after = max(0, start - AROUND), min(len(text), end + AROUND)
    inside = " ".join(text[before:after].split())
    return ("…" if before else "") + inside + ("…" if after < len(text) else "")


def _place(text: str, wanted: str, folding: Callable[[str], str]) -> tuple[int, int]:
    """Where `wanted` stands in the unfolded text: folding may change lengths, so it is done character by character."""
    folded, origin = "", []
    for index, character in enumerate(text):
        piece = folding(character)
        folded += piece
        origin += [index] * len(piece)
    at = folded.find(wanted)
    if at < 0:
        return 0, 0
    return origin[at], origin[at + len(wanted) - 1] + 1


def as_json(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """Everything that is kept of a conversation."""
    value = {"conversation": conversation.model_dump(mode="json"), "turns": [t.model_dump(mode="json") for t in turns]}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def as_markdown(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """A transcript for people: speaker, text, what the answer cites, votes."""
    parts = [f"# {conversation.title or 'Conversation'}\n\n{conversation.created}"]
    for turn in turns:
        note = f" ({STATES[turn.state]})" if turn.state in STATES else ""
        parts.append(f"## {SPEAKERS[turn.role]}{note}\n\n{turn.text}")
        if turn.sources:
            parts.append("\n".join(_source(number, source) for number, source in enumerate(turn.sources, 1)))
        if turn.vote:
            comment = f": {turn.comment}" if turn.comment else ""
            parts.append(("👍" if turn.vote > 0 else "👎") + comment)
    return "\n\n".join(parts) + "\n"


def _source(number: int, source: dict[str, Any]) -> str:
    page = f", p. {source['page']}" if source.get("page") else ""
    place = " > ".join(str(source[name]) for name in ("document", "section") if source.get(name))
    quote = " ".join(str(source.get("quote", "")).split())
    return f"> [{source.get('number', number)}] {place}{page}" + (f": “{quote}”" if quote else "")
