"""Per document: sections, those that gave facts, facts, and why the others gave none. Counts only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from finetune.pairs.work import SectionFacts

TARGET = 0.95
"""Share of sections with text that should give facts."""


def coverage(sections: Iterable[SectionFacts]) -> dict[str, Any]:
    """Document name → counts; under "total" the sums and the share of sections with text that gave facts."""
    found: dict[str, Any] = {}
    total = _empty()
    for line in sections:
        entry = found.setdefault(line.document, _empty() | {"document_id": line.document_id, "none": []})
        for counts in (entry, total):
            counts["sections"] += 1
            counts["with_text"] += line.text
            counts["with_facts"] += bool(line.facts)
            counts["facts"] += len(line.facts)
            kinds = counts["kinds"]
            for kind, number in Counter(fact.kind for fact in line.facts).items():
                kinds[kind] = kinds.get(kind, 0) + number
            if line.why:
                counts["why"][line.why] = counts["why"].get(line.why, 0) + 1
        if line.why and line.text and len(entry["none"]) < 50:
            entry["none"].append({"section": line.section_id, "why": line.why})
    total["share"] = total["with_facts"] / total["with_text"] if total["with_text"] else 0.0
    return {**found, "total": total}


def _empty() -> dict[str, Any]:
    return {"sections": 0, "with_text": 0, "with_facts": 0, "facts": 0, "kinds": {}, "why": {}}
