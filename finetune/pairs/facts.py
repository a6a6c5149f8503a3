"""Facts: what a section states, each with the exact characters that state it. Pure; asks and answers nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.spans import Span, spans
from finetune.pairs.tables import cells, entries
from finetune.records import Fact
from memory.han import is_han
from memory.records import digest
from retrieval.records import Block, Section, Unit
from retrieval.sentences import sentences
from retrieval.tokens import fold, language

LONGEST = 300
"""Characters of a sentence that is a fact as a whole; a Chinese character counts as two."""
PASSAGE = 700
"""Characters of a section's prose that is a fact as a whole: what there is to know about its heading."""


def facts(section: Section, units: list[Unit], *, per_unit: int | None = 4) -> list[Fact]:
    """The facts of a section in reading order; `value` is the stored text from `start` to `end`, exactly.

    A sentence gives at most `per_unit` spans that can be asked for (None: all) and itself; a table row every cell; a
    key its value; a question its answer and what the answer's sentences say; a list itself and what its items say.
    """
    found: list[Fact] = []
    blocks = {(block.start, block.end): block for block in section.blocks}
    for block in blocks.values():
        if block.kind == "table" and block.rows:
            found += cells(section, block)
        elif block.kind in {"keyvalue", "qa"} and block.rows:
            found += entries(section, block)
            found += _inside_answers(section, block, per_unit)
        elif block.kind == "list" and block.rows:
            found += _whole_list(section, block)
    for unit in units:
        if unit.kind in {"sentence", "item"}:
            found += _of_text(section, unit.start, unit.end, unit.kind, per_unit)
    found += _passage(section, units)
    return _distinct(found)


def _passage(section: Section, units: list[Unit]) -> Iterator[Fact]:
    """All that a short section of nothing but prose says."""
    told = [unit for unit in units if unit.kind != "heading"]
    if not told or not section.heading_path or any(unit.kind != "sentence" for unit in told):
        return
    if any(block.kind == "code" for block in section.blocks):
        return
    start = told[0].start
    value = section.text[start - section.start : told[-1].end - section.start].strip()
    if _width(value) <= PASSAGE and not _drawn(value):
        yield make(section, "passage", start, value, (start, value), about=_about(section), attribute="passage")


def _of_text(section: Section, start: int, end: int, kind: str, per_unit: int | None) -> Iterator[Fact]:
    """A stretch of prose, sentence by sentence: the askable spans, then the sentence itself."""
    text = section.text[start - section.start : end - section.start]
    for a, b in sentences(text) or [(0, len(text))]:
        sentence = text[a:b]
        if not re.search(r"\w", sentence) or _drawn(sentence):
            continue
        base = start + a
        spoken = _language(sentence, section.language)
        named = fold(section.heading) if per_unit else ""
        for span in _chosen(sentence, spoken, per_unit):
            # What everything here is about is asked for by nobody.
            if span.kind not in {"name", "phrase"} or fold(sentence[span.start : span.end]) not in named:
                yield _span_fact(section, sentence, base, span).model_copy(update={"language": spoken})
        if _width(sentence) <= LONGEST:
            whole = make(section, kind, base, sentence, (base, sentence), about=_about(section))
            yield whole.model_copy(update={"language": spoken})


def _drawn(sentence: str) -> bool:
    """Whether it is a drawing, a pattern or code rather than a sentence."""
    return len(re.findall(r"[|^~\\{}<>=_*#]", sentence)) >= max(3, len(sentence) / 20)


def _language(sentence: str, section: str) -> str:
    """The sentence's language where it plainly is another one than its section's: English quoted in Chinese."""
    han = sum(map(is_han, sentence))
    if section.startswith("zh") and not han and len(sentence.split()) > 3:
        return language(sentence)
    return language(sentence) if section == "en" and han > len(sentence) / 2 else section


def _chosen(sentence: str, spoken: str, per_unit: int | None) -> list[Span]:
    """The best spans that leave enough of the sentence to ask with."""
    every = per_unit is None
    found = [
        s
        for s in spans(sentence, spoken, every=every)
        if every or _width(sentence) - _width(sentence[s.start : s.end]) >= 8
    ]
    if per_unit is None:
        return found
    typed = [s for s in found if s.rank < 2][: per_unit + 2]
    return [*typed, *[s for s in found if s.rank == 2][: max(0, min(2, per_unit - len(typed)))]]


def _span_fact(section: Section, sentence: str, base: int, span: Span) -> Fact:
    value = sentence[span.start : span.end]
    return make(section, span.kind, base + span.start, value, (base, sentence), about=_about(section))


def _inside_answers(section: Section, block: Block, per_unit: int | None) -> Iterator[Fact]:
    for row in block.rows:
        if len(row) > 1 and _width(row[-1].text) > 24:
            kind = "item" if block.kind == "keyvalue" else "sentence"
            for fact in _of_text(section, row[-1].start, row[-1].end, kind, per_unit):
                yield fact.model_copy(update={"about": " ".join(row[0].text.split()).strip(" :：")})


def _whole_list(section: Section, block: Block) -> Iterator[Fact]:
    """A short list as one fact: its items in order."""
    items = [row[0] for row in block.rows if row and row[0].text.strip()]
    if not 2 <= len(items) <= 12:
        return
    start, end = items[0].start, max(row[-1].end for row in block.rows if row)
    value = section.text[start - section.start : end - section.start]
    lead = block.lead.text.strip(" :：") if block.lead else _about(section)
    if _width(value) <= 2 * LONGEST:
        yield make(section, "list", start, value, (start, value), about=" ".join(lead.split()))


def make(
    section: Section, kind: str, start: int, value: str, statement: tuple[int, str], *, about: str, attribute: str = ""
) -> Fact:
    """A fact whose id depends on the section and on what is stated, not on where other facts stand."""
    place, text = statement
    return Fact(
        id=digest(section.id, kind, value, text, about, attribute, str(start - section.start)),
        section_id=section.id,
        kind=kind,
        about=about,
        attribute=attribute,
        start=start,
        end=start + len(value),
        value=value,
        statement=text,
        statement_start=place,
        statement_end=place + len(text),
        language=section.language,
    )


def _about(section: Section) -> str:
    return section.heading_path[-1] if section.heading_path else ""


def _distinct(found: list[Fact]) -> list[Fact]:
    """Each span once, as what it was found first."""
    seen: set[tuple[int, int, str]] = set()
    kept = []
    for fact in found:
        key = (fact.start, fact.end, fact.attribute)
        if key not in seen:
            seen.add(key)
            kept.append(fact)
    return kept


def _width(text: str) -> int:
    return len(text) + sum(character > "\u2e7f" for character in text)
