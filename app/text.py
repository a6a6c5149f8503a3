"""What the page says, in English and 繁體中文（臺灣）. The strings lie in app/strings, one file per page."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

LanguageName = Literal["en", "zh-TW"]
LANGUAGES: dict[str, str] = {"en": "English", "zh-TW": "繁體中文"}
FOLDER = Path(__file__).with_name("strings")


@cache
def strings() -> dict[str, dict[str, str]]:
    """Every string: "page.key" → language → text."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found[f"{path.stem}.{key}"] = entry
    return found


@cache
def _errors() -> list[tuple[re.Pattern[str], str]]:
    """Every error that has a translation, as a pattern of its English sentence, and the Chinese one."""
    made = []
    for key, entry in strings().items():
        if key.startswith("error."):
            pieces = re.split(r"\{(\w+)\}", entry["en"])
            pattern = "".join(f"(?P<{p}>.*)" if n % 2 else re.escape(p) for n, p in enumerate(pieces))
            made.append((re.compile(pattern, re.DOTALL), entry["zh"]))
    return made


class Text:
    """The strings of one language; call it with a key and the values that the text names."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"

    def __call__(self, key: str, **values: object) -> str:
        """The text of `page.key`, with {name} replaced by values."""
        text = strings()[key]["zh" if self.language == "zh-TW" else "en"]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in strings()

    def notice(self, id: str, values: Mapping[str, object], english: str) -> str:
        """What finetune.notices says in English, in this language; as it is where it has no id."""
        key = f"notice.{id}"
        if self.language == "en" or key not in strings():
            return english
        try:
            return strings()[key]["zh"].format(**values)
        except (KeyError, ValueError, TypeError):  # Written by another version, with other values.
            return english

    def error(self, english: str) -> str:
        """What an error says in English, in this language; as it is where app/strings/error.toml does not have it."""
        if self.language == "en":
            return english
        found = next(((said, match) for pattern, said in _errors() if (match := pattern.fullmatch(english))), None)
        return found[0].format(**found[1].groupdict()) if found else english

    def duration(self, seconds: float) -> str:
        """A duration in words a person would use."""
        seconds = max(0, round(seconds))
        if seconds < 60:
            return self("common.seconds", n=seconds)
        if seconds < 5400:
            return self("common.minutes", n=max(1, round(seconds / 60)))
        return self("common.hours", n=round(seconds / 3600, 1))
