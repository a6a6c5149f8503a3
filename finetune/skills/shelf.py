"""The knowledge bases that a skill is taught and scored with: indexed once in a work folder. Knows no training."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from finetune.evaluation.questions import from_file
from finetune.pairs.build import build
from finetune.pairs.settings import PairSettings
from finetune.records import Pair, Question
from finetune.skills.reader import Mix, rows
from memory.records import digest
from memory.workspace import Workspace
from retrieval.embedders import Embedder, load
from retrieval.library import Library
from retrieval.packing import SMALL, Count
from retrieval.search import Search

QUESTIONS = "questions.jsonl"
_NOT_DOCUMENTS = {QUESTIONS, "README.md"}
SETTINGS = PairSettings(forms=2, per_sentence=2, most_facts=160, context=0.6, held_out=0.0)
"""How our own pairs are made for the reader: few wordings of many facts, most of them under evidence."""
SHOWN = frozenset({"context", "refusal"})


class Shelf:
    """Folders of documents, each beside its questions.jsonl, and one folder of samples."""

    def __init__(self, workspace: Workspace, folders: Sequence[Path], embedder: Embedder | None = None) -> None:
        self.workspace = workspace
        self.folders = {folder.name: folder for folder in folders}
        self.embedder = embedder or load("e5")
        self._open: dict[str, tuple[Library, Search]] = {}

    def open(self, name: str) -> tuple[Library, Search]:
        """A knowledge base, its documents added when they are not yet."""
        if name not in self._open:
            library = Library(self.workspace.base(name), self.embedder)
            files = [f for f in sorted(self.folders[name].iterdir()) if f.is_file() and f.name not in _NOT_DOCUMENTS]
            library.add(files)
            self._open[name] = library, Search(library, self.embedder)
        return self._open[name]

    def questions(self, name: str) -> list[Question]:
        """Its questions; none where it has no file of them."""
        path = self.folders[name] / QUESTIONS
        return from_file(path) if path.is_file() else []

    def language(self, name: str) -> str:
        """ "zh" when its questions are Chinese, else "en"."""
        questions = self.questions(name)
        return "zh" if questions and questions[0].language.startswith("zh") else "en"

    def asked(self, name: str, count: Count, *, epochs: int, seed: int, mix: Mix | None = None) -> Iterator[Pair]:
        """Rows of its questions: each `epochs` times, with other evidence each time."""
        library, search = self.open(name)
        yield from rows(
            library, search, self.questions(name), plan=SMALL, count=count, mix=mix, epochs=epochs, seed=seed
        )

    def generated(self, name: str, *, most: int, seed: int) -> list[Pair]:
        """At most `most` rows of our own pairs that show evidence, as many refusals among them as chance gives."""
        library, search = self.open(name)
        dataset = build(library, search, SETTINGS.model_copy(update={"seed": seed}), id="reader")
        assert dataset is not None  # Nobody pauses it.
        found = [pair for pair in dataset.pairs("train") if pair.kind in SHOWN]
        return sorted(found, key=lambda pair: digest(str(seed), pair.id))[:most]


def shuffled(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """All rows in an order that the seed decides."""
    mixed = list(pairs)
    random.Random(seed).shuffle(mixed)
    return mixed
