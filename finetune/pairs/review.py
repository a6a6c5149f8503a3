"""Looking pairs over: find, read beside the source, edit, approve, drop, add, undo. Counts equal the disk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from finetune.datasets import PAIRS, Dataset, Tally, read, read_pairs, write
from finetune.pairs import filters
from finetune.pairs.duplicates import answer_key, key
from finetune.pairs.locate import locate
from finetune.pairs.settings import PairSettings
from finetune.pairs.splits import held_out
from finetune.records import DatasetCard, Pair, PairStatus, Split
from memory.errors import BadDataset, DocgraftError
from memory.records import Record, digest, now
from memory.workspace import append_line, read_lines, write_text
from retrieval.chunking import units

if TYPE_CHECKING:
    from retrieval.library import Library

EDITS = "edits.jsonl"


class Wanted(Record):
    """Which pairs to list; empty fields do not filter."""

    document_id: str = ""
    section_id: str = ""
    kind: str = ""
    status: PairStatus | Literal[""] = ""
    split: Split | Literal[""] = ""
    test_set: str = ""
    language: str = ""
    reason: str = ""
    """The first word of a reason: grounding, similar, unverified, …"""
    text: str = ""
    """Part of question or answer, folded."""
    stale: bool = False
    """Only pairs whose section has changed or gone."""


class Page(Record):
    """One page of a list."""

    pairs: tuple[Pair, ...]
    total: int
    """How many pairs match in all."""


class Beside(Record):
    """Where a pair comes from, for showing: `text[start:end]` is the evidence."""

    document: str
    heading: str
    text: str
    start: int
    end: int


class DoesNotHold(BadDataset):
    """A pair that fails the check; `reason` is one of filters.REASONS, a detail behind a colon."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"This pair does not hold: {reason}.", "Change it, or keep it marked as unverified.")
        self.reason = reason


