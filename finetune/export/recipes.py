"""A training run as a folder that needs no Docgraft: rows, settings or script, and a README with the commands.

The rows are token ids with their labels, the very ones that Docgraft would train on, so that nobody's template can
change them; beside them lie the same rows as text for the eye.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from finetune.engines import load, names
from finetune.engines.axolotl import OUTPUT, ROWS, write_rows
from finetune.engines.outside import Outside, Plan, Trainer
from finetune.engines.pins import PINS
from finetune.engines.rows import Rows, encode, fitted
from finetune.engines.sft_script import FSDP, deepspeed, script
from finetune.engines.trl import steps_of
from finetune.formats.writing import chat
from finetune.models.devices import describe
from finetune.models.templates import load_tokenizer
from finetune.records import Pair, TrainingSpec
from memory.errors import BadDataset, DocgraftError
from memory.records import Record
from memory.workspace import write_json, write_text

SCRIPTS = ("trl", "unsloth")
"""Engines of our own process: written out as a script of ours. Others are written out as their own trainer's files."""


class Recipe(Record):
    """What was written."""

    engine: str
    folder: str
    files: tuple[str, ...]
    rows: int
    steps: int
    commands: tuple[str, ...]
    """The commands that train, to be run in the folder."""


def write_recipe(spec: TrainingSpec, pairs: Sequence[Pair], *, base: Path, folder: Path) -> Recipe:
    """Write the run of `spec` on the training pairs into `folder`, which must be empty or not there yet.

    DocgraftError for an engine whose runs cannot be written out.
    """
    outside = trainer(spec.engine)
    if outside is None and spec.engine not in SCRIPTS:
        choice = ", ".join(name for name in names() if name in SCRIPTS or trainer(name))
        raise DocgraftError(f"A run of the engine {spec.engine!r} cannot be written out.", f"Choose one of: {choice}.")
    if folder.exists() and any(folder.iterdir()):
        raise DocgraftError(f"{folder} is not empty.", "Give a new folder.")
    train = [pair for pair in pairs if pair.split == "train"]
    if not train:
        raise BadDataset("The dataset has no training rows.", "Build it again with: docgraft pairs build")
    rows = fitted(encode(train, load_tokenizer(base)), max_length=spec.max_length, truncate=spec.truncate)
    plan = Plan(
        spec=spec,
        base=str(base.absolute()),
        folder=".",
        steps=steps_of(spec, len(rows.rows)),
        device=describe(),
        longest=rows.longest,
    )
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps({"messages": chat(pair)}, ensure_ascii=False) for pair in train)
    write_text(folder / "messages.jsonl", text + "\n")
    commands = _outside(outside, plan, rows, train, folder) if outside else _script(plan, rows, folder)
    write_json(folder / "spec.json", spec.model_dump(mode="json"))
    write_text(folder / "README.md", _readme(plan, rows, commands, outside))
    files = tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
    return Recipe(
        engine=spec.engine, folder=str(folder), files=files, rows=len(rows.rows), steps=plan.steps, commands=commands
    )


def trainer(engine: str) -> Trainer | None:
    """The trainer behind an engine, None for one that trains in Docgraft's own worker."""
    found = load(engine)
    return found.trainer if isinstance(found, Outside) else None


def _outside(own: Trainer, plan: Plan, rows: Rows, train: Sequence[Pair], folder: Path) -> tuple[str, ...]:
    own.write(plan, rows, train, folder)
    return (*_installing(own.name), own.alone)


def _script(plan: Plan, rows: Rows, folder: Path) -> tuple[str, ...]:
    write_rows(rows, folder / ROWS)
    write_text(folder / "train.py", script(plan, rows=ROWS, output=OUTPUT))
    if plan.spec.engine == "trl":
        write_text(folder / "fsdp.yaml", yaml.safe_dump(FSDP, sort_keys=False))
        write_text(folder / "deepspeed.yaml", yaml.safe_dump(deepspeed(plan.spec.accumulation), sort_keys=False))
    own = (
        "python -m venv env",
        '. env/bin/activate && pip install "trl>=1.15,<2" "transformers>=5.17,<6" "peft>=0.18"',
    )
    return (*(own if plan.spec.engine == "trl" else _installing("unsloth")), "python train.py")


def _installing(name: str) -> tuple[str, ...]:
    wanted = " ".join(f'"{line}"' for line in PINS[name].requirements)
    return ("python -m venv env", f". env/bin/activate && pip install {wanted}")


def _readme(plan: Plan, rows: Rows, commands: Sequence[str], outside: Trainer | None) -> str:
    spec = plan.spec
    notes = [
        f"- {len(rows.rows):,} rows, {rows.tokens:,} tokens, of which {rows.supervised:,} are learned: answer and end "
        "token only.",
        f"- {plan.steps:,} steps of {spec.batch * spec.accumulation} rows, seed {spec.seed}, written for a "
        f"{plan.device.kind.upper()}.",
        "- Rows are token ids with labels (−100 is not learned). `messages.jsonl` holds the same rows as text.",
        "- Docgraft itself would also ask unseen wordings after each pass and keep the best checkpoint; this keeps the "
        "last.",
    ]
    if spec.engine == "trl":
        notes.append(
            "- Several GPUs: `accelerate launch --multi_gpu --num_processes N train.py`, with the batch in it divided "
            "by N. Several hosts: add `--num_machines`, `--machine_rank` and `--main_process_ip`."
        )
        notes.append(
            "- A base that is too large for one GPU: `accelerate launch --config_file fsdp.yaml --num_processes N "
            "train.py`, or `deepspeed.yaml` after `pip install deepspeed`. Neither was run where this was written."
        )
    if outside and outside.note:
        notes.append(f"- {outside.note}")
    if spec.engine in PINS and PINS[spec.engine].hollow:
        names = ", ".join(PINS[spec.engine].hollow)
        notes.append(
            f"- Beside a CPU build of torch, {names} from PyPI may not load. Text training never calls it: an empty "
            "package of that name in its place is enough."
        )
    shown, output = "\n".join(commands), outside.output if outside else OUTPUT
    return (
        f"# {spec.base}: a LoRA adapter with {spec.engine}\n\nRun in this folder:\n\n```sh\n{shown}\n```\n\n"
        f"The adapter is then in `{output}/`.\n\nThe base model is read from `{plan.base}`: change that path "
        f"when you take this folder to another machine.\n\n" + "\n".join(notes) + "\n"
    )
