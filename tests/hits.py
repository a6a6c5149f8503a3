"""Hits built by hand for tests of packing, citations and answers."""

from __future__ import annotations

from collections.abc import Sequence

from memory.records import digest
from retrieval.records import Block, Evidence, Hit, Section, Unit
from retrieval.tokens import language


def hit(
    document: str,
    path: tuple[str, ...],
    sentences: Sequence[str],
    score: float,
    *,
    scores: Sequence[float] = (),
    page: int | None = None,
) -> Hit:
    """A section of one sentence per line; its text is the document's text."""
    text = "\n".join(sentences)
    section_id = digest(document, *path, text)
    units, start = [], 0
    for ordinal, sentence in enumerate(sentences):
        end = start + len(sentence)
        units.append(
            Unit(section_id=section_id, ordinal=ordinal, kind="sentence", start=start, end=end, text=sentence,
                 rendered=" ".join(sentence.split()))
        )  # fmt: skip
        start = end + 1
    section = Section(
        id=section_id, document_id=digest(document), document=document, ordinal=0, heading_path=path, start=0,
        end=len(text), text=text, language=language(text),
        blocks=tuple(Block(kind="paragraph", start=u.start, end=u.end, page=page) for u in units),
    )  # fmt: skip
    given = list(scores) or [score - 0.1 * n for n in range(len(units))]
    pairs = sorted(zip(given, units, strict=True), key=lambda pair: -pair[0])
    return Hit(
        section=section, document=document, chunk_id=f"{section_id}-0", score=score,
        evidence=tuple(Evidence(unit=unit, score=value) for value, unit in pairs),
    )  # fmt: skip
