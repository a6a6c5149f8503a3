"""Makes retrieval/aim.safetensors: what turns a question in people's words towards the line that answers it.

    python -m benchmarks.aim [--home FOLDER] [--folds 3] [--write]

Learns from the questions of benchmarks/practice (but the two knowledge bases held out), written and unread: some 16,000
with the lines that answer them. First every fold of the documents is left out once, and the held-out knowledge bases
always: recall of the line and of its section with and without it. Indexing takes half an hour on two cores, once for
a `--home`; fitting takes seconds. Needs torch.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.nn.functional import dropout, normalize

from benchmarks import machine
from finetune.skills.make import HELD_OUT
from finetune.skills.reader import answering, letters, place_of
from finetune.skills.shelf import QUESTIONS, Shelf
from memory.workspace import Workspace
from retrieval.aim import SHIPPED
from retrieval.background import Background, measure
from retrieval.candidates import candidates, starts
from retrieval.embedders import load
from retrieval.fusion import WEIGHTS, lexical, section_means

HERE = Path(__file__).parent
RANK, RATE, PASSES, DECAY, DROPOUT, SEEDS = 64, 1e-3, 20, 1.0, 0.3, 4
"""Chosen on the first fold; others between 32 and 128, 10 and 20 passes, came within a point of each other."""
TOGETHER = 4
"""Knowledge bases per update."""


class Base(NamedTuple):
    """One knowledge base: directions of its units and questions, and what the other signs say of each unit."""

    name: str
    headed: torch.Tensor
    bare: torch.Tensor
    section: torch.Tensor
    first: np.ndarray
    asked: torch.Tensor
    gold: torch.Tensor
    """[questions, units]: whether the unit answers."""
    rest: torch.Tensor
    """[questions, units]: BM25 and kinds, weighted."""
    languages: list[str]

    def scores(self, asked: torch.Tensor) -> torch.Tensor:
        """[questions, units]: the fusion's score for these directions."""
        found = WEIGHTS.headed * asked @ self.headed.T + WEIGHTS.bare * asked @ self.bare.T
        return found + WEIGHTS.section * asked @ self.section.T + self.rest


def main() -> None:
    """Cross-validate, fit on everything that may be learned from, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path("build/aim"), help="keeps the indexes")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="append the table to docs/BENCHMARKS.md")
    arguments = parser.parse_args()
    embedder = load("e5")
    background = measure(embedder)._replace(aim=None)
    practice = [path.parent for path in sorted((HERE / "practice").glob(f"*/{QUESTIONS}"))]
    written = [path for kind in ("written", "unread") for path in sorted((HERE / kind).glob("*-*.md"))]
    shelf = Shelf(Workspace(arguments.home), [*practice, *written], embedder)
    bases = [base for name in shelf.folders if (base := opened(shelf, name, background)) is not None]
    held = [base for base in bases if base.name in HELD_OUT]
    learned = [base for base in bases if base.name not in HELD_OUT]
    lines = ["| left out, language | questions | | line @1 | @3 | @5 | section @1 | @3 | @5 |", "|" + "---|" * 9]
    folded = [base for base in learned if base.name not in {path.stem for path in practice}]
    random.Random(2).shuffle(folded)
    for fold in range(arguments.folds):
        out = folded[fold :: arguments.folds]
        left = {base.name for base in out}
        aim = fitted([base for base in learned if base.name not in left])
        lines += [*table(f"fold {fold + 1}", out, aim), *table("held out always", held, aim)]
    aim = fitted(learned)
    lines += table("held out always, as shipped", held, aim)
    print("\n".join(lines))
    tensors = {"turn": aim[0].numpy().astype(np.float16), "shift": aim[1].numpy()}
    save_file(tensors, HERE.parent / "retrieval" / SHIPPED, metadata={"fingerprint": embedder.fingerprint})
    if arguments.write:
        machine.append("Where questions point", lines)


def opened(shelf: Shelf, name: str, background: Background) -> Base | None:
    """A knowledge base with the questions that stand for themselves and whose lines are known; None without any."""
    library, _ = shelf.open(name)
    units = {place_of(unit): unit for section in library.sections() for unit in library.units(section.id)}
    vectors = library.unit_vectors([section.id for section in library.sections()])
    places = {place: row for row, place in enumerate(map(tuple, vectors.ids))}
    texts = [(text, place) for place, unit in units.items() if len(text := letters(unit.text)) > 3]
    asked = [(q, found) for q in shelf.questions(name) if q.answer and not q.history if (found := answering(q, texts))]
    if not asked:
        return None
    names, first = starts(vectors)
    sizes = np.diff(np.append(first, len(vectors.ids)))
    headed, bare = background.passages(vectors.with_heading), background.passages(vectors.bare)
    means = section_means(headed, first)
    gold = torch.zeros(len(asked), len(vectors.ids), dtype=torch.bool)
    for row, (_, found) in enumerate(asked):
        gold[row, [places[place] for place in found if place in places]] = True
    rendered = [units[place].rendered for place in places]
    embedded = shelf.embedder.encode([q.question for q, _ in asked], query=True)
    rest = []
    for (q, _), vector in zip(asked, embedded, strict=True):
        keyword = {c.section_id: c.keyword[0] for c in candidates(library, [q.question], vector[None])}
        worded = np.repeat([keyword.get(name, 0.0) for name in names], sizes)
        rest.append(WEIGHTS.keyword * worded + lexical(q.question, rendered, q.question))
    directions = background.questions(embedded)
    some = gold.any(dim=1)
    return Base(
        name=name,
        headed=torch.tensor(headed),
        bare=torch.tensor(bare),
        section=torch.tensor(np.repeat(means, sizes, axis=0)),
        first=first,
        asked=torch.tensor(directions)[some],
        gold=gold[some],
        rest=torch.tensor(np.array(rest), dtype=torch.float32)[some],
        languages=[q.language[:2] for (q, _), there in zip(asked, some.tolist(), strict=True) if there],
    )


def fitted(bases: Sequence[Base]) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of a few fits: the turn [d, d] and the shift [d]."""
    found = [_fitted(bases, seed) for seed in range(SEEDS)]
    turns, shifts = zip(*found, strict=True)
    return torch.stack(turns).mean(dim=0), torch.stack(shifts).mean(dim=0)


