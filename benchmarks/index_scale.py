"""How search, memory and adding grow from a thousand chunks to a hundred thousand; what adding costs besides embedding.

    python -m benchmarks.index_scale [--sizes 1000 10000 100000] [--queries 200] [--e5 300] [--out docs]

Documents are synthetic, English and Chinese, words drawn by Zipf's law. Vectors are random, with the shape of the real
embedder's: cosines around 0.79 and a spectrum as steep (participation ratio 50). Everything else is the product's own
path: files are read, cut, indexed and searched.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from memory.workspace import Workspace
from retrieval.embedders import Embedder, load
from retrieval.library import Library, embedding
from retrieval.records import Upload
from retrieval.tokens import tokens

SECTIONS = 100
"""Sections, and so chunks, of one document."""
CANDIDATES = 100
"""What each arm is asked for, as in `retrieval.candidates`."""


class Random(Embedder):
    """Vectors that depend on the text only, shaped like the real embedder's."""

    name = "random"
    dimension = 384
    max_tokens = 512
    fingerprint = "random"

    def __init__(self) -> None:
        spectrum = (np.arange(384) + 5.0) ** -1.2
        self.spread = np.sqrt(spectrum / spectrum.sum()).astype(np.float32)
        mean = np.random.default_rng(0).normal(size=384)
        self.mean = (mean / np.linalg.norm(mean) * 1.95).astype(np.float32)

    def count(self, text: str) -> int:
        return len(text) // 3 + 2

    def encode(self, texts: list[str], *, query: bool = False) -> np.ndarray:
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
            row[:] = np.random.Generator(np.random.SFC64(seed)).standard_normal(384, dtype=np.float32)
        vectors = vectors * self.spread + self.mean
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Prose:
    """Sentences of invented words and of Chinese characters, by Zipf's law."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        syllables = ["ka", "to", "mi", "ren", "sol", "ver", "qua", "lin", "dor", "pe", "shan", "ti", "bel", "gu"]
        self.words = ["".join(self.rng.choices(syllables, k=self.rng.randint(1, 4))) for _ in range(20_000)]
        self.characters = [chr(0x4E00 + i) for i in self.rng.sample(range(6000), 4000)]
        self.word_weights = _zipf(len(self.words))
        self.character_weights = _zipf(len(self.characters))

    def sentence(self, chinese: bool) -> str:
        """One sentence of about 60 letters or 25 characters."""
        if chinese:
            picked = self.rng.choices(self.characters, cum_weights=self.character_weights, k=self.rng.randint(15, 35))
            return "".join(picked) + "。"
        words = self.rng.choices(self.words, cum_weights=self.word_weights, k=self.rng.randint(7, 16))
        return " ".join(words).capitalize() + ". "

    def question(self, chinese: bool) -> str:
        """A question of words that documents use."""
        sentence = self.sentence(chinese)
        return sentence[:12] if chinese else " ".join(sentence.split()[:9])

    def document(self, number: int) -> str:
        """SECTIONS sections of three to eight sentences."""
        chinese = number % 2 == 1
        parts = [f"# {'文件' if chinese else 'Document'} {number}"]
        for i in range(SECTIONS):
            body = "".join(self.sentence(chinese) for _ in range(self.rng.randint(3, 8)))
            parts.append(f"## {self.question(chinese)} {i}\n\n{body.strip()}")
        return "\n\n".join(parts)


def _zipf(number: int) -> list[float]:
    total, weights = 0.0, []
    for i in range(number):
        total += 1 / (i + 2.7)
        weights.append(total)
    return weights


def search(library: Library, question: str) -> dict[str, float]:
    """Milliseconds of each part of a search, without embedding the question, and of processor time for all of it."""
    vector = library.embedder.encode([question], query=True)[0]
    begun = time.process_time()
    clock = [time.perf_counter()]
    keyword = library.keyword_scores(tokens(question), CANDIDATES)
    clock.append(time.perf_counter())
    dense = library.vector_scores(vector, CANDIDATES)
    clock.append(time.perf_counter())
    sections = library.sections_of([*dense, *keyword])
    best = list(dict.fromkeys(sections[i] for i in [*dense, *keyword]))
    found = library.unit_vectors(best)
    _ = found.with_heading @ vector, found.bare @ vector
    clock.append(time.perf_counter())
    cpu = 1000 * (time.process_time() - begun)
    parts = [1000 * (b - a) for a, b in pairwise(clock)]
    return dict(zip(("keyword", "vector", "units"), parts, strict=True)) | {"total": sum(parts), "cpu": cpu}


def grow(library: Library, prose: Prose, size: int, done: int) -> float:
    """Add documents until there are `size` chunks; seconds of embedding within it are the embedder's own."""
    start = time.perf_counter()
    while done < size:
        numbers = range(done // SECTIONS, min(size, done + 20 * SECTIONS) // SECTIONS)
        uploads = [Upload(name=f"{n}.md", data=prose.document(n).encode()) for n in numbers]
        results = library.add(uploads)
        assert all(r.status == "added" for r in results), results
        done += len(uploads) * SECTIONS
    return time.perf_counter() - start


def measure(library: Library, prose: Prose, queries: int) -> dict[str, dict[str, float]]:
    """Median and 99th percentile of each part, in milliseconds."""
    search(library, prose.question(False))
    found = [search(library, prose.question(i % 2 == 1)) for i in range(queries)]
    return {
        part: {
            "median": round(statistics.median(f[part] for f in found), 2),
            "p99": round(float(np.percentile([f[part] for f in found], 99)), 2),
        }
        for part in found[0]
    }


def ingestion(chunks: int, folder: Path) -> dict[str, float]:
    """Adding with the bundled embedder against that embedder alone on the same texts."""
    embedder = load("e5")
    spent = [0.0]
    encode = embedder.encode

    def timed(texts: list[str], *, query: bool = False) -> np.ndarray:
        start = time.perf_counter()
        vectors = encode(texts, query=query)
        spent[0] += time.perf_counter() - start
        return vectors

    embedder.encode = timed  # type: ignore[method-assign]
    embedder.encode(["warm"])
    spent[0] = 0.0
    library = Library(Workspace(folder).base("e5"), embedder)
    prose = Prose(9)
    uploads = [Upload(name=f"{n}.md", data=prose.document(n).encode()) for n in range(max(1, chunks // SECTIONS))]
    start = time.perf_counter()
    library.add(uploads)
    whole = time.perf_counter() - start
    library.close()
    return {"chunks": len(uploads) * SECTIONS, "seconds": round(whole, 1), "share": round(spent[0] / whole, 3)}


def plot(rows: list[dict], path: Path) -> None:
    """Milliseconds of a search over chunks, both axes logarithmic, as an SVG."""
    parts = {"total": "#1f4e79", "keyword": "#b35900", "vector": "#2e7d32", "units": "#7b1fa2"}
    xs = [np.log10(r["chunks"]) for r in rows]
    top = np.log10(max(40.0, *(r["search"]["total"]["p99"] for r in rows))) + 0.1

    def at(x: float, value: float) -> tuple[float, float]:
        across = (x - xs[0]) / max(xs[-1] - xs[0], 1e-9)
        return 70 + 480 * across, 330 - 290 * (np.log10(max(value, 0.1)) + 1) / (top + 1)

    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 380" font-family="sans-serif" font-size="12">']
    lines.append('<rect width="640" height="380" fill="white"/>')
    for value in (0.1, 1, 10, 40, 100):
        if np.log10(value) <= top:
            _, y = at(xs[0], value)
            lines.append(f'<line x1="70" x2="550" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
            lines.append(f'<text x="62" y="{y + 4:.0f}" text-anchor="end">{value:g} ms</text>')
    for x, row in zip(xs, rows, strict=True):
        across, _ = at(x, 1)
        lines.append(f'<text x="{across:.0f}" y="352" text-anchor="middle">{row["chunks"]:,} chunks</text>')
    for part, colour in parts.items():
        points = [at(x, r["search"][part]["median"]) for x, r in zip(xs, rows, strict=True)]
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{_points(points)}"/>')
        lines.append(f'<text x="556" y="{points[-1][1] + 4:.0f}" fill="{colour}">{part}</text>')
    points = [at(x, r["search"]["total"]["p99"]) for x, r in zip(xs, rows, strict=True)]
    lines.append(f'<polyline fill="none" stroke="#1f4e79" stroke-dasharray="4" points="{_points(points)}"/>')
    lines.append(f'<text x="556" y="{points[-1][1] - 6:.0f}" fill="#1f4e79">total p99</text></svg>')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--e5", type=int, default=300, help="chunks to add with the bundled embedder; 0 for none")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--home", type=Path, help="keep the library here, and go on with the one that is there")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as passing:
        home = options.home or Path(passing)
        # Random vectors cost nothing: larger batches, or this would take an hour. Put back before the real embedder.
        usual, embedding.TEXTS = embedding.TEXTS, 8192
        library = Library(Workspace(home).base("scale"), Random())
        prose, done, seconds = Prose(1), library.statistics.chunks, 0.0
        for size in options.sizes:
            seconds += grow(library, prose, size, done)
            done = size
            counts = library.statistics
            row = {
                "chunks": counts.chunks,
                "units": counts.units,
                "seconds": round(seconds),
                "megabytes": round(counts.bytes_on_disk / 1e6),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "search": measure(library, prose, options.queries),
            }
            start = time.perf_counter()
            library.remove(f"{size // SECTIONS - 1}.md")
            row["remove_seconds"] = round(time.perf_counter() - start, 1)
            library.add([Upload(name=f"{size // SECTIONS - 1}.md", data=prose.document(size // SECTIONS - 1).encode())])
            rows.append(row)
            print(json.dumps(row), flush=True)
        library.close()
        embedding.TEXTS = usual
        if options.e5:
            print(json.dumps({"e5": ingestion(options.e5, home)}), flush=True)
    plot(rows, options.out / "index-scale.svg")


if __name__ == "__main__":
    main()
