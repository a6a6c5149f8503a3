"""Commands on pairs: build, list, show, check, import, export."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.frame import DEFAULT, AsJson, Kb, line, progress, show_json, table, wiring
from memory.errors import BadDataset, DocgraftError

if TYPE_CHECKING:
    from finetune.datasets import Dataset

DatasetId = Annotated[str, typer.Option("--dataset", metavar="ID", help="Dataset; the newest when left out.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands, grouped under `pairs`."""
    group = typer.Typer(help="Turn documents into question–answer pairs with evidence.", no_args_is_help=True)
    for command in (build, show_list, show, check, import_, export):
        name = {"show_list": "list", "import_": "import"}.get(command.__name__, command.__name__)
        group.command(name)(command)
    app.add_typer(group, name="pairs", rich_help_panel="Training")


def build(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    effort: Annotated[str, typer.Option(help="quick, balanced or thorough (the default).")] = "",
    forms: Annotated[int, typer.Option(help="Wordings per fact; 0: as the effort says.")] = 0,
    most_facts: Annotated[int, typer.Option(help="Facts, at most; 0: as the effort says.")] = 0,
    context: Annotated[float, typer.Option(help="Share of rows that show evidence; below 0: by effort.")] = -1,
    model: Annotated[str, typer.Option(help="A model that helps, as in settings; empty: none.")] = "",
    write: Annotated[bool, typer.Option("--write", help="Let the model write pairs, not only reword.")] = False,
    resume: Annotated[str, typer.Option(metavar="ID", help="Go on with an unfinished build.")] = "",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Make only what changed since the newest dataset.")
    ] = False,
    mix: Annotated[bool, typer.Option("--mix", help="Go on although the settings are others.")] = False,
) -> None:
    """Build a dataset from a knowledge base. Ctrl-C pauses; what is done is kept and resumed."""
    from finetune.pairs import preset
    from finetune.pairs.build import build as start
    from finetune.pairs.build import refresh as renew
    from finetune.pairs.build import unfinished

    objects = wiring()
    library, search = objects.library(kb), objects.search(kb)
    if effort not in ("", "quick", "balanced", "thorough"):
        raise DocgraftError(f"{effort!r} is no effort.", "Choose quick, balanced or thorough.")
    changes: dict[str, Any] = {"mode": "write"} if write else {}
    changes |= {"forms": forms} if forms else {}
    changes |= {"most_facts": most_facts} if most_facts else {}
    changes |= {"context": context} if context >= 0 else {}
    chosen = preset(effort or "thorough").model_copy(update=changes)  # type: ignore[arg-type]
    settings = None if resume and not effort and not changes else chosen
    helper = objects.chat_model(model) if model else None
    with progress("Building pairs") as told, pausing() as stop:

        def report(step: Any) -> None:
            told(step.done, step.total, f"{step.stage} {Path(step.name).name} {step.kept} kept".strip())

        if refresh:
            made = renew(library, search, _newest(kb, ""), model=helper, progress=report, stop=stop)
        else:
            made = start(
                library, search, settings, id=resume or None, model=helper, mix=mix, progress=report, stop=stop
            )
    if made is None:
        _paused(unfinished(library)[-1], kb, as_json)
        raise typer.Exit(130)
    _print_card(made, as_json)


