"""Finished runs with a NOISE-ADAPTER of TINY-LM, as training would have left them."""

from __future__ import annotations

import json

from finetune.records import AdapterCard, TrainingSpec
from finetune.runfolder import RunFolder
from memory.workspace import write_json
from tests.tiny_model import noise_adapter

MADE = "2026-11-26T10:00:00+00:00"
"""All in the same minute, as quick users make them."""


def plant(wiring, base, kb="default", *, seed=0):
    """The id of a finished adapter in a knowledge base; `base` is the folder of the model."""
    spec = TrainingSpec(base=str(base), dataset="facts")
    runs = wiring.runs(kb)
    run = RunFolder(runs.kb.run(runs.create(spec, base=base).id))
    noise_adapter(run.adapter, base, seed=seed)
    served = json.loads((run.adapter / "adapter.json").read_text(encoding="utf-8")) | {"base": str(base)}
    card = AdapterCard(
        **served,
        id=run.id,
        kb=kb,
        dataset="facts",
        dataset_fingerprint="f",
        spec=spec,
        tensors=8,
        bytes=1,
        created=MADE,
    )
    write_json(run.adapter / "adapter.json", card.model_dump(mode="json"))
    run.claim(None)
    run.emit("completed")
    return run.id
