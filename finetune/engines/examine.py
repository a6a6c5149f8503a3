"""Asking a model in training what it knows: unseen wordings, general questions, refusals. Greedy, in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from finetune.datasets import messages
from finetune.engines.choice import Scores
from finetune.evaluation.general import GeneralItem, sample
from finetune.evaluation.marks import correct
from finetune.evaluation.questions import within_reach
from finetune.models.decoding import BatchDecoding
from finetune.models.loading import trim, turned_down
from finetune.models.templates import Row, end_tokens, render, supervised
from finetune.records import Effort, Pair
from retrieval.prompts import closed_book_messages
from retrieval.refusal import refuses

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SIZES: dict[Effort, tuple[int, int, int]] = {"quick": (30, 15, 10), "balanced": (60, 30, 20), "thorough": (120, 60, 30)}
"""Unseen wordings, general questions and refusals asked at each evaluation."""
BATCH = 30
LOGITS, TOKENS = 512, 2048
"""Positions of one batch that logits are kept for, and that are read at once: what bounds the memory of an exam."""
GENERAL_TOKENS = 24
"""Tokens of a general answer: its check needs the beginning only."""


class ExamStopped(Exception):
    """Somebody wants the run to end. An exam that was not finished has no scores."""


Writer = Callable[[Any, Sequence[Sequence[int]], Sequence[int], int], list[list[int]]]
"""(model, prompts, end tokens, most new tokens) → the new tokens of each prompt."""


@dataclass(frozen=True)
class Exam:
    """What is asked at every evaluation; the same questions each time."""

    tokenizer: PreTrainedTokenizerBase
    facts: Sequence[Pair]
    general: Sequence[GeneralItem]
    refusals: Sequence[Pair]
    limit: int = 512
    """Prompts longer than this are not asked."""
    answers: dict[str, str] = field(default_factory=dict)
    """The last answers by pair or item id, for looking at."""
    writer: Writer | None = None
    """How the model writes token ids behind prompts, where its forward does not fill our caches."""
    stopping: Callable[[], bool] = field(default=lambda: False)
    """Looked at all the way: whoever stops a run does not wait for its exam."""

    def __len__(self) -> int:
        return len(self.facts) + len(self.general) + len(self.refusals)


def exam(
    pairs: Sequence[Pair],
    tokenizer: PreTrainedTokenizerBase,
    *,
    effort: Effort,
    limit: int,
    writer: Writer | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Exam:
    """The exam of a dataset: unseen wordings from dev (from test where dev has none), spread over the facts whose
    answer is within reach, and questions whose passages do not answer them."""
    facts, general, refusals = SIZES[effort]
    held = [pair for pair in pairs if pair.split == "dev"] or [pair for pair in pairs if pair.split == "test"]
    trained = {pair.fact_id for pair in pairs if pair.split == "train" and pair.fact_id}
    unseen = [p for p in held if p.test_set == "unseen_wording" or (p.test_set is None and p.fact_id in trained)]
    unanswerable = [p for p in held if p.kind == "refusal" and p.input]
    return Exam(
        tokenizer=tokenizer,
        facts=_spread([p for p in unseen if p.kind != "refusal" and within_reach(p)], facts),
        general=sample(general),
        refusals=_spread(unanswerable, refusals),
        limit=limit,
        writer=writer,
        stopping=stopping,
    )


def examine(model: Any, exam: Exam, *, step: int = 0, epoch: float = 0.0, loss: float | None = None) -> Scores:
    """Ask everything once. The model is in training mode again afterwards when it was before.

    ExamStopped as soon as the exam's `stopping` says so.
    """
    begun = time.perf_counter()
    with _asking(model):
        facts = _pairs(model, exam, exam.facts, _right)
        with turned_down(model):
            refusals = _pairs(model, exam, exam.refusals, lambda pair, answer: refuses(answer))
        general = _general(model, exam)
    return Scores(
        step=step,
        epoch=epoch,
        unseen_wording=_share(facts),
        general=_share(general),
        general_count=len(general),
        abstention=_share(refusals),
        abstention_count=len(refusals),
        loss=loss,
        seconds=time.perf_counter() - begun,
    )


def _right(pair: Pair, answer: str) -> bool:
    kind = "list" if pair.kind == "list" else "lookup"
    return correct(answer, pair.output, pair.accept, kind=kind, question=pair.instruction)


def _pairs(model: Any, exam: Exam, pairs: Sequence[Pair], marked: Callable[[Pair, str], bool]) -> list[bool]:
    """Marks of the answers. What the model would write word for word is found by one pass, without writing it."""
    rows = {pair.id: supervised(messages(pair), pair.output, exam.tokenizer) for pair in pairs}
    asked = [pair for pair in pairs if len(rows[pair.id].ids) <= exam.limit]
    exact = _reproduced(model, exam, [rows[pair.id] for pair in asked])
    for pair, same in zip(asked, exact, strict=True):
        if same:
            exam.answers[pair.id] = pair.output
    others = [pair for pair, same in zip(asked, exact, strict=True) if not same]
    if others:
        longest = max(len(rows[pair.id].ids) - rows[pair.id].prompt for pair in others)
        prompts = [rows[pair.id].ids[: rows[pair.id].prompt] for pair in others]
        for pair, text in zip(others, _write(model, exam, prompts, min(longest + 8, 64)), strict=True):
            exam.answers[pair.id] = text
    return [marked(pair, exam.answers[pair.id]) for pair in asked]


def _general(model: Any, exam: Exam) -> list[bool]:
    prompts = [
        render(closed_book_messages(item.question, item.language), exam.tokenizer)  # type: ignore[arg-type]
        for item in exam.general
    ]
    texts = _write(model, exam, prompts, GENERAL_TOKENS)
    exam.answers.update({item.id: text for item, text in zip(exam.general, texts, strict=True)})
    return [item.passed(text) for item, text in zip(exam.general, texts, strict=True)]


def _reproduced(model: Any, exam: Exam, rows: Sequence[Row]) -> list[bool]:
    """Whether greedy decoding would write each row's answer and end token exactly: one pass over known text tells."""
    import torch

    found: dict[int, bool] = {}
    for part in _groups([row.prompt for row in rows], [len(row.ids) for row in rows]):
        _goes_on(exam)
        longest = max(len(rows[i].ids) for i in part)
        ids = torch.tensor([rows[i].ids + [rows[i].ids[-1]] * (longest - len(rows[i].ids)) for i in part])
        keep = longest - min(rows[i].prompt for i in part) + 1
        # Rows are filled at their end; what stands before never looks there, so no mask is needed.
        logits = model(input_ids=ids.to(model.device), use_cache=False, logits_to_keep=keep).logits
        best = logits.argmax(-1).cpu()
        offset = longest - best.shape[1]
        for number, i in enumerate(part):
            row = rows[i]
            guessed = best[number, row.prompt - 1 - offset : len(row.ids) - 1 - offset].tolist()
            found[i] = guessed == row.ids[row.prompt :]
    return [found[i] for i in range(len(rows))]


