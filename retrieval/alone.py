"""Question + history → a streamed Answer from a chat model alone, without documents. Knows no search."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from retrieval.fence import NUMBER, defused, escape
from retrieval.prompts import Count, closed_book_messages, estimate
from retrieval.records import Answer
from retrieval.reply import Overflow, Reply, speak
from retrieval.rewrite import History
from retrieval.script import in_script
from retrieval.tokens import language

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

_PER_MESSAGE = 12
"""Tokens that a chat template spends around one message; errs high."""


def messages(question: str, *, history: History = (), memory: str = "") -> list[BaseMessage]:
    """The closed-book prompt that adapters are trained on, with earlier turns and fenced memory if there are any."""
    from langchain_core.messages import AIMessage, HumanMessage

    system, asked = closed_book_messages(question, language(question))
    earlier: list[BaseMessage] = [
        HumanMessage(defused(text)) if role == "user" else AIMessage(defused(NUMBER.sub("", text)).strip())
        for role, text in history
    ]
    if memory.strip():
        asked = HumanMessage(f"<memory>\n{escape(memory)}\n</memory>\n{asked.text}")
    return [system, *earlier, asked]


def stream(
    model: BaseChatModel,
    question: str,
    *,
    history: History = (),
    memory: str = "",
    count: Count = estimate,
    room: int = 8192,
    name: str = "",
    adapter: str = "",
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[str | Answer]:
    """Pieces of the answer as they come, then the Answer, which has neither hits nor citations.

    `room` is what the prompt may hold in tokens; the oldest turns give way first. Closing the iterator stops the
    model; `stop` does too, and still yields an Answer. Raises BackendFailed when the model fails.
    """
    started, reply, earlier = time.perf_counter(), Reply(), list(history)
    while earlier and sum(count(m.text) + _PER_MESSAGE for m in messages(question, history=earlier)) > room:
        earlier = earlier[1:]
    try:
        with closing(speak(model, messages(question, history=earlier, memory=memory), reply)) as deltas:
            for delta in deltas:
                reply.first_seconds = reply.first_seconds or time.perf_counter() - started
                reply.text += delta
                yield delta
                if stop():
                    reply.stopped = True
                    break
    except Overflow as overflow:
        raise overflow.failure from overflow
    yield Answer(
        text=in_script(reply.text.strip(), language(question)),
        question=question,
        stopped=reply.stopped,
        cut_off=reply.cut_off,
        model=name,
        adapter=adapter,
        seconds=time.perf_counter() - started,
        first_token_seconds=reply.first_seconds,
        prompt_tokens=reply.prompt_tokens,
        answer_tokens=reply.answer_tokens or count(reply.text),
    )
