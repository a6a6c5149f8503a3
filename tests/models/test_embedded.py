"""The real embedded model: fetched, loaded, streamed, batched, with adapters beside it."""

from __future__ import annotations

import gc

import psutil
import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from finetune.models import fingerprint
from finetune.models.bases import Bases
from finetune.models.check import kept, reads
from finetune.models.fetch import manifest, state
from finetune.models.local import LocalChatModel
from memory.workspace import Workspace
from tests.tiny_model import noise_adapter

pytestmark = pytest.mark.slow

FACTS = (
    "The ferry leaves at 9:15 from pier four. A ticket costs 12 pounds. Dogs travel free. The crossing takes an hour."
)


def ask(question):
    return [SystemMessage("Answer briefly."), HumanMessage(f"{FACTS}\n\n{question}")]


@pytest.fixture(scope="module")
def real(embedded_model) -> LocalChatModel:
    return LocalChatModel(bases=Bases(), path=embedded_model, max_new_tokens=24)


def test_the_fetched_model_is_whole_and_says_where_it_came_from(embedded_model):
    assert state(embedded_model) == "ready"
    assert manifest(embedded_model).licence == "Apache-2.0"


def test_the_reading_check_that_ships_is_of_this_very_model(embedded_model, tmp_path):
    found = kept(fingerprint(embedded_model), Workspace(tmp_path))
    assert found is not None, "folding gave other bytes than on the machine that checked it"
    assert reads(found, "en") and reads(found, "zh-Hant")


def test_it_answers_the_capital_of_france_and_stops_by_itself(real):
    reply = real.invoke([HumanMessage("What is the capital of France? Answer in one sentence.")])
    assert "Paris" in reply.content
    assert reply.response_metadata["finish_reason"] == "stop"


def test_numbers_are_cut_into_digits_as_in_the_original_tokenizer(real):
    tokens = real.tokenizer.tokenize("a  2017 b")
    assert tokens == ["a", "ĠĠ", "2", "0", "1", "7", "Ġb"]


def test_batches_streams_and_single_answers_are_the_same(real):
    conversations = [ask("When does the ferry leave?"), ask("What does a ticket cost?"), ask("Do dogs pay?")]
    single = [real.answer(messages).text for messages in conversations]
    assert [reply.text for reply in real.batch_answer(conversations)] == single
    assert "".join(chunk.content for chunk in real.stream(conversations[0])) == single[0]


def test_an_adapter_beside_the_base_changes_its_own_answers_only(real, embedded_model, tmp_path):
    before = real.answer(ask("When does the ferry leave?")).text
    adapter = noise_adapter(tmp_path / "noise", embedded_model, scale=0.5)
    tuned = real.model_copy(update={"adapter": adapter})
    assert tuned.answer(ask("When does the ferry leave?")).text != before
    assert real.answer(ask("When does the ferry leave?")).text == before


def test_unloading_gives_the_memory_back(embedded_model):
    process = psutil.Process()
    bases = Bases()
    bases.load(embedded_model)
    bases.unload()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(3):
        bases.load(embedded_model)
        LocalChatModel(bases=bases, path=embedded_model, max_new_tokens=2).answer(ask("Why?"))
        held = process.memory_info().rss
        bases.unload()
    after = process.memory_info().rss
    assert held - before > 100e6, "the weights do take room"
    assert after - before < 0.05 * 538e6
