"""The sample documents, and questions to begin with for any knowledge base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.records import Section

SAMPLES = Path(__file__).parents[1] / "samples" / "documents"
_ASKED = {"en": "What do the documents say about {topic}?", "zh": "文件裡怎麼說「{topic}」？"}


def there() -> bool:
    """Whether the samples came with this installation."""
    return SAMPLES.is_dir()


def questions(library: Library, language: str, most: int = 3) -> list[str]:
    """At most `most` questions about headings of different documents, those in the user's language first."""
    by_document: dict[str, Section] = {}
    for section in sorted(library.sections(), key=lambda s: s.language.startswith("zh") != language.startswith("zh")):
        if len(section.heading_path) > 1 and 2 <= len(section.heading_path[-1]) <= 40:
            by_document.setdefault(section.document_id, section)
    chosen = list(by_document.values())[:most]
    return [_ASKED["zh" if s.language.startswith("zh") else "en"].format(topic=s.heading_path[-1]) for s in chosen]
