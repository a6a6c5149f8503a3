"""An adapter merged into a copy of its base, in float32 or half precision, with a check that both answer alike.

Never merges into quantised weights, and never writes into the base's own folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from finetune import adapters
from finetune.models import render
from finetune.models.adapter_files import TEMPLATE
from finetune.models.loading import plain_failures
from finetune.models.templates import end_tokens, load_tokenizer
from finetune.records import AdapterCard
from memory.errors import BackendFailed, DocgraftError
from memory.records import Record
from memory.workspace import write_json, write_text

TOLERANCE = {"float32": 1e-4, "bfloat16": 0.5, "float16": 0.1}
"""Largest logit difference, relative to the largest logit, that rounding explains."""
AGREEMENT = 0.9
"""Share of greedy answers that must be the same for a merge to be called faithful."""
TOKENS = 24
QUESTIONS = (
    "What is this about?",
    "When does it open?",
    "Who is responsible?",
    "How much does it cost?",
    "What is the name of the manager?",
    "Where is it?",
    "How long does it take?",
    "Which number do I call?",
    "What are the rules?",
    "How many are there?",
    "這是什麼？",
    "什麼時候開始？",
    "誰負責？",
    "要多少錢？",
    "在哪裡？",
    "有什麼規定？",
    "What is 2 + 3?",
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "List three colours.",
)


class Parity(Record):
    """Base plus adapter against the merged model, on the same prompts, greedily."""

    questions: int
    same: int
    """Answers that are the same token for token."""
    difference: float
    """Largest difference between logits at the end of a prompt."""
    relative: float
    """The same, divided by the largest logit."""
    precision: str
    """What the merged weights are stored in."""
    trained_bits: int
    """What the base was held in while training."""
    faithful: bool
    warning: str = ""


def merge(
    adapter: Path,
    base: Path,
    target: Path,
    *,
    precision: str = "float32",
    questions: Sequence[str] = QUESTIONS,
    progress: Callable[[str], None] = lambda text: None,
) -> Parity:
    """Write the merged model to the new folder `target` and compare it with base plus adapter.

    The folder holds a complete model with the base's tokenizer and template, merge.json with the comparison, and the
    adapter's README. DocgraftError when the adapter does not belong to the base or `target` exists.
    """
    from langchain_core.messages import HumanMessage, SystemMessage

    card = adapters.verify(adapter, base=base)
    if target.exists() or target.resolve() == base.resolve():
        raise DocgraftError(f"{target} exists already.", "Choose a new folder; nothing is ever overwritten.")
    if precision not in TOLERANCE:
        raise DocgraftError(f"A merge cannot be stored in {precision!r}.", f"Choose one of: {', '.join(TOLERANCE)}.")
    tokenizer = load_tokenizer(base)
    prompts = [render([SystemMessage(card.system), HumanMessage(question)], tokenizer) for question in questions]
    beside = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        progress("Merging")
        expected = _merge(adapter, base, beside, prompts=prompts, precision=precision)
        progress("Comparing answers")
        found = _answers(_load(beside, precision), prompts, end_tokens(tokenizer))
        parity = _compare(expected, found, precision, card)
        _describe(beside, base, card, parity)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return parity


def _merge(adapter: Path, base: Path, folder: Path, *, prompts: list[list[int]], precision: str) -> list[Any]:
    """Merge in float32, whatever the base was trained in, and store; the answers of base plus adapter before it."""
    import torch
    from peft import PeftModel

    tokenizer = load_tokenizer(base)
    with plain_failures(f"The adapter in {adapter}"):
        tuned = PeftModel.from_pretrained(_load(base, "float32"), str(adapter), is_trainable=False).eval()
        answers = _answers(tuned, prompts, end_tokens(tokenizer))
        merged: Any = tuned.merge_and_unload(safe_merge=True)
    merged.to(getattr(torch, precision)).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return answers


def _load(path: Path, precision: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    with plain_failures(f"The model in {path}"):
        return AutoModelForCausalLM.from_pretrained(
            str(path), dtype=getattr(torch, precision), local_files_only=True, use_safetensors=True
        ).eval()


def _answers(model: Any, prompts: list[list[int]], ends: list[int]) -> list[Any]:
    """(logits behind the prompt, greedy answer's tokens) for each prompt, one at a time."""
    import torch

    from finetune.models.decoding import Decoding, Sampling

    answers = []
    with torch.inference_mode():
        for prompt in prompts:
            logits = model(input_ids=torch.tensor([prompt]), logits_to_keep=1).logits[0, -1].float()
            decoding = Decoding(prompt, Sampling())
            while len(decoding.tokens) < TOKENS and not (decoding.tokens and decoding.tokens[-1] in ends):
                decoding.advance(model)
            answers.append((logits, decoding.tokens))
    return answers


def _compare(expected: list[Any], found: list[Any], precision: str, card: AdapterCard) -> Parity:
    difference = max(float((a[0] - b[0]).abs().max()) for a, b in zip(expected, found, strict=True))
    largest = max(float(a[0].abs().max()) for a in expected)
    same = sum(a[1] == b[1] for a, b in zip(expected, found, strict=True))
    relative = difference / max(largest, 1e-9)
    faithful = relative <= TOLERANCE[precision] and same >= AGREEMENT * len(expected)
    if precision == "float32" and relative > 1e-2:
        raise BackendFailed(
            "The merged model does not answer like base plus adapter; nothing was kept.", "Use the adapter itself."
        )
    warning = "" if faithful else f"Only {same} of {len(expected)} answers are the same: keep using the adapter."
    return Parity(
        questions=len(expected),
        same=same,
        difference=difference,
        relative=relative,
        precision=precision,
        trained_bits=card.spec.bits,
        faithful=faithful,
        warning=warning,
    )


def _describe(folder: Path, base: Path, card: AdapterCard, parity: Parity) -> None:
    """Template, comparison and README beside the weights."""
    template = base / TEMPLATE
    if template.is_file() and not (folder / TEMPLATE).is_file():
        shutil.copyfile(template, folder / TEMPLATE)
    write_json(folder / "merge.json", {"adapter": card.model_dump(mode="json"), "parity": parity.model_dump()})
    write_text(
        folder / "README.md",
        f"# {card.kb}: {card.base} with adapter {card.id} merged in\n\n"
        f"Merged in float32 into the full-precision base and stored as {parity.precision}; trained with the base in "
        f"{parity.trained_bits} bits. {parity.same} of {parity.questions} greedy answers are the same as those of "
        f"base plus adapter (largest logit difference {parity.difference:.2g}).\n\n"
        f"System text:\n\n```\n{card.system}\n```\n",
    )
