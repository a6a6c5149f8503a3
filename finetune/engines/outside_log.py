"""What transformers' trainer prints, read: progress bars, metrics in braces, and text. Pure.

LLaMA-Factory and Axolotl both print it. What is not understood is text, never an error.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_BAR = re.compile(r"(?<!\d)(\d+)/(\d+) \[\d")
_METRICS = re.compile(r"\{'[^{}]*\}")


@dataclass(frozen=True)
class Step:
    """One logged optimiser step."""

    loss: float
    epoch: float
    values: dict[str, float] = field(default_factory=dict)
    """learning_rate and grad_norm where they were printed."""

    @property
    def finite(self) -> bool:
        """Whether the loss is a number at all."""
        return math.isfinite(self.loss)


def read_step(text: str) -> Step | None:
    """The step that a piece of output tells of, None when it tells of none."""
    for found in _METRICS.finditer(text):
        values = _numbers(found.group())
        if "loss" in values and "epoch" in values:
            more: dict[str, float] = {name: values[name] for name in ("learning_rate", "grad_norm") if name in values}
            return Step(loss=values["loss"], epoch=values["epoch"], values=more)
    return None


def read_total(text: str) -> int | None:
    """The steps in all that a training progress bar shows; None for other text and for bars of other things."""
    found = _BAR.search(text)
    named = text.partition("%|")[0]
    return int(found.group(2)) if found and "|" in text and ":" not in named else None


def pieces(chunks: Iterator[bytes]) -> Iterator[str]:
    """Output cut into lines; a progress bar's carriage return ends one as well. The last may be unfinished."""
    rest = b""
    for chunk in chunks:
        *whole, rest = re.split(rb"[\r\n]+", rest + chunk)
        yield from (text for one in whole if (text := one.decode("utf-8", "replace").strip()))
    if rest.strip():
        yield rest.decode("utf-8", "replace").strip()


def _numbers(text: str) -> dict[str, float]:
    """The numbers of a printed dictionary, also where they were printed as text; {} when it is none."""
    try:
        values = ast.literal_eval(re.sub(r"(?<=: )(nan|-?inf)(?=[,}])", r"'\1'", text))
    except (ValueError, SyntaxError):
        return {}
    found = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return found
