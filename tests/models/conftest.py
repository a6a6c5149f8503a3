"""TINY-LM and its adapters, and the shared holder of bases."""

from __future__ import annotations

from pathlib import Path

import pytest
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
