"""What the machine can do is told honestly: B59."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest
import torch

from finetune.models import devices
from finetune.models.devices import describe


@pytest.fixture
def without_bitsandbytes(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "bitsandbytes" else real(name, *rest)
    )


@pytest.fixture
def cuda(monkeypatch):
    """A CUDA card as torch shows one."""

    def card(*, native=True, hip=None):
        monkeypatch.setattr(torch.version, "hip", hip, raising=False)
        for name, value in {
            "is_available": True,
            "mem_get_info": (6 << 30, 8 << 30),
            "is_bf16_supported": native,
            "get_device_name": "Card",
            "device_count": 2,
        }.items():
            monkeypatch.setattr(torch.cuda, name, lambda *_, value=value, **__: value)

    return card


@pytest.fixture
def cpu_only(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_a_cpu_holds_weights_in_float32_and_says_what_it_has(cpu_only):
    device = describe()
    assert (device.kind, device.torch, device.precision) == ("cpu", "cpu", "float32")
    assert device.memory > device.free > 0
    assert device.threads >= 1
    assert device.name in device.text


def test_without_bitsandbytes_four_bits_are_out_with_the_reason_and_the_cure(cpu_only, without_bitsandbytes):
    device = describe()
    assert not device.four_bit
    assert 'pip install "docgraft[qlora]"' in device.four_bit_reason


def test_four_bits_on_a_cpu_work_and_say_their_price(cpu_only, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: SimpleNamespace())
    device = describe()
    assert device.four_bit
    assert "slower" in device.four_bit_reason


def test_an_apple_gpu_has_no_four_bits_and_says_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device = describe()
    assert (device.kind, device.precision, device.four_bit) == ("mps", "float32", False)
    assert "Apple" in device.four_bit_reason


def test_a_card_computes_in_bfloat16_where_it_has_it_and_in_float16_where_not(cuda):
    cuda()
    assert (describe().kind, describe().precision, describe().count) == ("cuda", "bfloat16", 2)
    cuda(native=False)
    assert describe().precision == "float16"


def test_rocm_is_told_apart_from_cuda_though_torch_calls_it_so(cuda):
    cuda(hip="6.2")
    device = describe()
    assert (device.kind, device.torch) == ("rocm", "cuda")


def test_bfloat16_on_a_cpu_is_claimed_only_with_units_for_it(cpu_only, monkeypatch):
    monkeypatch.setattr(devices, "features", lambda: ("avx2",))
    assert not describe().bfloat16
    monkeypatch.setattr(devices, "features", lambda: ("avx2", "avx512_bf16"))
    assert describe().bfloat16


def test_a_wanted_device_is_described_instead_of_the_best(cuda):
    cuda()
    assert describe("cpu").kind == "cpu"
