"""How well the embedded model reads: plain and taught, on knowledge bases that it never saw.

    python -m benchmarks.reader [FOLDER …] [--kinds lookup table] [--language en] [--write]

Each FOLDER holds documents and a questions.jsonl; without one, the two practice knowledge bases that the reader was
never trained on. Questions are asked twice: with the right section given, and with the best evidence of the search.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import machine
from finetune.models.bases import Bases
from finetune.models.catalog import PLAIN, READER
from finetune.models.fetch import fetch
from finetune.models.local import LocalChatModel
from finetune.records import Question
from finetune.skills.make import HELD_OUT
from finetune.skills.scores import Score, score
from finetune.skills.shelf import Shelf
from memory.workspace import Workspace

PRACTICE = Path(__file__).parent / "practice"
HEAD = [
    "| knowledge base | model | asked | right, section given | right, search | declined | refused | s |",
    "|" + "---|" * 8,
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", default=[PRACTICE / name for name in HELD_OUT])
    parser.add_argument("--kinds", nargs="*", default=[], help="kinds of answerable questions to ask; all by default")
    parser.add_argument("--language", default="", help="only questions in this language: en or zh")
    parser.add_argument("--models", nargs="*", default=[PLAIN, READER])
    parser.add_argument("--home", type=Path, help="where libraries and models are kept")
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    options = parser.parse_args()
    workspace = Workspace(options.home or Path(tempfile.mkdtemp()))
    shelf, bases = Shelf(workspace, options.folders), Bases()
    lines = list(HEAD)
    for name in options.models:
        model = LocalChatModel(bases=bases, path=fetch(name, workspace), max_new_tokens=64)
        for kb in shelf.folders:
            asked = [q for q in shelf.questions(kb) if wanted(q, options.kinds, options.language)]
            lines.append(line(name, score(model, *shelf.open(kb), asked, kb=kb)))
            print(lines[-1], flush=True)
    if options.write:
        only = f"Kinds: {', '.join(options.kinds) or 'all'}; language: {options.language or 'all'}."
        machine.append("The reader", [only, "", *lines])


def wanted(question: Question, kinds: list[str], language: str) -> bool:
    """Unanswerable questions are always asked."""
    return question.language.startswith(language) and (question.answer is None or not kinds or question.kind in kinds)


def line(model: str, found: Score) -> str:
    """One row of the table."""
    right = [f"{n} ({n / max(found.answerable, 1):.0%})" for n in (found.section, found.search, found.declined)]
    refused = f"{found.refused} of {found.unanswerable}"
    return f"| {found.kb} | {model} | {found.answerable} | {' | '.join(right)} | {refused} | {found.seconds:.0f} |"


if __name__ == "__main__":
    main()
