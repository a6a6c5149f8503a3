"""The trl engine: SFTTrainer and PEFT on any device, with the batches and losses of flat.py and sft.py."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import math
import shutil
from pathlib import Path
from typing import Any

from finetune.engines import Job, NothingLearned, Readiness
from finetune.engines.card import make_card
from finetune.engines.checkpoints import Checkpoints
from finetune.engines.effect import logit_difference
from finetune.engines.examine import Writer, exam
from finetune.engines.flat import Flattening, flatten, in_pieces, install, labelled, padded
from finetune.engines.fused import fuse
from finetune.engines.network import adapter_tensors, load_network, possible, restore_adapter
from finetune.engines.progress import Progress
from finetune.engines.rows import Rows, encode, fitted, in_pass
from finetune.engines.sft import callback_class, trainer_class
from finetune.models.devices import Device, describe
from finetune.models.fingerprints import fingerprint, template_fingerprint
from finetune.models.templates import Row, load_tokenizer
from finetune.notices import Failed, notice
from finetune.recipes import checkpointed, step_tokens
from finetune.records import AdapterCard, TrainingSpec
from memory.errors import BadDataset
from memory.records import digest
from retrieval.prompts import CLOSED_BOOK

RANGES = {"trl": ((1, 15), (2,)), "transformers": ((5, 17), (6,)), "peft": ((0, 18), (1,))}
"""Package → lowest version, and the first that is too new."""
RULES = "3"
"""Another one whenever the order of rows or the loss changes: a run begun under other rules is not taken up."""


class Trl:
    """LoRA, QLoRA, DoRA and rsLoRA through trl and PEFT."""

    def readiness(self, spec: TrainingSpec) -> Readiness:
        """Packages, their versions, and the device."""
        for name, (low, high) in RANGES.items():
            if importlib.util.find_spec(name) is None:
                return Readiness.to("cpu", notice("package_missing", name=name))
            version = importlib.metadata.version(name)
            number = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
            if not low <= number < high:
                wanted = f">={'.'.join(map(str, low))},<{high[0]}"
                return Readiness.to("cpu", notice("package_version", name=name, version=version, wanted=wanted))
        return possible(spec, describe())

    def train(self, job: Job) -> AdapterCard:
        """Train, keep the best, save it into `adapter/`."""
        return train(job, load_network(job.spec, job.base, describe()))

    def effect(self, job: Job) -> float:
        """On a fresh load of base and adapter."""
        return logit_difference(job.folder / "adapter", job.base)


def train(job: Job, model: Any, *, writer: Writer | None = None) -> AdapterCard:
    """The run of a loaded model with a fresh adapter on it. `writer`: the model brings its own loss and kernels, and
    this is how it writes."""
    tokenizer = load_tokenizer(job.base)
    rows = training_rows(job, tokenizer)
    folder = job.folder / "checkpoints"
    checkpoints = Checkpoints(folder, identity(job))
    spec = job.spec
    limit = 2 * spec.max_length
    questions = exam(job.pairs, tokenizer, effort=spec.effort, limit=limit, writer=writer, stopping=job.stopping)
    progress = Progress(job, questions, checkpoints, lambda: adapter_tensors(model))
    trainer = make_trainer(spec, model, tokenizer, rows, folder=folder, native=writer is not None)
    trainer.progress, trainer.checkpoints = progress, checkpoints
    trainer.add_callback(callback_class()(trainer))
    run(trainer, job, model)
    system = main_system(job)
    if trainer.is_world_process_zero():
        save_adapter(job, model, checkpoints.best()[0] or adapter_tensors(model))
    trainer.accelerator.wait_for_everyone()
    return make_card(job, scores=progress.scores(), system=system, template=template_fingerprint(tokenizer, system))


def run(trainer: Any, job: Job, model: Any) -> None:
    """Probe the base or pick up the newest good checkpoint, then train."""
    found, refused = trainer.checkpoints.newest()
    _, fault = trainer.checkpoints.best()
    for reason in [*refused, fault] if fault else refused:
        job.emit("warning", message=notice("checkpoint_unused", reason=reason))
    if found is not None:
        trainer.progress.restore(trainer.checkpoints.state(found)["progress"])
        if fault:
            trainer.progress.best = None  # The next evaluation's weights are kept instead.
        job.emit("started", message=notice("resumed", checkpoint=found.name))
    elif trainer.is_world_process_zero():
        trainer.progress.probe(model)
        if job.spec.devices == 1 and job.stopping():
            raise NothingLearned("Stopped before the first step.")
    trainer.train(resume_from_checkpoint=str(found) if found else None)
    trainer.flattening.clear()  # Whoever asks the model next asks ordinary questions.
    if trainer.progress.reason:
        job.emit("warning", step=trainer.state.global_step, message=trainer.progress.reason)


def training_rows(job: Job, tokenizer: Any) -> Rows:
    """The training rows as token ids; BadDataset when there are none."""
    pairs = job.split("train")
    if not pairs:
        raise BadDataset("The dataset has no training rows.", "Build it again with: docgraft pairs build")
    rows = fitted(encode(pairs, tokenizer), max_length=job.spec.max_length, truncate=job.spec.truncate)
    counts = {"rows": len(rows.rows), "tokens": rows.tokens, "supervised": rows.supervised}
    job.emit("started", message=notice("rows_read", **counts))
    if rows.truncated:
        job.emit("warning", message=notice("rows_cut", rows=rows.truncated, limit=job.spec.max_length))
    return rows


def make_trainer(
    spec: TrainingSpec,
    model: Any,
    tokenizer: Any,
    rows: Rows,
    *,
    folder: Path,
    native: bool = False,
) -> Any:
    """The trainer over these rows, flat where the architecture allows it."""
    from datasets import Dataset
    from transformers import PrinterCallback

    device, flattening = describe(), Flattening()
    faster(device)
    batch = labelled
    if not native:
        batch = flatten if install(model.get_base_model(), flattening) else padded
        fuse(model)
    # Several processes must take the same number of backward passes.
    limit = step_tokens(device.kind) if spec.devices == 1 else 1 << 30

    def collate(parts: list[dict[str, Any]]) -> dict[str, Any]:
        own = [Row(part["ids"], part["prompt"]) for part in parts]
        return batch(own) if native else in_pieces(own, batch, limit)

    trainer = trainer_class()(
        model=model,
        args=arguments(
            spec,
            device,
            folder,
            rows=len(in_pass(rows, spec.epochs)),
            parameters=model.num_parameters(),
            mixed=native or spec.bits < 16,
        ),
        data_collator=collate,
        train_dataset=Dataset.from_dict(
            {"ids": [row.ids for row in rows.rows], "prompt": [row.prompt for row in rows.rows]}
        ),
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)  # Events say it all.
    for parameter in model.parameters():
        if parameter.requires_grad:  # trl turns a quantised model's adapter to bfloat16; resuming needs float32.
            parameter.data = parameter.data.float()
    trainer.flattening, trainer.native = flattening, native
    trainer.rows = rows
    return trainer


def arguments(
    spec: TrainingSpec, device: Device, folder: Path, *, rows: int, parameters: int, mixed: bool = False
) -> Any:
    """trl's configuration for a spec. Nothing is left to its defaults that a device could fail on. `mixed`: a float32
    adapter is computed in half precision beside a base that our own layers do not compute."""
    from trl import SFTConfig

    steps = steps_of(spec, rows)
    # transformers 5.2x renames it; the old name still holds in the oldest version allowed.
    known = {field.name for field in dataclasses.fields(SFTConfig)}
    checkpointing = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    more: dict[str, Any] = {checkpointing: checkpointed(parameters, device.kind)}
    mixed = mixed and device.kind != "cpu"
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=spec.batch,
        gradient_accumulation_steps=spec.accumulation,
        learning_rate=spec.learning_rate,
        lr_scheduler_type="constant_with_warmup" if spec.schedule == "constant" else spec.schedule,
        warmup_steps=round(steps * spec.warmup),
        num_train_epochs=spec.epochs,
        max_steps=spec.max_steps,
        max_grad_norm=spec.max_grad_norm,
        weight_decay=spec.weight_decay,
        optim="adamw_torch_fused" if device.kind in ("cpu", "cuda", "rocm") else "adamw_torch",
        seed=spec.seed,
        data_seed=spec.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        max_length=None,
        packing=False,
        bf16=mixed and device.bfloat16,
        fp16=mixed and not device.bfloat16,
        use_cpu=device.kind == "cpu",
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        **more,
    )


def steps_of(spec: TrainingSpec, rows: int) -> int:
    """Optimiser steps of a run with so many rows in each pass."""
    if spec.max_steps > 0:
        return spec.max_steps
    batches = math.ceil(rows / (spec.batch * spec.devices))
    return max(1, math.ceil(math.ceil(batches / spec.accumulation) * spec.epochs))


def faster(device: Device) -> None:
    """On a CPU, numbers too small to matter count as zero: computing with them is up to a hundred times slower."""
    if device.kind == "cpu":
        import torch

        torch.set_flush_denormal(True)


def identity(job: Job) -> str:
    """What a checkpoint must match to be resumed from: base, rows and all of the spec that shapes the weights."""
    spec = job.spec.model_dump(exclude={"base", "dataset", "effort", "evaluate", "patience", "epochs", "max_steps"})
    return digest(RULES, fingerprint(job.base), job.dataset_fingerprint, repr(sorted(spec.items())))


def main_system(job: Job) -> str:
    """The closed-book system text of the language that most training rows are in."""
    languages: list[Any] = [pair.language for pair in job.split("train")]
    return CLOSED_BOOK[max(sorted(set(languages)), key=languages.count)]


def save_adapter(job: Job, model: Any, tensors: dict[str, Any]) -> None:
    """Write `adapter/` beside and rename it; RunFailed when a number in it is not finite."""
    import torch
    from safetensors.torch import save_file

    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise Failed(notice("not_finite_saved", name=bad[0]))
    restore_adapter(model, tensors)
    target, beside = job.folder / "adapter", job.folder / ".adapter.tmp"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.inference_mode = job.spec.base, True
    config.save_pretrained(str(beside))
    save_file({name: one.contiguous() for name, one in tensors.items()}, beside / "adapter_model.safetensors")
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)
    job.emit("saved", message=notice("saved"))
