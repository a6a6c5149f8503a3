"""BM25 on SQLite FTS5 over our own tokens. Knows rows of text under a number, no documents."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, CursorResult

from memory.errors import DocgraftError
from memory.sqlite import check_full_text
from retrieval.tokens import tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K1, B = 1.2, 0.75
"""FTS5's own constants, for the rows that are scored here."""
POSTINGS = 8_000
"""Entries of the index that one search may read before it leaves out the commonest tokens."""
REMEMBERED = 1_000_000
"""Entries of the index that are kept for the next search, 16 bytes each."""
PORTION = 200

# Every category but separators and controls is part of a token: our tokens come through as they are, gen-itgc whole.
_TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co Cn'"

Row = tuple[int, str, str]
"""Row number, heading path, body."""


class Keyword:
    """One keyword index: an FTS5 table and its vocabulary. Every call runs in the caller's transaction."""

    def __init__(self, name: str) -> None:
        """An index of that name. An object may be kept as long as nobody writes: it remembers what tokens are worth."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"{name!r} is not a table name")
        self.name = name
        self._known: dict[str, int] = {}
        self._worth: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        self._remembered = 0

    def create(self, connection: Connection) -> None:
        """Make the empty index; NotConfigured when this Python's SQLite has no FTS5."""
        check_full_text()
        connection.exec_driver_sql(
            f'CREATE VIRTUAL TABLE {self.name} USING fts5(heading, body, tokenize="{_TOKENIZER}")'
        )
        connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {self.name}_terms USING fts5vocab({self.name}, row)")

    def drop(self, connection: Connection) -> None:
        """Remove the index."""
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self.name}_terms")
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self.name}")

    @staticmethod
    def prepared(rows: Iterable[Row]) -> list[Row]:
        """Rows with their texts as tokens: the slow part of `add`, to be done before a transaction is begun."""
        return [(number, " ".join(tokens(heading)), " ".join(tokens(body))) for number, heading, body in rows]

    def add(self, connection: Connection, prepared: Sequence[Row]) -> None:
        """Index prepared rows; a row number that is there already is an error."""
        if prepared:
            connection.exec_driver_sql(f"INSERT INTO {self.name}(rowid, heading, body) VALUES (?, ?, ?)", prepared)

    def remove(self, connection: Connection, numbers: Sequence[int]) -> None:
        """Take rows out."""
        if numbers:
            connection.exec_driver_sql(f"DELETE FROM {self.name} WHERE rowid = ?", [(n,) for n in numbers])

    def rewrite(self, connection: Connection) -> None:
        """Merge the index into one piece, which also forgets the words of removed rows."""
        connection.exec_driver_sql(f"INSERT INTO {self.name}({self.name}) VALUES ('optimize')")

    def numbers(self, connection: Connection) -> set[int]:
        """The rows that are indexed."""
        return {n for (n,) in connection.exec_driver_sql(f"SELECT id FROM {self.name}_docsize")}

    def sound(self, connection: Connection) -> bool:
        """Whether FTS5 finds its index whole and in step with its rows. Needs a write transaction."""
        from sqlalchemy.exc import DatabaseError

        try:
            connection.exec_driver_sql(f"INSERT INTO {self.name}({self.name}) VALUES ('integrity-check')")
        except (DatabaseError, DocgraftError):
            return False
        return True

    def scores(self, connection: Connection, query: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """(row number, BM25) of the best rows with any of the tokens, best first.

        Where the tokens are so common that reading all of their entries would take long, the rarest ones choose the
        rows (somewhat more than `limit`), and what the others add is computed for those only, with the same formula.
        """
        known = self._frequencies(connection, list(dict.fromkeys(query)))
        rare = _rarest(known)
        if not rare:
            return []
        if len(rare) == len(known):
            return self._match(connection, rare, limit)
        found = self._match(connection, rare, limit + limit // 4)
        added = self._added(connection, [n for n, _ in found], {t: n for t, n in known.items() if t not in rare})
        whole = [(number, score + added[number]) for number, score in found]
        return sorted(whole, key=lambda item: (-item[1], item[0]))[:limit]

    def _frequencies(self, connection: Connection, query: list[str]) -> dict[str, int]:
        """In how many rows each token stands; tokens that stand in none are left out."""
        for token in query:
            if token not in self._known:
                sql = f"SELECT doc FROM {self.name}_terms WHERE term = ?"
                self._known[token] = int(connection.exec_driver_sql(sql, (token,)).scalar() or 0)
        return {token: self._known[token] for token in query if self._known[token]}

    def _match(self, connection: Connection, query: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """BM25 of several tokens is the sum of each one's, and questions share tokens: each is read once."""
        import numpy as np

        if len(query) == 1:
            # It may stand nearly everywhere: better that FTS5 finds the best than that all of its rows come here.
            found = self._ranked(connection, query[0], f" ORDER BY rank LIMIT {limit}").all()
            return [(number, score) for number, score in found]
        each = [self._one(connection, token) for token in query]
        rows, places = np.unique(np.concatenate([numbers for numbers, _ in each]), return_inverse=True)
        sums = np.bincount(places, weights=np.concatenate([scores for _, scores in each]))
        best = np.argsort(-sums, kind="stable")[:limit]
        return [(int(rows[i]), float(sums[i])) for i in best]

    def _one(self, connection: Connection, token: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows that hold a token, and its BM25 in each, as FTS5 computes it."""
        import numpy as np

        known = self._worth.get(token)
        if known is None:
            # In portions: thousands of rows at once would have Python look through all of its memory for garbage.
            portions = self._ranked(connection, token).partitions(PORTION)
            numbers = (value for portion in portions for row in portion for value in row)
            found = np.fromiter(numbers, dtype=np.float64).reshape(-1, 2)
            known = found[:, 0].astype(np.int64), found[:, 1].copy()
            if self._remembered + len(found) > REMEMBERED:
                self._worth, self._remembered = {}, 0
            self._worth[token] = known
            self._remembered += len(found)
        return known

    def _ranked(self, connection: Connection, token: str, rest: str = "") -> CursorResult[int, float]:
        sql = f"SELECT rowid, -rank FROM {self.name} WHERE {self.name} MATCH ?{rest}"
        return connection.exec_driver_sql(sql, ('"' + token.replace('"', '""') + '"',))

    def _added(self, connection: Connection, rows: list[int], common: dict[str, int]) -> dict[int, float]:
        """What these tokens add to each row's score: BM25 as FTS5 computes it, heading and body together."""
        total, average = self._size(connection)
        weights = [(f" {t} ", max(math.log((total - n + 0.5) / (n + 0.5)), 1e-6)) for t, n in common.items()]
        found = {}
        for start in range(0, len(rows), 500):
            part = rows[start : start + 500]
            sql = f"SELECT rowid, heading, body FROM {self.name} WHERE rowid IN ({','.join('?' * len(part))})"
            for number, heading, body in connection.exec_driver_sql(sql, tuple(part)).all():
                # Every token between blanks of its own, so that counting substrings counts tokens.
                words = f" {f'{heading} {body}'.strip()} ".replace(" ", "  ")
                norm = K1 * (1 - B + B * (words.count("  ") - 1) / average)
                counts = [(weight, words.count(token)) for token, weight in weights]
                found[int(number)] = sum(w * n * (K1 + 1) / (n + norm) for w, n in counts if n)
        return found

    def _size(self, connection: Connection) -> tuple[int, float]:
        """Rows, and tokens per row: FTS5's "averages" record (fts5_index.c: varints of rows, then of each column)."""
        data = connection.exec_driver_sql(f"SELECT block FROM {self.name}_data WHERE id = 1").scalar_one()
        rows, *columns = _varints(bytes(data))
        return max(rows, 1), max(sum(columns) / max(rows, 1), 1.0)


def _rarest(known: dict[str, int]) -> list[str]:
    """The tokens to read, rarest first, within POSTINGS; at least one."""
    chosen: list[str] = []
    used = 0
    for token in sorted(known, key=lambda t: known[t]):
        used += known[token]
        if chosen and used > POSTINGS:
            break
        chosen.append(token)
    return chosen


def _varints(data: bytes) -> tuple[int, ...]:
    """SQLite varints: seven bits a byte, the highest bit set on all but the last (the 9-byte form does not occur)."""
    found, value = [], 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            found.append(value)
            value = 0
    return tuple(found)
