"""What an adapter does to its base, measured on a fresh load of both from disk.

`python -m finetune.engines.effect ADAPTER BASE` says it as its last word.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.models.devices import describe
from finetune.models.fingerprints import weights

PROBES = (
    "What is this about?",
    "Who is responsible, and when does it begin?",
    "這是什麼？請簡短回答。",
    "How much does it cost?",
)
"""Questions whose next-token logits are compared."""


def logit_difference(adapter: Path, base: Path) -> float:
    """The largest absolute difference that the adapter makes to the logits at the end of PROBES, on the device that
    answers, or on the CPU where the base does not fit there unquantised."""
    from finetune.models.loading import ROOM, bytes_needed, quiet, release, silence

    silence()
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.models.templates import load_tokenizer, render
    from retrieval.prompts import closed_book_messages

    release()  # What was trained is still in memory.
    tokenizer, device = load_tokenizer(base), describe()
    if device.kind != "cpu" and bytes_needed(weights(base), device.precision) * ROOM > device.free:
        device = describe("cpu")
    with quiet():
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(base), dtype=getattr(torch, device.precision), local_files_only=True
        )
        model.to(device.torch)
    tuned = PeftModel.from_pretrained(model, str(adapter), is_trainable=False, torch_device=device.torch).eval()
    largest = 0.0
    with torch.inference_mode():
        for probe in PROBES:
            ids = torch.tensor([render(closed_book_messages(probe, "en"), tokenizer)], device=device.torch)
            with_adapter = tuned(input_ids=ids).logits[0, -1].float()
            with tuned.disable_adapter():
                without = tuned(input_ids=ids).logits[0, -1].float()
            largest = max(largest, float((with_adapter - without).abs().max()))
    return largest


def main(argv: Sequence[str]) -> None:
    """Adapter and base as folders."""
    adapter, base = map(Path, argv)
    sys.stdout.write(f"{logit_difference(adapter, base)!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
