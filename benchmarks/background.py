"""Makes retrieval/background.json and .safetensors: ordinary texts, and their vectors for the bundled embedder.

    python -m benchmarks.background DATA/practice

A few questions and sentences of each practice set (CC0), spread evenly; run again when the bundled embedder changes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from retrieval.background import SHIPPED
from retrieval.embedders import load
from retrieval.loaders import parse
from retrieval.sections import sections
from retrieval.units import units

PACKAGE = Path(__file__).parents[1] / "retrieval"
EACH = {"en": 5, "zh-TW": 9}
"""Texts per knowledge base, so that both languages have their share."""


def main() -> None:
    """Choose the texts, embed them, write both files."""
    questions: list[str] = []
    passages: list[str] = []
    for folder in sorted(p for p in Path(sys.argv[1]).iterdir() if p.is_dir()):
        rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
        count = EACH[rows[0]["language"]]
        questions += _spread([r["question"] for r in rows if r["answer"] is not None and not r["history"]], count)
        files = [f for f in sorted(folder.iterdir()) if f.name not in {"questions.jsonl", "README.md"}]
        found = [u.rendered for f in files for s in sections(parse(f, name=f.name), f.name, "") for u in units(s)]
        passages += _spread([text for text in found if 20 <= len(text) < 200], count)
    text = json.dumps({"questions": questions, "passages": passages}, ensure_ascii=False, indent=1)
    (PACKAGE / "background.json").write_text(text + "\n", encoding="utf-8")
    embedder = load("e5")
    tensors = {
        "questions": embedder.encode(questions, query=True).astype(np.float16),
        "passage": embedder.encode(passages).mean(axis=0),
    }
    save_file(tensors, PACKAGE / SHIPPED, metadata={"fingerprint": embedder.fingerprint})
    (PACKAGE / SHIPPED).chmod(0o644)
    print(f"{len(questions)} questions, {len(passages)} passages")


def _spread(texts: list[str], count: int) -> list[str]:
    step = len(texts) // count
    return texts[step // 2 :: step][:count]


if __name__ == "__main__":
    main()
