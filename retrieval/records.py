"""What documents are made of, and what a search and an answer give back. Plain values; no behaviour."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memory.records import Record

BlockKind = Literal["heading", "paragraph", "list", "table", "keyvalue", "qa", "code"]
Language = Literal["en", "zh-Hant", "zh-Hans", "other"]
FileStatus = Literal["added", "updated", "unchanged", "duplicate", "skipped", "failed"]


class Span(Record):
    """A half-open range of characters in a document's stored text: `text == document.text[start:end]`."""

    start: int
    end: int
    text: str


class Block(Record):
    """One structural piece of a document, with offsets into the stored text."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    """Heading level, 1 to 6; list nesting depth; else 0."""
    page: int | None = None
    """Page, slide or sheet number, from 1."""
    header: tuple[str, ...] = ()
    """Column names of a table; () when it has none."""
    rows: tuple[tuple[Span, ...], ...] = ()
    """Table rows as cells; list items as one-cell rows; key–value and question–answer blocks as two-cell rows."""
    lead: Span | None = None
    """The sentence that introduces a list or table."""


class Note(Record):
    """Something counted while reading a file: what was cut, repaired, unreadable or only worth saying."""

    kind: str
    """A stable word: encoding, undecodable, scanned_pages, truncated, hidden_text, private_use, columns, …"""
    count: int = 1
    detail: str = ""
    """A sentence for the user."""


class Parsed(Record):
    """What a loader makes of one file."""

    name: str
    format: str
    """The family that read it: txt, md, pdf, docx, pptx, xlsx, csv, html, epub, json."""
    text: str
    """The stored text, NFC, lines ended by \\n. Every offset in Docgraft refers to it."""
    blocks: tuple[Block, ...]
    title: str = ""
    encoding: str = ""
    """The encoding a text file was decoded with; empty for binary formats."""
    pages: int = 0
    metadata: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)
    notes: tuple[Note, ...] = ()


class Document(Record):
    """A document of a knowledge base."""

    id: str
    """Hash of the bytes."""
    name: str
    """What the user calls it: the file name, relative path or web address. The source it is updated under."""
    title: str
    format: str
    encoding: str
    language: Language
    text: str
    pages: int
    size: int
    """Bytes as added."""
    chunks: int
    added: str
    notes: tuple[Note, ...] = ()
    metadata: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)


class Section(Record):
    """Heading path + text + offsets: the unit of train/test splitting."""

    id: str
    """Hash of source name, heading path and text, so an unchanged section keeps its id when its file is updated."""
    document_id: str
    document: str
    """The document's name."""
    ordinal: int
    heading_path: tuple[str, ...]
    start: int
    end: int
    text: str
    language: Language
    pages: tuple[int, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def heading(self) -> str:
        """The heading path in one line."""
        return " > ".join(self.heading_path)


class Unit(Record):
    """The smallest piece that can be quoted: a sentence, table row, list item, key–value line or question–answer."""

    section_id: str
    ordinal: int
    kind: Literal["sentence", "row", "item", "keyvalue", "qa", "heading"]
    start: int
    end: int
    text: str
    """The verbatim characters of the stored text."""
    rendered: str
    """What is embedded and shown: a row as "column: cell; column: cell", an item with its lead-in, else the text."""


class Chunk(Record):
    """A piece of a section that fits the embedder."""

    id: str
    section_id: str
    document_id: str
    ordinal: int
    start: int
    end: int
    text: str
    """Body; verbatim but for a table's header line repeated in front of a continued table."""
    tokens: int
    """By the embedder's own tokenizer, heading path included."""


class Evidence(Record):
    """One unit that supports a hit, with its score for the question."""

    unit: Unit
    score: float


class Hit(Record):
    """One section that a search found, best evidence first."""

    section: Section
    document: str
    """The document's name."""
    chunk_id: str
    score: float
    """Fused; comparable within one search only."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Per leg: keyword, section, sentence, bare, rerank."""
    evidence: tuple[Evidence, ...] = ()


class SearchResult(Record):
    """Hits in order, and whether they are good enough to answer from."""

    question: str
    """As searched, after rewriting."""
    hits: tuple[Hit, ...]
    relevance: float
    """Calibrated, 0 to 1: how likely it is that the documents hold the answer."""
    floor: float
    """Below this relevance the answer is "not in your documents"."""
    documents: int
    """How many documents were searched."""
    seconds: float = 0.0

    @property
    def relevant(self) -> bool:
        """Whether the evidence reaches the floor."""
        return bool(self.hits) and self.relevance >= self.floor


class Citation(Record):
    """A numbered pointer from an answer to a passage."""

    number: int
    document: str
    document_id: str
    section: str
    section_id: str
    page: int | None
    start: int
    end: int
    quote: str
    """Verbatim: `document.text[start:end]`."""


class Mark(Record):
    """A number, name or quote of the answer that no passage supports: offsets into the answer's text."""

    start: int
    end: int
    text: str
    reason: str


class Answer(Record):
    """A finished answer. `hits` are what it was given; `citations` what it used."""

    text: str
    citations: tuple[Citation, ...] = ()
    quote: Citation | None = None
    """The best quoted evidence, shown with every grounded answer even when the model reads badly."""
    marks: tuple[Mark, ...] = ()
    hits: tuple[Hit, ...] = ()
    question: str = ""
    """As searched, after rewriting."""
    abstained: bool = False
    reason: str = ""
    """Why it abstained: empty, below_floor, model_refused, unsupported."""
    stopped: bool = False
    """Stopped by the user: kept, never scored."""
    cut_off: bool = False
    """The token limit ended it."""
    model: str = ""
    adapter: str = ""
    seconds: float = 0.0
    first_token_seconds: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class Upload(Record):
    """A file that came as bytes; its name is only ever shown, never joined to a path."""

    name: str
    data: bytes


class Progress(Record):
    """How far a long piece of index work is."""

    stage: Literal["reading", "embedding", "storing"]
    name: str
    """The document being worked on; empty for all."""
    done: int
    total: int
    """In units of the stage: files for reading, characters for embedding, chunks for storing."""
    seconds_left: float | None = None
    """None until it can be estimated."""


class FileResult(Record):
    """What adding one file came to."""

    name: str
    id: str = ""
    """The document's id; of a duplicate, the one that is kept; empty when the file could not be read."""
    status: FileStatus
    chunks: int = 0
    reason: str = ""
    """Why it was skipped or failed, or what it is a duplicate of."""
    notes: tuple[Note, ...] = ()


class Learned(Record):
    """A dataset or adapter that was made from a document."""

    kind: Literal["dataset", "adapter"]
    id: str
    """The dataset's id; of an adapter, its run's id."""
    pairs: int = 0
    """How many of a dataset's pairs come from the document."""


class Removed(Record):
    """What removing a document took away, and what has learned from it and does not forget by itself."""

    id: str
    name: str
    chunks: int
    learned: tuple[Learned, ...] = ()


class Issue(Record):
    """A disagreement between what a library says and what its stores hold."""

    kind: Literal["unfinished", "vectors_missing", "vectors_surplus", "keyword", "original", "integrity", "index"]
    message: str
    hint: str = ""
    repairable: bool = True


class IndexIdentity(Record):
    """Which embedder built an index."""

    generation: int
    name: str
    fingerprint: str
    dimension: int
    max_tokens: int


class Statistics(Record):
    """How much a library holds."""

    documents: int
    sections: int
    chunks: int
    units: int
    characters: int
    bytes_on_disk: int
    """Library, originals and embedded vectors."""
    index: IndexIdentity | None
    unfinished: int = 0
    """Documents whose adding was interrupted; the next add finishes them."""