def _write(model: Any, exam: Exam, prompts: Sequence[Sequence[int]], limit: int) -> list[str]:
    """Greedy answers, in the order asked."""
    tokenizer = exam.tokenizer
    ends = end_tokens(tokenizer, model.generation_config.eos_token_id if model.generation_config else None)
    texts = [""] * len(prompts)
    lengths = [len(prompt) for prompt in prompts]
    for part in _groups(lengths, [length + limit for length in lengths]):
        _goes_on(exam)
        rows = [prompts[i] for i in part]
        written = exam.writer(model, rows, ends, limit) if exam.writer else _decoded(model, exam, rows, ends, limit)
        for tokens, i in zip(written, part, strict=True):
            texts[i] = str(tokenizer.decode(tokens, skip_special_tokens=True)).strip()
    return texts


def _decoded(model: Any, exam: Exam, rows: Sequence[Sequence[int]], ends: Sequence[int], limit: int) -> list[list[int]]:
    decoding = BatchDecoding(rows, ends, limit)
    while not decoding.done:
        _goes_on(exam)
        decoding.advance(model)
    return decoding.tokens


def _goes_on(exam: Exam) -> None:
    if exam.stopping():
        raise ExamStopped


def _groups(starts: Sequence[int], ends: Sequence[int]) -> Iterator[list[int]]:
    """Rows of like length together, few enough for memory: `starts` is where answers begin, `ends` where rows end."""
    group: list[int] = []
    for i in sorted(range(len(starts)), key=starts.__getitem__):
        longest = max(ends[j] for j in [*group, i])
        # Every row of a group gets logits from its shortest prompt to its longest end.
        logits = (len(group) + 1) * (longest - starts[(group or [i])[0]] + 1)
        if group and (len(group) == BATCH or logits > LOGITS or (len(group) + 1) * longest > TOKENS):
            yield group
            group = []
        group.append(i)
    if group:
        yield group


@contextmanager
def _asking(model: Any) -> Iterator[None]:
    import torch

    training = model.training
    model.eval()
    trim()  # What training left and what the exam leaves would otherwise be held on top of each other.
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)
        trim()


def _spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """At most `count` pairs, one of every fact before a second of any, always the same ones."""
    turns: dict[str, int] = {}
    numbered = []
    for position, pair in enumerate(pairs):
        turn = turns[pair.fact_id] = turns.get(pair.fact_id, -1) + 1
        numbered.append((turn, position, pair))
    numbered.sort(key=lambda entry: entry[:2])
    if not numbered or len(numbered) <= count:
        return [pair for _, _, pair in numbered]
    first = [entry for entry in numbered if entry[0] == 0]
    if len(first) <= count:
        return [pair for _, _, pair in numbered[:count]]
    return [first[i * len(first) // count][2] for i in range(count)]


def _share(marks: Sequence[bool]) -> float | None:
    return sum(marks) / len(marks) if marks else None
