"""A few measured steps in a process of their own: `python -m finetune.engines.probe`, a request on standard input.

In: spec, base, dataset folder, as one line. Out: one JSON line with seconds per step, tokens per second, peak memory.
Standard input stays open as long as somebody waits for the answer: its end ends the process, however the other died.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

from finetune.datasets import messages
from finetune.notices import Failed, notice
from finetune.records import Pair, TrainingSpec
from memory.errors import RunFailed
from memory.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finetune.engines.rows import Rows
    from finetune.models.devices import Device

STEPS, PIECES = 3, 2
"""Steps measured, and pieces computed of each: a step of more pieces takes as much longer."""
ROWS = 400
"""Training rows that a typical step is made from."""
SECONDS = 4.0
"""Once so much was measured, what has been seen is enough: a slow machine is not kept busy for a number."""
ROOM = 0.9
"""Share of the free memory that a probe may take before it is ended."""
PACKAGES = Path(__file__).resolve().parents[2]
TIMEOUT = 300.0
POLL = 0.1


class Measured(Record):
    """What a few steps took on this machine."""

    step_seconds: float
    """One optimiser step on a typical batch."""
    tokens_per_second: float
    memory: int
    """Peak bytes, on the card where there is one."""
    trainable: int
    """Numbers of the adapter."""
    question_seconds: float
    """One question of the evaluation."""


class TooBig(RunFailed):
    """The probe was ended because it took more memory than there is to take."""


def measure(
    spec: TrainingSpec,
    base: Path,
    dataset: Path,
    *,
    room: int = 0,
    timeout: float = TIMEOUT,
    stop: Callable[[], bool] = lambda: False,
) -> Measured | None:
    """Run the probe in a child process that ends with this one; None when `stop` said so.

    `room`: bytes of main memory it may take; 0: most of what is free now. RunFailed in words when it cannot finish.
    """
    room = room or round(ROOM * psutil.virtual_memory().available)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors, _child(out, errors) as child:
        _ask(child, {"spec": spec.model_dump(), "base": str(base), "dataset": str(dataset)})
        if not _wait(child, room, time.monotonic() + timeout, stop):
            return None
        if child.returncode != 0:
            tail = "\n".join(_text(errors).strip().splitlines()[-3:])
            raise Failed(notice("probe_failed", tail=tail))
        return Measured.model_validate_json(_text(out).strip().splitlines()[-1])


@contextmanager
def _child(out: IO[bytes], errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which has ended when the block has, whatever happened in it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "finetune.engines.probe"], cwd=PACKAGES, stdin=subprocess.PIPE, stdout=out, stderr=errors
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdin:
            child.stdin.close()


def _ask(child: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
    assert child.stdin
    try:
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:  # It ended at once; what it printed says why.
        child.wait()


def _wait(child: subprocess.Popen[bytes], room: int, deadline: float, stop: Callable[[], bool]) -> bool:
    """Wait for the end; False when asked to stop. RunFailed when it takes too long, TooBig when it takes too much."""
    process = psutil.Process(child.pid)
    while True:
        try:
            child.wait(POLL)
            return True
        except subprocess.TimeoutExpired:
            pass
        if stop():
            return False
        if time.monotonic() > deadline:
            raise Failed(notice("probe_slow"))
        try:
            taken = process.memory_info().rss
        except psutil.Error:
            continue
        if taken > room:
            raise TooBig(f"A few measured steps took more than {room / 1e9:.1f} GB, which is what there is.")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def main() -> None:
    """Read the request, measure, answer."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    spec, base = TrainingSpec(**request["spec"]), Path(request["base"])
    sys.stdout.write(_measured(spec, base, Path(request["dataset"])).model_dump_json() + "\n")
    sys.stdout.flush()


def _end_with(waiting: IO[str]) -> None:
    """End this process as soon as nobody waits for it any more."""
    waiting.read()
    os._exit(1)


def _measured(spec: TrainingSpec, base: Path, dataset: Path) -> Measured:
    from finetune import datasets
    from finetune.engines.examine import exam, examine
    from finetune.engines.network import load_network, trainable
    from finetune.engines.rows import encode, fitted
    from finetune.models.devices import describe
    from finetune.models.templates import load_tokenizer

    device, tokenizer = describe(), load_tokenizer(base)
    pairs = list(datasets.read(dataset).pairs())
    rows = fitted(encode(_typical(pairs), tokenizer), max_length=spec.max_length, truncate=True)
    model = load_network(spec, base, device)
    seconds, tokens = _steps(model, rows, spec, device)
    questions = exam(pairs, tokenizer, effort="quick", limit=spec.max_length)
    few = type(questions)(
        tokenizer, questions.facts[:6], questions.general[:3], questions.refusals[:3], spec.max_length
    )
    asked = examine(model, few).seconds / max(len(few), 1)
    return Measured(
        step_seconds=seconds,
        tokens_per_second=tokens / seconds,
        memory=_peak(device.kind),
        trainable=trainable(model),
        question_seconds=asked,
    )


