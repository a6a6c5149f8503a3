"""About how many pieces of evidence a small model should be asked, and when it should decline: on unread documents.

    python -m benchmarks.looks MODEL_FOLDER [FOLDER or FILE …] [--pieces 5] [--most 16] [--rows FILE] [--write]

Every question is asked once about each of the best pieces of evidence, as if the model could not decline, and how
likely its refusal was is noted. Then the ways to keep one of these answers are tried, and what declining costs
(retrieval/looks.py says by which rule).
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from finetune.evaluation.arms import turns
from finetune.evaluation.marks import correct
from finetune.models.bases import Bases
from finetune.models.local import LocalChatModel
from finetune.records import Question
from finetune.skills.make import HELD_OUT
from finetune.skills.shelf import Shelf
from memory.workspace import Workspace
from retrieval.answer import Answerer
from retrieval.looks import DECLINED, LONGEST, RELUCTANT, reluctance
from retrieval.packing import SMALL

HERE = Path(__file__).parent
RELUCTANCE = (0.0, 0.5, 1.0, 2.0, 4.0)
REFUSED = (0.5, 0.6, 0.7, 0.75, 0.8)
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    unread = [HERE / "practice" / HELD_OUT[0], *sorted((HERE / "unread").glob("*-*.md"))]
    parser.add_argument("folders", type=Path, nargs="*", default=unread)
    parser.add_argument("--pieces", type=int, default=5)
    parser.add_argument("--most", type=int, default=16, help="answerable questions of each, evenly taken; 0: all")
    parser.add_argument("--home", type=Path, help="where libraries are kept")
    parser.add_argument("--rows", type=Path, help="keep the answers here, and take them from here when they are there")
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    options = parser.parse_args()
    if options.rows and options.rows.is_file():
        rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()]
    else:
        rows = asked(options)
        if options.rows:  # Only when it is whole: what lies there is taken for all of it.
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            options.rows.write_text(text, encoding="utf-8")
    lines = table(rows, options.pieces)
    print("\n".join(lines))
    if options.write:
        machine.append("Looks", lines)


def asked(options: argparse.Namespace) -> list[Row]:
    """Every question that nothing answers and some of the others, asked about each piece."""
    shelf = Shelf(Workspace(options.home or Path(tempfile.mkdtemp())), options.folders)
    model = LocalChatModel(bases=Bases(), path=options.model, max_new_tokens=LONGEST)
    plan = SMALL.model_copy(update={"looks": (1,) * options.pieces})
    rows: list[Row] = []
    for name in shelf.folders:
        _, search = shelf.open(name)
        answerer = Answerer(search, model, plan=plan, count=model.count, answer_tokens=model.max_new_tokens)
        questions = shelf.questions(name)
        there = [question for question in questions if question.answer is not None]
        step = max(1, len(there) // options.most) if options.most else 1
        absent = [question for question in questions if question.answer is None]
        rows += [{"kb": name, **_looks(question, answerer, model)} for question in (*absent, *there[::step])]
        print(f"{name}: {len(rows)}", flush=True)
    return rows


def _looks(question: Question, answerer: Answerer, model: LocalChatModel) -> Row:
    history = turns(question)
    result = answerer.search.search(question.question, history=history)
    prompts = answerer.prompts(question.question, result, history=history)
    refusal = answerer.refusal(question.question, result)
    said = model.batch_answer([m for m, _ in prompts], size=8, refusals=[refusal] * len(prompts), most=24)
    looks = []
    for (_, packed), one in zip(prompts, said, strict=True):
        found = answerer.conclude(question.question, result, text=one.text, packed=packed)
        right = question.answer is not None and not found.abstained
        looks.append(
            {
                "text": one.text,
                "sure": one.confidence,
                "declined": one.declined or 0.0,
                "right": right
                and correct(found.text, question.answer or "", question.accept, question=question.question),
            }
        )
    return {
        "question": question.question,
        "answer": question.answer,
        "relevance": result.relevance,
        "relevant": result.relevant,
        "looks": looks,
    }


def table(rows: Sequence[Row], pieces: int) -> list[str]:
    """What is right when forced to answer, and what declining costs."""
    there = [row for row in rows if row["answer"] is not None]
    lines = [
        f"{len(there)} answerable questions, {len(rows) - len(there)} that nothing answers. Right when forced to"
        " answer, by the number of looks and by what the refusal's chance counts against an answer:",
        "",
        f"| looks | {' | '.join(map(str, RELUCTANCE))} |",
        "|" + "---|" * (len(RELUCTANCE) + 1),
    ]
    for looks in range(1, pieces + 1):
        right = [sum(_kept(row, looks, reluctant)["right"] for row in there) for reluctant in RELUCTANCE]
        lines.append(f"| {looks} | {' | '.join(f'{n} ({n / len(there):.0%})' for n in right)} |")
    lines += [
        "",
        "| looks | declines from | of the unanswerable | of the others | right |",
        "|" + "---|" * 5,
    ]
    for looks in range(1, pieces + 1):
        found = [reluctance([one["declined"] for one in row["looks"][:looks]]) for row in rows]
        lines += [_line(rows, looks, found, _at(rows, found, share)) for share in REFUSED]
    looks = len(SMALL.looks)
    found = [reluctance([one["declined"] for one in row["looks"][:looks]]) for row in rows]
    return [*lines, "As shipped:", _line(rows, looks, found, DECLINED)]


def _line(rows: Sequence[Row], looks: int, found: Sequence[float], limit: float) -> str:
    """What declining from `limit` on comes to; what search lets through only."""
    kept = [row for row, score in zip(rows, found, strict=True) if row["relevant"] and score < limit]
    absent, there = ([row for row in rows if (row["answer"] is None) is none] for none in (True, False))
    refused = 1 - sum(row["answer"] is None for row in kept) / max(len(absent), 1)
    lost = 1 - sum(row["answer"] is not None for row in kept) / max(len(there), 1)
    right = sum(_kept(row, looks, RELUCTANT)["right"] for row in kept) / max(len(there), 1)
    return f"| {looks} | {limit:.2f} | {refused:.0%} | {lost:.0%} | {right:.0%} |"


def _at(rows: Sequence[Row], found: Sequence[float], share: float) -> float:
    """The limit at which that share of the unanswerable is declined; what search declines lies above every limit."""
    absent = [s if r["relevant"] else math.inf for r, s in zip(rows, found, strict=True) if r["answer"] is None]
    return sorted(absent, reverse=True)[max(0, round(share * len(absent)) - 1)]


def _kept(row: Row, looks: int, reluctant: float) -> dict[str, Any]:
    return dict(max(row["looks"][:looks], key=lambda one: one["sure"] - reluctant * one["declined"]))


if __name__ == "__main__":
    main()