@contextmanager
def pausing() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: the first asks the work to pause after the present section, a second ends it."""
    asked: list[int] = []

    def remember(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        sys.stderr.write("\nPausing after this section…\n")

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _paused(name: str, kb: str, as_json: bool) -> None:
    where = "" if kb == DEFAULT else f" --kb {kb}"
    if as_json:
        show_json({"paused": name})
    sys.stderr.write(f"Paused; what is done is kept. Go on with: docgraft pairs build --resume {name}{where}\n")


def _print_card(made: Dataset, as_json: bool) -> None:
    if as_json:
        show_json({"dataset": made.card.model_dump(mode="json"), "folder": str(made.folder)})
        return
    card = made.card
    line(f"Dataset {card.id}")
    line(f"  {card.counts['train']} training rows about {card.counts.get('facts', 0)} facts, "
         f"{card.counts['dev']} dev, {card.counts['test']} test, {card.counts['dropped']} dropped")  # fmt: skip
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in card.settings.get("shares", {}).items())
    line(f"  Training rows: {shares}")
    if card.dropped:
        line("  Dropped: " + ", ".join(f"{reason} {number}" for reason, number in sorted(card.dropped.items())))
    total = card.coverage.get("total")
    if total:
        line(f"  {total['with_facts']} of {total['with_text']} sections with text gave facts")
    if card.settings.get("failed"):
        line(
            f"  {card.settings['failed']} requests to the model gave nothing usable; "
            "try: docgraft pairs build --refresh"
        )
    line(f"  Leaks: {card.leaks['exact']} exact, {card.leaks['near']} near of {card.leaks['compared']} compared")


def show_list(*, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """List the datasets of a knowledge base and the builds that can be resumed."""
    from finetune.datasets import every
    from finetune.pairs.build import waiting

    folder = wiring().folder(kb)
    found, unfinished = every(folder), waiting(folder)
    if as_json:
        cards = [{"id": d.id, "created": d.card.created, "counts": d.card.counts} for d in found]
        show_json({"datasets": cards, "unfinished": unfinished})
        return
    rows = [
        [d.id, d.card.created, *(str(d.card.counts[k]) for k in ("train", "dev", "test", "dropped"))] for d in found
    ]
    table(["dataset", "created", "train", "dev", "test", "dropped"], rows)
    for name in unfinished:
        line(f"unfinished: {name} (docgraft pairs build --resume {name})")


def show(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    dataset: DatasetId = "",
    count: Annotated[int, typer.Option("-n", help="Pairs to show.")] = 20,
    status: Annotated[str, typer.Option(help="kept, dropped, edited or approved.")] = "",
    kind: Annotated[str, typer.Option(help="closed_book, context, refusal, …")] = "",
    text: Annotated[str, typer.Option(help="Part of question or answer.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Show the model's unusable replies instead.")] = False,
) -> None:
    """Show pairs of a dataset, or what a model replied that could not be used."""
    from finetune.pairs.calls import failures
    from finetune.pairs.review import Review, Wanted

    found = _newest(kb, dataset)
    if failed:
        calls = failures(found.folder)[-count:]
        if as_json:
            show_json({"failed": [call.model_dump(mode="json") for call in calls]})
        for call in calls if not as_json else ():
            line(f"{call.section_id}: {call.error}\n{call.reply}\n")
        return
    try:
        wanted = Wanted.model_validate({"status": status, "kind": kind, "text": text})
    except ValueError as cause:
        raise DocgraftError(f"{status!r} is no status.", "Choose kept, dropped, edited or approved.") from cause
    page = Review(found.folder, wiring().library(kb)).page(wanted, limit=count)
    if as_json:
        show_json({"total": page.total, "pairs": [pair.model_dump(mode="json") for pair in page.pairs]})
        return
    table(
        ["split", "kind", "question", "answer", "status"],
        [[p.split, p.kind, p.instruction, p.output, f"{p.status} {p.reason}".strip()] for p in page.pairs],
    )
    line(f"{len(page.pairs)} of {page.total}")


def check(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    dataset: DatasetId = "",
    meaning: Annotated[bool, typer.Option("--meaning", help="Also look for leaks by meaning (slower).")] = False,
) -> None:
    """Say what fine-tuning with a dataset can and cannot be expected to do."""
    from finetune.pairs import check as examine

    objects = wiring()
    report = examine(_newest(kb, dataset), embedder=objects.embedder() if meaning else None)
    if as_json:
        show_json(report.model_dump(mode="json"))
        return
    line(
        f"{report.facts} facts, {report.rows} training rows ({report.rows_per_fact} per fact), "
        f"about {report.tokens:,} tokens"
    )
    line("Languages: " + ", ".join(f"{name} {number}" for name, number in report.languages.items()))
    for finding in report.findings:
        line(f"{finding.level:<8} {finding.message}" + (f" {finding.hint}" if finding.hint else ""))


def import_(
    path: Annotated[Path, typer.Argument(help="Alpaca, ShareGPT, messages or CSV.")],
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    skip: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be used instead of stopping.")
    ] = False,
) -> None:
    """Make a dataset from a file of pairs; evidence is looked for in the knowledge base."""
    from finetune.pairs.importing import import_dataset

    made, problems = import_dataset(wiring().library(kb), path, strict=not skip)
    if as_json:
        found = [problem.model_dump(mode="json") for problem in problems]
        show_json({"dataset": made.card.model_dump(mode="json"), "folder": str(made.folder), "problems": found})
        return
    _print_card(made, as_json)
    for problem in problems:
        line(f"  row {problem.row}, {problem.field}: {problem.message}" + (" (repaired)" if problem.repaired else ""))


def export(
    format: Annotated[str, typer.Argument(help="alpaca, sharegpt, openai, axolotl, …")],
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    dataset: DatasetId = "",
    to: Annotated[Path, typer.Option("--out", "--to", help="Folder to write into.")] = Path("export"),
    base: Annotated[str, typer.Option(help="Model that trainers' settings name.")] = "",
) -> None:
    """Write a dataset in the format of another trainer."""
    from finetune.formats import export as write

    done = write(_newest(kb, dataset), format, to, base=base)
    if as_json:
        show_json({"folder": str(to), **done.model_dump(mode="json")})
        return
    for name in done.files:
        line(str(to / name))
    for note in done.notes:
        line(note)


def _newest(kb: str, dataset: str) -> Dataset:
    from finetune.datasets import every, read

    folder = wiring().folder(kb)
    if dataset:
        return read(folder.dataset(dataset))
    found = every(folder)
    if not found:
        raise BadDataset(f"The knowledge base {kb!r} has no dataset.", "Build one with: docgraft pairs build")
    return found[0]
