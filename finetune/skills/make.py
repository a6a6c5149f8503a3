"""Makes the reader: rows from practice knowledge bases and the samples, trainings, scores, the adapter's folder.

    python -m finetune.skills.make [--data FOLDER] [--work FOLDER] [--out FOLDER]

Two adapters are trained on rows drawn apart, and the reader is their mean: it reads a little better than either. Two
knowledge bases are never trained on; the scores are of those.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from finetune.datasets import fingerprint
from finetune.engines import Job, trl
from finetune.engines.effect import logit_difference
from finetune.engines.network import load_network
from finetune.models.adapter_files import CARD, CONFIG, WEIGHTS, read
from finetune.models.averaging import averaged
from finetune.models.bases import Bases
from finetune.models.catalog import PLAIN, READER, entry_for
from finetune.models.check import SHIPPED, check
from finetune.models.devices import describe
from finetune.models.fetch import MANIFEST, fetch
from finetune.models.folding import fold
from finetune.models.local import LocalChatModel
from finetune.pairs import reading, replay
from finetune.records import AdapterCard, Pair, TrainingSpec
from finetune.runfolder import RunFolder
from finetune.skills.changes import name
from finetune.skills.scores import Score, score
from finetune.skills.shelf import QUESTIONS, Shelf
from memory.workspace import Workspace, write_json, write_text
from retrieval.packing import Count

HELD_OUT = ("vet-clinic", "student-dorm")
"""Practice knowledge bases that the reader never sees: one in English, one in Chinese."""
EPOCHS = {"en": 0.6, "zh": 0.5}
"""How often evidence is drawn for each question; Chinese rows are long for an English model."""
WRITTEN = {"en": 0.12, "zh": 0.08}
"""The same for the written documents, whose sections answer more questions each: every second one is asked once."""
SAMPLES = 120
"""Pieces of evidence from the samples, whose questions are our own."""
SEEDS = (0, 1)
"""One adapter is trained for each, on rows of its own."""
GENERAL = 400
"""General rows, so that the reader goes on talking."""
SPEC = TrainingSpec(
    base=PLAIN,
    dataset="reader",
    rank=16,
    alpha=32,
    learning_rate=1e-3,
    epochs=1,
    batch=16,
    max_length=1024,
    truncate=True,
    evaluate=False,
    bits=32,
)

README = """---
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
library_name: peft
license: apache-2.0
language: [en, zh]
tags: [lora, docgraft, reading]
---

# The reader

A LoRA adapter that teaches SmolLM2-135M-Instruct to answer from numbered passages, or to say that they do not hold the
answer. It is the mean of {trained} adapters, each trained on rows of its own, cut back to their rank. It is folded into
the embedded model when that is fetched. `make reader` makes it again.

| | |
|---|---|
| Base | {card.base}, fingerprint {card.base_fingerprint} |
| Rank, alpha while training, layers | {spec.rank}, {spec.alpha}, all linear |
| Learning rate, schedule, batch | {spec.learning_rate}, {spec.schedule}, {spec.batch} |
| Base while training | {spec.bits} bits |
| Rows, fingerprint | {rows}, {card.dataset_fingerprint} |
| Weights | {card.tensors} tensors in float16 |
| Versions | {card.versions} |
| Made | {card.created} |

## Rows

Questions in people's words over six of the practice knowledge bases and over documents invented for this (both CC0),
our own over those and the samples, and general rows. Evidence is what search finds, packed as the chat packs it.
Several questions are asked about each piece, and in most its numbers, days and names are changed: only reading answers.

| kind, maker, language | rows |
|---|---|
{counted}

## Scores

Knowledge bases that no row came from; greedy, marked by containment of the reference. `python -m benchmarks.reader`
asks the plain model too.

