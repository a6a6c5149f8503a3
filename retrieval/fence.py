"""Text of documents and people made safe to stand inside a prompt. Knows our delimiters and no prompt.

What is cited later is the stored text, never this escaped form.
"""

from __future__ import annotations

import re

NUMBER = re.compile(r"[\[【]\s*(\d{1,3})\s*[\]】]")
_FENCE = re.compile(r"[<＜](?=\s*/?\s*(?:documents?|memory)\b)", re.IGNORECASE)
# Tokens that chat templates of common model families give a meaning to; a tokenizer would read them as commands.
_CONTROL = re.compile(
    r"[<＜](?=[|｜]|/?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|tool_call|tool_response|think)>|<SYS>>|</SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
)


def defused(text: str) -> str:
    """A person's words with control tokens made plain text."""
    return _CONTROL.sub(lambda match: "‹" if match[0] != "[" else "(", text)


def escape(text: str) -> str:
    """Document text as it may stand inside the fence: no forged delimiter, passage number or control token."""
    lines = (escape_line(line) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def escape_line(text: str) -> str:
    """The same on one line: for headings and for single units."""
    text = " ".join(text.split())
    return NUMBER.sub(r"(\1)", _FENCE.sub("‹", defused(text)))