class Review:
    """One person's work on one dataset. Every change is on disk when the call returns."""

    def __init__(self, folder: Path, library: Library) -> None:
        self.folder = folder
        self.library = library
        self._mend()

    @property
    def dataset(self) -> Dataset:
        """The dataset as it is on disk now."""
        return read(self.folder)

    # Reading

    def page(self, wanted: Wanted | None = None, *, offset: int = 0, limit: int = 50) -> Page:
        """The pairs that match, in document order, one page of them."""
        wanted = wanted or Wanted()
        there = self._sections() if wanted.stale else set()
        found: list[Pair] = []
        total = 0
        for pair in read_pairs(self.folder / PAIRS):
            if _matches(pair, wanted, there):
                if offset <= total < offset + limit:
                    found.append(pair)
                total += 1
        return Page(pairs=tuple(found), total=total)

    def counts(self) -> dict[str, dict[str, int]]:
        """Counted from the rows on disk: per status, split, kind, language, test set, reason and document."""
        names = ("status", "split", "kind", "language", "test_set", "reason", "document_id")
        found: dict[str, Counter[str]] = {name: Counter() for name in names}
        for pair in read_pairs(self.folder / PAIRS):
            for name in names:
                value = str(getattr(pair, name) or "").split(":")[0]
                if value:
                    found[name][value] += 1
        return {name: dict(counter) for name, counter in found.items()}

    def lengths(self) -> dict[str, list[int]]:
        """Characters of questions and answers of the kept pairs, for charts."""
        pairs = [p for p in read_pairs(self.folder / PAIRS) if p.status != "dropped"]
        return {"question": [len(p.instruction) for p in pairs], "answer": [len(p.output) for p in pairs]}

    def get(self, pair_id: str) -> Pair:
        """One pair; DocgraftError when there is none."""
        return self._some([pair_id])[0]

    def beside(self, pair: Pair) -> Beside | None:
        """The section of a pair with its evidence; None when the pair has none or the section is gone."""
        section = self.library.sections_by_id([pair.section_id]).get(pair.section_id) if pair.section_id else None
        if section is None:
            return None
        start, end = pair.start - section.start, pair.end - section.start
        if not 0 <= start <= end <= len(section.text):
            start = end = 0
        return Beside(document=section.document, heading=section.heading, text=section.text, start=start, end=end)

    def stale(self) -> Counter[str]:
        """Document id → kept pairs whose section has changed or gone."""
        there = self._sections()
        return Counter(
            pair.document_id
            for pair in read_pairs(self.folder / PAIRS)
            if pair.status != "dropped" and pair.section_id and pair.section_id not in there
        )

    # Changing

    def edit(
        self, pair_id: str, *, question: str | None = None, answer: str | None = None, force: bool = False
    ) -> Pair:
        """Change question or answer and check the pair again.

        DoesNotHold says why, and nothing changes; with `force` it is kept, marked unverified.
        """
        old = self.get(pair_id)
        new = old.model_copy(
            update={
                "instruction": old.instruction if question is None else question.strip(),
                "output": old.output if answer is None else answer.strip(),
                "status": "edited",
                "reason": "",
                "accept": old.accept if answer is None else (),
                "maker": old.maker if answer is None else "person",
            }
        )
        new = self._checked(new, force=force)
        self._change("edit", [new])
        return new

    def approve(self, pair_ids: Iterable[str]) -> tuple[int, dict[str, str]]:
        """Approve pairs; returns how many, and those that may not be approved with the reason."""
        refused: dict[str, str] = {}
        approved = []
        for pair in self._some(pair_ids):
            reason = (
                pair.reason if pair.reason.startswith("unverified") or pair.status == "dropped" else self._reason(pair)
            )
            if reason:
                refused[pair.id] = reason
            else:
                approved.append(pair.model_copy(update={"status": "approved", "reason": ""}))
        self._change("approve", approved)
        return len(approved), refused

    def drop(self, pair_ids: Iterable[str], why: str = "by hand") -> int:
        """Drop pairs; they stay in the file and can be restored."""
        dropped = [
            p.model_copy(update={"status": "dropped", "reason": f"reviewer: {why}"}) for p in self._some(pair_ids)
        ]
        self._change("drop", dropped)
        return len(dropped)

    def restore(self, pair_ids: Iterable[str], *, force: bool = False) -> int:
        """Take dropped pairs back in, each checked again like an edit."""
        back = [
            self._checked(p.model_copy(update={"status": "kept", "reason": ""}), force=force)
            for p in self._some(pair_ids)
        ]
        self._change("restore", back)
        return len(back)

    def add(self, question: str, answer: str, *, section_id: str, force: bool = False) -> Pair:
        """A pair of one's own about a section; its evidence is looked for there and the pair is checked.

        It teaches, or tests where the section is one that this dataset never trains.
        """
        section = self.library.section(section_id)
        tests = held_out(section, PairSettings.model_validate(self.dataset.card.settings.get("pairs", {})).held_out)
        start, end = locate(section, units(section), "", answer)
        pair = Pair(
            id=digest("person", section_id, question, answer),
            instruction=question.strip(),
            output=answer.strip(),
            fact_id=digest(section_id, "person", key(question)),
            section_id=section_id,
            document_id=section.document_id,
            chunk_ids=tuple(c.id for c in self.library.chunks(section.document_id) if c.section_id == section_id),
            start=start,
            end=end,
            quote=section.text[start - section.start : end - section.start],
            maker="person",
            family="person",
            language=section.language,
            split="test" if tests else "train",
            test_set="unseen_section" if tests else None,
            status="edited",
        )
        pair = self._checked(pair, force=force)
        self._change("add", [pair])
        return pair

    def undo(self) -> str:
        """Take back the last change that was not taken back yet; returns what it was, "" when there is none."""
        path = self.folder / EDITS
        lines = list(read_lines(path))
        if not lines:
            return ""
        last = lines.pop()
        before = [Pair.model_validate(p) for p in last["before"]]
        self._rewrite(before, removed={i for i in last["after"] if i not in {p.id for p in before}})
        write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        return str(last["action"])

    # Inside

    def _checked(self, pair: Pair, *, force: bool) -> Pair:
        reason = self._reason(pair) or self._leak(pair)
        if not reason:
            return pair
        if not force:
            raise DoesNotHold(reason)
        return pair.model_copy(update={"reason": f"unverified: {reason}"})

    def _reason(self, pair: Pair) -> str:
        if not pair.section_id:
            return ""
        section = self.library.sections_by_id([pair.section_id]).get(pair.section_id)
        if section is None:
            return "removed: its section is gone"
        others = self.library.sections_by_id(list(set(self.library.sections_of(pair.chunk_ids).values())))
        texts = [section.text, *(other.text for other in others.values() if other.id != section.id)]
        return filters.reason(pair, "\n".join(texts))

    def _leak(self, pair: Pair) -> str:
        """Whether the same question stands on the other side of the split, or is asked on this one already."""
        mine = key(pair.instruction)
        for other in read_pairs(self.folder / PAIRS):
            if other.id == pair.id or other.status == "dropped" or key(other.instruction) != mine or other.history:
                continue
            if (other.split == "train") != (pair.split == "train"):
                return "leak: the same question is on the other side of the split"
            if not other.input and not pair.input:
                same = answer_key(other) == answer_key(pair)
                return "duplicate" if same else "conflict: another pair answers the same question otherwise"
        return ""

    def _some(self, pair_ids: Iterable[str]) -> Sequence[Pair]:
        wanted = set(pair_ids)
        found = [pair for pair in read_pairs(self.folder / PAIRS) if pair.id in wanted]
        if len(found) < len(wanted):
            gone = sorted(wanted - {pair.id for pair in found})[0]
            raise DocgraftError(f"There is no pair {gone!r} in this dataset.", "List the pairs again.")
        return found

    def _change(self, action: str, changed: Sequence[Pair]) -> None:
        if not changed:
            return
        there = {pair.id for pair in changed}
        before = [pair for pair in read_pairs(self.folder / PAIRS) if pair.id in there]
        self._rewrite(changed)
        with (self.folder / EDITS).open("a", encoding="utf-8") as file:
            line = {"time": now(), "action": action, "before": [p.model_dump(mode="json") for p in before]}
            append_line(file, line | {"after": [p.id for p in changed]})

    def _rewrite(self, changed: Iterable[Pair], removed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Write the dataset anew with some pairs changed, added or removed."""
        old = self.dataset.card
        with self.library.folder.lock(f"dataset-{self.folder.name}"):
            rows = _replaced(read_pairs(self.folder / PAIRS), {pair.id: pair for pair in changed}, removed)
            write(self.folder, rows, lambda tally: _recounted(old, tally), seed=_seed(old))

    def _mend(self) -> None:
        """Finish a rewrite that a crash cut short: the rows are the truth, the card follows them."""
        old = self.dataset.card
        tally = Tally()
        for pair in read_pairs(self.folder / PAIRS):
            tally.add(pair)
        if tally.fingerprint != old.fingerprint:
            self._rewrite([])

    def _sections(self) -> set[str]:
        return {section.id for section in self.library.sections()}


def _replaced(pairs: Iterator[Pair], changed: dict[str, Pair], removed: set[str]) -> Iterator[Pair]:
    for pair in pairs:
        if pair.id not in removed:
            yield changed.pop(pair.id, pair)
    yield from changed.values()


def _matches(pair: Pair, wanted: Wanted, there: set[str]) -> bool:
    for name in ("document_id", "section_id", "kind", "status", "split", "test_set", "language"):
        value = getattr(wanted, name)
        if value and getattr(pair, name) != value:
            return False
    if wanted.reason and pair.reason.split(":")[0] != wanted.reason:
        return False
    if wanted.stale and (not pair.section_id or pair.section_id in there or pair.status == "dropped"):
        return False
    said, sought = f"{pair.instruction} {pair.output}", wanted.text.strip()
    # A sign such as £ folds to nothing and is looked for as it stands.
    return key(sought) in key(said) if key(sought) else sought in said


def _recounted(old: DatasetCard, tally: Tally) -> DatasetCard:
    training = max(1, tally.counts["train"])
    shares = {kind: round(number / training, 4) for kind, number in sorted(tally.training.items())}
    return old.model_copy(
        update={
            "fingerprint": tally.fingerprint,
            "counts": tally.counts | {"facts": len(tally.facts)},
            "kinds": tally.kinds,
            "languages": tally.languages,
            "dropped": tally.dropped,
            "settings": old.settings | {"shares": shares},
        }
    )


def _seed(card: DatasetCard) -> int:
    pairs: dict[str, Any] = card.settings.get("pairs", {})
    return int(pairs.get("seed", 0))
