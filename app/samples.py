"""The sample documents, and questions to begin with for any knowledge base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.records import Section

FOLDER = Path(__file__).parents[1] / "samples"
SAMPLES = FOLDER / "documents"
_ASKED = {"en": "What do the documents say about “{topic}”?", "zh": "文件裡怎麼說「{topic}」？"}
LONGEST = 60
"""Characters of a question that fits a button."""


def there() -> bool:
    """Whether the samples came with this installation."""
    return SAMPLES.is_dir()


def questions(library: Library, language: str, most: int = 3) -> list[str]:
    """At most `most` questions about different documents, in the user's language where the documents have it."""
    names = {document.name for document in library.documents()}
    return _of_the_samples(names, language, most) or _of_headings(library, language, most)


def _of_the_samples(names: set[str], language: str, most: int) -> list[str]:
    """Questions that came with the samples, about those of them that are in a knowledge base."""
    path = FOLDER / "questions.jsonl"
    if not path.is_file():
        return []
    by_document: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        ours = entry["language"].startswith("zh") == language.startswith("zh")
        plain = entry["answer"] and not entry["history"] and len(entry["question"]) <= LONGEST
        if ours and plain and entry["document"] in names:
            by_document.setdefault(entry["document"], entry["question"])
    return list(by_document.values())[:most]


def _of_headings(library: Library, language: str, most: int) -> list[str]:
    by_document: dict[str, Section] = {}
    for section in sorted(library.sections(), key=lambda s: s.language.startswith("zh") != language.startswith("zh")):
        if len(section.heading_path) > 1 and 2 <= len(section.heading_path[-1]) <= 40:
            by_document.setdefault(section.document_id, section)
    chosen = list(by_document.values())[:most]
    return [_ASKED["zh" if s.language.startswith("zh") else "en"].format(topic=s.heading_path[-1]) for s in chosen]
