"""Commands on documents: add, docs, remove, search, reindex."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import DEFAULT, AsJson, Kb, console, line, progress, show_json, table, wiring
from memory.errors import DocgraftError

if TYPE_CHECKING:
    from retrieval.records import FileResult, Progress

PANEL = "Documents"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (add, docs, remove, search, reindex):
        app.command(rich_help_panel=PANEL)(command)


def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, folders or web addresses.")],
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    password: Annotated[str, typer.Option(help="Password of encrypted PDFs.", envvar="DOCUMENT_PASSWORD")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of text files, when the guess is wrong.")] = "",
    ocr: Annotated[bool, typer.Option("--ocr", help="Read scanned pages (needs tesseract).")] = False,
) -> None:
    """Add files, folders or web addresses to a knowledge base."""
    objects = wiring()
    sources = [path if is_address(path) else Path(path) for path in paths]
    with progress("Adding") as told:
        found = objects.library(kb).add(
            sources,
            progress=lambda step: told(step.done, step.total, _stage(step)),
            passwords={"": password} if password else None,
            encodings={"": encoding} if encoding else None,
            ocr=ocr or objects.settings.documents.ocr,
            limits=objects.limits(),
        )
    if as_json:
        show_json({"documents": [_row(result) for result in found]})
    else:
        _print(found)
    if found and all(result.status in ("failed", "skipped") for result in found):
        raise typer.Exit(1)


def is_address(text: str) -> bool:
    """Whether a source is a web address."""
    return text.lower().startswith(("http://", "https://"))


def _stage(step: Progress) -> str:
    return f"{step.stage} {Path(step.name).name}".strip()


def _row(result: FileResult) -> dict[str, object]:
    notes = [note.model_dump(mode="json") for note in result.notes]
    return {
        "name": result.name,
        "id": result.id,
        "status": result.status,
        "chunks": result.chunks,
        "reason": result.reason,
        "notes": notes,
    }


def _print(found: list[FileResult]) -> None:
    counts: dict[str, int] = {}
    for result in found:
        counts[result.status] = counts.get(result.status, 0) + 1
        chunks = f" ({result.chunks} chunks)" if result.status in ("added", "updated") else ""
        reason = f": {result.reason}" if result.reason else ""
        line(f"{result.status:<9} {result.name}{chunks}{reason}")
        for note in result.notes:
            line(f"          {note.detail or f'{note.kind}: {note.count}'}")
    line(", ".join(f"{n} {status}" for status, n in counts.items()) or "Nothing to add.")


def docs(*, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """List the documents of a knowledge base."""
    found = wiring().library(kb).documents()
    if as_json:
        show_json({"documents": [d.model_dump(mode="json", exclude={"text"}) for d in found]})
    elif not found:
        line(f"Knowledge base {kb!r} is empty. Add documents with: docgraft add PATH")
    else:
        rows = [[d.id[:12], d.name, d.format, d.language, str(d.chunks), d.added[:10]] for d in found]
        table(["ID", "Name", "Format", "Language", "Chunks", "Added"], rows)


def remove(
    document: Annotated[str, typer.Argument(metavar="DOC", help="A document's id, the beginning of it, or its name.")],
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Remove a document everywhere, and say what has learned from it."""
    library = wiring().library(kb)
    known = library.documents()
    exact = [d.id for d in known if document in (d.id, d.name)]
    found = exact or [d.id for d in known if len(document) >= 6 and d.id.startswith(document)]
    if len(found) > 1:
        raise DocgraftError(f"{document!r} is the beginning of {len(found)} documents' ids.", "Give more of the id.")
    gone = library.remove(found[0] if found else document)
    if as_json:
        show_json(gone.model_dump(mode="json"))
        return
    line(f"removed   {gone.name} ({gone.chunks} chunks)")
    for one in gone.learned:
        pairs = f" ({one.pairs} pairs)" if one.pairs else ""
        line(f"          {one.kind} {one.id}{pairs} learned from it and does not forget by itself")


def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    *,
    kb: Kb = DEFAULT,
    limit: Annotated[int, typer.Option("-k", "--limit", min=1, max=100, help="How many hits.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Search without answering: what a question would find."""
    found = wiring().search(kb).search(question, limit=limit)
    if as_json:
        hits = [
            {
                "document": hit.document,
                "section": hit.section.heading,
                "score": hit.score,
                "text": hit.section.text,
                "section_id": hit.section.id,
                "evidence": [one.unit.rendered for one in hit.evidence],
            }
            for hit in found.hits
        ]
        show_json({"question": found.question, "relevance": found.relevance, "floor": found.floor, "hits": hits})
        return
    if not found.hits:
        line("Nothing found." if found.documents else f"Knowledge base {kb!r} is empty.")
    for number, hit in enumerate(found.hits, 1):
        line(f"{number}. {hit.document} · {hit.section.heading} · {hit.score:.2f}")
        line("   " + (hit.evidence[0].unit.rendered if hit.evidence else hit.section.text[:300]).replace("\n", "\n   "))
    if found.hits and not found.relevant:
        console().print(f"Relevance {found.relevance:.2f} is below the floor {found.floor:.2f}: not in your documents.")


def reindex(*, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """Rebuild the vectors from the stored text, with the embedder that is set now."""
    library = wiring().library(kb)
    with progress("Embedding") as told:
        done = library.reindex(progress=lambda step: told(step.done, step.total, _stage(step)))
    counts = library.statistics
    if as_json:
        show_json({"done": done, "chunks": counts.chunks, "embedder": library.embedder.name})
    else:
        line(f"rebuilt   {counts.chunks} chunks with {library.embedder.name}")
