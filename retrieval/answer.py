"""Question + history + hits → a streamed Answer with checked citations. Knows no backend: any BaseChatModel."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, cast

from memory.errors import DocgraftError
from retrieval.checks import marks, refuses, supported_share
from retrieval.citations import ENOUGH, cite, point
from retrieval.looks import Sure, speak_surest
from retrieval.markdown import safe_markdown
from retrieval.packing import Packed, Passage, evidence
from retrieval.prompts import LARGE, REFUSAL, Count, EvidencePlan, chat_messages, estimate
from retrieval.records import Answer, Citation, Language, SearchResult
from retrieval.refusal import abstention
from retrieval.reply import Overflow, Reply, speak
from retrieval.rewrite import History
from retrieval.script import in_script
from retrieval.tokens import language

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from retrieval.search import Search

__all__ = ["Answerer", "safe_markdown"]

_PER_MESSAGE = 12
"""Tokens that a chat template spends around one message; errs high."""


DOUBTFUL = 0.3
"""Relevance below which an answer must stand in a passage."""
WEAK = 0.34
"""Below this share of an answer standing in any one unit, an answer whose every claim is unsupported is none."""


def _never() -> bool:
    return False


class Answerer:
    """Answers from one search with one chat model."""

    def __init__(
        self,
        search: Search,
        model: BaseChatModel,
        *,
        plan: EvidencePlan = LARGE,
        count: Count = estimate,
        context_window: int = 8192,
        answer_tokens: int = 512,
        name: str = "",
        adapter: str = "",
    ) -> None:
        """`count` and `context_window` are the model's own; the evidence shrinks until prompt and answer fit."""
        self.search = search
        self.model = model
        self.plan = plan
        self.count = count
        self.context_window = context_window
        self.answer_tokens = answer_tokens
        self.name = name
        self.adapter = adapter

    def stream(
        self,
        question: str,
        *,
        history: History = (),
        memory: str = "",
        result: SearchResult | None = None,
        stop: Callable[[], bool] = _never,
    ) -> Iterator[str | Answer]:
        """Pieces of the answer's text as they come, then the Answer, whose text is the checked one: show that.

        Give `result` to answer from hits already found (two arms of a comparison share the very same ones). Closing
        the iterator stops the model at once; `stop` does too, and still yields an Answer of what was said so far.
        Raises BackendFailed when the model or its service fails.
        """
        started = time.perf_counter()
        found = result if result is not None else self.search.search(question, history=history)
        spoken = language(question)
        if not found.relevant:
            answer = self.decline(question, found, seconds=time.perf_counter() - started)
            yield answer.text
            yield answer
            return
        reply = Reply()
        with closing(self._say(question, found, history, memory, reply, stop=stop)) as deltas:
            for delta in deltas:
                if not reply.text:
                    reply.first_seconds = time.perf_counter() - started
                reply.text += delta
                yield delta
                if stop():
                    reply.stopped = True
                    break
        yield self._checked(question, found, spoken, reply, time.perf_counter() - started)

    def ask(
        self, question: str, *, history: History = (), memory: str = "", result: SearchResult | None = None
    ) -> Answer:
        """The finished Answer."""
        *_, answer = self.stream(question, history=history, memory=memory, result=result)
        assert isinstance(answer, Answer)
        return answer

    @property
    def looks(self) -> bool:
        """Whether the model is asked with several amounts of evidence: the plan says so, and it says how sure it is.

        Never one that draws its words by chance: the surest is the likeliest.
        """
        told = hasattr(self.model, "batch_answer") and not getattr(self.model, "temperature", 0)
        return bool(self.plan.looks) and told

    def refusal(self, question: str, result: SearchResult) -> str:
        """What the prompt for this question tells the model to say when the evidence does not hold the answer."""
        return REFUSAL[language(self._asked(question, result))]

    def _asked(self, question: str, result: SearchResult) -> str:
        return question if self.plan.turns else result.question or question

    def prompts(
        self, question: str, result: SearchResult, *, history: History = (), memory: str = "", share: float = 1.0
    ) -> list[tuple[list[BaseMessage], Packed]]:
        """What the model is asked for one answer: one prompt, or one for each of the plan's looks that differ."""
        looks = self.plan.looks if self.looks else ()
        asked: dict[str, tuple[list[BaseMessage], Packed]] = {}
        for most in looks or (self.plan.most,):
            messages, packed = self.messages(question, result, history=history, memory=memory, share=share, most=most)
            asked.setdefault(packed.text, (messages, packed))
        return list(asked.values())

    def messages(
        self,
        question: str,
        result: SearchResult,
        *,
        history: History = (),
        memory: str = "",
        share: float = 1.0,
        most: int | None = None,
    ) -> tuple[list[BaseMessage], Packed]:
        """The prompt, and the evidence in it: as much as `share` of the plan's budget and the window have room for.

        `most` instead of the plan's.

        What gives way first is the oldest of the history, then the memory, then evidence. DocgraftError when the
        question alone is too long.
        """
        room = self.context_window - self.answer_tokens
        earlier, remembered = list(history)[-self.plan.turns :] if self.plan.turns else [], memory
        asked = self._asked(question, result)
        while True:
            bare = self._assemble(asked, evidence((), self.plan, count=self.count), earlier, remembered)
            free = room - self._size(bare)
            if free >= min(self.plan.budget, room // 2) or not (earlier or remembered):
                break
            if earlier:
                earlier = earlier[1:]
            else:
                remembered = ""
        if free <= 0:
            raise DocgraftError(
                f"The question is too long for this model, which reads {self.context_window} tokens at once.",
                "Shorten it, or add the text as a document and ask about it.",
            )
        budget = int(min(self.plan.budget * share, free))
        plan = self.plan.model_copy(update={"budget": budget, "most": self.plan.most if most is None else most})
        packed = evidence(result.hits, plan, count=self.count)
        return self._assemble(asked, packed, earlier, remembered), packed

    def _assemble(self, question: str, packed: Packed, history: History, memory: str) -> list[BaseMessage]:
        return chat_messages(
            question, packed, language=language(question), plan=self.plan, history=history, memory=memory
        )

    def _size(self, messages: list[BaseMessage]) -> int:
        return sum(self.count(message.text) + _PER_MESSAGE for message in messages)

    def _say(
        self,
        question: str,
        found: SearchResult,
        history: History,
        memory: str,
        reply: Reply,
        *,
        stop: Callable[[], bool],
    ) -> Generator[str, None, None]:
        """The model's words; asked again with half the evidence when its service says that the prompt is too long."""
        share = 1.0
        while True:
            prompts = self.prompts(question, found, history=history, memory=memory, share=share)
            messages, reply.packed = prompts[0]
            reply.prompt_tokens = self._size(messages)
            try:
                if self.looks:
                    refusal = self.refusal(question, found)
                    yield from speak_surest(cast("Sure", self.model), prompts, reply, refusal=refusal, stop=stop)
                else:
                    yield from speak(self.model, messages, reply)
                return
            except Overflow as overflow:
                if reply.text or share < 0.1:
                    raise overflow.failure from overflow
                share, history, memory = share / 2, (), ""

    def decline(self, question: str, found: SearchResult, *, seconds: float = 0.0) -> Answer:
        """The Answer when the evidence does not reach the floor: nothing is cited, and what was searched is said."""
        reason = "empty" if not found.documents else "below_floor"
        return Answer(
            text=abstention(reason, language(question), found),
            hits=found.hits,
            question=found.question,
            abstained=True,
            reason=reason,
            model=self.name,
            adapter=self.adapter,
            seconds=seconds,
            first_token_seconds=seconds,
        )

    def conclude(
        self,
        question: str,
        found: SearchResult,
        *,
        text: str,
        packed: Packed,
        seconds: float = 0.0,
        tokens: tuple[int, int] = (0, 0),
        cut_off: bool = False,
    ) -> Answer:
        """The checked Answer to a prompt of `messages` that a model answered elsewhere, such as in a batch.

        `tokens`: of the prompt and of the answer.
        """
        reply = Reply(text=text, packed=packed, prompt_tokens=tokens[0], answer_tokens=tokens[1], cut_off=cut_off)
        return self._checked(question, found, language(question), reply, seconds)

    def _checked(self, question: str, found: SearchResult, spoken: Language, reply: Reply, seconds: float) -> Answer:
        passages = reply.packed.passages if reply.packed else ()
        text = in_script(reply.text.strip(), spoken)
        cited = cite(text, passages, found.question or question, hits=found.hits)
        reason = "" if reply.stopped else _unanswered(text, cited.support, passages, question, found.relevance)
        doubts = () if reason else marks(cited.text, passages, question)
        sure = not reason and not doubts
        return Answer(
            text=abstention(reason, spoken, found) if reason else cited.text,
            citations=() if reason else cited.citations,
            quote=_quote(cited.citations if sure else (), found),
            marks=doubts,
            hits=found.hits,
            question=found.question or question,
            abstained=bool(reason),
            reason=reason,
            stopped=reply.stopped,
            cut_off=reply.cut_off,
            model=self.name,
            adapter=self.adapter,
            seconds=seconds,
            first_token_seconds=reply.first_seconds,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens or self.count(reply.text),
        )


def _unanswered(text: str, support: float, passages: Sequence[Passage], question: str, relevance: float) -> str:
    """Why a model's text is no answer: it says so itself, or the passages do not hold it; else "".

    One decision from three signs: where search doubts that the documents hold the answer, the answer must stand in a
    passage; where it does not, only an answer of which nothing can be found there is refused.
    """
    if not text or refuses(text):
        return "model_refused"
    if support < (ENOUGH if relevance < DOUBTFUL else WEAK) and (
        relevance < DOUBTFUL or not supported_share(text, passages, question)
    ):
        return "unsupported"
    return ""


def _quote(citations: Sequence[Citation], found: SearchResult) -> Citation | None:
    """The best evidence: what supports an answer without doubts, else what search ranked first."""
    if citations:
        return citations[0]
    best = max(((e, hit) for hit in found.hits for e in hit.evidence), key=lambda pair: pair[0].score, default=None)
    return point(0, best[1].section, best[1].document, best[0].unit) if best else None
