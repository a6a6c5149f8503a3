"""Characters that do not belong into stored text: taken out or spelled out, and counted. Knows no format."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from retrieval.records import Note

_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_BULLETS = dict.fromkeys([0xF0B7, 0xF0A7, 0xF0D8, 0xF0FC, 0xF076, 0xF06E, 0xF0A8, 0xF02D], "•")
"""Where Symbol and Wingdings put the bullets that Office uses."""
_INVISIBLE = dict.fromkeys([0xFEFF, 0x200B, 0x2060, 0x00AD, 0x200E, 0x200F, *range(0x202A, 0x202F)], "")
_INVISIBLE |= dict.fromkeys(range(0xE0000, 0xE0080), "")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_PRIVATE = re.compile(r"[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SUSPECT = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060\ufb00-\ufb06\ufeff\ud800-\uf8ff"
    r"\U000e0000-\U000e007f\U000f0000-\U0010fffd]"
)

_SAYS = {
    "nul": "{n} NUL characters were taken out; a letter may be missing where they stood.",
    "private_use": "{n} characters have no agreed meaning (private use); they may show as boxes.",
    "control": "{n} control characters were taken out.",
    "invisible": "{n} invisible characters were taken out.",
    "surrogate": "{n} broken characters were replaced by �.",
}


class Cleaner:
    """Makes text fit to store, NFC with \\n line ends, and counts what it had to change.

    Only the ligatures U+FB00 to U+FB06 are spelled out: NFKC would also turn 「，」 into a comma and ① into 1, and
    quotes would no longer be verbatim.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, text: str) -> str:
        """`text` cleaned; cheap where nothing is wrong."""
        if _SUSPECT.search(text):
            text = self._repair(text)
        return unicodedata.normalize("NFC", text)

    def _repair(self, text: str) -> str:
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
        text = text.replace("\x0c", "\n").replace("\x0b", "\n").replace("\x85", "\n")
        text = text.translate(_LIGATURES | _BULLETS)
        self.counts["nul"] += text.count("\x00")
        text = text.replace("\x00", "")
        seen = len(text)
        text = text.translate(_INVISIBLE)
        self.counts["invisible"] += seen - len(text)
        text, control = _CONTROL.subn("", text)
        text, broken = _SURROGATE.subn("\ufffd", text)
        self.counts["control"] += control
        self.counts["surrogate"] += broken
        self.counts["private_use"] += len(_PRIVATE.findall(text))
        return text

    def notes(self) -> list[Note]:
        """One note per kind of change."""
        return [Note(kind=k, count=n, detail=_SAYS[k].format(n=f"{n:,}")) for k, n in sorted(self.counts.items()) if n]
