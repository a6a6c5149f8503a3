"""The sample documents, and questions to begin with for any knowledge base."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from memory.han import has_han

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.records import Section

FOLDER = Path(__file__).parents[1] / "samples"
SAMPLES = FOLDER / "documents"
_ASKED = {"en": "What do the documents say about “{topic}”?", "zh": "文件裡怎麼說「{topic}」？"}
_NUMBER = re.compile(
    r"^(?:[\d.]+[.、)\s]+|第[\d〇零一二三四五六七八九十百]+[章節条條款篇講][\s　、．：:︰]*|[一二三四五六七八九十]+、)+"
)
_SENTENCE = re.compile(r"[，。；；！？!?;,:：︰“”\"「」『』<>=~*_/\\]|\.$")
_STATES = re.compile(
    r"\A(?![Cc]opyright|©|版權)(?s:.*?)(?:(?:\b[a-z]+[\s,]+){2}[a-z]+(?:[\s,;:]|\.(?:\s|\Z))|\w[，。；、：]|\|)"
)
"""Prose (three plain words in a row), a Chinese clause or a table; names, addresses and code have none of these."""
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
    """A heading of each document that reads as a topic: in the user's language first, of several words first."""
    by_document: dict[str, str] = {}
    found = [(_topic(section), section) for section in library.sections() if len(section.heading_path) > 1]
    topics = [(topic, has_han(topic), section.document_id) for topic, section in found if topic]
    topics.sort(key=lambda t: (t[1] != language.startswith("zh"), not t[1] and " " not in t[0]))
    for topic, chinese, document in topics:
        by_document.setdefault(document, _ASKED["zh" if chinese else "en"].format(topic=topic))
    return list(by_document.values())[:most]


def _topic(section: Section) -> str:
    """The heading without its number; "" for one that is a sentence, a step or a quotation rather than a topic.

    A heading below which nothing is stated, as the line of authors under a paper's title, is none either.
    """
    topic = _NUMBER.sub("", section.heading_path[-1]).strip(" ¶")
    fits = 2 <= len(topic) <= (20 if has_han(topic) else 40) and not _SENTENCE.search(topic)
    return topic if fits and _STATES.match(section.text) else ""
