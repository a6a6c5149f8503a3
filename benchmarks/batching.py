"""What answering in batches saves, and whether it changes an answer: the comparison's batches against one at a time.

    python -m benchmarks.batching MODEL_FOLDER [--questions 16] [--write]

Half of the questions are asked without documents, half with their passage, as the comparison's ways of answering are.
Processor seconds are compared, since other work on the machine does not change them much.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import BaseMessage

from app.comparing.wishes import ANSWER_TOKENS
from benchmarks import machine
from finetune.evaluation.comparison import BATCH
from finetune.models.bases import Bases
from finetune.models.local import Generated, LocalChatModel
from retrieval.prompts import Packed, chat_messages, closed_book_messages

QUESTIONS = Path(__file__).parent / "practice" / "vet-clinic" / "questions.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    options = parser.parse_args()
    model = LocalChatModel(bases=Bases(), path=options.model, max_new_tokens=ANSWER_TOKENS)
    prompts = asked(options.questions)
    model.batch_answer(prompts[:1], size=1)  # Loads and warms up.
    together, one = timed(model, prompts, BATCH), timed(model, prompts, 1)
    lines = report(together, one)
    print("\n".join(lines))
    if options.write:
        machine.append("The one click", ["`python -m benchmarks.batching`", "", *lines])


def asked(count: int) -> list[list[BaseMessage]]:
    """The prompts: without documents first, then with the passage that holds the answer."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["answer"] and row["evidence"]][:count]
    closed = [closed_book_messages(row["question"], "en") for row in rows[: count // 2]]
    return closed + [_given(row["question"], "\n".join(row["evidence"])) for row in rows[count // 2 :]]


def _given(question: str, passage: str) -> list[BaseMessage]:
    packed = Packed(passages=(), text=f"[1]\n{passage}", tokens=0, left_out=0)
    return chat_messages(question, packed, language="en")


def timed(model: LocalChatModel, prompts: Sequence[list[BaseMessage]], size: int) -> tuple[list[Generated], float]:
    """The answers, and the processor seconds that they took."""
    began = time.process_time()
    found = model.batch_answer(prompts, size=size)
    return found, time.process_time() - began


def report(together: tuple[list[Generated], float], one: tuple[list[Generated], float]) -> list[str]:
    """Both speeds and how many answers agree."""
    (batched, quick), (single, slow) = together, one
    rates = [sum(g.tokens for g in found) / seconds for found, seconds in (together, one)]
    same = sum(a.text == b.text for a, b in zip(batched, single, strict=True))
    return [
        f"{len(single)} answers: in batches of {BATCH} {rates[0]:.0f} tokens per processor second ({quick:.1f} s), one "
        f"at a time {rates[1]:.0f} ({slow:.1f} s): {rates[0] / rates[1]:.1f} times as many (wanted: 4). "
        f"{same} of {len(single)} answers are word for word the same.",
    ]


if __name__ == "__main__":
    main()
