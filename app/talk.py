"""One question of a conversation, from the words a person typed to the turn that is kept. Knows no page."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from app import keys
from memory import recollection
from memory.conversations import LOCAL_USER, Choices, State, Turn
from memory.errors import DocgraftError
from memory.records import Record
from memory.workspace import write_json
from retrieval.records import Answer

if TYPE_CHECKING:
    from app.jobs import Job
    from app.wiring import Wiring

KEEP_SECONDS = 1.0
"""How often a growing answer is written down, so that a crash loses no more than that."""


class Held(Record):
    """What a conversation is held with, every choice resolved."""

    kb: str
    model: str
    adapter: str = ""
    documents: bool = True

    @property
    def mode(self) -> str:
        """The arm that answers: rag, base, tuned or both."""
        return mode(documents=self.documents, adapter=bool(self.adapter))


def mode(*, documents: bool, adapter: bool) -> str:
    """The arm's name for documents and adapter being used or not."""
    if adapter:
        return "both" if documents else "tuned"
    return "rag" if documents else "base"


class Choice(Record):
    """How a knowledge base is asked unless a conversation says otherwise: what a comparison found best."""

    mode: str = "rag"
    adapter: str = ""
    model: str = ""


def held(wiring: Wiring, choices: Choices, user: str = LOCAL_USER) -> Held:
    """The choices of a conversation with the defaults filled in; a model that is gone becomes the default one."""
    kb, names = choices.kb or "default", wiring.model_names()
    usual = usual_choice(wiring, kb, user)
    mode = choices.mode or usual.mode
    model = next((name for name in (choices.model, usual.model) if name in names), names[0])
    adapter = (choices.adapter or usual.adapter) if mode in ("tuned", "both") else ""
    if adapter and not wiring.fits(kb, adapter, model, user):
        adapter = ""
    return Held(kb=kb, model=model, adapter=adapter, documents=mode not in ("base", "tuned"))