def _typical(pairs: Sequence[Pair]) -> list[Pair]:
    """Some training pairs from everywhere in the dataset, those about the same evidence together, and the longest,
    which takes the most memory."""
    from finetune.engines.rows import shown_to

    train = [pair for pair in pairs if pair.split == "train"]
    longest = max(train, key=lambda pair: sum(len(str(message.content)) for message in messages(pair)))
    groups: dict[str, list[Pair]] = {}
    for pair in train:
        groups.setdefault(shown_to(pair) or pair.id, []).append(pair)
    return [*(pair for group in list(groups.values())[:: -(-len(train) // ROWS)] for pair in group), longest]


def _steps(model: Any, rows: Rows, spec: TrainingSpec, device: Device) -> tuple[float, float]:
    """(seconds, tokens) of a typical step. The largest goes first and untimed, so that the peak memory is seen."""
    import torch
    from accelerate.utils import send_to_device

    from finetune.engines.flat import Flattening, cross_entropy, flatten, in_pieces, install, padded
    from finetune.engines.fused import fuse
    from finetune.engines.network import precision
    from finetune.engines.rows import in_pass, pass_order
    from finetune.engines.trl import faster
    from finetune.recipes import checkpointed, step_tokens

    faster(device)
    flattening = Flattening()
    batch = flatten if install(model.get_base_model(), flattening) else padded
    fuse(model)
    if checkpointed(model.num_parameters(), device.kind):
        model.gradient_checkpointing_enable({"use_reentrant": False})
    size = min(spec.batch, len(in_pass(rows, spec.epochs)))
    numbers = pass_order(rows, spec.epochs, size, seed=spec.seed, epoch=0)
    starts = range(0, len(numbers) - size + 1, size)
    steps = [
        in_pieces([rows.rows[i] for i in numbers[at : at + size]], batch, step_tokens(device.kind))["pieces"]
        for at in starts
    ]
    steps.sort(key=lambda pieces: sum(map(_tokens, pieces)))
    half = spec.bits < 16 and device.kind != "cpu"

    def loss(piece: dict[str, Any]) -> Any:
        with torch.autocast(device.torch, getattr(torch, precision(spec, device)), enabled=half):
            return cross_entropy(model, flattening, send_to_device(piece, device.torch))

    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1e-9, fused=device.torch in ("cpu", "cuda")
    )
    longest = in_pieces([max(rows.rows, key=lambda row: len(row.ids))], batch, step_tokens(device.kind))["pieces"]
    largest = max((piece for pieces in [*steps, longest] for piece in pieces), key=_tokens)
    _timed([largest], loss, optimizer)
    seconds, tokens = 0.0, 0
    for number in range(STEPS):
        pieces = steps[len(steps) * (2 * number + 1) // (2 * STEPS)]
        if seconds < SECONDS:
            seconds += _timed(pieces[:PIECES], loss, optimizer)
            tokens += sum(map(_tokens, pieces[:PIECES]))
    flattening.clear()
    mean = sum(_tokens(piece) for pieces in steps for piece in pieces) / len(steps) * spec.accumulation
    return mean * seconds / tokens, mean


def _tokens(piece: dict[str, Any]) -> int:
    return int(piece["input_ids"].numel())


def _timed(pieces: Sequence[dict[str, Any]], loss: Callable[[dict[str, Any]], Any], optimizer: Any) -> float:
    import torch

    begun = time.perf_counter()
    for piece in pieces:
        loss(piece).backward()
    optimizer.step()
    optimizer.zero_grad()
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # The card works on after its orders were given.
    return time.perf_counter() - begun


def _peak(kind: str) -> int:
    if kind in ("cuda", "rocm"):
        import torch

        return int(torch.cuda.max_memory_allocated())
    usage = psutil.Process().memory_info()
    if hasattr(usage, "peak_wset"):
        return int(usage.peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


if __name__ == "__main__":
    main()
