"""The dataset folder: written once with the card last, read as a stream, and every pair as the messages of a chat.

Knows files and formats of rows; knows neither where pairs come from nor how anything is trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from finetune.records import DatasetCard, Pair, Split
from memory.errors import BadDataset
from memory.records import digest
from memory.workspace import KnowledgeBaseFolder, read_lines, write_json
from retrieval.records import Language

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

SPLITS: tuple[Split, ...] = ("train", "dev", "test")
CARD = "card.json"
PAIRS = "pairs.jsonl"
CONTEXT_KINDS = frozenset({"context", "refusal", "reading"})
"""Kinds whose `input` is packed evidence: they are asked with the prompt of a grounded answer."""
GENERAL_KINDS = frozenset({"replay", "reading"})
"""Kinds of rows that are about none of the documents: they keep up how a model talks and reads."""


@dataclass(frozen=True)
class Dataset:
    """A complete dataset on disk."""

    folder: Path
    card: DatasetCard

    @property
    def id(self) -> str:
        """The dataset's id, which is its folder's name."""
        return self.card.id

    def pairs(self, split: Split | None = None, *, dropped: bool = False) -> Iterator[Pair]:
        """The pairs in document order, of one split or of all; without the dropped ones unless asked for."""
        for pair in read_pairs(self.folder / PAIRS):
            if (split is None or pair.split == split) and (dropped or pair.status != "dropped"):
                yield pair


def read(folder: Path) -> Dataset:
    """The dataset in `folder`; BadDataset when there is none or its build has not finished."""
    path = folder / CARD
    if not path.is_file():
        raise BadDataset(
            f"{folder.name} is not a finished dataset.", "Finish it with: docgraft pairs build, or choose another."
        )
    try:
        return Dataset(folder, DatasetCard.model_validate_json(path.read_text(encoding="utf-8")))
    except ValidationError as cause:
        raise BadDataset(f"{path} does not read: {cause.errors()[0]['msg']}.", "Build the dataset again.") from cause


def every(kb: KnowledgeBaseFolder) -> list[Dataset]:
    """The finished datasets of a knowledge base, newest first."""
    if not kb.datasets.is_dir():
        return []
    found = [read(folder) for folder in kb.datasets.iterdir() if (folder / CARD).is_file()]
    return sorted(found, key=lambda dataset: (dataset.card.created, dataset.id), reverse=True)


def read_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of a pairs.jsonl, one at a time; BadDataset names the row that is wrong."""
    for number, row in enumerate(read_lines(path), 1):
        try:
            yield Pair.model_validate(row)
        except ValidationError as cause:
            first = cause.errors()[0]
            raise BadDataset(first["msg"] + ".", row=number, field=str(first["loc"][0])) from cause


def write(folder: Path, pairs: Iterable[Pair], card: Callable[[Tally], DatasetCard], *, seed: int = 0) -> Dataset:
    """Write every file of a dataset, the card last; `card` makes it from what was counted on the way.

    pairs.jsonl keeps the order given; train.json, dev.json and test.json are plain Alpaca in an order shuffled by
    `seed`, without dropped pairs. Each file is replaced whole. Memory does not grow with the rows' text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    with replacing(folder / PAIRS) as file:
        for pair in pairs:
            offset = file.tell()
            file.write(pair.model_dump_json().encode() + b"\n")
            tally.add(pair, offset)
    for split in SPLITS:
        _write_alpaca(folder, split, tally, seed)
    made = card(tally)
    write_json(folder / CARD, made.model_dump(mode="json"))
    return Dataset(folder, made)


class Tally:
    """What is counted while pairs pass by: totals per split, set, kind, language and reason, and the fingerprint."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {"train": 0, "dev": 0, "test": 0, "dropped": 0}
        self.kinds: dict[str, int] = {}
        self.languages: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.training: dict[str, int] = {}
        """Kinds of the training rows."""
        self.facts: set[str] = set()
        """Facts that are trained."""
        self.places: dict[str, list[tuple[str, int]]] = {split: [] for split in SPLITS}
        self._hash = hashlib.sha256()

    def add(self, pair: Pair, offset: int = 0) -> None:
        """Count one pair that stands at `offset` of pairs.jsonl."""
        if pair.status == "dropped":
            self.counts["dropped"] += 1
            _more(self.dropped, pair.reason.split(":")[0] or "dropped")
            return
        self.counts[pair.split] += 1
        if pair.test_set:
            _more(self.counts, pair.test_set)
        _more(self.kinds, pair.kind)
        _more(self.languages, pair.language)
        if pair.split == "train":
            _more(self.training, pair.kind)
            self.facts.update([pair.fact_id] if pair.fact_id else [])
        self.places[pair.split].append((pair.id, offset))
        self._hash.update(_identity(pair))

    @property
    def fingerprint(self) -> str:
        """Hash over every kept row of every split, in order."""
        return self._hash.hexdigest()[:32]


def fingerprint(pairs: Iterable[Pair]) -> str:
    """Hash over every kept pair: text, history, split and set. Dropped pairs do not count."""
    tally = Tally()
    for pair in pairs:
        tally.add(pair)
    return tally.fingerprint


def alpaca(pair: Pair) -> dict[str, Any]:
    """The plain row that any trainer loads; `history` (earlier turns) only where there is one."""
    row: dict[str, Any] = {"instruction": pair.instruction, "input": pair.input, "output": pair.output}
    return row | {"history": [list(turn) for turn in pair.history]} if pair.history else row


def messages(pair: Pair) -> list[BaseMessage]:
    """The prompt of a pair exactly as the chat and the comparison ask it; the answer is `pair.output`.

    Rows with context: the grounded prompt over the packed evidence in `input`. Others: the closed-book prompt, with
    earlier turns between the system text and the question; an `input` stands under the instruction.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    from retrieval.packing import Packed
    from retrieval.prompts import chat_messages, closed_book_messages

    language = cast(Language, pair.language)
    if pair.kind in CONTEXT_KINDS:
        packed = Packed(passages=(), text=pair.input, tokens=0, left_out=0)
        prompt = chat_messages(pair.instruction, packed, language=language)
    else:
        question = f"{pair.instruction}\n{pair.input}" if pair.input else pair.instruction
        prompt = closed_book_messages(question, language)
    turns: list[BaseMessage] = []
    for user, assistant in pair.history:
        turns += [HumanMessage(user), AIMessage(assistant)]
    return [*prompt[:-1], *turns, prompt[-1]]


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when the block ends well."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _write_alpaca(folder: Path, split: Split, tally: Tally, seed: int) -> None:
    """One split as a JSON array, shuffled so that wordings of one fact lie apart."""
    order = sorted(tally.places[split], key=lambda place: digest(str(seed), place[0]))
    with ExitStack() as stack:
        source = stack.enter_context((folder / PAIRS).open("rb"))
        file = stack.enter_context(replacing(folder / f"{split}.json"))
        file.write(b"[")
        for number, (_, offset) in enumerate(order):
            source.seek(offset)
            row = alpaca(Pair.model_validate_json(source.readline()))
            file.write((b",\n" if number else b"\n") + json.dumps(row, ensure_ascii=False).encode())
        file.write(b"\n]\n")


def _identity(pair: Pair) -> bytes:
    parts = (pair.instruction, pair.input, pair.output, json.dumps(pair.history), pair.split, str(pair.test_set))
    return digest(*parts, pair.language, pair.kind, length=32).encode()


def _more(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1
