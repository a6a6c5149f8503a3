"""An adapter folded into its base: the same answers as base plus adapter, the same bytes on every machine. And the mean
of several."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from finetune.models import adapter_files, fingerprint
from finetune.models.averaging import averaged
from finetune.models.folding import fold
from memory.errors import BackendFailed
from tests.models.conftest import QUESTION, logits
from tests.tiny_model import noise_adapter, tiny_model


@pytest.fixture
def copy(tmp_path, base):
    return shutil.copytree(base, tmp_path / "copy")


def test_a_folded_model_computes_what_base_and_adapter_compute(bases, base, noise, copy):
    from finetune.models import render

    rows = [render(QUESTION, bases.tokenizer(base))]
    wanted, plain = logits(bases, rows, base, noise), logits(bases, rows, base)
    assert fold(copy, noise) == 4, "q_proj and v_proj of two layers"
    found = logits(bases, rows, copy)
    assert (found[0] - wanted[0]).abs().max() < 0.02 * (wanted[0] - plain[0]).abs().max()


def test_a_folded_model_has_the_same_fingerprint_whatever_sums_it(tmp_path, base, noise):
    marks = set()
    for threads in (1, 2):
        target = shutil.copytree(base, tmp_path / f"fold{threads}")
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            fold(target, noise)
        finally:
            torch.set_num_threads(before)
        marks.add(fingerprint(target))
    assert len(marks) == 1
    assert marks != {fingerprint(base)}


def test_an_adapter_of_another_shape_is_refused_and_nothing_is_written(copy, noise):
    from safetensors.torch import load_file, save_file

    file = noise / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if name.endswith("q_proj.lora_B.weight"))
    save_file(tensors | {name: torch.ones(3, 4)}, file)
    before = fingerprint(copy)
    with pytest.raises(BackendFailed, match="does not fit"):
        fold(copy, noise)
    assert fingerprint(copy) == before


def test_an_adapter_for_matrices_that_the_model_lacks_is_refused(copy, noise):
    from safetensors.torch import load_file, save_file

    file = noise / "adapter_model.safetensors"
    save_file({name.replace("layers.1", "layers.7"): tensor for name, tensor in load_file(file).items()}, file)
    before = fingerprint(copy)
    with pytest.raises(BackendFailed, match=r"layers\.7"):
        fold(copy, noise)
    assert fingerprint(copy) == before


def test_rslora_scales_by_the_square_root_of_the_rank(copy, noise, tmp_path, base):
    other = shutil.copytree(base, tmp_path / "other")
    fold(other, noise)
    path = noise / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_rslora": True}))
    fold(copy, noise)
    from safetensors.torch import load_file

    name = "model.layers.0.self_attn.q_proj.weight"
    plain, one, two = (load_file(f / "model.safetensors")[name] for f in (base, other, copy))
    assert torch.allclose((two - plain), 2 * (one - plain), rtol=0.02, atol=1e-4), "r = 4: alpha/2 and not alpha/4"


def test_a_tokenizer_is_read_once_however_often_tokens_are_counted(bases, base, noise, monkeypatch):
    from finetune.models import bases as module
    from finetune.models.local import LocalChatModel

    read = []
    load = module.load_tokenizer
    monkeypatch.setattr(module, "load_tokenizer", lambda *a: read.append(a) or load(*a))
    for adapter in (None, noise):
        model = LocalChatModel(bases=bases, path=base, adapter=adapter)
        assert {model.count("ferry") for _ in range(5)} == {5}
    assert len(read) == 2
    tiny_model(base, seed=3)  # Another model in the same place is noticed.
    noise_adapter(noise, base)
    assert LocalChatModel(bases=bases, path=base).count("ferry") == 5
    assert len(read) == 3


def changes(adapter):
    """What an adapter adds to each matrix."""
    values, lora = adapter_files.configuration(adapter), load_file(adapter / adapter_files.WEIGHTS)
    pairs = {name: (lora[name], lora[name.replace("lora_A", "lora_B")]) for name in lora if "lora_A" in name}
    return {name: values["lora_alpha"] / values["r"] * up @ down for name, (down, up) in pairs.items()}


def test_the_mean_of_adapters_does_the_mean_of_what_they_do_as_far_as_its_rank_goes(tmp_path, base, noise):
    both = [noise, noise_adapter(tmp_path / "other", base, seed=5)]
    wanted = {name: (one + changes(both[1])[name]) / 2 for name, one in changes(noise).items()}
    whole, cut = (changes(averaged(both, base, tmp_path / f"mean-{rank}", rank=rank)) for rank in (8, 4))
    assert whole.keys() == cut.keys() == wanted.keys() and len(wanted) == 4
    for name, exact in wanted.items():
        torch.testing.assert_close(whole[name], exact, rtol=1e-3, atol=1e-3)
        assert 0 < (cut[name] - exact).norm() < 0.9 * (changes(noise)[name] - exact).norm()
