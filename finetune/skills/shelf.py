"""The knowledge bases that a skill is taught and scored with: indexed once in a work folder. Knows no training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from finetune.evaluation.questions import asked, from_file
from finetune.pairs.build import build
from finetune.pairs.settings import PairSettings
from finetune.records import Pair, Question
from finetune.skills.reader import rows
from finetune.skills.written import parse
from memory.workspace import Workspace, write_text
from retrieval.embedders import Embedder, load
from retrieval.library import Library
from retrieval.packing import SMALL, Count
from retrieval.search import Search

QUESTIONS = "questions.jsonl"
NOT_DOCUMENTS = {QUESTIONS, "README.md"}
SETTINGS = PairSettings(forms=2, per_sentence=2, most_facts=160, context=0.0, held_out=0.0)
"""How our own pairs are made for the reader: few wordings of many facts."""
MADE = frozenset({"closed_book", "list"})


class Shelf:
    """Folders of documents with their questions.jsonl or none, and documents with questions written in (written.py)."""

    def __init__(self, workspace: Workspace, folders: Sequence[Path], embedder: Embedder | None = None) -> None:
        self.workspace = workspace
        self.folders = {folder.stem: folder for folder in folders}
        self.embedder = embedder or load("e5")
        self._open: dict[str, tuple[Library, Search]] = {}

    def open(self, name: str) -> tuple[Library, Search]:
        """A knowledge base, its documents added when they are not yet."""
        if name not in self._open:
            library = Library(self.workspace.base(name), self.embedder)
            library.add(self._documents(name))
            self._open[name] = library, Search(library, self.embedder)
        return self._open[name]

    def _documents(self, name: str) -> list[Path]:
        place = self.folders[name]
        if place.is_dir():
            return [f for f in sorted(place.iterdir()) if f.is_file() and f.name not in NOT_DOCUMENTS]
        document = self.workspace.root / "written" / place.name
        write_text(document, parse(place)[0])
        return [document]

    def questions(self, name: str) -> list[Question]:
        """Its questions; none where it has no file of them."""
        if self.folders[name].is_file():
            return parse(self.folders[name])[1]
        path = self.folders[name] / QUESTIONS
        return from_file(path) if path.is_file() else []

    def language(self, name: str) -> str:
        """ "zh" when its questions are Chinese, else "en"."""
        questions = self.questions(name)
        return "zh" if questions and questions[0].language.startswith("zh") else "en"

    def rows(self, name: str, count: Count, *, epochs: float, seed: int, names: Sequence[str]) -> Iterator[Pair]:
        """Rows about its documents: evidence for each question `epochs` times, other evidence each time.

        Where it has no questions, our own stand in.
        """
        library, search = self.open(name)
        made, given = self.made(name, seed=seed), self.questions(name)
        yield from rows(
            library,
            search,
            given or made,
            more=made if given else (),
            plan=SMALL,
            count=count,
            epochs=epochs,
            seed=seed,
            names=names,
        )

    def made(self, name: str, *, seed: int) -> list[Question]:
        """Our own pairs of its documents as questions."""
        library, search = self.open(name)
        dataset = build(library, search, SETTINGS.model_copy(update={"seed": seed}), id="reader")
        assert dataset is not None  # Nobody pauses it.
        return [
            asked(pair, "made")
            for pair in dataset.pairs("train")
            if pair.kind in MADE and pair.quote and not pair.history
        ]
