"""An adapter's README: the fields of Hugging Face's model card, filled from the adapter's card. Knows text only."""

from __future__ import annotations

from pathlib import Path

import yaml

from finetune.records import AdapterCard
from memory.workspace import write_text

SCORES = {
    "unseen_wording": "Trained facts, asked in words that training never saw",
    "general": "General questions",
    "abstention": "Refuses what the documents do not say",
    "base_unseen_wording": "The base before training, on the same facts",
    "base_general": "The base before training, on the general questions",
    "base_abstention": "The base before training, on what the documents do not say",
    "loss": "Training loss at the end",
}

HUB_LICENCES = ("apache-2.0", "mit", "gemma", "llama3", "llama3.1", "llama3.2", "llama3.3")
"""Licences of base models by the Hub's own names; any other is "other", by name."""


def write_readme(folder: Path, card: AdapterCard) -> None:
    """Write README.md beside the weights."""
    write_text(folder / "README.md", readme(card))


def readme(card: AdapterCard) -> str:
    """The model card as Markdown with its YAML head."""
    spec = card.spec
    head = {
        "language": sorted({code.split("-")[0] for code in card.languages}),
        "base_model": card.base,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "docgraft", "base_model:adapter:" + card.base],
        **_licence(card.licence),
    }
    scores = [f"| {SCORES[name]} | {value:.3g} |" for name, value in card.scores.items() if name in SCORES]
    versions = ", ".join(f"{name} {value}" for name, value in card.versions.items())
    targets = ", ".join(spec.targets)
    return f"""---
{yaml.safe_dump(head, sort_keys=False, allow_unicode=True).strip()}
---

# {card.kb}: adapter {card.id}

A LoRA adapter that answers from the documents of the knowledge base “{card.kb}”. It is of use on its base model only;
a fingerprint of the base is checked whenever it is opened.

## How to use it

Ask with the system text below and the base's own chat template; the adapter was trained with exactly these.

```
{card.system}
```

## Training

| | |
|---|---|
| Base | {card.base} (fingerprint {card.base_fingerprint}) |
| Licence of the base | {card.licence or "not recorded"} |
| Dataset | {card.dataset} (fingerprint {card.dataset_fingerprint}), {len(card.chunk_hashes)} passages |
| Engine, method | {spec.engine}, {spec.method}, {spec.bits} bits |
| Rank, alpha, layers | {spec.rank}, {spec.alpha}, {targets} |
| Learning rate, schedule | {spec.learning_rate}, {spec.schedule} |
| Rows per step | {spec.batch * spec.accumulation * spec.devices} |
| Epochs at most | {spec.epochs:g} |
| Seed | {spec.seed} |
| Weights | {card.tensors} tensors, {card.bytes / 1e6:.1f} MB |
| Versions | {versions} |
| Made | {card.created} |

## Evaluation

| | |
|---|---|
{chr(10).join(scores) or "| not evaluated | |"}
| Largest change of a logit on the probe prompts | {card.effect:.3g} |

## Limits

It repeats what it was taught and may be wrong or out of date where the documents have changed. Retrieval with citations
remains the safer way to answer questions of fact.
"""


def _licence(name: str) -> dict[str, str]:
    """The licence of the base in the fields that the Hub reads."""
    known = name.lower().replace("llama-", "llama")
    return {"license": known} if known in HUB_LICENCES else {"license": "other", "license_name": name or "not recorded"}
