"""What a comparison keeps: every answer with its marks, a summary per arm, and the card. Plain values."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from finetune.evaluation.judges import Calibration, JudgedPair
from finetune.evaluation.marks import Marks
from finetune.evaluation.statistics import Difference
from finetune.records import Arm, Question, Verdict
from memory.records import Record


class ArmAnswer(Record):
    """One line of answers.jsonl: what one arm said to one question, and its marks."""

    arm: str
    question: Question
    text: str
    abstained: bool
    correct: bool | None
    """None without a reference. For questions that the documents do not answer, correct means abstained."""
    marks: Marks | None = None
    """None without a reference to mark against."""
    similarity: float | None = None
    """Cosine of answer and reference by the multilingual embedder. Blind to wrong numbers: never the gate."""
    supported: bool | None = None
    """Whether every number, name and quote of the answer stands in its evidence; None without evidence."""
    sections: tuple[str, ...] = ()
    """Sections it was given."""
    cited: tuple[str, ...] = ()
    """Sections it cited."""
    quotes: tuple[str, ...] = ()
    """What its citations point to, each with number, document and section."""
    at_hand: bool | None = None
    """Whether the evidence that it was shown holds the expected answer; None without evidence or expectation."""
    cut_off: bool = False
    seconds: float = 0.0
    """Its share of its batch."""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    memory: int = 0
    """Bytes that this process held after its batch; of a model on a server nothing is known."""


class Share(Record):
    """A count out of a total with Wilson's 95 % interval."""

    correct: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """0 when there are no questions."""
        return self.correct / self.n if self.n else 0.0


class ArmSummary(Record):
    """One arm over all questions."""

    arm: str
    answerable: Share
    """Right answers to what the documents answer, in wordings and about passages that training never saw."""
    wrongly_abstained: Share
    unanswerable: Share
    """Questions that the documents do not answer, and how many of them it declined."""
    general: Share
    """Questions about the world and about form: the forgetting gauge."""
    buckets: dict[str, Share]
    """`set: …`, `kind: …`, `language: …`, `base: known|unknown` → share of answerable questions."""
    exact: float = 0.0
    f1: float = 0.0
    f1_characters: float = 0.0
    rouge1: float = 0.0
    rouge2: float = 0.0
    rouge_l: float = 0.0
    similarity: float | None = None
    supported: Share | None = None
    at_hand: Share | None = None
    """For how many of the answerable questions its evidence held the expected answer; None where it was shown none."""
    length: float = 0.0
    drift: int = 0
    """Simplified characters in answers that should be Traditional."""
    cut_off: int = 0
    seconds: float = 0.0
    """Per answer, mean."""
    prompt_tokens: float = 0.0
    answer_tokens: float = 0.0
    memory: int = 0
    """Bytes that this process held at most while the arm answered."""
    failed: str = ""
    """Why the arm did not finish; a failed arm is never scored."""


class Economics(Record):
    """What each way of answering costs. Seconds on this machine; money only where settings give a price."""

    training_seconds: float = 0.0
    answer_seconds: dict[str, float] = Field(default_factory=dict)
    answer_tokens: dict[str, float] = Field(default_factory=dict)
    """Arm → tokens in and out per answer."""
    money_per_answer: dict[str, float] = Field(default_factory=dict)
    currency: str = ""
    break_even: int | None = None
    """Questions after which the time spent on training is earned back by shorter answers; None: never."""
    refresh_seconds: dict[str, float] = Field(default_factory=dict)
    """What one changed document costs: "rag" re-indexing, "tuned" training again."""


class JudgeReport(Record):
    """What a model said about pairs of answers, and how far it can be trusted."""

    calibration: Calibration
    pairs: tuple[JudgedPair, ...] = ()
    """Empty when it is not good enough to be used."""
    failed: str = ""
    """Why it said nothing."""


class ComparisonCard(Record):
    """A finished comparison; written last, so that its presence means that the comparison is complete."""

    id: str
    kb: str
    created: str
    arms: tuple[Arm, ...]
    settings: dict[str, Any]
    """Everything that decided the answers: model and fingerprint, adapter, decoding, evidence plan, index revision."""
    questions: int
    questions_fingerprint: str
    summaries: tuple[ArmSummary, ...]
    differences: tuple[Difference, ...]
    """Those that the verdict rests on."""
    further: tuple[Difference, ...] = ()
    """Beside the verdict: against the control, the ceiling, other adapters and other models."""
    judge: JudgeReport | None = None
    verdict: Verdict
    economics: Economics
    tokenizer: str
    """What ROUGE and F1 count."""
    seconds: float
    versions: dict[str, str] = Field(default_factory=dict)
    language: str = "en"
    """Of verdict and reasons."""
    repeats: str = ""
    """The comparison that this one repeats."""
