"""Invented documents with the questions that people would ask about them, in one Markdown file each.

    ## Deposits
    A cargo bike costs £40 to take out, any other bike £15.
    ? I fancy the one with the big box in front, how much do I leave with you => £40
    ? and for the folding one => £15 || fifteen pounds
    ? Is my passport all right instead of money => -

Lines that begin with `? ` are asked about the section above them and are no part of the document. The answer stands in
the section as written; `||` parts accepted variants, `@` names words of the line meant where several hold it, `-` says
that nothing in the document answers. One sentence stands on a line.

    python -m finetune.skills.written FILE …     names the faults of these files
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from finetune.evaluation.whole import stands_in
from finetune.records import Question
from memory.errors import BadDataset
from memory.records import digest
from retrieval.tokens import fold, language

_MARK, _ARROW, _OR, _AT, _NONE = "? ", " => ", " || ", " @ ", "-"


def parse(path: Path) -> tuple[str, list[Question]]:
    """The document without its questions, and the questions, each with the line that answers it.

    BadDataset names the lines that cannot be understood, all of them.
    """
    document: list[str] = []
    section: list[str] = []
    questions: list[Question] = []
    faults: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith(_MARK):
            section = [] if line.startswith("#") else section
            section.append(line)
            document.append(line)
            continue
        try:
            questions.append(_question(path.name, line[len(_MARK) :], section))
        except ValueError as fault:
            faults.append(f"line {number}: {fault}")
    if faults:
        raise BadDataset(f"{path.name}, {'; '.join(faults)}.", "Mend these lines.")
    return "\n".join(document) + "\n", questions


def _question(document: str, text: str, section: list[str]) -> Question:
    """ValueError says what is wrong with it."""
    question, arrow, rest = (part.strip() for part in text.partition(_ARROW))
    answers, _, words = (part.strip() for part in rest.partition(_AT))
    if not (question and arrow and answers):
        raise ValueError("a question is written `? question => answer`")
    known = Question(
        id=digest(document, question)[:16],
        question=question,
        answer=None,
        kind="unanswerable",
        language="zh-TW" if language(question) == "zh-Hant" else "en",
        section_id=digest(document, *section[:1])[:16],
    )
    if answers == _NONE:
        return known
    answer, *accept = re.split(re.escape(_OR), answers)
    lines = [line for line in section if stands_in(fold(answer), fold(line)) and fold(words) in fold(line)]
    if len(lines) != 1:
        found = "no line" if not lines else f"{len(lines)} lines"
        raise ValueError(f"{found} of the section above hold the answer {answer!r}")
    return known.model_copy(
        update={"answer": answer, "accept": tuple(accept), "kind": "lookup", "evidence": lines[0].strip()}
    )


def main() -> int:
    """Say what is wrong with the files named, and how many questions the others hold."""
    wrong = 0
    for name in sys.argv[1:]:
        try:
            _, questions = parse(Path(name))
        except BadDataset as fault:
            said, wrong = str(fault), wrong + 1
        else:
            said = f"{name}: {len(questions)} questions, {sum(q.answer is None for q in questions)} without an answer"
        sys.stdout.write(said + "\n")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
