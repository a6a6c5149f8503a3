"""How one arm answers a batch of questions. Arms with retrieval share the very same hits; none sees a conversation.

Knows models only as something that answers conversations; marks and statistics are elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from itertools import islice
from typing import TYPE_CHECKING, Protocol, cast

from finetune.evaluation.marks import holds
from finetune.models.local import Generated
from finetune.records import Arm, Question
from memory.errors import BackendFailed, DocgraftError
from retrieval.answer import Answerer
from retrieval.looks import Said, Sure, surest
from retrieval.packing import EvidencePlan, Packed
from retrieval.prompts import closed_book_messages
from retrieval.records import Answer, Evidence, Hit, Language, SearchResult, Section
from retrieval.refusal import refuses
from retrieval.tokens import fold, language

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from retrieval.library import Library

Stop = Callable[[], bool]
Prompts = Sequence[tuple[Sequence["BaseMessage"], Packed]]
GIVEN = EvidencePlan(form="sections", budget=1200)
"""How the oracle's passage is shown: whole."""
Hits = Callable[[Question], SearchResult]
"""The hits of a question; called once per question and shared by every arm with retrieval."""


class Speaker(Protocol):
    """A model that answers conversations in batches of one shape."""

    def batch_answer(
        self, conversations: Sequence[Sequence[BaseMessage]], *, size: int = 8, stopping: Stop | None = None
    ) -> list[Generated]:
        """Answers in the given order; BackendFailed when `stopping` ended it halfway."""
        ...


class OneByOne:
    """Any LangChain chat model as a Speaker: hosted models are asked one at a time."""

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer

    def batch_answer(
        self, conversations: Sequence[Sequence[BaseMessage]], *, size: int = 8, stopping: Stop | None = None
    ) -> list[Generated]:
        """One call each; `size` does not matter here. Raises BackendFailed."""
        found = []
        for messages in conversations:
            if stopping and stopping():
                raise BackendFailed("Stopped before every question was answered.")
            found.append(self._one(list(messages)))
        return found

    def _one(self, messages: list[BaseMessage]) -> Generated:
        from retrieval.reply import Reply, speak

        started = time.perf_counter()
        reply = Reply()
        for delta in speak(self.answerer.model, messages, reply):
            reply.text += delta
        return Generated(
            text=reply.text,
            prompt_tokens=reply.prompt_tokens,
            tokens=reply.answer_tokens,
            cut_off=reply.cut_off,
            seconds=time.perf_counter() - started,
        )


class Answering:
    """One arm at work: its model, and for arms with retrieval the answerer that builds and checks grounded answers."""

    def __init__(self, arm: Arm, speaker: Speaker, answerer: Answerer, hits: Hits, library: Library) -> None:
        self.arm = arm
        self.speaker = speaker
        self.answerer = answerer
        self.whole = copy(answerer)
        self.whole.plan = GIVEN.model_copy(update={"turns": answerer.plan.turns})
        self.hits = hits
        self.library = library
        self.shown: dict[str, str] = {}
        """Question id → the evidence of all its prompts."""

    def answer(self, questions: Sequence[Question], *, size: int = 8, stopping: Stop | None = None) -> list[Answer]:
        """Answers to one batch, in order; questions whose hits are below the floor are declined without the model.

        BackendFailed when the model fails, or when `stopping` ended it halfway.
        """
        grounded = self.arm.retrieval or self.arm.oracle
        return self._grounded(questions, size, stopping) if grounded else self._closed_book(questions, size, stopping)

    def at_hand(self, question: Question) -> bool | None:
        """Whether the evidence shown for a question that was answered holds what is expected; None where none is."""
        if question.answer is None or not (self.arm.retrieval or self.arm.oracle):
            return None
        return holds(self.shown.get(question.id, ""), question.answer, question.accept, kind=question.kind)

    def _closed_book(self, questions: Sequence[Question], size: int, stopping: Stop | None) -> list[Answer]:
        spoken, seconds = self._speak([closed_book(q) for q in questions], size, stopping)
        return [
            Answer(
                text=g.text.strip(),
                question=q.question,
                abstained=not g.text.strip() or refuses(g.text),
                cut_off=g.cut_off,
                seconds=seconds,
                prompt_tokens=g.prompt_tokens,
                answer_tokens=g.tokens,
            )
            for q, g in zip(questions, spoken, strict=True)
        ]

    def _grounded(self, questions: Sequence[Question], size: int, stopping: Stop | None) -> list[Answer]:
        results = [gold(q, self.library) if self.arm.oracle else self.hits(q) for q in questions]
        asked = [i for i, result in enumerate(results) if result.relevant]
        prompts = {i: self._prompts(questions[i], results[i]) for i in asked}
        self.shown |= {questions[i].id: "\n".join(packed.text for _, packed in prompts[i]) for i in asked}
        refusals = [self.answerer.refusal(questions[i].question, results[i]) for i in asked for _ in prompts[i]]
        flat = [messages for i in asked for messages, _ in prompts[i]]
        spoken, seconds = self._speak(flat, size, stopping, refusals if self.answerer.looks else ())
        rest = iter(spoken)
        said = {i: list(islice(rest, len(prompts[i]))) for i in asked}
        return [
            self._kept(q, results[i], prompts[i], said[i], seconds)
            if i in said
            else self.answerer.decline(q.question, results[i], seconds=results[i].seconds)
            for i, q in enumerate(questions)
        ]

    def _prompts(self, question: Question, result: SearchResult) -> Prompts:
        """The passage whole for the oracle, and for models that look several times its best lines too."""
        history = turns(question)
        if not self.arm.oracle:
            return self.answerer.prompts(question.question, result, history=history)
        whole = self.whole.messages(question.question, result, history=history)
        lines = ranked(result, self.hits(question)) if self.answerer.looks else None
        return [whole, *(self.answerer.prompts(question.question, lines, history=history) if lines else [])]

    def _kept(
        self, question: Question, result: SearchResult, prompts: Prompts, said: Sequence[Said], seconds: float
    ) -> Answer:
        """The surest of the answers to one question, checked; `seconds` each, and those of the search."""
        kept = surest(said, self.answerer.refusal(question.question, result))
        return self.answerer.conclude(
            question.question,
            result,
            text=kept.text,
            packed=prompts[kept.number][1],
            seconds=result.seconds + seconds * len(said),
            tokens=(kept.prompt_tokens, kept.tokens),
            cut_off=kept.cut_off,
        )

    def _speak(
        self,
        prompts: Sequence[Sequence[BaseMessage]],
        size: int,
        stopping: Stop | None,
        refusals: Sequence[str] = (),
    ) -> tuple[Sequence[Said], float]:
        """The answers, and the seconds that each took of its batch."""
        if not prompts:
            return [], 0.0
        started = time.perf_counter()
        spoken: Sequence[Said]
        if refusals:
            sure = cast(Sure, self.speaker)
            spoken = sure.batch_answer(prompts, size=size, refusals=refusals, stopping=stopping)
        else:
            spoken = self.speaker.batch_answer(prompts, size=size, stopping=stopping)
        return spoken, (time.perf_counter() - started) / len(prompts)


