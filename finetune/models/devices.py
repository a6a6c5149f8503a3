"""What this machine can run models on, and what it cannot and why. Looks; changes nothing but torch's thread count."""

from __future__ import annotations

import functools
import importlib.util
import platform
from typing import Literal

import psutil

from finetune.models.threads import share_processors
from memory.records import Record

Kind = Literal["cpu", "cuda", "rocm", "mps", "xpu"]
Precision = Literal["float32", "bfloat16", "float16"]
GIB = 1 << 30


class Device(Record):
    """Where models run here, and what is possible there."""

    kind: Kind
    name: str
    """The processor's or card's own name."""
    count: int = 1
    """Cards of this kind; 1 for a CPU."""
    memory: int
    """Bytes in all: the card's own, or the machine's."""
    free: int
    """Bytes free now."""
    precision: Precision
    """What weights are held and computed in: what this device does at full speed without losing answers."""
    bfloat16: bool
    """Whether it has bfloat16 units. Without them bfloat16 on a CPU is some fifty times slower than float32."""
    four_bit: bool
    """Whether 4-bit training (QLoRA by bitsandbytes) can run."""
    four_bit_reason: str = ""
    """Why it cannot, or what it costs here; empty when nothing needs saying."""
    eight_bit: bool = False
    """Whether 8-bit training (bitsandbytes LLM.int8) can run."""
    threads: int = 1
    """Threads that torch computes with."""
    features: tuple[str, ...] = ()
    """Vector units of the CPU that matter here."""

    @property
    def torch(self) -> str:
        """The name by which torch knows the device: ROCm answers to "cuda"."""
        return "cuda" if self.kind == "rocm" else self.kind

    @property
    def text(self) -> str:
        """One line for a person."""
        cards = f"{self.count} × " if self.count > 1 else ""
        return f"{self.kind.upper()}: {cards}{self.name}, {self.free / GIB:.1f} of {self.memory / GIB:.1f} GiB free"


def describe(wanted: str = "auto") -> Device:
    """The best device of this machine, or the `wanted` kind. Cheap after the first call; memory is read anew."""
    share_processors()
    kind = _kind() if wanted == "auto" else wanted
    if kind in {"cuda", "rocm"}:
        return _cuda()
    if kind == "mps":
        return _mps()
    if kind == "xpu":
        return _xpu()
    return _cpu()


def features() -> tuple[str, ...]:
    """Vector units of this CPU that decide its speed: avx2, avx512, avx512_bf16, avx512_vnni, amx, neon."""
    import torch

    if platform.machine().lower() in {"arm64", "aarch64"}:
        return ("neon",)
    cpu = torch.cpu
    tests = {
        "avx2": "_is_avx2_supported",
        "avx512": "_is_avx512_supported",
        "avx512_bf16": "_is_avx512_bf16_supported",
        "avx512_vnni": "_is_vnni_supported",
        "amx": "_is_amx_tile_supported",
    }
    # These are private to torch, so a version without one says "no" and float32 stays: slower, never wrong.
    return tuple(name for name, test in tests.items() if getattr(cpu, test, lambda: False)())


def _kind() -> Kind:
    import torch

    if torch.cuda.is_available():
        return "rocm" if getattr(torch.version, "hip", None) else "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu"
    return "cpu"


def _cpu() -> Device:
    import torch

    memory = psutil.virtual_memory()
    units = features()
    four, reason = _bitsandbytes("cpu")
    return Device(
        kind="cpu",
        name=_processor(),
        memory=memory.total,
        free=memory.available,
        precision="float32",
        bfloat16="avx512_bf16" in units or "amx" in units,
        four_bit=four,
        four_bit_reason=reason,
        eight_bit=four,
        threads=torch.get_num_threads(),
        features=units,
    )


def _cuda() -> Device:
    import torch

    free, total = torch.cuda.mem_get_info()
    native = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    kind: Kind = "rocm" if getattr(torch.version, "hip", None) else "cuda"
    four, reason = _bitsandbytes(kind)
    return Device(
        kind=kind,
        name=torch.cuda.get_device_name(0),
        count=torch.cuda.device_count(),
        memory=total,
        free=free,
        precision="bfloat16" if native else "float16",
        bfloat16=native,
        four_bit=four,
        four_bit_reason=reason,
        eight_bit=four,
        threads=torch.get_num_threads(),
    )


def _mps() -> Device:
    import torch

    memory = psutil.virtual_memory()
    return Device(
        kind="mps",
        name=_processor(),
        memory=memory.total,
        free=memory.available,
        precision="float32",
        bfloat16=False,
        four_bit=False,
        four_bit_reason="bitsandbytes has no 4-bit kernels for Apple GPUs. LoRA in 32 bits works.",
        threads=torch.get_num_threads(),
    )


def _xpu() -> Device:
    import torch

    properties = torch.xpu.get_device_properties(0)
    four, reason = _bitsandbytes("xpu")
    return Device(
        kind="xpu",
        name=properties.name,
        count=torch.xpu.device_count(),
        memory=properties.total_memory,
        free=properties.total_memory - torch.xpu.memory_allocated(0),
        precision="bfloat16",
        bfloat16=True,
        four_bit=four,
        four_bit_reason=reason,
        threads=torch.get_num_threads(),
    )


def _bitsandbytes(kind: Kind) -> tuple[bool, str]:
    """Whether 4-bit training can run on a device, and the reason or the price."""
    if importlib.util.find_spec("bitsandbytes") is None:
        return False, 'bitsandbytes is not installed. Install it with: pip install "docgraft[qlora]"'
    if kind == "cpu":
        return True, (
            "4-bit training works on this CPU and needs a quarter of the memory. Answers are still given in 32 bits: "
            "4-bit answers would be many times slower here."
        )
    return True, ""


@functools.cache
def _processor() -> str:
    """The CPU's marketing name where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
