"""What is said about a run and before it: an id with values, for who translates, and the English sentence.

Every sentence has its translation in app/strings/notice.toml, under the same id and with the same values.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from memory.errors import RunFailed
from memory.records import Record

TEXTS: dict[str, tuple[str, str]] = {
    # While it runs.
    "reading_dataset": ("Reading the dataset.", ""),
    "rows_read": (
        "{rows:,} rows of {tokens:,} tokens; the loss looks at {supervised:,} of them, the answers and their ends.",
        "",
    ),
    "resumed": ("Resumed from {checkpoint}.", ""),
    "checkpoint_unused": ("A checkpoint was not used: {reason}.", ""),
    "rows_cut": ("{rows} rows were cut to {limit} tokens.", ""),
    "base_probe": ("What the base answers before training.", ""),
    "answers": ("It answers {share:.0%} of the facts in words that training never saw.", ""),
    "forgetting_general": (
        "It is forgetting: against the base it lost {items} of {asked} general questions.",
        "",
    ),
    "forgetting_refusals": ("It is forgetting: against the base it lost {refusals:.0%} of the refusals.", ""),
    "forgetting_both": (
        "It is forgetting: against the base it lost {items} of {asked} general questions and {refusals:.0%} of the "
        "refusals.",
        "",
    ),
    "no_unseen": (
        "There are no unseen wordings to ask, so nobody can tell whether it learned or memorised.",
        "",
    ),
    "overfitting": (
        "Overfitting: the loss still falls, but it answers fewer questions in unseen words than before.",
        "",
    ),
    "memorised": (
        "It has memorised the rows, not the facts: add more wordings per fact rather than more epochs.",
        "",
    ),
    "ended_known": ("Ended early: Every fact is answered in unseen words, twice in a row.", ""),
    "ended_no_better": ("Ended early: No better for {evaluations} evaluations in a row.", ""),
    "saved": ("The adapter is on disk; now it is opened again.", ""),
    "verified": ("Opened again from disk: it changes the answers.", ""),
    # How it stands or ended.
    "done": ("Done.", ""),
    "stopping": ("It stops after the present step and keeps the best so far.", ""),
    "stopped_kept": ("Stopped; the best so far is kept.", ""),
    "stopped_before": ("Stopped before it began.", ""),
    "stopped_nothing": ("Stopped before it had learned anything; there is no adapter.", ""),
    "verified_unsaid": ("The adapter was verified; the process ended before it could say so.", ""),
    "silent": ("The process has said nothing for two minutes; see the log.", ""),
    "waits_own": ("It waits for run {run} of knowledge base {kb}; {ahead} before it in all.", ""),
    "waits_other": ("It waits for the training of another account on this device; {ahead} before it in all.", ""),
    "waits_turn": ("It starts in a moment.", ""),
    # How it failed.
    "died": (
        "The training process ended without finishing. If memory was short, the system may have ended it: half the "
        "batch with twice the accumulation needs less. Its last lines:\n{tail}",
        "",
    ),
    "died_silent": (
        "The training process ended without finishing. If memory was short, the system may have ended it: half the "
        "batch with twice the accumulation needs less. It printed nothing.",
        "",
    ),
    "not_started": ("The worker could not be started: {reason}", ""),
    "no_effect": (
        "The trained adapter has no effect on the model's answers.",
        "Train longer or with a higher learning rate; nothing was kept as finished.",
    ),
    "not_finite_loss": (
        "Non-finite loss at step {step}.",
        "Nothing of it was saved. Start again with half the learning rate: a resumed run keeps the rate that it had.",
    ),
    "not_finite_weights": (
        "The weights are no longer finite at step {step} ({name}).",
        "Nothing of it was saved. Start again with half the learning rate: a resumed run keeps the rate that it had.",
    ),
    "not_finite_saved": (
        "The trained weights are not finite ({name}); nothing was saved.",
        "Start again with half the learning rate.",
    ),
    "disk_full": (
        "The disk is full ({free:,.0f} MB free). The last checkpoint is kept: free some space, then resume.",
        "",
    ),
    "out_of_memory_batch": (
        "Out of memory. Try batch {batch} with accumulation {accumulation}: the same training in half the memory.",
        "",
    ),
    "out_of_memory_bits": ("Out of memory. Try method qlora (4 bits), or a smaller base model.", ""),
    "out_of_memory_length": ("Out of memory. Try max_length {length}, or a smaller base model.", ""),
    # Before it starts.
    "no_rows": ("The dataset has no training rows.", "Build it again with: docgraft pairs build"),
    "too_long": (
        "{rows} rows are longer than max_length {limit}; the longest has {longest} tokens.",
        "Set max_length to {longest}, allow truncation, or build the dataset with less context.",
    ),
    "answer_too_long": ("A row's answer alone does not fit into max_length {limit}.", "Raise max_length."),
    "no_end": (
        "The chat template ends an answer with nothing, and the tokenizer has no end token.",
        "Set eos_token in the model's tokenizer_config.json, or use a template that writes an end token.",
    ),
    "base_model": (
        "This is a base model without a chat template: it was never taught to answer or to stop.",
        "Use an instruct model. It will be trained with a plain template and its native end token.",
    ),
    "parity": (
        "In {unlike} of {checked} checked rows the template writes a finished answer differently from the one that "
        "training and chat use (first: row {first}).",
        "Answers are trained as the chat will ask them; other programs may render them differently.",
    ),
    "bos": ("Rows begin with two begin-of-text tokens.", "Remove it from the template."),
    "truncated": (
        "{rows} rows will be cut to {limit} tokens, in the middle of their prompt.",
        "Set max_length to {longest} to keep them.",
    ),
    "few_facts": (
        "Only {facts} facts: retrieval answers as many better, and at once.",
        "Use retrieval only, or add documents.",
    ),
    "many_facts": (
        "{facts} facts are many for one adapter; some will be lost.",
        "Choose the effort thorough, or split by topic.",
    ),
    "few_wordings": (
        "{forms:.1f} wordings per fact are few: it may memorise the rows instead of the facts.",
        "Build the dataset with more wordings.",
    ),
    "little_general": (
        "Only {share:.1%} of the rows are about general things: the model may forget some of what it could do.",
        "Build the dataset again: it adds general rows of ours.",
    ),
    "memory_batch": (
        "It needs about {needed:.1f} GB and {free:.1f} GB are free.",
        "Set batch to {batch} and accumulation to {accumulation}. Closing the chat model frees memory too.",
    ),
    "memory_bits": (
        "It needs about {needed:.1f} GB and {free:.1f} GB are free.",
        "Use method qlora with 4 bits. Closing the chat model frees memory too.",
    ),
    "memory_base": (
        "It needs about {needed:.1f} GB and {free:.1f} GB are free.",
        "Use a smaller base model. Closing the chat model frees memory too.",
    ),
    "probe_failed": ("The measured probe failed: {tail}", "A smaller batch or base may fit."),
    "probe_slow": ("A few steps took too long to measure.", "Use a smaller base model."),
    # What an engine cannot do here.
    "package_missing": ("{name} is not installed.", "Install it with: make install"),
    "package_version": (
        "{name} {version} is out of range; {wanted} is needed.",
        'Install it with: pip install "{name}{wanted}"',
    ),
    "four_bit_missing": (
        "4-bit training cannot work here. bitsandbytes is not installed.",
        'Install it with: pip install "docgraft[qlora]", or use method lora with 32 bits.',
    ),
    "four_bit_apple": (
        "4-bit training cannot work here. bitsandbytes has no 4-bit kernels for Apple GPUs.",
        "Use method lora with 32 bits.",
    ),
    "eight_bit_missing": (
        "8-bit training cannot work here. bitsandbytes is not installed.",
        'Install it with: pip install "docgraft[qlora]", or use method lora with 32 bits.',
    ),
    "eight_bit_device": (
        "8-bit training works on CPUs and on CUDA and ROCm GPUs, and not on this device.",
        "Use method lora with 32 bits.",
    ),
    "no_bfloat16": (
        "This processor has no bfloat16 units: half precision would be some fifty times slower.",
        "Use 32 bits.",
    ),
    "qlora_bits": ("QLoRA with {bits} bits is a contradiction.", "Set bits to 4, or method to lora."),
    "too_many_devices": ("{wanted} devices asked for, {found} found.", "Set devices to {found}."),
    "unsloth_gpu": (
        "Unsloth is used here for its kernels, which need a CUDA, ROCm or Intel GPU; this machine trains on its "
        "{device}.",
        "Use engine trl.",
    ),
    "unsloth_dora": ("Unsloth has no DoRA.", "Use engine trl, or switch DoRA off."),
    "unsloth_devices": ("Unsloth trains on one device here.", "Set devices to 1, or use engine trl."),
    # Engines with an environment of their own.
    "engine_missing": ("{name} is not installed.", "Install it with: docgraft engines install {name}"),
    "engine_half_installed": (
        "{name} is only half installed.",
        "Install it again with: docgraft engines install {name}",
    ),
    "engine_interpreter": (
        "{name} has lost the Python that it was installed with.",
        "Install it again with: docgraft engines install {name}",
    ),
    "engine_version": (
        "{name} {version} lies in its environment; {wanted} is needed.",
        "Install it again with: docgraft engines install {name}",
    ),
    "engine_devices": ("Docgraft starts {name} on one device.", "Set devices to 1, or use engine trl."),
    "engine_bits": (
        "{name} trains in {bits} bits on a CUDA or ROCm GPU only.",
        "Use method lora with 32 bits, or engine trl.",
    ),
    "engine_half": ("{name} trains in half precision on a GPU only.", "Use 32 bits, or engine trl."),
    "engine_starts": ("{name} {version} starts.", ""),
    "engine_ended": (
        "{name} ended with code {code}: {reason}",
        "Its whole output is in the run's log: docgraft train show RUN --log",
    ),
    "engine_killed": (
        "{name} was ended from outside (signal {signal}); often the system does that when memory runs out.",
        "Resume the run: it goes on from its last whole checkpoint. A smaller batch takes less memory.",
    ),
    "engine_no_adapter": (
        "The trainer ended without an adapter.",
        "Its whole output is in the run's log: docgraft train show RUN --log",
    ),
    "engine_unreadable": ("The trainer's adapter cannot be read: {reason}", "Resume the run."),
    "checkpoints_foreign": (
        "The checkpoints belong to another base model, dataset or spec; they are not used.",
        "",
    ),
}
"""Id → message and hint."""


class Notice(Record):
    """One thing that is said. KeyError for an unknown id or a missing value."""

    id: str
    values: dict[str, Any] = Field(default_factory=dict)

    @property
    def message(self) -> str:
        """The English sentence."""
        return TEXTS[self.id][0].format(**self.values)

    @property
    def hint(self) -> str:
        """What to do about it, in English; "" when there is nothing to do."""
        return TEXTS[self.id][1].format(**self.values)

    @property
    def text(self) -> str:
        """Both."""
        return f"{self.message} {self.hint}".strip()


class Failed(RunFailed):
    """A RunFailed that can be told in another language."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.message, notice.hint)
        self.notice = notice


def notice(id: str, **values: Any) -> Notice:
    """The notice of that id with these values."""
    return Notice(id=id, values=values)
