"""Other people's pairs as a dataset: evidence looked for in the documents, "unverified" where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finetune.datasets import Dataset, Tally, write
from finetune.formats.reading import Problem, ReadRows, read_rows
from finetune.pairs import filters
from finetune.pairs.duplicates import Seen, key
from finetune.pairs.leaks import report
from finetune.pairs.locate import locate
from finetune.pairs.splits import fraction, held_out
from finetune.records import DatasetCard, Pair, Split, TestSet
from memory.records import digest, new_id, now
from retrieval.chunking import units
from retrieval.records import Section
from retrieval.tokens import tokens

if TYPE_CHECKING:
    from retrieval.library import Library

UNVERIFIED = "unverified"
"""Reason of a kept pair whose answer was not found in the documents."""
_TESTS = 0.1
"""Share of the sections, and of the rows about other sections, that tests."""


def import_dataset(
    library: Library, path: Path, *, strict: bool = True, id: str | None = None
) -> tuple[Dataset, tuple[Problem, ...]]:
    """A dataset made from a file of pairs, and the rows that could not be used.

    Each answer is looked for in the knowledge base; a pair that is found gets section and offsets, one that is not is
    kept and marked unverified. Copies and conflicts are dropped with their reason. Sections are held out as in a build,
    and a tenth of the other rows tests.
    """
    read = read_rows(path, strict=strict)
    folder = library.folder.dataset(id or new_id())
    folder.mkdir(parents=True, exist_ok=True)
    seen = Seen(folder / "seen.db")
    try:
        dataset = write(folder, _judged(library, read, seen), lambda tally: _card(library, folder, read, path, tally))
    finally:
        seen.close()
        (folder / "seen.db").unlink(missing_ok=True)
    return dataset, read.problems


def _judged(library: Library, read: ReadRows, seen: Seen) -> Iterator[Pair]:
    rows = []
    for pair in read.pairs:
        found, section = with_evidence(library, pair)
        again = seen.add(found)
        if again:
            found = found.model_copy(update={"status": "dropped", "reason": again})
        elif found.quote == "" and filters.points_at_its_text(found.instruction):
            found = found.model_copy(update={"reason": f"{UNVERIFIED}: points at a text"})
        rows.append(found.model_copy(update={"split": _split(found, section)}))
    trained = {pair.fact_id for pair in rows if pair.split == "train" and pair.status != "dropped"} - {""}
    for pair in rows:
        known: TestSet = "unseen_wording" if pair.fact_id in trained else "unseen_section"
        yield pair.model_copy(update={"test_set": known if pair.split == "test" else None})


def _split(pair: Pair, section: Section | None) -> Split:
    """Test for a held-out section, else by the question as matching sees it; a row that shows a text never tests."""
    place = fraction("imported", key(pair.instruction))
    tests = place < _TESTS or (section is not None and held_out(section, _TESTS))
    if tests:
        return "dev" if pair.input else "test"
    return "dev" if place < 2 * _TESTS else "train"


def with_evidence(library: Library, pair: Pair) -> tuple[Pair, Section | None]:
    """The pair with the place in the knowledge base where its answer stands; unverified when there is none."""
    for section in _candidates(library, f"{pair.instruction} {pair.output}"):
        start, end = locate(section, units(section), "", filters.said(pair.output))
        if end <= start:
            continue
        placed = pair.model_copy(
            update={
                "section_id": section.id,
                "document_id": section.document_id,
                "fact_id": digest(section.id, str(start), str(end)),
                "start": start,
                "end": end,
                "quote": section.text[start - section.start : end - section.start],
            }
        )
        if not filters.grounding(placed, section.text):
            return placed, section
    return pair.model_copy(update={"reason": UNVERIFIED}), None


def _candidates(library: Library, text: str) -> Sequence[Section]:
    scores = library.keyword_scores(list(dict.fromkeys(tokens(text)))[:24], 12)
    places = library.sections_of(sorted(scores, key=lambda chunk: -scores[chunk]))
    ids = list(dict.fromkeys(places[chunk] for chunk in sorted(scores, key=lambda c: -scores[c]) if chunk in places))
    found = library.sections_by_id(ids[:5])
    return [found[i] for i in ids[:5] if i in found]


def _card(library: Library, folder: Path, read: ReadRows, path: Path, tally: Tally) -> DatasetCard:
    from finetune.pairs.finish import versions

    bad = sum(not problem.repaired for problem in read.problems)
    return DatasetCard(
        id=folder.name,
        kb=library.folder.name,
        created=now(),
        fingerprint=tally.fingerprint,
        counts=tally.counts | {"facts": len(tally.facts), "rows_in_file": read.rows, "unusable": bad},
        kinds=tally.kinds,
        languages=tally.languages,
        dropped=tally.dropped,
        coverage={},
        settings={"imported": path.name, "format": read.format},
        leaks=report(folder),
        versions=versions(),
    )
