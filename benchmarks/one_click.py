"""One click on documents that have an exam of their own: what the exam says of every way of answering.

    python -m benchmarks.one_click FOLDER [--effort balanced] [--home DIR] [--write]

FOLDER holds documents and a questions.jsonl, which the click never sees: its pairs, its training and its own verdict
come from the documents alone. Then the exam is put to the model alone, to retrieval, the adapter, both, to the passage
given, and to an adapter trained on other documents (the samples, quick effort) as the control. Everything runs by the
commands that a user has, and a second run goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.crash_tune import MAIN, ROOT
from finetune.evaluation.records import ArmAnswer
from finetune.evaluation.statistics import Difference
from finetune.evaluation.summary import differences, further, is_unanswerable
from finetune.skills.shelf import NOT_DOCUMENTS

SAMPLES = ROOT / "samples" / "documents"
ARMS = ("base", "rag", "tuned", "both", "oracle", "control", "control_both")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--effort", default="balanced")
    parser.add_argument("--home", type=Path, help="where everything is kept; a second run goes on there")
    parser.add_argument("--kb", default="exam", help="knowledge base in that home")
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    options = parser.parse_args()
    home = options.home or Path(tempfile.mkdtemp())
    adapter = clicked(home, options.kb, copied(options.folder, home / "documents"), options.effort)
    control = clicked(home, "other", SAMPLES, "quick")
    asked = ["--questions", str(options.folder / "questions.jsonl"), "--most", "0"]
    ways = ["--arms", ",".join(ARMS), "--adapter", adapter, "--control", f"other/{control}"]
    found = docgraft(home, "compare", "--kb", options.kb, *asked, *ways)
    lines = report(answers(Path(found["answers"])))
    lines += ["", f"Verdict on all of them: {found['verdict']['sentence']}"]
    print("\n".join(lines))
    if options.write:
        machine.append("The one click", [f"`python -m benchmarks.one_click`, effort {options.effort}.", "", *lines])


def copied(folder: Path, target: Path) -> Path:
    """The documents of `folder` alone."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(*NOT_DOCUMENTS), dirs_exist_ok=True)
    return target


def clicked(home: Path, kb: str, documents: Path, effort: str) -> str:
    """The adapter that one click makes of `documents`."""
    docgraft(home, "add", str(documents), "--kb", kb)
    found = docgraft(home, "tune", "--kb", kb, "--effort", effort, "--yes")
    print(f"{kb}: {found['verdict']['sentence']}", flush=True)
    return str(found["adapters"]["tuned"])


def docgraft(home: Path, *arguments: str) -> dict[str, Any]:
    """What a command says as JSON; its progress goes to the terminal. CalledProcessError when it fails."""
    environment = os.environ | {"DOCGRAFT_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MAIN, *arguments, "--json"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def answers(path: Path) -> dict[str, list[ArmAnswer]]:
    """Every way's answers, all in the same order."""
    found: dict[str, list[ArmAnswer]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        answer = ArmAnswer.model_validate_json(line)
        found.setdefault(answer.arm, []).append(answer)
    return found


def report(found: dict[str, list[ArmAnswer]]) -> list[str]:
    """Right answers by language and kind, what was declined, and the differences on answerable English questions."""
    ways = [arm for arm in ARMS if arm in found]
    lines = [f"| questions | n | {' | '.join(ways)} |", "|" + "---|" * (len(ways) + 2)]
    for language, spoken in (("en", "English"), ("zh", "Chinese")):
        mine = {arm: [a for a in found[arm] if a.question.language.startswith(language)] for arm in ways}
        asked = {arm: [a for a in mine[arm] if not is_unanswerable(a)] for arm in ways}
        absent = {arm: [a for a in mine[arm] if is_unanswerable(a)] for arm in ways}
        lines.append(row(f"**{spoken}, answerable, right**", asked, _right))
        for kind in dict.fromkeys(a.question.kind for a in asked[ways[0]]):
            some = {arm: [a for a in asked[arm] if a.question.kind == kind] for arm in ways}
            lines.append(row(f"{spoken}, {kind}", some, _right))
        lines.append(row(f"{spoken}, wrongly declined", asked, lambda a: a.abstained))
        lines.append(row(f"{spoken}, unanswerable, declined", absent, lambda a: a.abstained))
    english = {arm: [a for a in found[arm] if a.question.language == "en" and not is_unanswerable(a)] for arm in ways}
    return [*lines, "", "Differences on answerable English questions:", *map(said, compared(english))]


def compared(english: dict[str, list[ArmAnswer]]) -> Sequence[Difference]:
    """Every pair of the verdict's four ways, corrected together, and those beside the verdict."""
    return [*differences(english), *further(english)]


def row(title: str, by_arm: dict[str, list[ArmAnswer]], counts: Callable[[ArmAnswer], bool]) -> str:
    """One line of the table; a way that was not asked some of the questions says of how many."""
    most = max(map(len, by_arm.values()))
    cells = []
    for some in by_arm.values():
        of = "" if len(some) == most else f" of {len(some)}"
        number = sum(map(counts, some))
        cells.append(f"{number}{of} ({number / len(some):.0%})" if some else "–")
    return f"| {title} | {most} | {' | '.join(cells)} |"


def said(found: Difference) -> str:
    """A difference in percentage points with its interval."""
    return (
        f"- {found.a} − {found.b}: {100 * found.difference:+.0f} points "
        f"({100 * found.low:+.0f} to {100 * found.high:+.0f}), p = {found.p_holm:.4f}, n = {found.n}"
    )


def _right(answer: ArmAnswer) -> bool:
    return bool(answer.correct)


if __name__ == "__main__":
    main()
