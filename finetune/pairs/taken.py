"""What a new build takes over from an earlier dataset: rows of sections that are still there, and what people wrote."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from finetune.datasets import Dataset
from finetune.pairs import filters
from finetune.pairs.finish import unjudged
from finetune.pairs.work import Work
from finetune.records import Pair

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.records import Section

BY_HAND = "by hand"
"""Under this name the journal keeps what was written about sections that have changed."""


def take_over(library: Library, work: Work, previous: Dataset, *, anew: frozenset[str] = frozenset()) -> None:
    """Put the rows of unchanged sections into the journal as they were edited; those of `anew` are left to be made.

    What people wrote about a changed section goes to where its evidence stands in the document now; where it stands
    nowhere, the last pass drops it with its reason. What was written about a removed document goes with it. Begun
    anew when it was cut short.
    """
    work.clear()
    if (previous.folder / work.calls_path.name).exists():
        shutil.copyfile(previous.folder / work.calls_path.name, work.calls_path)
    there: dict[str, list[Section]] = {}
    for section in library.sections():
        there.setdefault(section.id, []).append(section)
    lost: list[Pair] = []
    for section_id, rows in groupby(previous.pairs(dropped=True), key=lambda pair: pair.section_id):
        same = there.get(section_id, [])
        if not same:
            lost += [pair for pair in rows if section_id and _by_hand(pair)]
        elif section_id not in anew:
            block = list(map(unjudged, rows))
            section = next((s for s in same if s.document_id == block[0].document_id), same[0])
            work.append(section_id, _moved(block, section), taken=1)
    work.append(BY_HAND, _replaced(lost, library, previous), taken=1)


def _by_hand(pair: Pair) -> bool:
    return pair.status != "dropped" and (pair.maker == "person" or pair.status == "edited")


def _replaced(lost: list[Pair], library: Library, previous: Dataset) -> Iterator[Pair]:
    """The pairs in a section of the document of the same name in which they hold, else unchanged."""
    names = {entry.get("document_id"): name for name, entry in previous.card.coverage.items() if name != "total"}
    ids = {document.name: document.id for document in library.documents()}
    for pair in lost:
        document_id = ids.get(names.get(pair.document_id, ""))
        if document_id:
            sections = [s for s in library.sections(document_id) if pair.quote and pair.quote in s.text]
            moved = ((_at(pair, section, library), section.text) for section in sections)
            yield next((row for row, text in moved if not filters.reason(row, text)), pair)


def _at(pair: Pair, section: Section, library: Library) -> Pair:
    chunks = tuple(c.id for c in library.chunks(section.document_id) if c.section_id == section.id)
    return _moved([pair], section)[0].model_copy(update={"section_id": section.id, "chunk_ids": chunks})


def _moved(rows: list[Pair], section: Section) -> list[Pair]:
    """A section's rows where it stands now: the text before it may be longer, its document another version."""
    shifts: set[int] = set()
    for pair in rows:
        places = re.finditer(re.escape(pair.quote), section.text) if pair.quote else ()
        found = {section.start + place.start() - pair.start for place in places}
        shifts = shifts & found or shifts or found
    by = min(shifts, key=abs, default=0)
    moved = []
    for pair in rows:
        ends = {"start": pair.start + by, "end": pair.end + by} if pair.quote else {}
        moved.append(pair.model_copy(update={"document_id": section.document_id} | ends))
    return moved
