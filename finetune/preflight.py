"""The card shown before a run: what will happen, what it takes, and what cannot work. Starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune import datasets, engines, offers
from finetune.engines.probe import TooBig, measure
from finetune.engines.rows import Rows, encode, fitted, in_pass
from finetune.models.devices import Device, describe
from finetune.models.templates import Row, has_template, load_tokenizer, render
from finetune.modelsize import size_of
from finetune.notices import Failed, Notice, notice
from finetune.recipes import Size, adapter_parameters
from finetune.records import Pair, TrainingSpec
from memory.errors import BadDataset, DocgraftError, NotConfigured
from memory.records import Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FEW_FACTS, MANY_FACTS = 50, 3000
LITTLE_GENERAL = 0.1
"""With a smaller share of general rows a model forgets more than it should (docs/BENCHMARKS.md)."""
DEALING = ("trl", "unsloth")
"""Engines that deal general rows out over the passes; others show all of them in each."""
CHECKED = 50
"""Rows whose template parity is checked."""


class Advice(Record):
    """Something wrong or worth saying, and what to do about it."""

    kind: str
    """A stable word: no_rows, too_long, truncated, base_model, parity, memory, engine, few_facts, many_facts, …"""
    message: str
    hint: str = ""
    notice: Notice | None = None
    """The same with an id, to be told in another language; None for words that have none."""

    @classmethod
    def of(cls, kind: str, said: Notice) -> Advice:
        """A notice as advice."""
        return cls(kind=kind, message=said.message, hint=said.hint, notice=said)


class Piece(Record):
    """One token of the rendered first row."""

    text: str
    supervised: bool
    """Whether the loss looks at it: answer and end token only."""


class Preflight(Record):
    """Everything about a run that can be known before it."""

    ok: bool
    """False when `problems` is not empty: the run would be refused."""
    problems: tuple[Advice, ...] = ()
    warnings: tuple[Advice, ...] = ()
    engine: str = "trl"
    device: str = "cpu"
    precision: str = "float32"
    rows: int = 0
    """Training rows."""
    checks: int = 0
    """Questions asked at every evaluation: unseen wordings, general questions, refusals."""
    facts: int = 0
    tokens: int = 0
    """Tokens of all training rows, once through."""
    supervised: int = 0
    """Answer and end tokens of all training rows."""
    supervised_per_row: float = 0.0
    longest: int = 0
    truncated: int = 0
    """Rows that would be cut; 0 unless the spec allows it."""
    steps: int = 0
    epochs: float = 0.0
    """Passes over the rows that these steps make."""
    sample: tuple[Piece, ...] = ()
    """The first training row, token by token, with its mask."""
    parity: bool = False
    """Whether every checked row's prompt has the same token ids in training and in the chat."""
    trainable: int = 0
    """Adapter parameters."""
    adapter_bytes: int = 0
    memory_needed: int = 0
    """Bytes; measured by the probe when there was one, else estimated."""
    memory_free: int = 0
    seconds: float | None = None
    """Expected time to the last step, from a measured probe on this machine; None without a probe."""
    tokens_per_second: float | None = None

    @property
    def lengths(self) -> offers.Rows:
        """The rows in the numbers that memory depends on."""
        return offers.Rows(count=self.rows, tokens=self.tokens, longest=self.longest)


def card(
    spec: TrainingSpec, *, base: Path, dataset: Path, whole: Rows | None = None, home: Path | None = None
) -> Preflight:
    """The card of a run, counted. `whole`: the training rows as `encode` made them, when somebody has them already.

    `home`: where engines with an environment of their own are installed.
    """
    problems: list[Advice] = []
    warnings: list[Advice] = []
    device = describe()
    ready = engines.load(spec.engine, home).readiness(spec)
    if not ready.ready:
        problems.append(Advice(kind="engine", message=ready.reason, hint=ready.hint, notice=ready.notice))
    try:
        pairs = list(datasets.read(dataset).pairs())
        tokenizer = load_tokenizer(base)
        size = size_of(base)
    except DocgraftError as cause:
        problems.append(Advice(kind="files", message=cause.message, hint=cause.hint))
        return Preflight(ok=False, problems=tuple(problems), engine=spec.engine, device=device.kind)
    train = [pair for pair in pairs if pair.split == "train"]
    rows = _rows(train, lambda: whole or encode(train, tokenizer), spec, problems)
    _judge_template(tokenizer, train, rows.rows, problems, warnings)
    _judge_data(spec, train, rows, warnings)
    counted = Preflight(
        ok=not problems,
        problems=tuple(problems),
        warnings=tuple(warnings),
        engine=spec.engine,
        device=device.kind,
        parity=not any(advice.kind == "parity" for advice in warnings),
        **_amounts(spec, pairs, rows, tokenizer),
    )
    found = counted.model_copy(update=_costs(spec, size, counted.lengths, device))
    return _refused(found, _too_big(found.memory_needed, device, spec)) if found.memory_needed > device.free else found


