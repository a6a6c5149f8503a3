"""What the page says, in English and 繁體中文（臺灣）. The strings lie in app/strings, one file per page."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from finetune.evaluation.words import duration

LanguageName = Literal["en", "zh-TW"]
LANGUAGES: dict[str, str] = {"en": "English", "zh-TW": "繁體中文"}
FOLDER = Path(__file__).with_name("strings")
_BETWEEN = re.compile(r"(?<=[.!?;]) ")
"""Where one sentence, or one part of a list, ends and the next begins."""


@cache
def strings() -> dict[str, dict[str, str]]:
    """Every string: "page.key" → language → text."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found[f"{path.stem}.{key}"] = entry
    return found


@cache
def _sentences(group: str) -> list[tuple[re.Pattern[str], str]]:
    """What the program says in English and a file of app/strings translates: a pattern of it, and the Chinese."""
    made = []
    for key, entry in strings().items():
        if key.startswith(f"{group}."):
            pieces = re.split(r"\{(\w+)\}", entry["en"])
            pattern = "".join(f"(?P<{p}>.*?)" if n % 2 else re.escape(p) for n, p in enumerate(pieces))
            made.append((re.compile(pattern, re.DOTALL), entry["zh"]))
    return made


def _translated(english: str, group: str) -> str:
    """One sentence in Chinese, the pieces that vary too where they are known; "" for one that is not known."""
    for pattern, chinese in _sentences(group):
        if match := pattern.fullmatch(english):
            return chinese.format(**{name: _translated(v, group) or v for name, v in match.groupdict().items()})
    return _translated(english, "error") if group != "error" else ""


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
        """What an error says in English, in this language."""
        return self.told(english, "error")

    def told(self, english: str, group: str) -> str:
        """What the program says in English, in this language, as app/strings/GROUP.toml has it.

        Sentences that are not there stay as they are.
        """
        if self.language == "en":
            return english
        sentences = _BETWEEN.split(english)
        known = [_translated(sentence, group) for sentence in sentences]
        if not all(known) and (whole := _translated(english, group)):
            return whole
        shown = ""
        for chinese, sentence in zip(known, sentences, strict=True):
            shown += chinese or (" " if shown else "") + sentence
        return shown

    def duration(self, seconds: float) -> str:
        """A duration in words a person would use."""
        return duration(seconds, self.language)
