"""What an adapter does to its base, measured on a fresh load of both from disk."""

from __future__ import annotations

from pathlib import Path

PROBES = (
    "What is this about?",
    "Who is responsible, and when does it begin?",
    "這是什麼？請簡短回答。",
    "How much does it cost?",
)
"""Questions whose next-token logits are compared."""


def logit_difference(adapter: Path, base: Path) -> float:
    """The largest absolute difference that the adapter makes to the logits at the end of PROBES, in float32."""
    from finetune.models.loading import quiet, silence

    silence()
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from finetune.models.templates import load_tokenizer, render
    from retrieval.prompts import closed_book_messages

    tokenizer = load_tokenizer(base)
    with quiet():
        model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32, local_files_only=True)
    tuned = PeftModel.from_pretrained(model, str(adapter), is_trainable=False).eval()
    largest = 0.0
    with torch.inference_mode():
        for probe in PROBES:
            ids = torch.tensor([render(closed_book_messages(probe, "en"), tokenizer)])
            with_adapter = tuned(input_ids=ids).logits[0, -1]
            with tuned.disable_adapter():
                without = tuned(input_ids=ids).logits[0, -1]
            largest = max(largest, float((with_adapter - without).abs().max()))
    return largest
