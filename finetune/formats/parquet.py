"""A Hugging Face `datasets` folder: Parquet files with a card that `load_dataset(folder)` reads. Wraps pyarrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finetune.datasets import SPLITS, Dataset
from finetune.formats import Exported
from finetune.formats.writing import chat, shuffled
from finetune.records import Pair
from memory.workspace import write_text
from retrieval.packing import estimate

_NAMES = {"train": "train", "dev": "validation", "test": "test"}


def export(dataset: Dataset, folder: Path) -> Exported:
    """data/<split>.parquet with Alpaca fields, messages and evidence, and README.md with the splits."""
    import pyarrow
    import pyarrow.parquet

    rows: dict[str, int] = {}
    files: list[str] = []
    tokens = 0
    (folder / "data").mkdir(exist_ok=True)
    for split in SPLITS:
        found = [_row(pair) for pair in shuffled(dataset, split)]
        if not found:
            continue
        name = f"data/{_NAMES[split]}.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(found), folder / name)
        files.append(name)
        rows[split] = len(found)
        if split == "train":
            tokens = sum(estimate("\n".join(m["content"] for m in row["messages"])) for row in found)
    write_text(folder / "README.md", _card(dataset, rows))
    return Exported(format="datasets", files=(*files, "README.md"), rows=rows, tokens=tokens)


def _row(pair: Pair) -> dict[str, Any]:
    return {
        "instruction": pair.instruction,
        "input": pair.input,
        "output": pair.output,
        "messages": chat(pair),
        "kind": pair.kind,
        "language": pair.language,
        "test_set": pair.test_set or "",
        "quote": pair.quote,
        "document": pair.document_id,
        "section": pair.section_id,
        "start": pair.start,
        "end": pair.end,
    }


def _card(dataset: Dataset, rows: dict[str, int]) -> str:
    splits = "\n".join(f"  - split: {_NAMES[split]}\n    path: data/{_NAMES[split]}.parquet" for split in rows)
    counts = json.dumps(dataset.card.counts, ensure_ascii=False)
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{splits}\n---\n\n# {dataset.id}\n\n"
        f"Question–answer pairs with evidence, made from the knowledge base {dataset.card.kb!r} on "
        f"{dataset.card.created}."
        f"\n\nCounts: `{counts}`. Fingerprint: `{dataset.card.fingerprint}`.\n"
    )
