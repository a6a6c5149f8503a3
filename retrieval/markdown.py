"""Answers as Markdown that a page may render: nothing is loaded from elsewhere and no markup of a document runs."""

from __future__ import annotations

import re

_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_LABEL = r"\[((?:\\.|\[[^\]]*\]|[^\]\\])*)\]"
_TARGET = r"\(\s*<?((?:[^()\s>]|\([^()\s]*\))*)>?(?:[^()]|\([^()]*\))*\)"
_IMAGE = re.compile(rf"!{_LABEL}\s*(?:{_TARGET}|\[[^\]]*\])")
_LINK = re.compile(rf"{_LABEL}{_TARGET}")
_DEFINITION = re.compile(r"(?m)^[ ]{0,3}\[[^\]]+\]:[^\n]*$")
_SCHEME = re.compile(r"^\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SAFE = frozenset({"http", "https", "mailto"})


def safe_markdown(text: str) -> str:
    """Markdown that loads nothing from elsewhere: images become their text, unsafe links too, HTML shows as written.

    Links to web pages stay links, with their address shown, because following one is the reader's own act. Code is
    left as it is: it is displayed, never run.
    """
    parts = _CODE.split(text)
    return "".join(part if index % 2 else _prose(part) for index, part in enumerate(parts))


def _prose(text: str) -> str:
    text = _IMAGE.sub(lambda match: match[1].strip() or "▢", text).replace("![", "!\\[")
    text = _DEFINITION.sub("", text)
    text = _LINK.sub(_link, text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def _link(match: re.Match[str]) -> str:
    label, address = match[1], match[2]
    scheme = _SCHEME.match("".join(address.split()))
    if scheme is None or scheme[1].lower() not in _SAFE:
        return label
    return f"[{label}]({address})" if label.strip() in address else f"{label} ([{address}]({address}))"
