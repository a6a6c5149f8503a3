"""The last pass of a build: copies, conflicts, balance and leaks over all rows, then the dataset with its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from finetune.datasets import CONTEXT_KINDS, Dataset, Tally, write
from finetune.pairs import reading, replay
from finetune.pairs.calls import read_calls
from finetune.pairs.coverage import coverage
from finetune.pairs.duplicates import Seen, key
from finetune.pairs.leaks import report
from finetune.pairs.settings import PairSettings
from finetune.pairs.work import SectionFacts, Work
from finetune.records import DatasetCard, Pair
from memory.errors import BadDataset
from memory.records import digest, now

if TYPE_CHECKING:
    from retrieval.library import Library

LEAST = 40
"""Rows that may share an answer whatever the share says: small sets are not thinned."""
_VERDICTS = ("", "duplicate", "conflict")
_CONFLICT, _LEAK, _GONE = (
    "conflict: another fact answers otherwise",
    "leak: trained word for word",
    "removed: its section is gone",
)
_BALANCE, _REFUSALS = "balance", "balance: enough refusals"

Stage = Callable[[str, int, int], None]


def finish(library: Library, work: Work, settings: PairSettings, model: str, stage: Stage) -> Dataset:
    """Judge the rows as a whole and write the dataset; BadDataset when a test question is trained word for word."""
    there: set[str] = set()
    covered = coverage(_noted(work.facts(), there))
    seen = Seen(work.folder / "seen.db")
    try:
        judged = _Judged(work, seen, settings, there, stage)

        def card(tally: Tally) -> DatasetCard:
            return _card(library, work, settings, model=model, covered=covered, tally=tally, judged=judged)

        dataset = write(work.dataset, judged.rows(), card, seed=settings.seed)
    finally:
        seen.close()
        (work.folder / "seen.db").unlink(missing_ok=True)
    return dataset


def _noted(lines: Iterator[SectionFacts], there: set[str]) -> Iterator[SectionFacts]:
    for line in lines:
        there.add(line.section_id)
        yield line


def unjudged(pair: Pair) -> Pair:
    """A row as it was before the last pass of its build: in a new one it is judged again, among the rows there now."""
    if pair.reason not in (*_VERDICTS[1:], _CONFLICT, _LEAK, _GONE, _BALANCE, _REFUSALS):
        return pair
    return pair.model_copy(update={"status": "kept", "reason": ""})


class _Judged:
    """The rows of a build with the reasons that only show over all of them. Two readings; one byte per row between."""

    def __init__(self, work: Work, seen: Seen, settings: PairSettings, there: set[str], stage: Stage) -> None:
        self.work = work
        self.seen = seen
        self.settings = settings
        self.there = there
        self.stage = stage
        self.verdicts = bytearray()
        self.trained: set[bytes] = set()
        self.languages: set[str] = set()
        self.chunks: dict[str, None] = {}
        self.training = 0
        self.shown: Counter[str] = Counter()

    def rows(self) -> Iterator[Pair]:
        """Every row with its last status, then the general rows."""
        self._compare()
        conflicting = self.seen.conflicts()
        most = max(LEAST, int(self.settings.balance * self.training))
        for number, pair in enumerate(self.work.rows()):
            reason = _CONFLICT if pair.id in conflicting else _VERDICTS[self.verdicts[number]]
            yield self._last(pair, reason, most)
            if number % 500 == 0:
                self.stage("writing", number, len(self.verdicts))
        yield from self._general()

    def _compare(self) -> None:
        for number, pair in enumerate(self.work.rows()):
            verdict = ""
            if pair.status != "dropped" and self._there(pair):
                verdict = self.seen.add(pair)
                self.languages.add(pair.language)
                if pair.split == "train" and not verdict:
                    self.training += 1
                    self.trained.add(_mark(pair))
            self.verdicts.append(_VERDICTS.index(verdict))
            if number % 500 == 0:
                self.stage("checks", number, 0)

    def _last(self, pair: Pair, reason: str, most: int) -> Pair:
        if pair.status == "dropped":
            return pair
        if not self._there(pair):
            reason = _GONE
        elif not reason and pair.split != "train" and _mark(pair) in self.trained:
            reason = _LEAK
        elif not reason and pair.split == "train" and pair.kind not in CONTEXT_KINDS:
            reason = _BALANCE if self.seen.count_answer(pair) > most else ""
        if not reason and pair.family == "far" and pair.split == "train" and not pair.fact_id:
            reason = "" if self._room_for_refusals() else _REFUSALS
        if reason:
            return pair.model_copy(update={"status": "dropped", "reason": reason})
        if pair.split == "train":
            self.shown[pair.kind] += 1
            self.chunks.update(dict.fromkeys(pair.chunk_ids))
        return pair

    def _room_for_refusals(self) -> bool:
        """Questions from far come last: they fill the share of refusals up and do not exceed it."""
        share = self.settings.refusals
        return self.shown["refusal"] * (1 - share) < share * self.shown["context"]

    def _there(self, pair: Pair) -> bool:
        return not pair.section_id or pair.section_id in self.there

    def _general(self) -> Iterator[Pair]:
        yield from replay.beside(self.languages, self.training, self.settings.replay)
        own = self.shown["context"] + self.shown["refusal"]
        yield from reading.beside(self.languages, round(self.settings.reading * own))
        yield from replay.testing(self.languages)


def _mark(pair: Pair) -> bytes:
    return bytes.fromhex(digest(key(pair.instruction), *(t for turn in pair.history for t in turn)))


def _card(
    library: Library,
    work: Work,
    settings: PairSettings,
    *,
    model: str,
    covered: dict[str, object],
    tally: Tally,
    judged: _Judged,
) -> DatasetCard:
    leaks = report(work.dataset)
    if leaks["exact"]:
        raise BadDataset(
            f"{leaks['exact']} test questions are trained word for word.",
            "Drop them or build the dataset again; such a dataset cannot test anything.",
        )
    training = max(1, tally.counts["train"])
    shares = {kind: round(number / training, 4) for kind, number in sorted(tally.training.items())}
    return DatasetCard(
        id=work.dataset.name,
        kb=library.folder.name,
        created=now(),
        fingerprint=tally.fingerprint,
        counts=tally.counts | {"facts": len(tally.facts)},
        kinds=tally.kinds,
        languages=tally.languages,
        dropped=tally.dropped,
        coverage=covered,
        settings={
            "pairs": settings.model_dump(mode="json"),
            "model": model,
            "shares": shares,
            "failed": sum(int(line.get("failed", 0)) for line in work.done().values()),
            "shortfalls": _shortfalls(work),
        },
        leaks=leaks,
        chunk_hashes=tuple(judged.chunks),
        versions=versions(),
    )


def _shortfalls(work: Work) -> list[dict[str, object]]:
    """Sections for which a model gave fewer pairs than asked for, with the last error."""
    causes = {call.section_id: call.error for call in read_calls(work.calls_path) if call.error}
    return [
        {
            "section": s,
            "failed": line.get("failed", 0),
            "short": line.get("short", 0),
            "cause": causes.get(s, "too few good pairs"),
        }
        for s, line in work.done().items()
        if line.get("failed") or line.get("short")
    ]


def versions() -> dict[str, str]:
    """Versions of what decides the pairs."""
    found = {}
    for package in ("docgraft", "jieba", "textblob", "opencc"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "source"
    return found
