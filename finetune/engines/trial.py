"""A real training of two steps on a model of a few thousand numbers: whether an engine works on this machine.

The model has random weights and a byte-level tokenizer; nothing is fetched, and it teaches nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import Field

from finetune.engines import Job, load
from finetune.records import Event, Pair, TrainingSpec
from memory.errors import DocgraftError
from memory.records import Record, now

STEPS, ROWS = 2, 8
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Trial(Record):
    """What came of it."""

    engine: str
    works: bool
    trained: bool = False
    """Whether steps were really made; False when it was known beforehand that it cannot train here."""
    reason: str = ""
    hint: str = ""
    steps: int = 0
    loss: float | None = None
    effect: float = 0.0
    """The largest change of a logit by the adapter of two steps."""
    seconds: float = 0.0
    versions: dict[str, str] = Field(default_factory=dict)


def trial(name: str, home: Path) -> Trial:
    """Train two steps in a temporary folder. Never raises for what an engine does: that is the answer."""
    with tempfile.TemporaryDirectory(prefix="docgraft-trial-") as place:
        folder = Path(place)
        events: list[Event] = []
        job = _job(name, folder, events)
        engine = load(name, home)
        ready = engine.readiness(job.spec)
        if not ready.ready:
            return Trial(engine=name, works=False, reason=ready.reason, hint=ready.hint)
        begun = time.monotonic()
        try:
            card = engine.train(job)
            effect = engine.effect(job)
        except DocgraftError as cause:
            return Trial(engine=name, works=False, trained=True, reason=cause.message, hint=cause.hint)
        steps = [event for event in events if event.kind == "step"]
        losses = [event.values["loss"] for event in steps if event.values.get("loss") is not None]
        return Trial(
            engine=name,
            works=len(steps) >= STEPS and effect > 0,
            trained=True,
            reason="" if steps else "It made no step that could be seen.",
            steps=len(steps),
            loss=losses[-1] if losses else None,
            effect=effect,
            seconds=round(time.monotonic() - begun, 1),
            versions=card.versions,
        )


def _job(name: str, folder: Path, events: list[Event]) -> Job:
    def emit(kind: str, *, step: int = 0, epoch: float = 0.0, message: Any = "", **values: Any) -> None:
        events.append(Event(time=now(), kind=kind, step=step, epoch=epoch, message=str(message), values=values))

    pairs = [
        Pair(id=f"p{i}", instruction=f"What is the number of box {i}?", output=f"It is {i * 37 % 101}.")
        for i in range(ROWS)
    ]
    base = folder / "base"
    if name != "rehearsal":
        tiny_base(base)
    (folder / "run").mkdir()
    return Job(
        folder=folder / "run",
        run="trial",
        kb="trial",
        spec=TrainingSpec(
            engine=name, base="trial", dataset="trial", rank=4, alpha=8, batch=4, max_steps=STEPS, evaluate=False
        ),
        base=base,
        dataset_fingerprint="trial",
        chunk_hashes=(),
        pairs=pairs,
        emit=emit,
        tell=lambda text: None,
    )


def tiny_base(folder: Path) -> None:
    """Write a two-layer Llama with random weights, its tokenizer reading bytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=257,
        pad_token_id=257,
        tie_word_embeddings=False,
    )
    model: Any = LlamaForCausalLM(config)
    model.to(torch.float32).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    generation = folder / "generation_config.json"
    generation.write_text(json.dumps({"eos_token_id": 257, "pad_token_id": 257}), encoding="utf-8")


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={character: number for number, character in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|im_end|>")
    fast.chat_template = TEMPLATE
    return fast