def usual_choice(wiring: Wiring, kb: str, user: str = LOCAL_USER) -> Choice:
    """How this knowledge base is asked by default; with documents and no adapter unless one was chosen."""
    try:
        return Choice.model_validate_json(wiring.folder(kb, user).choice.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Choice()


def make_usual(wiring: Wiring, kb: str, choice: Choice, user: str = LOCAL_USER) -> None:
    """Ask this knowledge base so from now on."""
    write_json(wiring.folder(kb, user).choice, choice.model_dump())


def ask(
    wiring: Wiring, user: str, conversation_id: str, question: str, *, stop: Callable[[], bool] = lambda: False
) -> Generator[str | Turn, None, None]:
    """Keep the question, then give pieces of the answer as they come, then the kept answer's Turn.

    `stop` ends the answer early, and so does closing the iterator: the model stops, and what was said so far is kept
    and marked as stopped.
    """
    conversations = wiring.conversations()
    with_what = held(wiring, conversations.get(user, conversation_id).choices, user)
    try:
        withdrawn = _withdrawn(wiring, user, conversation_id, with_what.kb)
        context = wiring.context(user, conversation_id, question, with_what, withdrawn=withdrawn)
    except DocgraftError as error:
        conversations.add_turn(user, conversation_id, "user", question)
        conversations.add_turn(user, conversation_id, "assistant", "", data=_told(wiring, error), state="stopped")
        raise
    asked = conversations.add_turn(user, conversation_id, "user", question)
    forgotten = _forgotten(wiring, user, question)
    if forgotten:
        yield conversations.add_turn(user, conversation_id, "assistant", forgotten)
        return
    learned = wiring.longterm().learn(user, asked) if wiring.settings.memory.remember else []
    data: dict[str, Any] = {
        "held": with_what.model_dump() | {"mode": with_what.mode},
        # A model that reads badly never sees earlier messages beside documents, whatever fits: that is no news.
        "left": context.window.left if wiring.plan(with_what.model).turns or not with_what.documents else 0,
        "question_cut": context.window.question_cut,
        "learned": [{"id": m.id, "text": m.text} for m in learned],
        "recalled": [{"id": m.id, "text": m.text} for m in context.recalled],
    }
    told = recollection.reply(question, context.told)
    if context.settled and with_what.documents:
        data["from_memory"] = True
        yield conversations.add_turn(user, conversation_id, "assistant", told, data=data)
        return
    turn = conversations.add_turn(user, conversation_id, "assistant", "", data=data, state="partial")
    data["told"] = told
    pieces = wiring.answers(user, context.window.question, with_what, context=context, stop=stop)
    yield from _kept(wiring, user, turn, data, pieces)


def _withdrawn(wiring: Wiring, user: str, conversation_id: str, kb: str) -> set[str]:
    """The answers that cite a passage which is not in the documents any more: the history must not tell it again."""
    cited: dict[str, dict[str, set[str]]] = {}
    for turn in wiring.conversations().turns(user, conversation_id):
        if turn.sources:
            asked = str(turn.data.get("held", {}).get("kb") or kb)
            cited.setdefault(asked, {})[turn.id] = {str(source["section_id"]) for source in turn.sources}
    gone: set[str] = set()
    names = wiring.workspace(user).base_names() if cited else []
    for name, turns in cited.items():
        wanted = sorted(set().union(*turns.values()))
        there = set(wiring.library(name, user).sections_by_id(wanted)) if name in names else set()
        gone |= {turn for turn, sections in turns.items() if not sections <= there}
    return gone


def _forgotten(wiring: Wiring, user: str, message: str) -> str:
    """Forget what a message asks to forget, and what is said then; "" when it asks nothing of the kind."""
    longterm = wiring.longterm()
    gone = [longterm.forget(user, memory.id) for memory in longterm.asked_to_forget(user, message)]
    return recollection.forgotten(message, len(gone), sum(one.turns for one in gone)) if gone else ""


def answering(
    wiring: Wiring, user: str, conversation_id: str, question: str, *, watched: Callable[[Job], bool]
) -> Callable[[Job], str]:
    """`ask` as the work of a job, which stops when asked to or when nobody watches any more; gives the turn's id."""

    def work(job: Job) -> str:
        def stop() -> bool:
            if not watched(job):
                job.stop()
            return job.stopping()

        for piece in ask(wiring, user, conversation_id, question, stop=stop):
            if isinstance(piece, Turn):
                return piece.id
            job.write(piece)
        return ""

    return work


def rewind(wiring: Wiring, user: str, turn: Turn) -> None:
    """Make room for asking a question again: its turn and everything after it go."""
    turns = wiring.conversations().turns(user, turn.conversation_id)
    before = [t.id for t in turns if t.ordinal < turn.ordinal]
    wiring.conversations().truncate(user, turn.conversation_id, before[-1] if before else None)


def _kept(
    wiring: Wiring, user: str, turn: Turn, data: dict[str, Any], pieces: Iterator[str | Answer]
) -> Iterator[str | Turn]:
    conversations = wiring.conversations()
    text, written, finished = "", time.monotonic(), False
    try:
        with closing(pieces):  # type: ignore[type-var]
            for piece in pieces:
                if isinstance(piece, Answer):
                    finished = True
                    yield _settled(wiring, user, turn, data, piece)
                    return
                text += piece
                if time.monotonic() - written > KEEP_SECONDS:
                    conversations.amend_turn(user, turn.id, text)
                    written = time.monotonic()
                yield piece
    except DocgraftError as error:
        data = data | _told(wiring, error)
        raise
    finally:
        if not finished:
            conversations.amend_turn(user, turn.id, text, data=data, state="stopped")


def _told(wiring: Wiring, error: DocgraftError) -> dict[str, Any]:
    """An error as it is kept with the turn that it ended: keys masked."""
    secrets = keys.known(wiring.home, wiring.settings)
    return {"error": keys.mask(error.message, secrets), "hint": keys.mask(error.hint, secrets)}


def _settled(wiring: Wiring, user: str, turn: Turn, data: dict[str, Any], answer: Answer) -> Turn:
    told = data.pop("told", "")
    if answer.abstained and told:
        # "Which site am I at?" is not in the documents, and the user has said it.
        answer = answer.model_copy(update={"text": told, "abstained": False, "reason": "", "quote": None, "hits": ()})
        data = data | {"from_memory": True}
    state: State = "stopped" if answer.stopped else "cut_off" if answer.cut_off else "complete"
    kept = answer.model_dump(mode="json", exclude={"text", "citations", "hits"})
    near = [
        {
            "document": hit.document,
            "section": hit.section.heading,
            "section_id": hit.section.id,
            "score": hit.score,
            "text": hit.evidence[0].unit.rendered if hit.evidence else hit.section.text[:300],
        }
        for hit in answer.hits[:5]
    ]
    if answer.abstained:
        kb = str(data["held"]["kb"])
        data = data | {"documents": wiring.library(kb, user).statistics.documents}
    return wiring.conversations().amend_turn(
        user, turn.id, answer.text, sources=answer.citations, data=data | {"answer": kept, "hits": near}, state=state
    )
