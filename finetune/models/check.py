"""How well a chat model reads: built-in questions in English and Traditional Chinese, the answer given or not.

Knows LangChain's chat model and the prompt that chat uses. The questions are invented; no model has seen them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from finetune.evaluation.marks import contains, correct
from finetune.models.catalog import Entry, recommend
from memory.errors import BackendFailed
from memory.records import Record, digest, now
from memory.workspace import Workspace, write_json
from retrieval.chunking import units
from retrieval.packing import LARGE, SMALL, Count, EvidencePlan, estimate, evidence
from retrieval.prompts import chat_messages
from retrieval.records import Block, Evidence, Hit, Language, Section
from retrieval.refusal import refuses

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

READS = 0.5
"""Share of right answers from which a model is said to read a language."""
READS_WELL = 0.9
"""Share from which it is given whole sections instead of short pieces. These questions are easier than people's: the
embedded model answers three quarters of them, and still reads three lines better than eight or a section."""
SHIPPED = "reading.json"
_SHOWN = 3
"""Passages of every question; one of them answers it, or none."""
_TIMED = 3
"""Questions that are also timed, one at a time."""
_STEP = 16
_LANGUAGES = {"en": ("English", "英文"), "zh-Hant": ("Chinese", "中文")}


class ReadingQuestion(Record):
    """A question on one passage of an invented document."""

    id: str
    language: Language
    document: str
    question: str
    answer: str
    accept: tuple[str, ...]
    gold: int
    """Which passage answers it."""
    passages: tuple[tuple[str, str], ...]
    """(heading, text) of the document's passages."""


class LanguageReading(Record):
    """The result in one language."""

    language: Language
    asked: int
    right: int
    """Answered rightly with the answering passage given among others."""
    refused: int
    """Honestly refused when the answering passage was left out."""
    wrongly_refused: int
    """Refused although the answer was given."""

    @property
    def share(self) -> float:
        """Share of right answers."""
        return self.right / self.asked if self.asked else 0.0


class Reading(Record):
    """The result of one model's reading check."""

    model: str
    identity: str
    """What was checked: fingerprints of base and adapter, or provider, address and name."""
    plan: EvidencePlan
    languages: tuple[LanguageReading, ...]
    first_token_seconds: float
    """Median of a few questions asked one at a time, the model being loaded."""
    tokens_per_second: float
    memory: int
    """Bytes that this process held during the check; 0 for a model on a server."""
    seconds: float
    checked: str

    def of(self, language: str) -> LanguageReading | None:
        """The result in one language, if it was asked."""
        return next((found for found in self.languages if found.language == language), None)


@cache
def questions() -> tuple[ReadingQuestion, ...]:
    """The built-in questions: 40 in English, 40 in Traditional Chinese."""
    found = []
    lines = resources.files("finetune.models").joinpath("reading.jsonl").read_text(encoding="utf-8").splitlines()
    for number, values in enumerate(map(json.loads, lines)):
        passages = tuple((passage["heading"], passage["text"]) for passage in values["passages"])
        for position, asked in enumerate(values["questions"]):
            found.append(
                ReadingQuestion(
                    id=f"{values['language']}-{number}-{position}",
                    language=values["language"],
                    document=values["document"],
                    question=asked["question"],
                    answer=asked["answer"],
                    accept=tuple(asked["accept"]),
                    gold=asked["passage"],
                    passages=passages,
                )
            )
    return tuple(found)


