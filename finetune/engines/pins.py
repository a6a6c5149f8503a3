"""What each outside engine is installed from: exact versions, disk needed, and what may be missing. Data only."""

from __future__ import annotations

from memory.errors import NotConfigured
from memory.records import Record

GB = 1_000_000_000
WORKER = (
    *("filelock>=3.16,<4", "jieba>=0.42.1,<0.43", "jinja2>=3.1,<4", "langchain-core>=1.0,<2", "opencc>=1.1.9,<2"),
    *("platformdirs>=4.2,<5", "psutil>=6,<8", "pydantic>=2.10,<3", "pyyaml>=6,<7", "snowballstemmer>=2.2,<4"),
)
"""What Docgraft's worker imports besides torch, transformers, peft and trl, which a trainer brings along."""


class Pins(Record):
    """The environment of one engine."""

    name: str
    package: str
    """The distribution whose version counts."""
    requirements: tuple[str, ...]
    """What pip is given. Exact, because their own dependencies contradict each other's and ours."""
    imports: tuple[str, ...]
    """Modules that must load in the finished environment."""
    disk: int
    """Bytes that must be free: twice what an environment with a CPU build of torch takes on Linux (measured)."""
    packages: int
    """About how many packages come along, for the progress bar."""
    spare: tuple[str, ...] = ()
    """Modules that text training does without; taken out again when they do not load beside this torch."""
    hollow: tuple[str, ...] = ()
    """The same, but the trainer imports them at its start: an empty module stands in for each."""
    device: str = ""
    """Devices that it needs, in words; empty: it runs on a CPU too."""
    worker: bool = False
    """Whether Docgraft's own worker runs in it, so that what that needs is installed as well."""
    pace: float = 0.0
    """Processor seconds for the same rows and steps on a CPU, in those of trl in float32; 0: not measured."""
    room: int = 0
    """Bytes that its process holds beyond what the model and the rows take, against ours."""
    licence: str = "Apache-2.0"


PINS = {
    "llamafactory": Pins(
        name="llamafactory",
        package="llamafactory",
        requirements=("llamafactory==0.9.5", "torch==2.13.0"),
        imports=("llamafactory.launcher", "llamafactory.train.tuner"),
        disk=5 * GB,
        packages=105,
        pace=1.87,
        room=430_000_000,
        spare=("torchvision",),
        hollow=("torchaudio",),
    ),
    "axolotl": Pins(
        name="axolotl",
        package="axolotl",
        requirements=("axolotl==0.19.0", "torch==2.13.0"),
        imports=("axolotl.cli.train",),
        disk=9 * GB,
        packages=205,
        pace=1.98,
        room=760_000_000,
        spare=("torchvision",),
    ),
    "unsloth": Pins(
        name="unsloth",
        package="unsloth",
        requirements=("unsloth==2026.10.9", *WORKER),
        imports=(),
        disk=20 * GB,
        packages=110,
        device="a CUDA, ROCm or Intel GPU",
        worker=True,
    ),
}
"""Engine → its environment. Engines that are not here run in Docgraft's own. Paces: docs/BENCHMARKS.md."""


FULL_ON_CPU = tuple(name for name, one in PINS.items() if not one.worker)
"""Trainers of their own process: on a CPU they hold the base in 32 bits."""


def pins(name: str) -> Pins:
    """The pins of an engine; NotConfigured when it has no environment of its own."""
    if name not in PINS:
        raise NotConfigured(
            f"The engine {name!r} needs no environment of its own.", f"Those that do: {', '.join(PINS)}."
        )
    return PINS[name]
