"""Mutated files of every format through the loaders: python -m benchmarks.fuzz_loaders [COUNT] [SEED].

Nothing may hang, nothing may crash the child, memory stays bounded, and what is read keeps its contract. The seed
makes every mutation repeatable; a failing file is written beside the report.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from memory.errors import BadDocument
from retrieval.loaders import Limits
from retrieval.loaders.limits import MEGABYTE
from retrieval.loaders.sandbox import Sandbox
from retrieval.records import Parsed

LIMITS = Limits(seconds=15, memory=512 * MEGABYTE)
SAMPLES = Path(__file__).parents[1] / "samples" / "documents"
_PIECES = (
    b"\x00" * 40,
    b"\xff\xfe",
    b"%PDF-1.7",
    b"<w:p>",
    b"</",
    b"\n" * 200,
    b"|" * 300,
    b"9" * 400,
    b"\xef\xbb\xbf",
    b"{" * 500,
)


def mutations(seeds: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of mutated files, the formats in turn."""
    dice = random.Random(seed)
    names = sorted(seeds)
    for number in range(count):
        name = names[number % len(names)]
        yield name, mutated(seeds[name], dice)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """One to four changes: bits, blocks, cuts, repeats; half of the time inside an entry of a zip-based file."""
    if data.startswith(b"PK") and dice.random() < 0.6:
        return _inside(data, dice)
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        _change(changed, dice)
    return bytes(changed)


def _change(data: bytearray, dice: random.Random) -> None:
    dice.choice(_CHANGES)(data, dice, dice.randrange(len(data) + 1), dice.choice((1, 4, 30, 300, 3000)))


def _flip(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    for _ in range(min(length, 30) if data else 0):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _drop(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    del data[at : at + length]


def _noise(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    data[at:at] = dice.randbytes(length)


def _repeat(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    data[at:at] = data[at : at + length] * dice.randint(1, 20)


def _insert(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    data[at:at] = dice.choice(_PIECES)


def _cut(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    del data[at:]


def _renumber(data: bytearray, dice: random.Random, at: int, length: int) -> None:
    digits = [i for i in range(len(data)) if 48 <= data[i] < 58]
    for index in dice.sample(digits, min(len(digits), 20)):
        data[index] = dice.choice(b"0123456789")


_CHANGES = (_flip, _drop, _noise, _repeat, _insert, _cut, _renumber)


def _inside(data: bytes, dice: random.Random) -> bytes:
    """The file packed again with one entry changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = dice.choice([n for n in names if n.endswith((".xml", ".xhtml", ".opf", ".rels"))] or names)
        for name in names:
            body = bytearray(old.read(name))
            if name == chosen:
                for _ in range(dice.randint(1, 3)):
                    _change(body, dice)
            new.writestr(name, bytes(body))
    return out.getvalue()


def broken(parsed: Parsed) -> str:
    """Which promise a document breaks; empty for none."""
    last = 0
    for block in parsed.blocks:
        if not last <= block.start < block.end <= len(parsed.text):
            return f"{block.kind} {block.start}:{block.end} after {last} of {len(parsed.text)}"
        last = block.end
        spans = [cell for row in block.rows for cell in row] + ([block.lead] if block.lead else [])
        for span in spans:
            if parsed.text[span.start : span.end] != span.text:
                return f"span {span.start}:{span.end} of {block.kind} is not its text"
    return ""


def run(seeds: dict[str, bytes], count: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Read all mutations; (what came of them, what went wrong)."""
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    sandbox = Sandbox(children=1)
    try:
        for number, (name, data) in enumerate(mutations(seeds, count, seed)):
            path = folder / "file"
            path.write_bytes(data)
            start = time.monotonic()
            outcome, failure = _one(sandbox, path, name)
            outcomes[outcome] += 1
            if time.monotonic() - start > LIMITS.seconds + 2:
                failure = failure or "took longer than the limit"
            if failure:
                kept = folder / f"failed-{number}-{name}"
                kept.write_bytes(data)
                failures.append(f"{number} {name}: {failure}")
    finally:
        sandbox.close()
    return outcomes, failures


def _one(sandbox: Sandbox, path: Path, name: str) -> tuple[str, str]:
    try:
        parsed = sandbox.read(path, name=name, limits=LIMITS)
    except BadDocument as error:
        slow = error.kind in ("timed_out", "memory")
        crashed = error.kind == "damaged" and ("crashed" in error.reason or "Error" in error.reason)
        return error.kind, error.reason if slow or crashed else ""
    return "read", broken(parsed)


def main() -> None:
    """Fuzz, print what came of it, and end with 1 when anything went wrong."""
    from tests.loaders import files

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("count", nargs="?", type=int, default=2000)
    options.add_argument("seed", nargs="?", type=int, default=7)
    chosen = options.parse_args()
    seeds = files.every() | {p.name: p.read_bytes() for p in sorted(SAMPLES.iterdir())}
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    before, start = psutil.Process().memory_info().rss, time.monotonic()
    outcomes, failures = run(seeds, chosen.count, chosen.seed, folder)
    grown = (psutil.Process().memory_info().rss - before) / MEGABYTE
    print(f"{chosen.count} files in {time.monotonic() - start:.0f} s, this process grew by {grown:.0f} MB")
    print(dict(outcomes))
    print("\n".join(failures) or "nothing went wrong")
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