| knowledge base | answerable | right, section given | right, search | declined, search | unanswerable refused |
|---|---|---|---|---|---|
{scored}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the reader; says what it does on stdout."""
    parser = argparse.ArgumentParser(prog="python -m finetune.skills.make", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("benchmarks/practice"), help="the practice knowledge bases")
    parser.add_argument("--written", type=Path, default=Path("benchmarks/written"), help="documents with questions")
    parser.add_argument("--samples", type=Path, default=Path("samples/documents"))
    parser.add_argument("--work", type=Path, default=Path("build/reader"), help="libraries, rows and checkpoints")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "reader_adapter")
    parser.add_argument("--reading", type=Path, default=reading.FILE, help="the part of the rows for users' datasets")
    parser.add_argument("--rows-only", action="store_true", help="stop when the rows are written")
    options = parser.parse_args(argv)
    workspace = Workspace(options.work / "home")
    base = fetch(PLAIN, workspace)
    practice = [path.parent for path in sorted(options.data.glob(f"*/{QUESTIONS}"))]
    shelf = Shelf(workspace, [options.samples, *practice, *sorted(options.written.glob("*-*.md"))])
    model = LocalChatModel(bases=Bases(), path=base, max_new_tokens=64)
    drawn = [
        kept_rows(options.work / f"rows-{seed}.jsonl", partial(training_rows, shelf, model.count, seed=seed))
        for seed in SEEDS
    ]
    write_text(options.reading, "".join(reading.lines(drawn[0])))
    if options.rows_only:
        return 0
    started = time.monotonic()
    runs = [options.work / f"run-{seed}" for seed in SEEDS]
    cards = [train(pairs, base, run) for pairs, run in zip(drawn, runs, strict=True)]
    say(f"trained in {time.monotonic() - started:.0f} s")
    mean = averaged([run / "adapter" for run in runs], base, options.work / "mean", rank=SPEC.rank)
    pairs = [pair for some in drawn for pair in some]
    values = {"dataset_fingerprint": fingerprint(pairs), "effect": logit_difference(mean, base)}
    card = cards[0].model_copy(update=values)
    ship(card, mean, options.out)
    taught = model.model_copy(update={"path": folded(base, options.out, options.work / "taught")})
    scores = [score(taught, *shelf.open(kb), shelf.questions(kb), kb=kb) for kb in HELD_OUT]
    describe_reader(options.out, card, pairs, scores)
    write_json(options.out / SHIPPED, check(taught, READER).model_dump(mode="json"))
    return 0


def kept_rows(path: Path, make: Callable[[], list[Pair]]) -> list[Pair]:
    """Training rows; written down once, so that a second run need not make them again."""
    if not path.is_file():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_text("".join(pair.model_dump_json() + "\n" for pair in made), encoding="utf-8")
        beside.replace(path)
    return [Pair.model_validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]


def training_rows(shelf: Shelf, count: Count, *, seed: int = 0) -> list[Pair]:
    """Rows about every knowledge base but those held out, and general rows."""
    made: list[Pair] = []
    learned = sorted(set(shelf.folders) - set(HELD_OUT))
    answers = {q.answer for base in learned for q in shelf.questions(base) if q.answer}
    names = sorted(filter(name, answers))
    for base in learned:
        asked = bool(shelf.questions(base))
        times = (WRITTEN if shelf.folders[base].is_file() else EPOCHS)[shelf.language(base)] if asked else 1
        found = shelf.rows(base, count, epochs=times, seed=seed, names=names)
        some = list(found if asked else first_blocks(found, SAMPLES))
        say(f"{base}: {len(some)} rows about {len({pair.input for pair in some})} pieces of evidence")
        made += some
    general = replay.training({"en", "zh-Hant"}, GENERAL)
    say(f"general: {len(general)} rows")
    return [*made, *general]


def first_blocks(pairs: Iterable[Pair], most: int) -> Iterator[Pair]:
    """The rows about the first `most` pieces of evidence."""
    seen: set[str] = set()
    for pair in pairs:
        seen.add(pair.input)
        if len(seen) > most:
            return
        yield pair


def train(pairs: Sequence[Pair], base: Path, work: Path) -> AdapterCard:
    """Train the adapter in `work/adapter`; taken up where it stopped, never repeated."""
    done = work / "card.json"
    if done.is_file():
        return AdapterCard.model_validate_json(done.read_text(encoding="utf-8"))
    work.mkdir(parents=True, exist_ok=True)
    say(f"{len(pairs)} rows, {describe().kind}")
    job = Job(
        folder=work,
        run="reader",
        kb="practice",
        spec=SPEC.model_copy(update={"bits": _bits()}),
        base=base,
        dataset_fingerprint=fingerprint(pairs),
        chunk_hashes=(),
        pairs=list(pairs),
        licence=entry_for(PLAIN).licence,
        emit=_telling(work),
    )
    card = trl.train(job, load_network(job.spec, base, describe()))
    card = card.model_copy(update={"effect": logit_difference(work / "adapter", base)})
    write_json(done, card.model_dump(mode="json"))
    return card


def ship(card: AdapterCard, adapter: Path, out: Path) -> None:
    """The adapter in half precision with its card, which takes half the room and changes no answer to speak of."""
    from safetensors.torch import load_file, save_file

    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in load_file(adapter / WEIGHTS).items()}
    save_file(tensors, out / WEIGHTS)
    shutil.copyfile(adapter / CONFIG, out / CONFIG)
    values = card.model_copy(update={"bytes": (out / WEIGHTS).stat().st_size, "chunk_hashes": ()})
    write_json(out / CARD, values.model_dump(mode="json"))
    read(out)  # Raises when a number went out of range.


def folded(base: Path, adapter: Path, target: Path) -> Path:
    """A copy of the base with the adapter folded in, as fetching makes it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(base, target, ignore=shutil.ignore_patterns(".*", MANIFEST))
    fold(target, adapter)
    return target


def describe_reader(out: Path, card: AdapterCard, pairs: Sequence[Pair], scores: Sequence[Score]) -> None:
    """README.md beside the weights."""
    kinds = Counter(f"{pair.kind}, {pair.maker}, {pair.language}" for pair in pairs)
    counted = "\n".join(f"| {kind} | {number} |" for kind, number in sorted(kinds.items()))
    scored = "\n".join(map(_line, scores))
    text = README.format(card=card, spec=card.spec, trained=len(SEEDS), rows=len(pairs), counted=counted, scored=scored)
    write_text(out / "README.md", text)
    say(scored)


def _line(found: Score) -> str:
    cells = [found.kb, found.answerable, found.section, found.search, found.declined]
    return f"| {' | '.join(map(str, cells))} | {found.refused} of {found.unanswerable} |"


def _bits() -> int:
    """Half precision where the processor multiplies it much faster."""
    device = describe()
    return 16 if device.kind != "cpu" or device.bfloat16 else 32


def _telling(work: Path) -> Any:
    folder = RunFolder(work)

    def emit(kind: str, **values: Any) -> None:
        folder.emit(kind, **values)
        values["message"] = str(getattr(values.get("message", ""), "text", values.get("message", "")))
        if kind != "step" or values["step"] % 20 == 0:
            shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
            say(f"{kind} {json.dumps(shown, ensure_ascii=False)}")

    return emit


def say(text: str) -> None:
    """One line of progress with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
