"""General rows hold a model to its base; they do not teach answers."""

from __future__ import annotations

import torch

from finetune.engines.keeping import separated
from finetune.models.templates import Row
from tests.training.test_trl import Bench, pairs


def rows(*prompts):
    return [Row([prompt, prompt + 1, prompt + 2], 2) for prompt in prompts]


def test_general_rows_of_a_batch_stand_apart_and_every_label_is_counted():
    def pieces(some):
        return {"pieces": [list(some)], "labels": torch.tensor([row.ids[-1] for row in some])}

    made = separated(rows(1, 5, 9), [False, True, False], pieces)
    assert made["pieces"] == [rows(1, 9)] and made["kept"] == [rows(5)]
    assert made["labels"].tolist() == [3, 11, 7]
    assert separated(rows(1), [True], pieces)["pieces"] == []


def test_general_rows_alone_change_nothing(tmp_path, base):
    general = [pair.model_copy(update={"kind": "replay"}) for pair in pairs(4)]
    bench = Bench(tmp_path / "run", base, rows=general)
    bench.train()
    assert max(bench.losses()) < 0.05  # Adam makes whole steps of rounding errors.


def test_facts_are_learned_beside_general_rows_that_are_kept(tmp_path, base):
    general = [pair.model_copy(update={"id": f"g{pair.id}", "kind": "replay"}) for pair in pairs(8)[24:]]
    bench = Bench(tmp_path / "run", base, rows=[*pairs(4), *general], batch=8)
    bench.train()
    losses = bench.losses()
    assert sum(losses[len(losses) // 2 :]) < sum(losses[: len(losses) // 2])
