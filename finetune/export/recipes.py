"""A training run as a folder that needs no Docgraft: rows, settings or script, and a README with the commands.

The rows are token ids with their labels, the very ones that Docgraft would train on, so that nobody's template can
change them; beside them lie the same rows as text for the eye.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from finetune.engines import axolotl, llamafactory
from finetune.engines.outside import Plan
from finetune.engines.pins import PINS
from finetune.engines.rows import Rows, encode, fitted
from finetune.engines.sft_script import script
from finetune.engines.trl import steps_of
from finetune.formats.writing import chat
from finetune.models.devices import describe
from finetune.models.templates import load_tokenizer
from finetune.records import Pair, TrainingSpec
from memory.errors import BadDataset, DocgraftError
from memory.records import Record
from memory.workspace import write_json, write_text

LOCAL = ("trl", "unsloth", "axolotl", "llamafactory")
"""Engines whose runs can be written out as a folder that trains."""


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
    if spec.engine not in LOCAL:
        raise DocgraftError(
            f"A run of the engine {spec.engine!r} cannot be written out.", f"Choose one of: {', '.join(LOCAL)}."
        )
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
    commands = _WRITERS[spec.engine](plan, rows, train, folder)
    write_json(folder / "spec.json", spec.model_dump(mode="json"))
    write_text(folder / "README.md", _readme(plan, rows, commands))
    files = tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
    return Recipe(
        engine=spec.engine, folder=str(folder), files=files, rows=len(rows.rows), steps=plan.steps, commands=commands
    )


def _axolotl(plan: Plan, rows: Rows, train: Sequence[Pair], folder: Path) -> tuple[str, ...]:
    axolotl.write_rows(rows, folder / axolotl.ROWS)
    _yaml(folder / axolotl.CONFIG, axolotl.settings(plan))
    # Not `axolotl train`: on one device it only adds a launcher, which looks for another program on the path.
    # Axolotl sends usage data to its makers unless told not to.
    return (*_installing("axolotl"), f"AXOLOTL_DO_NOT_TRACK=1 python -m {axolotl.MODULE} {axolotl.CONFIG}")


def _llamafactory(plan: Plan, rows: Rows, train: Sequence[Pair], folder: Path) -> tuple[str, ...]:
    llamafactory.write_rows(rows, folder / llamafactory.ROWS)
    write_json(folder / "train.json", [llamafactory.conversation(pair) for pair in train])
    write_json(folder / "dataset_info.json", llamafactory.dataset_info())
    _yaml(folder / llamafactory.CONFIG, llamafactory.settings(plan))
    return (*_installing("llamafactory"), f"llamafactory-cli train {llamafactory.CONFIG}")


def _script(plan: Plan, rows: Rows, train: Sequence[Pair], folder: Path) -> tuple[str, ...]:
    axolotl.write_rows(rows, folder / axolotl.ROWS)
    write_text(folder / "train.py", script(plan, rows=axolotl.ROWS, output=axolotl.OUTPUT))
    own = (
        "python -m venv env",
        '. env/bin/activate && pip install "trl>=1.15,<2" "transformers>=5.17,<6" "peft>=0.18"',
    )
    return (*(own if plan.spec.engine == "trl" else _installing("unsloth")), "python train.py")


_WRITERS: dict[str, Callable[[Plan, Rows, Sequence[Pair], Path], tuple[str, ...]]] = {
    "trl": _script,
    "unsloth": _script,
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
}


def _installing(name: str) -> tuple[str, ...]:
    wanted = " ".join(f'"{line}"' for line in PINS[name].requirements)
    return ("python -m venv env", f". env/bin/activate && pip install {wanted}")


def _yaml(path: Path, settings: dict[str, Any]) -> None:
    write_text(path, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _readme(plan: Plan, rows: Rows, commands: Sequence[str]) -> str:
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
    if spec.engine == "llamafactory":
        notes.append(
            "- `tokenized_path` makes LLaMA-Factory take the token ids. To train from the text instead, remove "
            "that line and set `template` to your model's."
        )
    if spec.engine in PINS and PINS[spec.engine].hollow:
        names = ", ".join(PINS[spec.engine].hollow)
        notes.append(
            f"- Beside a CPU build of torch, {names} from PyPI may not load. Text training never calls it: an empty "
            "package of that name in its place is enough."
        )
    shown = "\n".join(commands)
    return (
        f"# {spec.base}: a LoRA adapter with {spec.engine}\n\nRun in this folder:\n\n```sh\n{shown}\n```\n\n"
        f"The adapter is then in `{axolotl.OUTPUT}/`.\n\nThe base model is read from `{plan.base}`: change that path "
        f"when you take this folder to another machine.\n\n" + "\n".join(notes) + "\n"
    )
