"""TINY-LM: a byte-level tokenizer and a two-layer Llama with random weights; NOISE-ADAPTER: a LoRA that must show.

Real files for real loading code, built in a fraction of a second and copied from a cache within one test session.
"""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path

START, END, BOS = "<|im_start|>", "<|im_end|>", "<|bos|>"
START_ID, END_ID, BOS_ID = 256, 257, 258

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The template of TINY-LM."""
CHATML_WITH_BOS = "{{ bos_token }}" + CHATML
"""Prints the token that `bos=True` makes the tokenizer prepend as well."""
ALPACA = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}### Instruction:\n{{ message['content'] }}\n\n"
    "{% else %}### Response:\n{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
"""A template that ends an answer with nothing at all."""


def tokenizer(*, template: str | None = CHATML, bos: bool = False):
    """Ids 0 to 255 are bytes, then <|im_start|>, <|im_end|> and <|bos|>. `bos` makes it prepend <|bos|> to any text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {character: byte for byte, character in _byte_characters().items()}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([START, END, BOS])
    if bos:
        core.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=END,
        pad_token=END,
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = template
    return fast


def tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    template: str | None = CHATML,
    bos: bool = False,
    generation: dict | None = None,
    positions: int = 2048,
) -> Path:
    """Write TINY-LM into `folder` and return it. Another `seed`: other weights of the same shapes.

    `template=None` makes it a base model without a chat template; `generation` is written over generation_config.json.
    """
    shutil.copytree(_built(seed, template, bos, positions), folder, dirs_exist_ok=True)
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    return folder


def noise_adapter(folder: Path, base: Path, *, seed: int = 0, scale: float = 0.3, record: bool = True) -> Path:
    """LoRA r=4 on q_proj and v_proj of the model in `base`, every lora_B filled with N(0, scale); 0 leaves them zero.

    `record` writes the part of adapter.json that serving checks: fingerprints of base and template, system text.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "lora_B" in name and scale:
                tensor.normal_(0.0, scale)
    model.save_pretrained(folder)
    if record:
        _record(folder, base)
    return folder


def _record(folder: Path, base: Path) -> None:
    from transformers import AutoTokenizer

    from finetune.models import fingerprint, template_fingerprint

    values = {
        "base": base.name,
        "base_fingerprint": fingerprint(base),
        "template_fingerprint": template_fingerprint(AutoTokenizer.from_pretrained(base)),
        "system": "",
    }
    (folder / "adapter.json").write_text(json.dumps(values), encoding="utf-8")


@functools.cache
def _built(seed: int, template: str | None, bos: bool, positions: int) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = Path(tempfile.mkdtemp(prefix="tiny-lm-"))
    _cleanup(folder)
    config = LlamaConfig(
        vocab_size=259,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        initializer_range=0.08,
        bos_token_id=BOS_ID,
        eos_token_id=END_ID,
        pad_token_id=END_ID,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    LlamaForCausalLM(config).to(torch.float32).save_pretrained(folder)
    tokenizer(template=template, bos=bos).save_pretrained(folder)
    return folder


def _cleanup(folder: Path) -> None:
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _byte_characters() -> dict[int, str]:
    """The printable stand-ins of GPT-2's byte-level alphabet, by byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in printable}
    rest = (byte for byte in range(256) if byte not in table)
    return table | {byte: chr(256 + position) for position, byte in enumerate(rest)}
