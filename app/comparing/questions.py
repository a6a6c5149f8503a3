"""Which questions a comparison asks: given ones, a dataset's test sets, or what was asked in conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.comparing.wishes import Wish
from finetune.records import Question
from memory.errors import BadDataset

if TYPE_CHECKING:
    from app.wiring import Wiring

EARLIER = 2
"""Turns before a question that are asked along with it."""


class Asked(NamedTuple):
    """What a comparison asks."""

    questions: tuple[Question, ...]
    leaks: int
    """How many of them stand in training rows."""
    left_out: int
    """Test questions of the dataset whose answer is longer than an answer can be expected to hold."""


def questions(wiring: Wiring, user: str, kb: str, wish: Wish) -> Asked:
    """The questions of a wish."""
    from finetune import datasets
    from finetune.evaluation.questions import from_pairs, sample

    if wish.questions:
        return Asked(tuple(sample(list(wish.questions), wish.most)), wish.leaks, wish.left_out)
    known = wiring.datasets(kb, user)
    if wish.dataset:
        chosen = datasets.read(wiring.folder(kb, user).dataset(wish.dataset))
    elif known:
        chosen = known[0]
    else:
        raise BadDataset(
            f"There are no questions to compare with in {kb!r}.",
            "Build pairs (docgraft pairs build), or give a file: --questions FILE",
        )
    found, left_out = from_pairs(chosen.pairs())
    return Asked(tuple(sample(found, wish.most)), int(chosen.card.leaks.get("exact", 0)), left_out)


def from_conversations(wiring: Wiring, user: str, kb: str, most: int = 100) -> list[Question]:
    """What the user asked this knowledge base in the chat, the newest first, each once, with the turns before it.

    They have no reference yet: without one they are answered side by side and not marked.
    """
    from finetune.evaluation.questions import typed

    found: dict[str, Question] = {}
    conversations = wiring.conversations()
    for conversation in conversations.all(user):
        if (conversation.choices.kb or "default") != kb or len(found) >= most:
            continue
        earlier: list[tuple[str, str]] = []
        asked: list[Question] = []
        for turn in conversations.turns(user, conversation.id):
            if turn.role == "user":
                asked.append(typed(turn.text, history=tuple(earlier[-EARLIER:])))
                earlier.append((turn.text, ""))
            elif earlier:
                earlier[-1] = (earlier[-1][0], turn.text)
        for question in reversed(asked):
            found.setdefault(question.id, question)
    return list(found.values())[:most]
