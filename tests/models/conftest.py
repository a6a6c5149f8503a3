"""TINY-LM and its adapters, and the shared holder of bases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from langchain_core.messages import HumanMessage, SystemMessage

from finetune.models.bases import Bases
from finetune.models.local import LocalChatModel
from tests.tiny_model import noise_adapter, tiny_model

QUESTION = [SystemMessage("You answer questions about a harbour."), HumanMessage("When does the ferry leave?")]
OTHERS = [
    [SystemMessage("You answer questions about a harbour."), HumanMessage("Who?")],
    [HumanMessage("一個沒有系統文字的問題，比較長一些")],
    [SystemMessage("Short."), HumanMessage("Tell me everything about tides, winds and the price of fish.")],
]


def logits(bases, rows, path, adapter=None, *, strength=1.0):
    """The float32 logits of each row of ids, (length, vocabulary), as the shared holder answers with that adapter."""

    def read(held, ids):
        with torch.inference_mode():
            given = torch.tensor([list(ids)], device=held.network.device)
            return held.network(input_ids=given, use_cache=False).logits[0].float().cpu()

    with bases.lease(path, adapter, strength=strength) as lease:
        return [lease.step(partial(read, ids=row)) for row in rows]


@pytest.fixture
def base(tmp_path) -> Path:
    return tiny_model(tmp_path / "tiny")


@pytest.fixture
def noise(tmp_path, base) -> Path:
    return noise_adapter(tmp_path / "noise", base)


@pytest.fixture
def bases() -> Bases:
    return Bases(threads=1)


@pytest.fixture
def model(bases, base) -> LocalChatModel:
    return LocalChatModel(bases=bases, path=base, max_new_tokens=12)


@pytest.fixture
def tuned(bases, base, noise) -> LocalChatModel:
    return LocalChatModel(bases=bases, path=base, adapter=noise, max_new_tokens=12)
