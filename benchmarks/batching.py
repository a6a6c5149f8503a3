"""What answering in batches saves, and whether it changes an answer: the comparison's batches against one at a time.

    python -m benchmarks.batching MODEL_FOLDER [--questions 16] [--write]

The same questions as the comparison's ways of answering ask them, in groups of BATCH: without documents, then with
three lines of them as evidence. One at a time is how the chat streams an answer. Making the answer is counted apart
from reading the prompt (which gives the first token, and keeps the processor busy for one question too). Processor
seconds are compared, since other work on the machine does not change them much.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from app.comparing.wishes import ANSWER_TOKENS
from benchmarks import machine
from finetune.evaluation.comparison import BATCH
from finetune.models.bases import Bases
from finetune.models.local import Generated, LocalChatModel
from retrieval.prompts import Packed, chat_messages, closed_book_messages

QUESTIONS = Path(__file__).parent / "practice" / "vet-clinic" / "questions.jsonl"
LINES = 3
"""Evidence of a question, as many lines as the embedded model looks at: its own and those of the next questions."""
Prompts = Sequence[list[BaseMessage]]


class Timed(NamedTuple):
    """Answers to the same prompts, and the processor seconds of reading these and of making the answers."""

    answers: list[Generated]
    reading: float
    making: float

    @property
    def rate(self) -> float:
        """Tokens after the first per processor second of making."""
        return sum(answer.tokens - 1 for answer in self.answers) / self.making

    @property
    def overall(self) -> float:
        """Tokens per processor second of all."""
        return sum(answer.tokens for answer in self.answers) / (self.reading + self.making)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    options = parser.parse_args()
    model = LocalChatModel(bases=Bases(), path=options.model, max_new_tokens=ANSWER_TOKENS)
    lines = [
        "| prompts | answers the same | tokens made per s, batches | one at a time | times | with reading, times |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for name, prompts in asked(options.questions).items():
        model.answer(prompts[0])  # Loads and warms up.
        together = timed(prompts, BATCH, lambda group: model.batch_answer(group, size=BATCH))
        single = timed(prompts, 1, lambda group: [model.answer(group[0])])
        lines.append(row(name, together, single))
        print(lines[-1], flush=True)
    if options.write:
        machine.append("The one click", [f"`python -m benchmarks.batching`, batches of {BATCH}", "", *lines])


def asked(count: int) -> dict[str, Prompts]:
    """The prompts without documents, and those with evidence."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["answer"] and row["evidence"] and row["language"] == "en"]
    said = ["\n".join(row["evidence"]) for row in rows]
    evidence = [[said[(at + more) % len(said)] for more in range(LINES)] for at in range(count)]
    return {
        "without documents": [closed_book_messages(row["question"], "en") for row in rows[:count]],
        "with evidence": [_given(row["question"], lines) for row, lines in zip(rows, evidence, strict=False)],
    }


def _given(question: str, lines: Sequence[str]) -> list[BaseMessage]:
    text = "\n\n".join(f"[{number}]\n{line}" for number, line in enumerate(lines, 1))
    return chat_messages(question, Packed(passages=(), text=text, tokens=0, left_out=0), language="en")


def timed(prompts: Prompts, size: int, answer: Callable[[Prompts], list[Generated]]) -> Timed:
    """Answer all prompts, so many at a time; the clock divides the processor seconds into reading and making."""
    found: list[Generated] = []
    reading = making = 0.0
    for start in range(0, len(prompts), size):
        began = time.process_time()
        answers = answer(prompts[start : start + size])
        used, first = time.process_time() - began, answers[0]
        reading += used * first.first_token_seconds / first.seconds
        making += used * (1 - first.first_token_seconds / first.seconds)
        found += answers
    return Timed(found, reading, making)


def row(name: str, together: Timed, single: Timed) -> str:
    """Both speeds, how many times as fast, and how many answers are word for word the same."""
    same = sum(a.text == b.text for a, b in zip(together.answers, single.answers, strict=True))
    times, overall = together.rate / single.rate, together.overall / single.overall
    return (
        f"| {name} | {same} of {len(single.answers)} | {together.rate:.0f} | {single.rate:.0f} | {times:.1f} | "
        f"{overall:.1f} |"
    )


if __name__ == "__main__":
    main()
