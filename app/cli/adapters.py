"""Commands on finished adapters: list, show, remove, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.frame import DEFAULT, USER, AsJson, Kb, confirm, console, line, show_json, table, wiring
from memory.errors import DocgraftError

AdapterId = Annotated[str, typer.Argument(metavar="ADAPTER", help="An adapter's id or the beginning of it.")]

SHOWN = 20
"""Facts of changed documents that are listed."""


def register(app: typer.Typer) -> None:
    """Add this module's commands, grouped under `adapters`."""
    group = typer.Typer(help="Finished adapters.", no_args_is_help=True)
    for command in (adapters, show, remove, export):
        group.command("list" if command is adapters else command.__name__)(command)
    app.add_typer(group, name="adapters", rich_help_panel="Training")


def adapters(*, kb: Kb = DEFAULT, as_json: AsJson = False) -> None:
    """List the adapters of a knowledge base that were finished and verified."""
    from finetune.adapters import cards

    found = cards(wiring().folder(kb))
    if as_json:
        show_json({"adapters": [card.model_dump(mode="json") for card in found]})
    elif not found:
        line("No adapters yet. Train one with: docgraft train start")
    else:
        rows = [[c.id, c.called, c.base, _score(c.scores), f"{c.bytes / 1e6:.0f} MB"] for c in found]
        table(["Adapter", "Engine, dataset, created", "Base", "Unseen wordings", "Size"], rows)


def _score(scores: dict[str, float]) -> str:
    return f"{scores['unseen_wording']:.0%}" if "unseen_wording" in scores else ""


def show(
    adapter: AdapterId,
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also check its files against the base, and that it changes answers.")
    ] = False,
) -> None:
    """Show an adapter: data, settings, scores, and what it has learned that the documents no longer say."""
    from app.training import base_of, staleness
    from finetune import adapters as kept

    objects = wiring()
    folder, name = objects.folder(kb), which(kb, adapter)
    card = kept.show(folder, name)
    effect = None
    if verify:
        path, base = kept.folder(folder, name), base_of(objects, card)
        kept.verify(path, base=base)
        effect = kept.effect(path, base)
    stale = staleness(objects, USER, kb, name)
    if as_json:
        found = {"adapter": card, "staleness": stale}
        shown = {key: value.model_dump(mode="json") for key, value in found.items()}
        show_json({**shown, "verified": verify, "effect": effect})
        return
    line(f"adapter   {card.id} for {card.base}" + (f" ({card.licence})" if card.licence else ""))
    line(f"  trained on dataset {card.dataset}, {card.created}; effect {card.effect:.2f}; {card.bytes / 1e6:.0f} MB")
    for score, value in card.scores.items():
        line(f"  {score:<20} {value:.3f}" if score.endswith("loss") else f"  {score:<20} {value:.0%}")
    if verify:
        line(f"  files: whole, finite, and made for this very base; opened on it, it changes a logit by {effect:.2f}")
    if stale.stale:
        line(f"  {len(stale.chunks_gone)} learned passages have changed or gone; facts from them:")
        for fact in stale.facts[:SHOWN]:
            line(f"    {fact.question} → {fact.answer}")
        if len(stale.facts) > SHOWN:
            line(f"    and {len(stale.facts) - SHOWN} more: docgraft adapters show {name} --json")
    line(f"  folder {kept.folder(folder, name)}")


def remove(
    adapter: AdapterId,
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an adapter; the record of its run stays."""
    from finetune.adapters import remove as delete

    name = which(kb, adapter)
    confirm(f"Delete the adapter {name}?", yes=yes or as_json)
    delete(wiring().folder(kb), name)
    if as_json:
        show_json({"removed": name})
    else:
        line(f"removed   {name}")


def export(
    adapter: AdapterId,
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    out: Annotated[Path, typer.Option("--out", help="New folder for the merged model.")] = Path("merged"),
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
) -> None:
    """Merge an adapter into a copy of its base, and check that both answer alike."""
    from app.training import base_of
    from finetune import adapters as kept
    from finetune.export.merge import merge

    objects, name = wiring(), which(kb, adapter)
    card = kept.show(objects.folder(kb), name)
    with console().status("Merging…") as status:
        parity = merge(
            kept.folder(objects.folder(kb), name),
            base_of(objects, card),
            out,
            precision=precision,
            progress=lambda text: status.update(f"{text}…"),
        )
    if as_json:
        show_json({"folder": str(out), "parity": parity.model_dump(mode="json")})
        return
    line(f"merged    {out} ({precision}): {parity.same} of {parity.questions} answers the same as with the adapter")
    if parity.warning:
        line(f"          {parity.warning}")


def which(kb: str, adapter: str) -> str:
    """An adapter by its id or the beginning of it; as it is when there is none."""
    from finetune.adapters import cards

    known = [card.id for card in cards(wiring().folder(kb))]
    found = [i for i in known if i == adapter] or [i for i in known if len(adapter) >= 6 and i.startswith(adapter)]
    if len(found) > 1:
        raise DocgraftError(f"{adapter!r} is the beginning of {len(found)} adapters' ids.", "Give more of the id.")
    return found[0] if found else adapter