def measured(
    counted: Preflight, spec: TrainingSpec, *, base: Path, dataset: Path, stop: Callable[[], bool] = lambda: False
) -> Preflight:
    """The card with time and memory from a few steps in a child process (about 10 s on a laptop).

    A trainer outside is as many times slower than our own steps as it was found to be (`pins.pace`). As it was when it
    could not be started anyway, when the engine cannot be measured here, or when `stop` said so.
    """
    device = describe()
    slower = offers.pace(spec.engine, device)
    if not counted.ok or not slower:
        return counted
    try:
        seen = measure(spec.model_copy(update={"engine": "trl"}), base, dataset, stop=stop)
    except TooBig:
        return _refused(counted, _too_big(counted.memory_needed, device, spec))
    except Failed as cause:
        return _refused(counted, Advice.of("probe", cause.notice))
    if seen is None:
        return counted
    own = spec.engine == "trl"
    seconds = counted.steps * seen.step_seconds * slower
    evaluations = (spec.epochs if own else 1) + 1 if spec.evaluate else 0
    seconds += min(evaluations * counted.checks * seen.question_seconds, 0.5 * seconds + 60)
    found = counted.model_copy(
        update={
            "trainable": seen.trainable,
            "adapter_bytes": seen.trainable * 4,
            # A card takes in a few steps what it takes in all; main memory grows over hundreds.
            "memory_needed": seen.memory if own and device.kind != "cpu" else max(seen.memory, counted.memory_needed),
            "seconds": seconds,
            "tokens_per_second": seen.tokens_per_second / slower,
        }
    )
    if found.memory_needed > device.free:
        return _refused(found, _too_big(found.memory_needed, device, spec))
    return found


def _refused(found: Preflight, problem: Advice) -> Preflight:
    return found.model_copy(update={"ok": False, "problems": (*found.problems, problem)})


def _rows(train: Sequence[Pair], whole: Callable[[], Rows], spec: TrainingSpec, problems: list[Advice]) -> Rows:
    if not train:
        problems.append(Advice.of("no_rows", notice("no_rows")))
        return Rows([], 0, 0)
    try:
        rows = whole()
    except NotConfigured:
        problems.append(Advice.of("no_end", notice("no_end")))
        return Rows([], 0, 0)
    try:
        return fitted(rows, max_length=spec.max_length, truncate=spec.truncate)
    except BadDataset:
        long = sum(len(row.ids) > spec.max_length for row in rows.rows)
        said = notice("too_long", rows=long, limit=spec.max_length, longest=rows.longest)
        problems.append(
            Advice.of("too_long", notice("answer_too_long", limit=spec.max_length) if spec.truncate else said)
        )
        return Rows([], 0, 0)


def _judge_template(
    tokenizer: PreTrainedTokenizerBase,
    train: Sequence[Pair],
    rows: Sequence[Row],
    problems: list[Advice],
    warnings: list[Advice],
) -> None:
    """What the template does to training and answering alike."""
    if not has_template(tokenizer):
        warnings.append(Advice.of("base_model", notice("base_model")))
    unlike = [
        number
        for number, (pair, row) in enumerate(zip(train[:CHECKED], rows[:CHECKED], strict=False), 1)
        if _unlike(pair, row, tokenizer)
    ]
    if unlike:
        said = notice("parity", unlike=len(unlike), checked=min(len(rows), CHECKED), first=unlike[0])
        warnings.append(Advice.of("parity", said))
    bos = tokenizer.bos_token_id
    if bos is not None and any(row.ids[:2] == [bos, bos] for row in rows[:CHECKED]):
        problems.append(Advice.of("bos", notice("bos")))


