"""One English question → the ways in which people put it: plainly, in a hurry, politely, with a story in front."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from finetune.pairs.wording import Wording, lexicon


class Core(NamedTuple):
    """What is asked, without a mark."""

    asks: str
    """ "how long may clients park under the trees"."""
    asked: str
    """The same inside another sentence: "how long clients may park under the trees"."""
    stem: str
    """What the statement says but the value: for keywords."""
    noun: str = ""
    """A word for the thing asked: price, time, number."""
    moved: str = ""
    """The question with its question word at the end."""


def dressed(core: Core, topic: str, *, named: str = "", answer: str = "") -> Iterator[Wording]:
    """The question in every frame; in which other words, its own words decide. `named`: the heading where the question
    alone does not say what it is about. `answer`: other than the fact's value."""
    asks, asked, seed = _flipped(core.asks), _flipped(core.asked), core.asks + topic
    mine, about = lexicon.to_me(core.asks), f" ({named})" if named else ""
    for family, question in (
        ("plain", f"{upper(asks)}{about}?"),
        ("me", f"{upper(lexicon.reworded(mine, seed + '2'))}{about}?"),
        ("casual", lexicon.casual(lexicon.reworded(mine, seed + "3") + (f", {lexicon.lower(named)}" if named else ""))),
        ("request", f"{lexicon.request(seed)} {lexicon.reworded(asked, seed + '4')}{about}."),
        ("topic_first", f"{topic}: {lexicon.reworded(asks, seed + '5')}?" if topic else ""),
        ("situation", f"{lexicon.situation(topic, seed)} {upper(lexicon.reworded(mine, seed + '6'))}?"),
        ("opener", f"{lexicon.opener(seed)} {lexicon.reworded(mine, seed + '7')}{about}?"),
        ("embedded", f"Do you know {lexicon.to_me(lexicon.reworded(asked, seed + '9'))}{about}?"),
        ("wondering", f"I was wondering {lexicon.reworded(lexicon.to_me(core.asked), seed + 'w')}{about}."),
        ("passed_on", f"Somebody asked me {lexicon.reworded(asked, seed + 'p', 3)}{about}."),
        ("explained", f"Could someone explain {lexicon.reworded(asked, seed + 'x')}{about}?"),
        ("keywords", lexicon.keywords(core.stem, core.noun, topic)),
        ("moved", f"{lexicon.strongly_reworded(topic)} – {core.moved}?" if core.moved else ""),
    ):
        if question:
            yield Wording(question, family, answer)


def _flipped(text: str) -> str:
    """ "you" of the document is whoever asks."""
    return lexicon.to_me(text) if re.search(r"\byou(?:r|rself)?\b", text, re.IGNORECASE) else text


def upper(text: str) -> str:
    """A capital in front."""
    return text[:1].upper() + text[1:]
