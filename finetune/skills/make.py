"""Makes the reader: rows from practice knowledge bases and from our own pairs, training, scores, the adapter's folder.

    python -m finetune.skills.make [--data FOLDER] [--work FOLDER] [--out FOLDER]

Two knowledge bases are never trained on; the scores are of those.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.datasets import fingerprint
from finetune.engines import Job, trl
from finetune.engines.effect import logit_difference
from finetune.engines.network import load_network, restore_adapter
from finetune.models.adapter_files import CARD, CONFIG, WEIGHTS, read
from finetune.models.bases import Bases
from finetune.models.catalog import PLAIN, READER, entry_for
from finetune.models.check import SHIPPED, check
from finetune.models.devices import describe
from finetune.models.fetch import MANIFEST, fetch
from finetune.models.folding import fold
from finetune.models.local import LocalChatModel
from finetune.pairs import replay
from finetune.records import AdapterCard, Pair, TrainingSpec
from finetune.runfolder import RunFolder
from finetune.skills.reader import Mix
from finetune.skills.scores import Score, score
from finetune.skills.shelf import QUESTIONS, Shelf, shuffled
from memory.workspace import Workspace, write_json, write_text
from retrieval.packing import Count

HELD_OUT = ("vet-clinic", "student-dorm")
"""Practice knowledge bases that the reader never sees: one in English, one in Chinese."""
EPOCHS = {"en": 2, "zh": 1}
"""How often each question is shown, with other evidence each time."""
GENERATED = {"en": 130, "zh": 40}
"""Rows of our own pairs for each knowledge base, at most; Chinese ones are long for an English model."""
GENERAL = 130
"""General rows, so that the reader goes on talking."""
FIRST = TrainingSpec(
    base=PLAIN,
    dataset="reader",
    rank=16,
    alpha=32,
    learning_rate=1e-3,
    epochs=1,
    max_steps=256,  # Three quarters of an hour on two cores; the loss hardly falls after two hundred.
    batch=8,
    max_length=1024,
    truncate=True,
    evaluate=False,
    bits=32,
)
SECOND = FIRST.model_copy(update={"learning_rate": 6e-4, "max_steps": -1, "seed": 1})
"""A second pass, over the English questions only and with hardly any answer left out: after the first, the reader
declined four of ten questions whose answer it was shown."""
SHOWN = Mix(whole=0.3, as_found=0.5, absent=0.03)
"""Evidence of the second pass."""

README = """---
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
library_name: peft
license: apache-2.0
language: [en, zh]
tags: [lora, docgraft, reading]
---

# The reader

A LoRA adapter that teaches SmolLM2-135M-Instruct to answer from numbered passages, or to say that they do not hold the
answer. It is folded into the embedded model when that is fetched. `make reader` makes it again.

| | |
|---|---|
| Base | {card.base}, fingerprint {card.base_fingerprint} |
| Rank, alpha, layers | {spec.rank}, {spec.alpha}, all linear |
| Learning rate, schedule, batch | {first.learning_rate}, then {spec.learning_rate}, {spec.schedule}, {spec.batch} |
| Passes | {first.max_steps} steps over all rows, then once over the English questions |
| Base while training | {spec.bits} bits |
| Rows, fingerprint | {rows}, {card.dataset_fingerprint} |
| Weights | {card.tensors} tensors in float16 |
| Versions | {card.versions} |
| Made | {card.created} |

## Rows

Questions in people's words over six of the practice knowledge bases (CC0), each with other evidence each time, our
own pairs over those and the samples, and general rows. Evidence is packed as the chat packs it.

| kind, maker, language | rows |
|---|---|
{counted}

## Scores

Knowledge bases that no row came from; greedy, marked by containment of the reference:

| knowledge base | model | answerable | right, section given | right, search | declined, search | unanswerable refused |
|---|---|---|---|---|---|---|
{scored}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the reader; says what it does on stdout."""
    parser = argparse.ArgumentParser(prog="python -m finetune.skills.make", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("benchmarks/practice"), help="the practice knowledge bases")
    parser.add_argument("--samples", type=Path, default=Path("samples/documents"))
    parser.add_argument("--work", type=Path, default=Path("build/reader"), help="libraries, rows and checkpoints")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "reader_adapter")
    parser.add_argument("--rows-only", action="store_true", help="stop when the rows are written")
    options = parser.parse_args(argv)
    workspace = Workspace(options.work / "home")
    base = fetch(PLAIN, workspace)
    shelf = Shelf(workspace, [options.samples, *(path.parent for path in sorted(options.data.glob(f"*/{QUESTIONS}")))])
    model = LocalChatModel(bases=Bases(), path=base, max_new_tokens=64)
    first = kept_rows(options.work / "rows-1.jsonl", lambda: first_rows(shelf, model.count))
    second = kept_rows(options.work / "rows-2.jsonl", lambda: second_rows(shelf, model.count))
    if options.rows_only:
        return 0
    started = time.monotonic()
    train(first, FIRST, base, options.work / "pass-1")
    card = train(second, SECOND, base, options.work / "pass-2", start=options.work / "pass-1" / "adapter")
    say(f"trained in {time.monotonic() - started:.0f} s")
    pairs = [*first, *second]
    card = card.model_copy(update={"dataset_fingerprint": fingerprint(pairs)})
    ship(card, options.work / "pass-2" / "adapter", options.out)
    taught = model.model_copy(update={"path": folded(base, options.out, options.work / "taught")})
    scores = {
        name: [score(one, *shelf.open(kb), shelf.questions(kb), kb=kb) for kb in HELD_OUT]
        for name, one in (("plain", model), ("taught", taught))
    }
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


def first_rows(shelf: Shelf, count: Count, *, seed: int = 0) -> list[Pair]:
    """Questions in people's words, our own pairs, and general rows; the held-out knowledge bases give none."""
    made: list[Pair] = []
    for name in sorted(set(shelf.folders) - set(HELD_OUT)):
        questions, language = shelf.questions(name), shelf.language(name)
        asked = list(shelf.asked(name, count, epochs=EPOCHS[language], seed=seed))
        generated = shelf.generated(name, most=GENERATED[language], seed=seed)
        say(f"{name}: {len(questions)} questions, {len(asked)} rows of them, {len(generated)} of our own pairs")
        made += [*asked, *generated]
    general = replay.training({"en", "zh-Hant"}, GENERAL)
    say(f"general: {len(general)} rows")
    return shuffled([*made, *general], seed)


def second_rows(shelf: Shelf, count: Count, *, seed: int = 1) -> list[Pair]:
    """The English questions once more, each with other evidence than before."""
    names = sorted(name for name in set(shelf.folders) - set(HELD_OUT) if shelf.language(name) == "en")
    made = [pair for name in names for pair in shelf.asked(name, count, epochs=1, seed=seed, mix=SHOWN)]
    say(f"second pass: {len(made)} rows")
    return shuffled(made, seed)


def train(
    pairs: Sequence[Pair], spec: TrainingSpec, base: Path, work: Path, *, start: Path | None = None
) -> AdapterCard:
    """Train the adapter in `work/adapter`, from the one in `start` on; taken up where it stopped, never repeated."""
    done = work / "card.json"
    if done.is_file():
        return AdapterCard.model_validate_json(done.read_text(encoding="utf-8"))
    work.mkdir(parents=True, exist_ok=True)
    say(f"{len(pairs)} rows, {describe().kind}")
    job = Job(
        folder=work,
        run="reader",
        kb="practice",
        spec=spec.model_copy(update={"bits": _bits()}),
        base=base,
        dataset_fingerprint=fingerprint(pairs),
        chunk_hashes=(),
        pairs=list(pairs),
        licence=entry_for(PLAIN).licence,
        emit=_telling(work),
    )
    from safetensors.torch import load_file

    network = load_network(job.spec, base, describe())
    if start:
        restore_adapter(network, load_file(start / WEIGHTS))
    card = trl.train(job, network)
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


def describe_reader(out: Path, card: AdapterCard, pairs: Sequence[Pair], scores: Mapping[str, Sequence[Score]]) -> None:
    """README.md beside the weights, with the scores by name of the model."""
    kinds = Counter(f"{pair.kind}, {pair.maker}, {pair.language}" for pair in pairs)
    counted = "\n".join(f"| {kind} | {number} |" for kind, number in sorted(kinds.items()))
    scored = "\n".join(_line(name, one) for name, found in scores.items() for one in found)
    text = README.format(card=card, spec=card.spec, first=FIRST, rows=len(pairs), counted=counted, scored=scored)
    write_text(out / "README.md", text)
    say(scored)


def _line(model: str, found: Score) -> str:
    cells = [found.kb, model, found.answerable, found.section, found.search, found.declined]
    return f"| {' | '.join(map(str, cells))} | {found.refused} of {found.unanswerable} |"


def _bits() -> int:
    """Half precision where the processor multiplies it much faster."""
    device = describe()
    return 16 if device.kind != "cpu" or (device.bfloat16 and "amx" in device.features) else 32


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