def closed_book(question: Question) -> list[BaseMessage]:
    """The question alone, with the earlier turns that it follows."""
    from langchain_core.messages import AIMessage, HumanMessage

    system, asked = closed_book_messages(question.question, cast(Language, _spoken(question)))
    earlier: list[BaseMessage] = []
    for user, assistant in question.history:
        earlier += [HumanMessage(user), AIMessage(assistant)]
    return [system, *earlier, asked]


def turns(question: Question) -> list[tuple[str, str]]:
    """The history as (role, text) messages."""
    return [m for user, assistant in question.history for m in (("user", user), ("assistant", assistant)) if m[1]]


def gold(question: Question, library: Library) -> SearchResult:
    """The passage that holds the answer as if search had found just that: the ceiling of reading."""
    hits = tuple(
        Hit(
            section=section,
            document=section.document,
            chunk_id="",
            score=1.0,
            evidence=tuple(Evidence(unit=unit, score=-float(unit.ordinal)) for unit in library.units(section.id)),
        )
        for section in holding(question, library)
    )
    return SearchResult(
        question=question.question, hits=hits, relevance=1.0, floor=0.0, documents=len(library.documents())
    )


def holding(question: Question, library: Library) -> Sequence[Section]:
    """The sections that hold the answer: by id, else by the evidence quote, else by name.

    None where nothing leads to one, or where the documents do not answer the question.
    """
    if question.answer is None or not (question.section_id or question.evidence):
        return []
    if found := library.sections_by_id([question.section_id]):
        return list(found.values())
    sections = library.sections()
    parts = ["".join(part.split()) for part in question.evidence.split("\n") if part.strip()]
    quoted = [s for s in sections if any(part in "".join(s.text.split()) for part in parts)]
    return quoted or named(question.section_id, sections)


def ranked(given: SearchResult, found: SearchResult) -> SearchResult | None:
    """The given passages with their lines ranked as search ranked them for the question; None if it found not all."""
    known = {hit.section.id: hit for hit in found.hits}
    if any(hit.section.id not in known for hit in given.hits):
        return None
    return given.model_copy(update={"hits": tuple(known[hit.section.id] for hit in given.hits)})


def named(place: str, sections: Sequence[Section]) -> list[Section]:
    """The sections that a questions file means by "document > heading", "document > heading > row", "… + heading"."""
    document, _, rest = place.partition(" > ")
    there = [section for section in sections if section.document == document]
    found = [_nearest(one.split(" > "), there) for one in rest.split(" + ") if one]
    return [section for section in found if section is not None]


def _nearest(names: Sequence[str], sections: Sequence[Section]) -> Section | None:
    """The section under most of these headings; what is no heading may be the first cell of a row."""
    wanted = [fold(name) for name in names]

    def nearness(section: Section) -> tuple[int, int]:
        headings = {fold(heading) for heading in section.heading_path}
        text = fold(section.text)
        return sum(name in headings or name in text for name in wanted), sum(name in headings for name in wanted)

    best = max(sections, key=nearness, default=None)
    return best if best is not None and nearness(best)[0] else None


def runnable(question: Question, arm: Arm, library: Library) -> bool:
    """Whether the arm can be asked: general questions are closed-book matters, the oracle needs a passage."""
    if question.test_set == "general":
        return not (arm.retrieval or arm.oracle)
    if arm.oracle:
        return bool(holding(question, library))
    return True


def check_arms(arms: Sequence[Arm]) -> None:
    """DocgraftError when two arms share a name or there are none."""
    names = [arm.name for arm in arms]
    if not names:
        raise DocgraftError("No arms to compare.", "Choose at least one of base, rag, tuned, both.")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DocgraftError(f"Arm {doubled[0]!r} is given twice.", "Name each arm once.")


def _spoken(question: Question) -> str:
    found = language(question.question)
    return found if found != "other" else "en"
