"""A plain script that trains a spec with trl's SFTTrainer, on the engine trl or unsloth. Text out; imports neither."""

from __future__ import annotations

from finetune.engines import unsloth
from finetune.engines.outside import Plan

_HEAD = '''"""Train a LoRA adapter on {rows} with {engine}: python train.py"""

{first}import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer

BASE = {base!r}
set_seed({seed})
'''
_TRL = """tokenizer = AutoTokenizer.from_pretrained(BASE)
model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.{dtype}{quantised})
model = get_peft_model(model, LoraConfig(**{lora!r}))
"""
_UNSLOTH = """model, tokenizer = FastLanguageModel.from_pretrained(**{loading!r})
model = FastLanguageModel.get_peft_model(model, **{adapting!r})
"""
_TAIL = """
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=Dataset.from_json({rows!r}),
    args=SFTConfig(**{arguments!r}),
)
trainer.train()
trainer.save_model({output!r})
"""
FSDP = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "FSDP",
    "mixed_precision": "no",
    "fsdp_config": {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_reshard_after_forward": True,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
        "fsdp_cpu_ram_efficient_loading": True,
    },
}
"""accelerate's configuration for a base that is spread over the GPUs."""


def deepspeed(accumulation: int) -> dict[str, object]:
    """The same with DeepSpeed."""
    return {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "DEEPSPEED",
        "mixed_precision": "no",
        "deepspeed_config": {
            "zero_stage": 3,
            "zero3_init_flag": False,
            "zero3_save_16bit_model": True,
            "gradient_accumulation_steps": accumulation,
        },
    }


def script(plan: Plan, *, rows: str, output: str) -> str:
    """The script. `rows`: JSON lines of input_ids, attention_mask and labels; `output`: where the adapter goes."""
    spec, fast = plan.spec, plan.spec.engine == "unsloth"
    first = "from unsloth import FastLanguageModel  # First: it patches the libraries below.\n\n" if fast else ""
    head = _HEAD.format(rows=rows, engine=spec.engine, first=first, base=plan.base, seed=spec.seed)
    if fast:
        head = head.replace("from peft import LoraConfig, get_peft_model\n", "")
        head = head.replace("import AutoModelForCausalLM, AutoTokenizer, set_seed", "import set_seed")
        head = head.replace("import torch\n", "")
        body = _UNSLOTH.format(loading=unsloth.loading(spec, plan.base), adapting=unsloth.adapting(spec))
    else:
        dtype = "float32" if spec.bits == 32 or plan.device.kind == "cpu" else "bfloat16"
        quantised = ""
        if spec.bits in (4, 8):
            head = head.replace("AutoTokenizer, set_seed", "AutoTokenizer, BitsAndBytesConfig, set_seed")
            options = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"} if spec.bits == 4 else {"load_in_8bit": True}
            quantised = f", quantization_config=BitsAndBytesConfig(**{options!r})"
        body = _TRL.format(dtype=dtype, quantised=quantised, lora=_lora(plan))
    return head + body + _TAIL.format(rows=rows, arguments=_arguments(plan, output), output=output)


def _lora(plan: Plan) -> dict[str, object]:
    spec = plan.spec
    return {
        "r": spec.rank,
        "lora_alpha": spec.alpha,
        "lora_dropout": spec.dropout,
        "target_modules": "all-linear" if spec.targets == ("all-linear",) else list(spec.targets),
        "use_dora": spec.dora,
        "use_rslora": spec.rslora,
        "task_type": "CAUSAL_LM",
    }


def _arguments(plan: Plan, output: str) -> dict[str, object]:
    spec, cpu = plan.spec, plan.device.kind == "cpu"
    return {
        "output_dir": output,
        "per_device_train_batch_size": spec.batch,
        "gradient_accumulation_steps": spec.accumulation,
        "num_train_epochs": spec.epochs,
        "max_steps": spec.max_steps,
        "learning_rate": spec.learning_rate,
        "lr_scheduler_type": "constant_with_warmup" if spec.schedule == "constant" else spec.schedule,
        "warmup_steps": round(plan.steps * spec.warmup),
        "weight_decay": spec.weight_decay,
        "max_grad_norm": spec.max_grad_norm,
        "seed": spec.seed,
        "logging_steps": 1,
        "save_strategy": "epoch",
        "save_total_limit": 2,
        "report_to": "none",
        "max_length": None,
        "packing": False,
        "bf16": False,
        "use_cpu": cpu,
    }
