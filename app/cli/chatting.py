"""Commands that answer: ask one question, or chat with a memory."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.frame import DEFAULT, USER, AsJson, Kb, console, line, printable, show_json, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from app.talk import Held
    from app.wiring import Wiring
    from memory.conversations import Turn
    from retrieval.records import Answer

PANEL = "Chat"
Model = Annotated[str, typer.Option("--model", help="A model's name, as `docgraft models list` prints it.")]
Adapter = Annotated[str, typer.Option("--adapter", help="An adapter's id or its beginning: a fine-tune of the model.")]
Closed = Annotated[bool, typer.Option("--no-documents", help="Answer from the model alone.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(rich_help_panel=PANEL)(ask)
    app.command(rich_help_panel=PANEL)(chat)


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    model: Model = "",
    adapter: Adapter = "",
    no_documents: Closed = False,
) -> None:
    """Answer one question from the documents, with sources. Remembers nothing."""
    if not question.strip():
        raise typer.BadParameter("The question is empty.")
    objects = wiring()
    held = _held(objects, kb, model, adapter=adapter, documents=not no_documents)
    ready(objects, held.model)
    answer = _streamed(objects.answers(USER, question, held), quiet=as_json)
    if as_json:
        show_json(_json(answer, held))
    else:
        _sources(answer)


def chat(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    model: Model = "",
    adapter: Adapter = "",
    no_documents: Closed = False,
    resume: Annotated[str, typer.Option("--resume", metavar="ID", help="Go on with an earlier chat.")] = "",
) -> None:
    """Chat in the terminal, one question per line; an empty line or Ctrl-D ends it."""
    from app import talk
    from memory.conversations import Choices

    objects = wiring()
    held = _held(objects, kb, model, adapter=adapter, documents=not no_documents)
    ready(objects, held.model)
    conversations = objects.conversations()
    choices = Choices(kb=held.kb, model=held.model, adapter=held.adapter, mode=held.mode)
    conversation = conversations.get(USER, resume) if resume else conversations.create(USER, choices=choices)
    turns: list[dict[str, Any]] = []
    for question in _questions():
        try:
            turn = _spoken(talk.ask(objects, USER, conversation.id, question), quiet=as_json)
        except KeyboardInterrupt:
            line("\n(stopped)")
            continue
        turns.append({"question": question, "answer": turn.text, "citations": list(turn.sources)})
        if not as_json:
            for source in turn.sources:
                line(f"[{source['number']}] {source['document']} · {source['section']}: {source['quote']}")
            line()
    if not conversations.turns(USER, conversation.id):
        conversations.delete(USER, conversation.id)
    elif not as_json:
        console().print(f"Kept. Go on with: docgraft chat --resume {conversation.id}")
    if as_json:
        show_json({"conversation": conversation.id, "turns": turns})


def _held(objects: Wiring, kb: str, model: str, *, adapter: str, documents: bool) -> Held:
    from app.cli.adapters import which
    from app.talk import Held
    from app.training import checked

    names = objects.model_names()
    if model and model not in names:
        raise DocgraftError(f"There is no model {model!r} here.", f"There are: {', '.join(names)}.")
    chosen = model or names[0]
    if adapter:
        adapter = checked(objects, USER, kb, chosen, which(kb, adapter)).id
    return Held(kb=kb, model=chosen, adapter=adapter, documents=documents)


def ready(objects: Wiring, model: str) -> None:
    """Fetch a model that is not on this machine yet, saying so; of one that has become outdated only say so."""
    from app.cli.models import fetch_with_progress, newer

    state = objects.model_state(model)
    if not state.ready and state.fetchable:
        fetch_with_progress(objects, model)
    elif not state.ready:
        raise DocgraftError(f"The model {model!r} cannot be used: {state.text}.", state.fix)
    elif state.fix:
        console().print(newer(model, state.fix), markup=False, soft_wrap=True)


def _streamed(pieces: Any, *, quiet: bool) -> Answer:
    from retrieval.records import Answer

    said = ""
    try:
        with closing(pieces):
            for piece in pieces:
                if isinstance(piece, Answer):
                    if not quiet:
                        _finish(said, piece.text)
                    return piece
                said += piece
                if not quiet:
                    _write(piece)
    except KeyboardInterrupt:
        line("\n(stopped)" if not quiet else "")
        raise
    return Answer(text=said, stopped=True)


def _finish(said: str, final: str) -> None:
    """The checked answer can differ from what was streamed (it turned into a refusal): then it is said in full.

    Numbers between its sentences that the model did not write are no reason to say it twice: the sources follow.
    """
    from retrieval.citations import strip

    if said.strip() in (final.strip(), strip(final).strip()) and not final.startswith(f"{said} ["):
        line()
    elif final.startswith(said):
        line(final[len(said) :])
    else:
        line("\n" * bool(said) + final)


def _spoken(pieces: Any, *, quiet: bool) -> Turn:
    from memory.conversations import Turn

    said = ""
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, Turn):
                if not quiet:
                    _finish(said, piece.text)
                return piece
            said += piece
            if not quiet:
                _write(piece)
    raise DocgraftError("The answer ended before it was complete.")


def _write(piece: str) -> None:
    sys.stdout.write(printable(piece))
    sys.stdout.flush()


def _questions() -> Any:
    while True:
        try:
            question = input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not question:
            return
        yield question


def _sources(answer: Answer) -> None:
    if answer.quote and answer.reason not in ("empty", "below_floor"):
        page = f", p. {answer.quote.page}" if answer.quote.page else ""
        line(f"\n“{answer.quote.quote}”\n  — {answer.quote.document} · {answer.quote.section}{page}")
    for cited in answer.citations:
        page = f", p. {cited.page}" if cited.page else ""
        line(f"[{cited.number}] {cited.document} · {cited.section}{page}")
    if answer.marks:
        doubtful = ", ".join(mark.text for mark in answer.marks)
        console().print(f"Not found in the cited passages: {printable(doubtful)}", markup=False)
    if answer.cut_off:
        console().print("Cut off at the token limit; raise model.max_tokens.")


def _json(answer: Answer, held: Held) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "arm": held.mode,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "citations": [
            {
                "document": one.document,
                "section": one.section,
                "quote": one.quote,
                "number": one.number,
                "page": one.page,
                "start": one.start,
                "end": one.end,
            }
            for one in answer.citations
        ],
        "quote": answer.quote.model_dump(mode="json") if answer.quote else None,
        "hits": [
            {"document": h.document, "section": h.section.heading, "score": h.score, "text": h.section.text}
            for h in answer.hits
        ],
        "unsupported": [mark.text for mark in answer.marks],
        "cut_off": answer.cut_off,
        "model": held.model,
        "adapter": held.adapter,
        "seconds": answer.seconds,
        "first_token_seconds": answer.first_token_seconds,
    }
