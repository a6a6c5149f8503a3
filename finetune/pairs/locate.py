"""Where in a section words stand that somebody else copied: exactly, or after folding; else the unit that fits best."""

from __future__ import annotations

from collections.abc import Sequence

from finetune.pairs.filters import containment, stands_in
from retrieval.records import Section, Unit
from retrieval.tokens import fold

FITS = 0.5
"""Containment of an answer in a unit from which the unit counts as its evidence."""


def locate(section: Section, units: Sequence[Unit], quote: str, answer: str) -> tuple[int, int]:
    """Offsets in the document of the quote, else of the answer's words, else of the unit that holds most of them.

    (0, 0) when nothing of the answer stands in the section.
    """
    for wanted in (quote, answer):
        place = find(section.text, wanted)
        if place:
            return section.start + place[0], section.start + place[1]
    telling = [unit for unit in units if unit.kind != "heading"]
    exact = next((unit for unit in telling if answer and stands_in(answer, unit.rendered)), None)
    best = exact or max(telling, key=lambda unit: containment(answer, unit.rendered), default=None)
    if best and (exact or containment(answer, best.rendered) >= FITS):
        return best.start, best.end
    return 0, 0


def find(text: str, wanted: str) -> tuple[int, int] | None:
    """The first place of `wanted` in `text`, blanks, width, case and script folded; None when it is not there."""
    needle = "".join(fold(wanted).split())
    if not needle:
        return None
    exact = text.find(wanted.strip())
    if exact >= 0:
        return exact, exact + len(wanted.strip())
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for other in fold(character):
            if not other.isspace():
                folded.append(other)
                places.append(place)
    at = "".join(folded).find(needle)
    return None if at < 0 else (places[at], places[at + len(needle) - 1] + 1)
