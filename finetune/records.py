"""Pairs, datasets, training and evaluation as plain values. No behaviour, no libraries."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from memory.records import Record

Split = Literal["train", "dev", "test"]
TestSet = Literal["unseen_wording", "unseen_section", "unanswerable", "general"]
PairStatus = Literal["kept", "dropped", "edited", "approved"]
Effort = Literal["quick", "balanced", "thorough"]
RunState = Literal["queued", "starting", "running", "stopping", "completed", "stopped", "failed"]
ArmName = Literal["base", "rag", "tuned", "both", "oracle", "control"]


class Fact(Record):
    """One statement of a section that can be asked about, with the exact characters that state it."""

    id: str
    section_id: str
    kind: str
    """sentence, passage, cell, keyvalue, item, list, qa, number, time, date, percent, amount, code, name, quoted,
    phrase."""
    about: str
    """What it is about: the row name, the defined term, the key, the heading."""
    attribute: str = ""
    """Which property of it: the column name, the key."""
    start: int
    end: int
    value: str
    """The answer span: `document.text[start:end]`."""
    statement: str
    """The whole sentence or rendered row that holds it."""
    statement_start: int
    statement_end: int
    language: str


class Pair(Record):
    """One row of a dataset: plain Alpaca fields, and everything needed to check it."""

    id: str
    instruction: str
    input: str = ""
    output: str
    history: tuple[tuple[str, str], ...] = ()
    """Earlier turns, (user, assistant)."""
    kind: str = "closed_book"
    """closed_book, context, refusal, replay, reading, follow_up, list, comparison, reversed, imported."""
    fact_id: str = ""
    section_id: str = ""
    document_id: str = ""
    chunk_ids: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    """Offsets of the evidence in the document's stored text; 0, 0 when there is none."""
    quote: str = ""
    """`document.text[start:end]`."""
    accept: tuple[str, ...] = ()
    """Accepted variants of the output when it is marked."""
    maker: str = ""
    """The generator or model that wrote the question."""
    family: str = ""
    """Question family; families of the unseen-wording test never occur in training."""
    language: str = "en"
    split: Split = "train"
    test_set: TestSet | None = None
    status: PairStatus = "kept"
    reason: str = ""
    """Why it was dropped or flagged."""


class DatasetCard(Record):
    """What a dataset holds; written last, so that its presence means the dataset is complete."""

    id: str
    kb: str
    created: str
    fingerprint: str
    """Hash over every row of every split."""
    counts: dict[str, int]
    """train, dev, test, dropped, and one entry per test set."""
    kinds: dict[str, int]
    languages: dict[str, int]
    dropped: dict[str, int]
    """Reason → count."""
    coverage: dict[str, Any]
    """Per document: sections, sections with facts, facts, and why sections have none."""
    settings: dict[str, Any]
    leaks: dict[str, Any]
    chunk_hashes: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)


class TrainingSpec(Record):
    """Everything that decides a training run. Field docstrings are the page's help texts."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    engine: str = "trl"
    """Training engine."""
    base: str
    """Base model: a catalog name, Hub id or folder."""
    dataset: str
    """Dataset id."""
    effort: Effort = "balanced"
    """The one dial: quick, balanced or thorough."""
    method: Literal["lora", "qlora"] = "lora"
    """QLoRA holds the base in 4 bits while training."""
    bits: Literal[4, 8, 16, 32] = 32
    """Bits of the frozen base weights."""
    rank: int = Field(16, ge=1, le=512)
    """LoRA rank: how much the adapter can store."""
    alpha: int = Field(32, ge=1)
    """LoRA scale; usually twice the rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of adapter inputs dropped while training."""
    targets: tuple[str, ...] = ("all-linear",)
    """Which linear layers get an adapter."""
    dora: bool = False
    """Weight-decomposed LoRA."""
    rslora: bool = False
    """Scale by the square root of the rank."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """How the learning rate falls."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of steps that warm up."""
    epochs: float = Field(4, gt=0)
    """Passes over the rows, at most: the best checkpoint is kept."""
    max_steps: int = -1
    """Stop after this many steps; -1 follows the epochs."""
    batch: int = Field(8, ge=1)
    """Rows per device and step."""
    accumulation: int = Field(1, ge=1)
    """Steps gathered before each update."""
    max_length: int = Field(512, ge=16)
    """Longest row in tokens; longer rows are counted and refused unless truncation is allowed."""
    truncate: bool = False
    """Cut rows that are too long instead of refusing them."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradient clipping."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW weight decay."""
    seed: int = 0
    """Seed of everything random."""
    devices: int = Field(1, ge=1)
    """Processes that train together through accelerate."""
    patience: int = Field(2, ge=1)
    """Epochs without a better score before stopping early."""
    evaluate: bool = True
    """Ask unseen wordings, general questions and refusals every epoch."""


class Event(Record):
    """One line of events.jsonl."""

    time: str
    kind: str
    """started, probe, step, evaluation, checkpoint, warning, saved, verified, completed, stopped, failed."""
    step: int = 0
    epoch: float = 0.0
    values: dict[str, Any] = Field(default_factory=dict)
    message: str = ""
    notice: str = ""
    """Id of the message in finetune.notices, with its values among `values`; "" for words that have none."""


class Run(Record):
    """A training run as its folder and its process together say."""

    id: str
    kb: str
    state: RunState
    spec: TrainingSpec
    created: str
    pid: int | None = None
    step: int = 0
    steps: int = 0
    message: str = ""
    notice: str = ""
    """Id of the message in finetune.notices; "" for words that have none."""
    values: dict[str, Any] = Field(default_factory=dict)
    """What the notice names."""
    adapter: str | None = None


class AdapterCard(Record):
    """What an adapter was trained on and for; opening one checks all of it."""

    id: str
    """The run's id."""
    kb: str
    base: str
    base_fingerprint: str
    """Hash of the base's config and weights."""
    template_fingerprint: str
    """Hash of the chat template and the system text."""
    system: str
    dataset: str
    dataset_fingerprint: str
    chunk_hashes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """Of the training rows."""
    spec: TrainingSpec
    tensors: int
    """How many tensors the file must hold."""
    bytes: int
    scores: dict[str, float] = Field(default_factory=dict)
    effect: float = 0.0
    """Largest logit difference to the base on the probe prompts; 0 means that it has no effect."""
    licence: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""

    @property
    def called(self) -> str:
        """What people tell it from others by: its engine, the end of its dataset's id, and when it was made."""
        return " · ".join((self.spec.engine, self.dataset[-6:], self.created[:16].replace("T", " ")))


class Question(Record):
    """One question of a comparison."""

    id: str
    question: str
    answer: str | None
    """None: the documents do not say."""
    accept: tuple[str, ...] = ()
    kind: str = "lookup"
    language: str = "en"
    history: tuple[tuple[str, str], ...] = ()
    section_id: str = ""
    """The cluster for resampling; the question's own id when unknown."""
    test_set: str = ""
    evidence: str = ""
    """The gold passage for the oracle arm."""


class Arm(Record):
    """One way of answering."""

    name: str
    retrieval: bool
    adapter: str | None = None
    called: str = ""
    """What people tell the adapter from others by."""
    model: str = ""
    oracle: bool = False


class Verdict(Record):
    """What the numbers say, as a pure function of them."""

    winner: Literal["rag", "tuned", "both", "base", "undecided"]
    sentence: str
    """One sentence a manager understands."""
    reasons: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    needed: int | None = None
    """How many more questions would settle it; None when settled."""