def _fitted(bases: Sequence[Base], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A choice among the units of the question's own knowledge base, through the fusion as it is."""
    torch.manual_seed(seed)
    size = bases[0].headed.shape[1]
    down, up, shift = torch.randn(size, RANK) * 0.05, torch.zeros(RANK, size), torch.zeros(size)
    parameters = [tensor.requires_grad_() for tensor in (down, up, shift)]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, PASSES)
    order, chance = list(bases), random.Random(seed)
    for _ in range(PASSES):
        chance.shuffle(order)
        for begin in range(0, len(order), TOGETHER):
            losses = []
            for base in order[begin : begin + TOGETHER]:
                asked = dropout(base.asked, DROPOUT)
                scores = base.scores(normalize(asked + asked @ down @ up + shift, dim=1))
                right = scores.masked_fill(~base.gold, float("-inf")).logsumexp(dim=1)
                losses.append((scores.logsumexp(dim=1) - right).mean() / TOGETHER)
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            optimizer.step()
        schedule.step()
    return (down @ up).detach(), shift.detach()


def table(name: str, bases: Sequence[Base], aim: tuple[torch.Tensor, torch.Tensor]) -> list[str]:
    """Recall of the answering line and of its section among all of their document."""
    lines = []
    for how, turned in (("as embedded", False), ("turned", True)):
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for base in bases:
            asked = normalize(base.asked + base.asked @ aim[0] + aim[1], dim=1) if turned else base.asked
            for language, place in zip(base.languages, ranks(base, base.scores(asked)), strict=True):
                places[language].append(place)
        for language, found in sorted(places.items()):
            shares = [f"{np.mean([p[kind] < most for p in found]):.3f}" for kind in (0, 1) for most in (1, 3, 5)]
            lines.append(f"| {name}, {language} | {len(found)} | {how} | {' | '.join(shares)} |")
    return lines


def ranks(base: Base, scores: torch.Tensor) -> list[tuple[int, int]]:
    """For each question how many lines, and how many sections, come before the first that answers."""
    best = scores.masked_fill(~base.gold, float("-inf")).max(dim=1).values
    sections = torch.tensor(np.maximum.reduceat(scores.numpy(), base.first, axis=1))
    lines, before = (scores > best[:, None]).sum(dim=1).tolist(), []
    for row, gold in enumerate(base.gold):
        held = np.unique(np.searchsorted(base.first, gold.nonzero()[:, 0].numpy(), side="right") - 1)
        before.append(int((sections[row] > sections[row][held].max()).sum()))
    return list(zip(lines, before, strict=True))


if __name__ == "__main__":
    main()