def _unlike(pair: Pair, row: Row, tokenizer: PreTrainedTokenizerBase) -> bool:
    from langchain_core.messages import AIMessage

    asked = datasets.messages(pair)
    prompt = render(asked, tokenizer)
    if len(prompt) != row.prompt:
        return False  # It was cut, which is said elsewhere.
    finished = render([*asked, AIMessage(pair.output)], tokenizer, add_generation_prompt=False)
    return prompt != row.ids[: row.prompt] or finished[: len(row.ids)] != row.ids


def _judge_data(spec: TrainingSpec, train: Sequence[Pair], rows: Rows, warnings: list[Advice]) -> None:
    facts = len({pair.fact_id for pair in train if pair.fact_id})
    if rows.truncated:
        said = notice("truncated", rows=rows.truncated, limit=spec.max_length, longest=rows.longest)
        warnings.append(Advice.of("truncated", said))
    if 0 < facts < FEW_FACTS:
        warnings.append(Advice.of("few_facts", notice("few_facts", facts=facts)))
    general = sum(pair.kind in datasets.GENERAL_KINDS for pair in train) / max(len(train), 1)
    if facts and general < LITTLE_GENERAL:
        warnings.append(Advice.of("little_general", notice("little_general", share=general)))
    if facts > MANY_FACTS:
        warnings.append(Advice.of("many_facts", notice("many_facts", facts=facts)))
    if facts and len(train) / facts < 4:
        warnings.append(Advice.of("few_wordings", notice("few_wordings", forms=len(train) / facts)))


def _amounts(spec: TrainingSpec, pairs: Sequence[Pair], rows: Rows, tokenizer: Any) -> dict[str, Any]:
    from finetune.engines.examine import exam
    from finetune.engines.trl import steps_of

    count, once = len(rows.rows), a_pass(rows, spec.engine, spec.epochs)
    steps = steps_of(spec, once) if count else 0
    questions = exam(pairs, tokenizer, effort=spec.effort, limit=2 * spec.max_length) if spec.evaluate else ()
    return {
        "rows": count,
        "checks": len(questions),
        "facts": len({pair.fact_id for pair in pairs if pair.split == "train" and pair.fact_id}),
        "tokens": rows.tokens,
        "supervised": rows.supervised,
        "supervised_per_row": rows.supervised / count if count else 0.0,
        "longest": rows.longest,
        "truncated": rows.truncated,
        "steps": steps,
        "epochs": round(steps / steps_of(spec.model_copy(update={"epochs": 1, "max_steps": -1}), once), 1),
        "sample": _pieces(rows.rows[0], tokenizer) if count else (),
    }


def a_pass(rows: Rows, engine: str, epochs: float) -> int:
    """How many rows an engine sees in one pass."""
    return len(in_pass(rows, epochs)) if engine in DEALING else len(rows.rows)


def _pieces(row: Row, tokenizer: Any) -> tuple[Piece, ...]:
    return tuple(
        Piece(text=tokenizer.decode([token]), supervised=position >= row.prompt)
        for position, token in enumerate(row.ids)
    )


def _costs(spec: TrainingSpec, size: Size, rows: offers.Rows, device: Device) -> dict[str, Any]:
    from finetune.engines.network import precision

    trainable = adapter_parameters(size, spec.rank)
    return {
        "precision": precision(spec, device) if spec.bits > 8 else f"{spec.bits}-bit",
        "trainable": trainable,
        "adapter_bytes": trainable * 4,
        "memory_needed": offers.bytes_needed(spec, size, device, rows),
        "memory_free": device.free,
    }


def _too_big(needed: int, device: Device, spec: TrainingSpec) -> Advice:
    amounts = {"needed": needed / 1e9, "free": device.free / 1e9}
    if spec.batch > 1:
        half = {"batch": spec.batch // 2, "accumulation": spec.accumulation * 2}
        return Advice.of("memory", notice("memory_batch", **amounts, **half))
    four = spec.bits > 4 and device.four_bit
    return Advice.of("memory", notice("memory_bits" if four else "memory_base", **amounts))
