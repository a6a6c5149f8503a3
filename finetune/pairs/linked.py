"""Questions that need more than one fact: follow-ups with the turn before, and comparisons of two rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from finetune.pairs.splits import fraction
from finetune.pairs.wording import Wording, cells_english, lexicon, wordings
from finetune.records import Fact
from memory.records import digest
from retrieval.records import Section

Linked = tuple[Fact, Wording, tuple[tuple[str, str], ...]]
SHARE = 0.25
"""Share of neighbouring facts that become a follow-up."""


def follow_ups(facts: list[Fact], topic: str) -> Iterator[Linked]:
    """A question that leans on the one before: another row, another column, or the next value of the sentence."""
    for first, second in pairwise(facts):
        if fraction("follow", first.id, second.id) >= SHARE:
            continue
        question = _next(first, second)
        opening = next(iter(wordings(first, topic)), None) if question else None
        if opening is not None:
            yield second, Wording(question, "follow_up", kind="follow_up"), ((opening.question, first.value.strip()),)


def _next(first: Fact, second: Fact) -> str:
    chinese = second.language.startswith("zh")
    if first.kind == second.kind == "cell":
        if first.about == second.about:
            column = second.attribute if chinese else lexicon.lower(second.attribute)
            return f"那{column}呢？" if chinese else f"And the {column}?"
        if first.attribute == second.attribute:
            return f"那{second.about}呢？" if chinese else f"And for {cells_english.partial(second.about)}?"
        return ""
    if first.kind == second.kind == "keyvalue":
        return f"那{second.attribute}呢？" if chinese else f"And the {lexicon.lower(second.attribute)}?"
    if first.statement != second.statement or second.kind in {"sentence", "item", "passage"} or first.kind == "qa":
        return ""
    plain = next((w.question for w in wordings(second, "") if w.family == "plain"), "")
    if not plain:
        return ""
    return f"那{plain}" if chinese else f"And {lexicon.lower(plain)}"


def comparisons(section: Section, facts: list[Fact]) -> Iterator[Linked]:
    """Which of two neighbouring rows has more of what a column counts, for numbers with the same unit."""
    by_column: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.kind == "cell":
            by_column.setdefault(fact.attribute, []).append(fact)
    for column, cells in by_column.items():
        for first, second in pairwise(cells):
            a, b = _number(first.value), _number(second.value)
            if a and b and a[1] == b[1] and a[0] != b[0] and fraction("compare", first.id, second.id) < SHARE:
                yield _compared(section, column, (first, second), more=first if a[0] > b[0] else second)


def gathered(section: Section, facts: list[Fact], topic: str) -> Iterator[Linked]:
    """Rows of a table that share a value, and all rows of a short table, as lists of their names."""
    cells = [fact for fact in facts if fact.kind == "cell"]
    groups: dict[tuple[str, str], list[Fact]] = {}
    for fact in cells:
        groups.setdefault((fact.attribute, fact.value), []).append(fact)
    for (column, value), members in groups.items():
        if 2 <= len({f.about for f in members}) <= MEMBERS and len(value) > 1 and len(members) < len(cells):
            chinese = members[0].language.startswith("zh")
            yield from (
                (_spanning(section, members), Wording(question, family, _names(members), "list"), ())
                for family, question in _which(column, value, topic, chinese=chinese)
            )
    names = {fact.about: fact for fact in cells}
    if 3 <= len(names) <= ROWS:
        rows = list(names.values())
        chinese = rows[0].language.startswith("zh")
        for family, question in _all_of(topic, chinese=chinese):
            yield _spanning(section, rows), Wording(question, family, _names(rows), "list"), ()


MEMBERS, ROWS = 6, 15
"""Rows that share a value, and rows of a whole table, that are still listed."""


def _which(column: str, value: str, topic: str, *, chinese: bool) -> list[tuple[str, str]]:
    if chinese:
        return [
            ("plain", f"{topic}裡，哪些的{column}是{value}？"),
            ("casual", f"{column}是{value}的有哪幾個"),
            ("request", f"幫我列出{column}是{value}的項目。"),
        ]
    name = lexicon.lower(column)
    return [
        ("plain", f"Which ones have {value} as their {name} ({topic})?"),
        ("casual", lexicon.casual(f"all with {name} {value}, which are they")),
        ("request", f"Name everything where the {name} is {value} ({topic})."),
    ]


def _all_of(topic: str, *, chinese: bool) -> list[tuple[str, str]]:
    if chinese:
        return [
            ("plain", f"{topic}總共有哪些？"),
            ("casual", f"{topic} 全部列出來"),
            ("me", f"我想知道{topic}的每一項是什麼？"),
        ]
    return [
        ("plain", f"Which ones are listed under {topic}?"),
        ("casual", lexicon.casual(f"{topic} - what are all of them")),
        ("request", f"Name all entries of {topic}."),
    ]


def _names(facts: list[Fact]) -> str:
    return "; ".join(dict.fromkeys(fact.about for fact in facts))


def _spanning(section: Section, facts: list[Fact]) -> Fact:
    """A fact whose evidence runs from the first row to the last."""
    start, end = min(f.statement_start for f in facts), max(f.statement_end for f in facts)
    text = section.text[start - section.start : end - section.start]
    return facts[0].model_copy(
        update={
            "id": digest(facts[0].id, "list", *(f.id for f in facts)),
            "kind": "list",
            "start": start,
            "end": end,
            "value": text,
            "statement": text,
            "statement_start": start,
            "statement_end": end,
        }
    )


def _compared(section: Section, column: str, cells: tuple[Fact, Fact], *, more: Fact) -> Linked:
    first, second = cells
    names = f"{first.about} or {second.about}", f"{first.about}還是{second.about}"
    if first.language.startswith("zh"):
        question = f"{names[1]}，哪一個的{column}比較高？"
    else:
        question = f"Which has the higher {lexicon.lower(column)}, {names[0]}?"
    start, end = first.statement_start, max(second.statement_end, first.statement_end)
    both = more.model_copy(
        update={
            "statement": section.text[start - section.start : end - section.start],
            "statement_start": start,
            "statement_end": end,
        }
    )
    return both, Wording(question, "comparison", more.about, "comparison"), ()


def _number(value: str) -> tuple[float, str] | None:
    """The only number of a cell and what stands around it."""
    match = re.fullmatch(r"([^\d\s]{0,4})\s?(\d[\d,]*(?:\.\d+)?)\s?(\D{0,12})", value.strip())
    return (float(match[2].replace(",", "")), f"{match[1]}|{match[3].strip()}") if match else None


class Crossings:
    """Names met in earlier sections, so that a question may need two places. Remembers a bounded number of them."""

    MOST = 1000
    PER_SECTION = 2

    def __init__(self) -> None:
        self._met: dict[str, tuple[Fact, Section, tuple[str, ...]]] = {}

    def pairs(
        self, section: Section, facts: list[Fact], chunks: tuple[str, ...], topics: tuple[str, ...]
    ) -> Iterator[tuple[Fact, Wording, str, tuple[str, ...]]]:
        """(fact, wording, the other section's text, chunks of both) for names that both sections speak of."""
        made = 0
        for fact in facts:
            if fact.kind in {"sentence", "item", "passage", "list", "qa", "phrase"} or made >= self.PER_SECTION:
                continue
            name = next((n for n in self._met if n in fact.statement and n not in fact.value), None)
            if name is None or self._met[name][1].id == section.id:
                continue
            first, other, earlier = self._met[name]
            wording = _both(first, fact, topics)
            if wording and other.language == section.language:
                made += 1
                yield fact, wording, other.text, (*earlier, *chunks)
        self.learn(section, facts, chunks)

    def learn(self, section: Section, facts: list[Fact], chunks: tuple[str, ...]) -> None:
        """Remember the names of a section, also of one that an earlier process has made."""
        for fact in facts:
            name = fact.about if fact.kind == "cell" else ""
            if 3 <= len(name) <= 30 and fact.value not in name:
                self._met.setdefault(name, (fact, section, chunks))
        for name in list(self._met)[: max(0, len(self._met) - self.MOST)]:
            del self._met[name]


def _both(first: Fact, second: Fact, topics: tuple[str, ...]) -> Wording | None:
    """Two plain questions in one."""
    asked = [next((w.question for w in wordings(f, topics[-1]) if w.family == "plain"), "") for f in (first, second)]
    if not all(asked):
        return None
    chinese = second.language.startswith("zh")
    joined = f"{asked[0]}還有，{asked[1]}" if chinese else f"{asked[0]} And {lexicon.lower(asked[1])}"
    answer = f"{first.value.strip()}; {second.value.strip()}"
    return Wording(joined, "two_sections", answer, "two_sections")
