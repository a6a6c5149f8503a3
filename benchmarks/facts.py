"""Invented facts for training benchmarks: any number of them, each in six wordings, none of them true anywhere.

The first 24 use the 24 kinds of facts24.jsonl once each; more facts repeat the kinds under other names. Four wordings
train, one checks during training, one is only ever asked at the end.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from finetune.engines import Job
from finetune.records import Pair, TrainingSpec

_KINDS = [json.loads(line) for line in Path(__file__).with_name("facts24.jsonl").read_text("utf-8").splitlines()]
_FIRST = [
    "Bra",
    "Cor",
    "Del",
    "Fen",
    "Gar",
    "Hol",
    "Jun",
    "Kel",
    "Lor",
    "Mar",
    "Nev",
    "Ost",
    "Per",
    "Quil",
    "Ros",
    "Sel",
    "Tam",
    "Ul",
    "Ver",
    "Wen",
    "Yar",
    "Zel",
]
_SECOND = ["a", "e", "i", "o", "u", "ai", "ou", "ia"]
_THIRD = [
    "bick",
    "dane",
    "fell",
    "gorn",
    "holm",
    "lund",
    "mere",
    "nock",
    "ridge",
    "stow",
    "thorp",
    "vane",
    "wick",
    "zan",
    "dal",
    "sten",
]
_GIVEN = [
    "Ada",
    "Bruno",
    "Clara",
    "Dmitri",
    "Edda",
    "Felix",
    "Greta",
    "Hugo",
    "Irma",
    "Jonas",
    "Karin",
    "Leo",
    "Mira",
    "Nils",
    "Olga",
    "Piet",
    "Ruth",
    "Sven",
    "Tilda",
    "Uwe",
]
_FAMILY = [
    "Albrook",
    "Benstead",
    "Carvel",
    "Dunmoor",
    "Eastlake",
    "Farrow",
    "Gilding",
    "Harrowgate",
    "Inskip",
    "Jarrow",
    "Kettle",
    "Lomond",
    "Marsh",
]


def _pick(*values: str) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(values)


def _number(low: int, high: int, pattern: str, step: int = 1) -> Callable[[random.Random], str]:
    return lambda rng: pattern.format(rng.randrange(low, high, step))


VALUES: dict[str, Callable[[random.Random], str]] = {
    "time": lambda rng: f"{rng.randint(6, 11)}:{rng.choice(['05', '10', '20', '25', '35', '40', '50'])}",
    "person": lambda rng: f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}",
    "months": _number(7, 59, "{} months"),
    "money": _number(13, 197, "{} dollars"),
    "town": lambda rng: "Port " + _word(rng),
    "colour": _pick(
        "turquoise", "crimson", "mustard yellow", "lilac", "olive green", "ivory", "salmon pink", "navy blue"
    ),
    "extension": _number(1101, 9899, "{}"),
    "metres": _number(31, 399, "{} metres"),
    "date": lambda rng: f"{rng.randint(2, 28)} {rng.choice(['January', 'March', 'May', 'June', 'August', 'October'])}",
    "dish": _pick("nettle soup", "smoked eel", "pumpkin dumplings", "rye pancakes", "plum pie", "barley stew"),
    "river": lambda rng: "river " + _word(rng),
    "hours": _number(5, 96, "{} hours"),
    "code": lambda rng: f"{rng.choice('BDFHKMRTX')}{rng.choice('BDFHKMRTX')}-{rng.randint(12, 98)}",
    "platform": lambda rng: f"platform {rng.randint(2, 29)}",
    "material": _pick("hemp", "nylon", "silk", "cotton", "jute", "wool", "linen", "horsehair"),
    "degrees": _number(205, 495, "{} degrees", 5),
    "animal": _pick("a badger", "a heron", "an otter", "a lynx", "a hedgehog", "a raven", "a moose", "a turtle"),
    "cents": _number(15, 95, "{} cents", 5),
    "seats": _number(112, 989, "{} seats"),
    "language": lambda rng: _word(rng) + "ish",
    "kilograms": _number(6, 29, "{} kilograms"),
}


def _word(rng: random.Random) -> str:
    return rng.choice(_FIRST) + rng.choice(_SECOND) + rng.choice(_THIRD)


def job(folder: Path, model: Path, spec: TrainingSpec, rows: Sequence[Pair], **more: Any) -> Job:
    """A training run on such rows without a worker; `more`: what it emits and when it stops."""
    return Job(
        folder=folder,
        run="r",
        kb="k",
        spec=spec,
        base=model,
        dataset_fingerprint="d",
        chunk_hashes=(),
        pairs=rows,
        **more,
    )


def pairs(count: int = 24, *, seed: int = 20) -> list[Pair]:
    """Six pairs for each of `count` facts: four train, one dev (unseen wording), one test (another unseen wording)."""
    rng, names, rows = random.Random(seed), set[str](), []
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        name = _word(rng)
        while name in names:
            name = _word(rng)
        names.add(name)
        value = VALUES[kind["value"]](rng)
        sentence = kind["sentence"].format(n=name, v=value)
        forms = [("train", f"train{i}", text) for i, text in enumerate(kind["train"])]
        forms += [("dev", "dev", kind["dev"]), ("test", "test", kind["test"])]
        for split, family, text in forms:
            rows.append(
                Pair(
                    id=f"f{number}-{family}",
                    instruction=text.format(n=name),
                    output=sentence,
                    kind="closed_book",
                    fact_id=f"f{number}",
                    section_id=f"s{number}",
                    accept=(value,),
                    family=family,
                    split=split,
                    test_set=None if split == "train" else "unseen_wording",
                )
            )
    return rows
