"""trl's SFTTrainer with our batches, loss, order of rows and checkpoints. Knows the trainer's hooks; no files' names.

The classes are made inside a function because trl, transformers and torch are loaded by the worker only.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any

from finetune.engines.checkpoints import Checkpoints
from finetune.engines.flat import Flattening, cross_entropy
from finetune.engines.network import adapter_tensors, restore_adapter
from finetune.engines.progress import Progress
from finetune.engines.rows import Rows, in_pass, pass_order
from finetune.models.loading import trim
from finetune.models.threads import Sharing
from finetune.notices import Failed, notice

TRIMMED = 20
"""Steps after which freed memory is given back."""


class EpochOrder:
    """A sampler whose order is a function of seed and epoch, so that a resumed run sees the rows it would have seen."""

    def __init__(self, rows: Rows, epochs: float, batch: int, seed: int) -> None:
        self.rows, self.epochs, self.batch, self.seed, self.epoch = rows, epochs, batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(in_pass(self.rows, self.epochs))

    def __iter__(self) -> Iterator[int]:
        return iter(pass_order(self.rows, self.epochs, self.batch, seed=self.seed, epoch=self.epoch))


def step_loss(trainer: Any, model: Any, inputs: dict[str, Any], count: Any) -> Any:
    """Mean loss over the supervised tokens of the whole step, on every process and micro-batch of it.

    A batch comes in pieces that fit into memory. The gradients of all but the last are added up here; what is returned
    has the value of all of them and the gradient of the last.
    """
    if trainer.native:
        trainer.progress.count(inputs["input_ids"].numel())
        return finite(trainer, model(**inputs, num_items_in_batch=count).loss)
    if count is None:
        count = (inputs["labels"] != -100).sum()
    elif trainer.args.average_tokens_across_devices:
        count = count / trainer.accelerator.num_processes  # The processes' gradients are averaged afterwards.
    before: Any = 0.0
    *pieces, last = inputs["pieces"]
    for piece in pieces:
        loss = finite(trainer, counted(trainer, model, piece) / count)
        if model.training:
            trainer.accelerator.backward(loss)
        before = before + loss.detach()
    return finite(trainer, counted(trainer, model, last) / count) + before


def counted(trainer: Any, model: Any, piece: dict[str, Any]) -> Any:
    """The summed loss of one piece, whose tokens count for the pace."""
    trainer.progress.count(piece["input_ids"].numel())
    return cross_entropy(model, trainer.flattening, piece)


def finite(trainer: Any, loss: Any) -> Any:
    """The loss itself; RunFailed when it is not finite, before it reaches the weights."""
    import torch

    if not bool(torch.isfinite(loss.detach())):
        raise Failed(notice("not_finite_loss", step=trainer.state.global_step + 1))
    return loss


def save_checkpoint(trainer: Any) -> None:
    """Write everything that a resumed run needs, by the first process."""
    import torch

    if not trainer.is_world_process_zero():
        return
    names = {id(p): name for name, p in trainer.model.named_parameters()}
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    moments = {
        f"{names[id(p)]}|{key}": value.detach().cpu()
        for p, values in optimizer.state.items()
        for key, value in values.items()
        if torch.is_tensor(value)
    }
    randomness = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        randomness["cuda"] = torch.cuda.get_rng_state()
    schedule = trainer.lr_scheduler.state_dict()
    state = {
        "schedule": {key: schedule[key] for key in ("last_epoch", "_step_count", "_last_lr") if key in schedule},
        "rates": [group["lr"] for group in optimizer.param_groups],
        "python": random.getstate(),
        "progress": trainer.progress.state(),
    }
    files = {"adapter": adapter_tensors(trainer.model), "optimizer": moments, "random": randomness}
    step, epoch = trainer.state.global_step, trainer.state.epoch or 0.0
    trainer.checkpoints.save(step, files, state, _log(trainer))
    trainer.progress.saved(step, epoch)


def load_optimizer(trainer: Any, state: dict[str, Any], moments: dict[str, Any]) -> None:
    """Put moments, learning rates and schedule back."""
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    wanted = dict(trainer.model.named_parameters())
    for key, value in moments.items():
        name, _, kind = key.rpartition("|")
        parameter = wanted[name]
        # Fused kernels want the count of steps beside the weights, others on the CPU.
        stays = kind == "step" and not optimizer.param_groups[0].get("fused")
        optimizer.state.setdefault(parameter, {})[kind] = value if stays else value.to(parameter.device)
    for group, rate in zip(optimizer.param_groups, state["rates"], strict=True):
        group["lr"] = rate
    trainer.lr_scheduler.load_state_dict(trainer.lr_scheduler.state_dict() | state["schedule"])


def load_random(state: dict[str, Any], saved: dict[str, Any]) -> None:
    """Put the random states back."""
    import torch

    torch.set_rng_state(saved["torch"])
    if "cuda" in saved and torch.cuda.is_available():
        torch.cuda.set_rng_state(saved["cuda"])
    version, inner, gauss = state["python"]
    random.setstate((version, tuple(inner), gauss))


@functools.cache
def trainer_class() -> Any:  # noqa: C901 - one class, eight one-line hooks
    """SFTTrainer with the hooks above."""
    from pathlib import Path

    from transformers import Trainer
    from trl import SFTTrainer

    class Grafter(SFTTrainer):
        flattening: Flattening
        progress: Progress
        checkpoints: Checkpoints
        rows: Rows
        stopped = False
        native = False

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None):  # type: ignore[no-untyped-def]
            return step_loss(self, model, dict(inputs), num_items_in_batch)

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            size = self.args.per_device_train_batch_size * self.args.world_size
            return EpochOrder(self.rows, self.args.num_train_epochs, size, self.args.seed)

        def floating_point_ops(self, inputs: Any) -> int:
            return 0

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            Trainer.log(self, logs, start_time)

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            save_checkpoint(self)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            restore_adapter(self.model, self.checkpoints.tensors(Path(resume_from_checkpoint), "adapter"))

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            if checkpoint:
                path = Path(checkpoint)
                load_optimizer(self, self.checkpoints.state(path), self.checkpoints.tensors(path, "optimizer"))

        def _load_rng_state(self, checkpoint: str | None) -> None:
            if checkpoint:
                path = Path(checkpoint)
                load_random(self.checkpoints.state(path), self.checkpoints.tensors(path, "random"))

    return Grafter


@functools.cache
def callback_class() -> Any:  # noqa: C901 - one class, five hooks
    """A trainer callback that reports to Progress."""
    import torch
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        def __init__(self, trainer: Any) -> None:
            self.trainer = trainer
            self.sharing = Sharing(torch.get_num_threads())

        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.trainer.progress.begin(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            logs = more.get("logs") or {}
            if "loss" in logs:
                values = {key: logs[key] for key in ("loss", "learning_rate", "grad_norm") if key in logs}
                self.trainer.progress.step(state.global_step, state.max_steps, state.epoch, **values)

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.sharing.settle()
            if state.global_step % TRIMMED == 0:
                trim()
            if stop_asked(self.trainer):
                self.trainer.stopped = True
                control.should_training_stop = control.should_save = True
            elif self.trainer.progress.save_due():
                control.should_save = True

        def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            epoch_ended(self.trainer, state, control)

        def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            ended = state.global_step >= state.max_steps and not self.trainer.stopped
            if ended and self.trainer.is_world_process_zero() and self.trainer.progress.lacks(state.global_step):
                examined(self.trainer, state, last=True)

    return Reporter


def epoch_ended(trainer: Any, state: Any, control: Any) -> None:
    """Evaluate where it is due, decide whether to go on, and save. A run that is being stopped asks nothing more."""
    last = state.global_step >= state.max_steps
    control.should_save = True
    if trainer.stopped or not trainer.progress.due(max(1, round(state.epoch or 0)), last):
        return
    ended = False
    if trainer.is_world_process_zero():
        ended = examined(trainer, state, last=last)
    control.should_training_stop = agreed(trainer, ended) or control.should_training_stop


def examined(trainer: Any, state: Any, *, last: bool) -> bool:
    """Ask the network the exam; whether training should end before its time."""
    trainer.flattening.clear()
    network = trainer.accelerator.unwrap_model(trainer.model)
    return bool(trainer.progress.evaluate(network, state.global_step, state.epoch, last=last))


def stop_asked(trainer: Any) -> bool:
    """Whether the user asked to stop."""
    return agreed(trainer, bool(trainer.progress.job.stopping()))


def agreed(trainer: Any, wish: bool) -> bool:
    """Whether any process wishes it; with several processes all of them learn it at the same step."""
    if trainer.accelerator.num_processes == 1:
        return wish
    import torch

    flag = torch.tensor(float(wish), device=trainer.accelerator.device)
    return bool(trainer.accelerator.reduce(flag, reduction="sum").item() > 0)


def _log(trainer: Any) -> str:
    import dataclasses
    import json

    state = dataclasses.asdict(trainer.state)
    state.update(log_history=[], stateful_callbacks={})
    return json.dumps(state, indent=2)
