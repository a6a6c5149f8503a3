"""Numbers, dates, quotes and addresses by their shape alone: what holds in any language."""

from __future__ import annotations

import re

from finetune.pairs.spans import Span

MAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://[^\s，。；、）)]+"
CODE = r"\b(?=[A-Z\d/-]*\d)[A-Z]{1,5}[-/]?\d+[A-Z\d]*(?:-\d+)*\b"
QUOTED = r"[「『《](?P<zh>[^「」『』《》]{1,24})[」』》]|[“\"](?P<en>[^“”\"]{1,60})[”\"]"
LABEL = (
    r"(?:[Dd]ay|[Ee]dition|[Rr]oom|[Gg]ate|[Bb]erth|[Pp]ier|[Bb]ay|[Pp]latform|[Ff]loor|[Pp]age|[Cc]hannel|[Ll]evel"
    r"|[Zz]one|[Ss]ection|[Cc]lause|[Cc]hapter|[Aa]rticle|[Pp]aragraph|[Vv]ersion|[Ss]tep|[Tt]able|[Ff]igure|[Ll]ine"
    r"|[Pp]ort|[Pp]art|[Vv]olume|[Rr]ule|[Tt]erminal)"
)
"""English words that a number behind them counts on from: "which room", never "how many"."""
_ANY = re.compile(rf"(?P<code>{MAIL}|{CODE})|(?P<number>\d[\d.,:/–-]*\d|\d)")


def found(text: str) -> list[Span]:
    """Codes, addresses, quotes and bare numbers."""
    spans = [Span(*match.span(), match.lastgroup or "number", 1) for match in _ANY.finditer(text)]
    return spans + quoted(text)


def quoted(text: str) -> list[Span]:
    """What stands in quotation marks, without them; of straight ones every second opens."""
    return [
        Span(*match.span("zh" if match["zh"] else "en"), "quoted", 1)
        for match in re.finditer(QUOTED, text)
        if (match["zh"] or "").strip() or (match["en"] and len(match["en"]) > 1 and match["en"] == match["en"].strip())
    ]