def check(
    model: BaseChatModel,
    name: str,
    *,
    identity: str = "",
    plan: EvidencePlan = LARGE,
    progress: Callable[[int, int], None] | None = None,
    stopping: Callable[[], bool] | None = None,
    asked: Sequence[ReadingQuestion] | None = None,
) -> Reading:
    """Ask a model every question twice and time it. `progress(done, all)`; BackendFailed when `stopping` ends it."""
    started = time.monotonic()
    asked = questions() if asked is None else asked
    count: Count = getattr(model, "count", estimate)
    prompts = [messages(question, plan, count, given=given) for question in asked for given in (True, False)]
    answers: list[str] = []
    for begin in range(0, len(prompts), _STEP):
        if stopping and stopping():
            raise BackendFailed("The reading check was stopped.", "Nothing was kept; start it again when you like.")
        answers += _answers(model, prompts[begin : begin + _STEP])
        if progress:
            progress(len(answers), len(prompts))
    first, speed = _timed(model, prompts[:: max(1, len(prompts) // _TIMED)][:_TIMED])
    return Reading(
        model=name,
        identity=identity or identity_of(model, name),
        plan=plan,
        languages=_marked(asked, answers),
        first_token_seconds=first,
        tokens_per_second=speed,
        memory=_memory() if hasattr(model, "batch_answer") else 0,
        seconds=time.monotonic() - started,
        checked=now(),
    )


def messages(question: ReadingQuestion, plan: EvidencePlan, count: Count, *, given: bool) -> list[BaseMessage]:
    """The prompt of one question: its passage among two others of the document in turn, or three others."""
    others = [position for position in range(len(question.passages)) if position != question.gold]
    turn = int(digest(question.id), 16) % len(others)
    others = others[turn:] + others[:turn]
    shown = others[:_SHOWN]
    if given:
        shown = others[: _SHOWN - 1]
        shown.insert(turn % _SHOWN, question.gold)
    hits = [_hit(question, position, rank) for rank, position in enumerate(shown)]
    packed = evidence(hits, plan, count=count)
    return chat_messages(question.question, packed, language=question.language, plan=plan)


def identity_of(model: BaseChatModel, name: str) -> str:
    """What a model is: fingerprints of base and adapter when it is local, else its name."""
    from finetune.models.fingerprints import fingerprint
    from finetune.models.local import LocalChatModel

    if not isinstance(model, LocalChatModel):
        return name
    adapter = model.adapter
    weights = (adapter / "adapter_model.safetensors").read_bytes() if adapter else b""
    return fingerprint(model.path) + (f"+{digest(weights)}" if adapter else "")


def keep(reading: Reading, workspace: Workspace) -> None:
    """Write a result down; a later one of the same model replaces it."""
    write_json(workspace.reading(digest(reading.identity)), reading.model_dump(mode="json"))


def kept(identity: str, workspace: Workspace) -> Reading | None:
    """The kept result of this very model, if it was ever checked."""
    path = workspace.reading(digest(identity))
    if path.is_file():
        return Reading.model_validate_json(path.read_bytes())
    return next((found for found in _shipped() if found.identity == identity), None)


@cache
def _shipped() -> tuple[Reading, ...]:
    """The results that come with the product: of the models that its skills are folded into."""
    files = sorted(Path(str(resources.files("finetune.skills"))).glob(f"*/{SHIPPED}"))
    return tuple(Reading.model_validate_json(file.read_bytes()) for file in files)


def reads(reading: Reading | None, language: str) -> bool | None:
    """Whether the model reads a language; None when that was not checked."""
    found = reading.of(language) if reading else None
    return found.share >= READS if found else None


def plan_for(reading: Reading) -> EvidencePlan:
    """How much evidence a checked model gets: short pieces unless it reads some language well."""
    return LARGE if max((found.share for found in reading.languages), default=0) >= READS_WELL else SMALL


def sentence(found: LanguageReading, *, chinese: bool = False) -> str:
    """The result in one language in words, in English or Traditional Chinese."""
    english, zh = _LANGUAGES.get(found.language, (found.language, found.language))
    if chinese:
        return (
            f"這個模型讀{zh}，{found.asked} 題答對 {found.right} 題；"
            f"文件裡沒有答案時，{found.asked} 題中有 {found.refused} 題老實說沒有。"
        )
    return (
        f"This model reads {found.right} of {found.asked} in {english}, and says so honestly in {found.refused} of "
        f"{found.asked} when the answer is not there."
    )


def alternatives(reading: Reading, languages: Sequence[str], memory: int) -> tuple[Entry, ...]:
    """Open models that fit `memory` bytes, when the checked one does not read one of the documents' languages."""
    weak = [language for language in languages if reads(reading, language) is False]
    return recommend(languages, memory) if weak else ()


def _hit(question: ReadingQuestion, position: int, rank: int) -> Hit:
    heading, text = question.passages[position]
    section = Section(
        id=digest(question.document, heading, text),
        document_id=digest(question.document),
        document=question.document,
        ordinal=position,
        heading_path=(heading,),
        start=0,
        end=len(text),
        text=text,
        language=question.language,
        blocks=(Block(kind="paragraph", start=0, end=len(text)),),
    )
    pieces = []
    for number, unit in enumerate(units(section)):
        # Whatever form the evidence takes, a piece that answers is among the pieces shown.
        answers = any(contains(unit.text, variant) for variant in (question.answer, *question.accept))
        pieces.append(Evidence(unit=unit, score=1.0 - (0 if answers else number / 10) - rank / 100))
    score = 1.0 - rank / 10
    return Hit(section=section, document=question.document, chunk_id="", score=score, evidence=tuple(pieces))


def _answers(model: Any, prompts: list[list[BaseMessage]]) -> list[str]:
    if hasattr(model, "batch_answer"):
        short = model.model_copy(update={"max_new_tokens": min(64, model.max_new_tokens)})
        return [done.text for done in short.batch_answer(prompts)]
    replies = cast("BaseChatModel", model).batch(list(prompts), config={"max_concurrency": 4})
    return [str(reply.text) for reply in replies]


def _timed(model: BaseChatModel, prompts: Sequence[list[BaseMessage]]) -> tuple[float, float]:
    """(median seconds to the first token, tokens per second after it)."""
    firsts, tokens, spent = [], 0, 0.0
    for prompt in prompts:
        started = time.monotonic()
        first, made = 0.0, 0
        for chunk in model.stream(prompt):
            first = first or (time.monotonic() - started if chunk.content else 0.0)
            usage = chunk.usage_metadata
            made = usage["output_tokens"] if usage else made
        firsts.append(first)
        tokens += max(made - 1, 0)
        spent += time.monotonic() - started - first
    return sorted(firsts)[len(firsts) // 2] if firsts else 0.0, tokens / spent if spent else 0.0


def _marked(asked: Sequence[ReadingQuestion], answers: Sequence[str]) -> tuple[LanguageReading, ...]:
    pairs = list(zip(asked, _couples(answers), strict=True))
    found = []
    for language in dict.fromkeys(question.language for question in asked):
        mine = [(question, couple) for question, couple in pairs if question.language == language]
        found.append(
            LanguageReading(
                language=language,
                asked=len(mine),
                right=sum(_right(question, given) for question, (given, _) in mine),
                refused=sum(refuses(absent) for _, (_, absent) in mine),
                wrongly_refused=sum(refuses(given) for _, (given, _) in mine),
            )
        )
    return tuple(found)


def _right(question: ReadingQuestion, answer: str) -> bool:
    return correct(answer, question.answer, question.accept, question=question.question)


def _couples(answers: Sequence[str]) -> Iterator[tuple[str, str]]:
    return iter(zip(answers[::2], answers[1::2], strict=True))


def _memory() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
