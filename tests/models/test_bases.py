"""One base in memory, adapters beside it, and a base that stays the base: B53, B63, B64, B68."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from finetune.models import bases as bases_module
from finetune.models.bases import Bases
from finetune.models.local import LocalChatModel
from finetune.models.templates import load_tokenizer, render
from memory.errors import BackendFailed, DocgraftError, NotConfigured
from tests.models.conftest import OTHERS, QUESTION, logits
from tests.tiny_model import noise_adapter, tiny_model

CLEAN = """
import sys, torch
from transformers import AutoModelForCausalLM
base, adapter, ids, out = sys.argv[1:]
ids = torch.load(ids)
network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
with torch.inference_mode():
    bare = network(input_ids=ids).logits[0]
    from peft import PeftModel
    torch.save([bare, PeftModel.from_pretrained(network, adapter)(input_ids=ids).logits[0]], out)
"""


def clean_logits(tmp_path, base, adapter, row):
    """Logits of base and adapter from a process of its own that has seen nothing else."""
    files = [tmp_path / "ids.pt", tmp_path / "out.pt"]
    torch.save(torch.tensor([row]), files[0])
    subprocess.run([sys.executable, "-c", CLEAN, *map(str, [base, adapter, *files])], check=True, capture_output=True)
    return torch.load(files[1])


@pytest.fixture
def row(base) -> list[int]:
    return render(QUESTION, load_tokenizer(base))


def test_the_base_is_the_base_before_between_and_after_adapters(bases, base, noise, row, tmp_path):
    clean, tuned = clean_logits(tmp_path, base, noise, row)
    for adapter, expected in ((None, clean), (noise, tuned), (None, clean), (noise, tuned)):
        (found,) = logits(bases, [row], base, adapter)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert (clean - tuned).abs().max() > 0.1


def test_the_base_is_exactly_the_base_with_adapters_open_beside_it(bases, base, noise, row):
    (alone,) = logits(bases, [row], base)
    logits(bases, [row], base, noise)
    (beside,) = logits(bases, [row], base)
    assert torch.equal(alone, beside)


def test_an_adapter_turned_down_makes_a_part_of_its_change_and_leaves_the_whole_one_alone(bases, base, noise, row):
    def found(strength, adapter=noise):
        return logits(bases, [row], base, adapter, strength=strength)[0]

    bare, whole = found(1.0, None), found(1.0)
    assert torch.equal(found(0.0), bare) and torch.equal(found(1.0), whole)
    half = found(0.5)
    assert (half - bare).abs().max() > 0 and (half - whole).abs().max() > 0
    assert torch.equal(found(1.0), whole), "both are open at once"


@pytest.mark.parametrize("training", [False, True])
def test_the_output_layer_reads_what_was_cut_out_of_several_rows_in_one_piece(base, training):
    """PyTorch would copy its weights once a row: a GB and a second of every batch in bfloat16."""
    from finetune.engines.network import load_network
    from finetune.models.devices import describe
    from finetune.models.loading import load_base
    from finetune.records import TrainingSpec

    spec = TrainingSpec(base="tiny", dataset="d", rank=4)
    network = load_network(spec, base, describe()) if training else load_base(base, describe()).network
    seen = []
    network.get_output_embeddings().register_forward_hook(
        lambda layer, given, made: seen.append(given[0].is_contiguous())
    )
    network(input_ids=torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), logits_to_keep=2)
    assert seen == [True]


def test_an_exception_inside_a_call_leaks_no_adapter(bases, base, noise, row, model, tuned, monkeypatch):
    expected = (model.answer(QUESTION).text, tuned.answer(QUESTION).text)
    for adapter in (noise, None):
        with pytest.raises(ZeroDivisionError), bases.lease(base, adapter) as lease:
            lease.step(lambda held: 1 // 0)
    assert (model.answer(QUESTION).text, tuned.answer(QUESTION).text) == expected


def test_streams_of_base_and_adapter_side_by_side_do_not_mix(model, tuned):
    expected = [model.answer(QUESTION).text, tuned.answer(QUESTION).text]
    assert expected[0] != expected[1]
    streams = [model.stream(QUESTION), tuned.stream(QUESTION)]
    texts = ["", ""]
    for pair in itertools.zip_longest(*streams):
        for position, chunk in enumerate(pair):
            texts[position] += chunk.content if chunk else ""
    assert texts == expected


def test_threads_asking_base_and_two_adapters_get_the_answers_of_one_at_a_time(bases, base, noise, tmp_path):
    other = noise_adapter(tmp_path / "other", base, seed=9)
    models = [LocalChatModel(bases=bases, path=base, adapter=a, max_new_tokens=10) for a in (None, noise, other)]
    jobs = [(model, messages) for messages in (QUESTION, *OTHERS) for model in models]
    expected = [model.answer(messages).text for model, messages in jobs]
    assert len(set(expected)) > len(jobs) / 2, "the adapters really answer differently"
    found: dict[int, str] = {}

    def ask(position):
        model, messages = jobs[position]
        found[position] = model.answer(messages).text

    threads = [threading.Thread(target=ask, args=(position,)) for position in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[position] for position in range(len(jobs))] == expected


def test_two_endless_answers_take_turns(model, monkeypatch):
    order: list[str] = []
    long = model.model_copy(update={"max_new_tokens": 30})

    def ask(name):
        for _ in long.pieces(QUESTION):
            order.append(name)

    model.answer(QUESTION)
    threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order.index("b") < 20 and order[::-1].index("a") < 20, "neither waits for the other to end"


def test_switching_adapters_takes_no_loading(bases, base, noise, tmp_path, row):
    other = noise_adapter(tmp_path / "other", base, seed=9)
    for adapter in (noise, other, None):
        logits(bases, [row], base, adapter)
    times = []
    for adapter in (noise, other, None) * 3:
        started = time.perf_counter()
        with bases.lease(base, adapter) as lease:
            ready = lease.step(lambda held: time.perf_counter())
        times.append(ready - started)
    assert sorted(times)[len(times) // 2] < 0.05
    assert len(bases.live) == 1


def test_an_adapter_shares_the_weights_of_its_base(bases, base, noise):
    def places(held):
        return {name: tensor.data_ptr() for name, tensor in held.network.named_parameters()}

    with bases.lease(base) as bare, bases.lease(base, noise) as tuned:
        shared, found = bare.step(places), tuned.step(places)
    own = [name for name, place in found.items() if place not in shared.values()]
    assert own and all("lora_" in name for name in own)


def test_switching_bases_back_and_forth_keeps_one_in_memory(bases, base, tmp_path):
    other = tiny_model(tmp_path / "other", seed=4)
    for _ in range(5):
        for path in (base, other):
            bases.load(path)
            assert bases.loaded == path
            assert len(bases.live) == 1
    bases.unload()
    assert len(bases.live) == 0
    assert bases.loaded is None


def test_two_threads_that_ask_at_once_load_one_base(bases, base):
    models = [LocalChatModel(bases=bases, path=base, max_new_tokens=4) for _ in range(4)]
    threads = [threading.Thread(target=model.answer, args=(QUESTION,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bases.live) == 1


def test_another_base_waits_for_a_running_answer(bases, base, model, tmp_path):
    other = tiny_model(tmp_path / "other", seed=4)
    stream = model.model_copy(update={"max_new_tokens": 40}).stream(QUESTION)
    next(stream)
    loading = threading.Thread(target=bases.load, args=(other,))
    loading.start()
    time.sleep(0.1)
    assert loading.is_alive() and bases.loaded == base
    for _ in stream:
        pass
    loading.join(timeout=10)
    assert bases.loaded == other


def test_an_abandoned_stream_gives_its_base_up_and_says_so_when_read_again(bases, model, tmp_path, monkeypatch):
    monkeypatch.setattr(bases_module, "ABANDONED", 0.2)
    stream = model.stream(QUESTION)
    next(stream)
    bases.load(tiny_model(tmp_path / "other", seed=4))
    assert len(bases.live) == 1
    with pytest.raises(BackendFailed, match="unloaded while this answer waited"):
        list(stream)


def test_a_model_changed_on_disk_is_loaded_again(bases, base, model, tmp_path):
    before = model.answer(QUESTION).text
    time.sleep(0.02)
    (base / "model.safetensors").unlink()
    tiny_model(base, seed=6)
    assert model.answer(QUESTION).text != before
    assert len(bases.live) == 1


def test_an_adapter_is_refused_on_another_base_of_the_same_shapes(bases, noise, tmp_path):
    other = tiny_model(tmp_path / "other", seed=4)
    with pytest.raises(BackendFailed, match="another base model"):
        LocalChatModel(bases=bases, path=other, adapter=noise).answer(QUESTION)


def test_an_adapter_of_an_earlier_edition_of_its_base_is_refused_and_says_what_to_do(bases, base, noise):
    (base / "model.safetensors").unlink()
    tiny_model(base, seed=4)
    with pytest.raises(BackendFailed, match="earlier") as caught:
        LocalChatModel(bases=bases, path=base, adapter=noise).answer(QUESTION)
    assert "docgraft tune" in caught.value.hint


def test_an_adapter_follows_its_base_when_the_folder_moves(bases, base, noise, tmp_path):
    moved = base.rename(tmp_path / "moved")
    assert LocalChatModel(bases=bases, path=moved, adapter=noise, max_new_tokens=2).answer(QUESTION).tokens == 2


def test_an_adapter_is_refused_when_the_chat_template_has_changed(bases, base, noise):
    (base / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    with pytest.raises(BackendFailed, match="another chat template"):
        LocalChatModel(bases=bases, path=base, adapter=noise).answer(QUESTION)


def test_an_adapter_that_does_not_say_where_it_belongs_asks(bases, base, tmp_path):
    stray = noise_adapter(tmp_path / "stray", base, record=False)
    with pytest.raises(NotConfigured, match="does not say"):
        LocalChatModel(bases=bases, path=base, adapter=stray).answer(QUESTION)
    assert LocalChatModel(bases=bases, path=base, adapter=stray, unrecorded=True, max_new_tokens=2).answer(QUESTION)


def test_an_adapter_with_a_template_of_its_own_is_served_with_it(bases, base, noise):
    from finetune.models import template_fingerprint
    from tests.tiny_model import ALPACA

    (noise / "chat_template.jinja").write_text(ALPACA)
    card = json.loads((noise / "adapter.json").read_text())
    card |= {"system": "Answer as a sailor.", "template_fingerprint": ""}
    card["template_fingerprint"] = template_fingerprint(load_tokenizer(base, ALPACA), card["system"])
    (noise / "adapter.json").write_text(json.dumps(card))
    tuned = LocalChatModel(bases=bases, path=base, adapter=noise, max_new_tokens=2)
    with bases.lease(base, noise) as lease:
        ids, _ = tuned._prompt(QUESTION[1:], lease)
    expected = "Answer as a sailor.\n\n### Instruction:\nWhen does the ferry leave?\n\n### Response:\n"
    assert tuned.tokenizer.decode(ids) == expected


def rewrite(folder: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file(change(load_file(path)), path)


def reconfigure(folder: Path, **values) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def cut_short(folder):
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickled(folder):
    path = folder / "adapter_model.safetensors"
    torch.save({"a": torch.ones(1)}, path.with_suffix(".bin"))
    path.unlink()


def not_a_number(tensors):
    next(iter(tensors.values()))[0, 0] = float("nan")
    return tensors


UNKNOWN = {"base_model.model.model.layers.7.lora_A.weight": torch.ones(1)}
DAMAGES = {
    "cut short": cut_short,
    "not numbers": lambda folder: rewrite(folder, not_a_number),
    "missing": lambda folder: rewrite(folder, lambda tensors: dict(list(tensors.items())[1:])),
    "unknown": lambda folder: rewrite(folder, lambda tensors: tensors | UNKNOWN),
    "no tensors": lambda folder: rewrite(folder, lambda tensors: {}),
    "has pickled weights": pickled,
    "has no adapter_model": lambda folder: (folder / "adapter_model.safetensors").unlink(),
    "of type": lambda folder: reconfigure(folder, peft_type="IA3"),
    "rewrites the base": lambda folder: reconfigure(folder, init_lora_weights="pissa_niter_4"),
    "cannot be read": lambda folder: (folder / "adapter_config.json").write_text("{"),
    "not an adapter": lambda folder: (folder / "adapter_config.json").unlink(),
    "cannot be (loaded|used)": lambda folder: reconfigure(folder, r=8),
}


@pytest.mark.parametrize("complaint", DAMAGES)
def test_a_damaged_adapter_is_refused_by_name_and_the_base_goes_on(bases, base, noise, model, complaint):
    before = model.answer(QUESTION).text
    DAMAGES[complaint](noise)
    with pytest.raises(BackendFailed, match=complaint):
        LocalChatModel(bases=bases, path=base, adapter=noise).answer(QUESTION)
    assert model.answer(QUESTION).text == before


def test_a_pickle_beside_good_weights_is_never_opened(bases, base, noise, tuned):
    (noise / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/docgraft-pwned'\ntR.")
    assert tuned.answer(QUESTION).text
    assert not Path("/tmp/docgraft-pwned").exists()


def test_a_model_that_does_not_fit_says_so_and_leaves_the_next_one_usable(base, tmp_path, monkeypatch):
    import psutil

    real = psutil.virtual_memory()
    bases = Bases()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=1000))
    with pytest.raises(BackendFailed, match="does not fit into the memory"):
        bases.load(base)
    monkeypatch.undo()
    bases.load(base)
    assert bases.loaded == base


def test_memory_that_ends_while_answering_is_said_in_plain_words(model, monkeypatch):
    from finetune.models.decoding import Decoding

    def greedy(self, network):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(Decoding, "advance", greedy)
        with pytest.raises(BackendFailed, match="does not fit into the memory"):
            model.answer(QUESTION)
    assert model.answer(QUESTION).tokens == 12


def test_damaged_base_weights_are_named(bases, base):
    path = base / "model.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DocgraftError, match="damaged or cut short"):
        bases.load(base)
