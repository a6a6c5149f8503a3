"""Questions asked before, on disk so that memory stays flat: copies, conflicts, answers that repeat too often."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from pathlib import Path

from finetune.records import Pair
from memory.records import digest
from retrieval.tokens import characters, fold

_DROPPED = re.compile(r"[\W_]+")


def key(question: str) -> str:
    """A question as matching sees it: script, width, case, blanks and punctuation folded; digits stay."""
    return _DROPPED.sub("", fold(question))


def answer_key(pair: Pair) -> str:
    """An answer as matching sees it, without citation numbers."""
    from finetune.pairs.filters import said

    return key(said(pair.output)) or pair.output


def similarity(first: list[str], second: list[str]) -> float:
    """ROUGE-L F1 of two token lists (see `retrieval.tokens.characters`); 1.0 for the same, 0.0 for nothing shared."""
    if not first or not second:
        return 0.0
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = left = 0
        for place, other in enumerate(second, 1):
            above = row[place]
            if token == other:
                left = diagonal + 1
            elif above > left:
                left = above
            row[place] = left
            diagonal = above
    return 2 * row[-1] / (len(first) + len(second))


def near_copy(question: str, others: list[list[str]], limit: float) -> bool:
    """Whether the question is nearly one of the others, numbers aside: 2023 and 2024 are never copies."""
    mine = characters(question)
    numbers = [t for t in mine if t[0].isdigit()]
    return any(
        similarity(mine, other) >= limit
        for other in others
        if _reachable(mine, other, limit) and [t for t in other if t[0].isdigit()] == numbers
    )


def _reachable(first: list[str], second: list[str], limit: float) -> bool:
    """Whether their lengths and their shared tokens allow so much similarity at all."""
    total = len(first) + len(second)
    if 2 * min(len(first), len(second)) < limit * total:
        return False
    return 2 * sum((Counter(first) & Counter(second)).values()) >= limit * total


class Seen:
    """Every question of a build and what was answered, in a scratch database beside the build's journal."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS asked "
            "(question BLOB PRIMARY KEY, answer BLOB, pair TEXT, conflict INT) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS answers (answer BLOB PRIMARY KEY, rows INT) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Forget the connection; the file is scratch."""
        self._db.execute("COMMIT")
        self._db.close()

    def add(self, pair: Pair) -> str:
        """Record a pair: "" for a new question, "duplicate" for a copy, "conflict" for another answer to the same.

        Rows with context are only copies of rows with the same context; earlier turns make a question another one.
        """
        mark = bytes.fromhex(
            digest(key(pair.instruction), key(pair.input), *(t for turn in pair.history for t in turn))
        )
        answer = bytes.fromhex(digest(answer_key(pair)))
        row = self._db.execute("SELECT answer FROM asked WHERE question = ?", (mark,)).fetchone()
        if row is None:
            self._db.execute("INSERT INTO asked VALUES (?, ?, ?, 0)", (mark, answer, pair.id))
            return ""
        if row[0] == answer:
            return "duplicate"
        self._db.execute("UPDATE asked SET conflict = 1 WHERE question = ?", (mark,))
        return "conflict"

    def conflicts(self) -> set[str]:
        """Ids of the first pairs whose question another fact answers otherwise."""
        return {row[0] for row in self._db.execute("SELECT pair FROM asked WHERE conflict = 1")}

    def count_answer(self, pair: Pair) -> int:
        """Count one more kept row with this answer; the rows so far, this one included."""
        answer = bytes.fromhex(digest(answer_key(pair)))
        self._db.execute(
            "INSERT INTO answers VALUES (?, 1) ON CONFLICT(answer) DO UPDATE SET rows = rows + 1", (answer,)
        )
        return int(self._db.execute("SELECT rows FROM answers WHERE answer = ?", (answer,)).fetchone()[0])
