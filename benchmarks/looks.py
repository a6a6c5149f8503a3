"""How often a small model should look, and when it should decline: on documents that the reader has never read.

    python -m benchmarks.looks MODEL_FOLDER [FOLDER or FILE …] [--amounts 8 5 3 2 1] [--most 16] [--write]

Questions are answered with each amount of evidence, as if the model could not decline, and how likely its refusal was
is noted. Then the ways to use these answers are tried: which amounts, and from where on to decline.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from itertools import combinations
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
from retrieval.looks import RELUCTANT, reluctance
from retrieval.packing import SMALL

HERE = Path(__file__).parent
LIMITS = (-1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    unread = [HERE / "practice" / HELD_OUT[0], *sorted((HERE / "unread").glob("*-*.md"))[::10]]
    parser.add_argument("folders", type=Path, nargs="*", default=unread)
    parser.add_argument("--amounts", type=int, nargs="*", default=[8, 5, 3, 2, 1])
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
    lines = table(rows, options.amounts)
    print("\n".join(lines))
    if options.write:
        machine.append("Looks", lines)


def asked(options: argparse.Namespace) -> list[Row]:
    """Every question that nothing answers, and some of the others, answered with every amount of evidence."""
    shelf = Shelf(Workspace(options.home or Path(tempfile.mkdtemp())), options.folders)
    model = LocalChatModel(bases=Bases(), path=options.model, max_new_tokens=64)
    rows: list[Row] = []
    for name in shelf.folders:
        _, search = shelf.open(name)
        answerers = {
            most: Answerer(
                search,
                model,
                plan=SMALL.model_copy(update={"most": most, "looks": ()}),
                count=model.count,
                answer_tokens=model.max_new_tokens,
            )
            for most in options.amounts
        }
        questions = shelf.questions(name)
        there = [question for question in questions if question.answer is not None]
        step = max(1, len(there) // options.most) if options.most else 1
        for question in (*(q for q in questions if q.answer is None), *there[::step]):
            rows.append({"kb": name, **_answers(question, search, model, answerers)})
        print(f"{name}: {len(rows)}", flush=True)
    return rows


def _answers(question: Question, search: Any, model: LocalChatModel, answerers: dict[int, Answerer]) -> Row:
    result = search.search(question.question, history=turns(question))
    prompts = {n: one.messages(question.question, result, history=turns(question)) for n, one in answerers.items()}
    refusal = next(iter(answerers.values())).refusal(question.question, result)
    said = model.batch_answer([m for m, _ in prompts.values()], size=8, refusals=[refusal] * len(prompts))
    looks = {}
    for (most, (_, packed)), one in zip(prompts.items(), said, strict=True):
        found = answerers[most].conclude(question.question, result, text=one.text, packed=packed)
        right = question.answer is not None and not found.abstained
        looks[str(most)] = {
            "text": one.text,
            "sure": one.confidence,
            "declined": one.declined,
            "right": right and correct(found.text, question.answer or "", question.accept, question=question.question),
            "dropped": found.abstained,
            "tokens": packed.tokens,
        }
    return {
        "question": question.question,
        "answer": question.answer,
        "kind": question.kind,
        "relevance": result.relevance,
        "relevant": result.relevant,
        "looks": looks,
    }


def table(rows: Sequence[Row], amounts: Sequence[int]) -> list[str]:
    """Every set of up to three amounts, answers forced; then the curve of the best ones."""
    answerable = [row for row in rows if row["answer"] is not None]
    absent = [row for row in rows if row["answer"] is None]
    forced = {
        some: sum(_pick(row, some)["right"] for row in answerable)
        for n in (1, 2, 3)
        for some in combinations(amounts, n)
    }
    lines = [
        f"{len(answerable)} answerable questions, {len(absent)} that nothing answers. Right when forced to answer:",
        "",
    ]
    lines += [f"{', '.join(map(str, some))}: {right} ({right / len(answerable):.0%})" for some, right in forced.items()]
    best = sorted(forced, key=lambda some: -forced[some])[:4]
    lines += [
        "",
        "| lines | declines from | right | answerable declined | unanswerable refused |",
        "|" + "---|" * 5,
    ]
    for some in dict.fromkeys([*best, SMALL.looks]):
        for limit in LIMITS:
            lost = [row for row in answerable if _declines(row, some, limit)]
            right = sum(_pick(row, some)["right"] for row in answerable if row not in lost)
            refused = sum(_declines(row, some, limit) for row in absent)
            lines.append(
                f"| {', '.join(map(str, some))} | {limit} | {right / len(answerable):.0%} | "
                f"{len(lost) / len(answerable):.0%} | {refused / max(len(absent), 1):.0%} |"
            )
    return lines


def _pick(row: Row, some: Sequence[int]) -> dict[str, Any]:
    looks = [row["looks"][str(most)] for most in some]
    return dict(max(looks, key=lambda look: (look["sure"] or -math.inf) - RELUCTANT * (look["declined"] or 0.0)))


def _declines(row: Row, some: Sequence[int], limit: float) -> bool:
    chances = [row["looks"][str(most)]["declined"] or 0.0 for most in some]
    return not row["relevant"] or _pick(row, some)["dropped"] or reluctance(chances) >= limit


if __name__ == "__main__":
    main()
