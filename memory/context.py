"""The memory side of one question in one call: facts, summary and turns that fit, everything else folded and kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from memory import overlap, recollection
from memory.conversations import Conversations, Turn
from memory.facts import Fact, current, is_mention, ledger
from memory.han import has_han
from memory.longterm import LongTerm, Memory
from memory.records import Record
from memory.summary import Summary, fold, keep, kept, spoken, up_to_date
from memory.window import Count, Window, fit, shorten

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

SUMMARY_SHARE = 0.2
"""Of the room: how long the summary may become."""
BATCH = 6
"""Turns that must have left the window before a model is asked to retell them: not one call per question."""
RETOLD_FOR_SEARCH = 4
"""Turns given for making a follow-up standalone when the model itself sees none."""
OF_CONVERSATION = re.compile(
    r"\b(?:earlier|before|previous(?:ly)?|so far|first question|last question|summar\w+|recap|conversation|discussed|"
    r"talked about|did (?:i|we|you) (?:say|ask|mention|talk))\b|"
    r"剛才|刚才|剛剛|刚刚|之前|先前|前面|對話|对话|總結|总结|摘要|問過|问过|說過|说过|聊過|聊过",
    re.IGNORECASE,
)
WITHDRAWN = {
    False: "(This answer rested on a document that has been changed or removed since.)",
    True: "（這個回答所依據的文件後來已變更或移除。）",
}


class Context(Record):
    """What an answer is given to remember by."""

    window: Window
    """`left`: how many turns the model does not see word by word; tell the user when it grows."""
    history: tuple[tuple[str, str], ...]
    """The turns that fit, as (role, text); with `most_turns=0` the last few, for making a follow-up standalone."""
    memory: str
    """Facts and summary as one text, for the prompt's memory fence; "" when there are none."""
    recalled: tuple[Memory, ...] = ()
    """Facts from other conversations that went in."""
    told: tuple[str, ...] = ()
    """What the user said that this question about themselves asks for, word for word: `memory.recollection.reply`
    makes an answer of it when the documents have none."""
    settled: bool = False
    """Memory alone answers: ask neither the documents nor a model."""


def prepare(
    conversations: Conversations,
    user: str,
    conversation_id: str,
    question: str,
    *,
    count: Count,
    limit: int,
    reserve: int,
    system: str = "",
    most_turns: int | None = None,
    longterm: LongTerm | None = None,
    recall: int = 5,
    model: BaseChatModel | None = None,
    withdrawn: Collection[str] = (),
) -> Context:
    """Call before the question is added as a turn. Folds what left the window into the kept summary.

    `limit - reserve` is the room for system text, question, facts, summary and turns; leave the evidence out of it.
    `most_turns`: how many turns the prompt shows at all. With 0, for models that read badly, facts go in only when
    the question is about them, and the summary only when it is about the conversation. `withdrawn`: ids of answers
    that must not be told again; a summary that may retell them is made anew.
    """
    turns = [turn for turn in conversations.turns(user, conversation_id) if turn.text.strip()]
    summary = kept(conversations, user, conversation_id)
    if withdrawn:
        summary = Summary() if any(t.id in withdrawn and t.ordinal < summary.folded for t in turns) else summary
        turns = [_withdrawn(turn) if turn.id in withdrawn else turn for turn in turns]
    facts = ledger(turns, summary.facts, after=summary.folded)
    known = longterm.recall(user, question, recall) if longterm and recall else []
    remembered = {_said(m.text): m for m in known if m.key not in {fact.key for fact in facts}}
    pack = partial(fit, question, count=count, limit=limit, reserve=reserve, system=system)

    shown = turns if most_turns is None else turns[len(turns) - min(most_turns, len(turns)) :]
    window = pack(_pairs(shown), facts=[*remembered])
    if window.left or window.shortened or len(shown) < len(turns):
        wanted = [*remembered, *_ranked(question, facts, focused=most_turns == 0)]
        folder = _Folder(summary, turns, facts, count, max(20, int((limit - reserve) * SUMMARY_SHARE)))
        told = most_turns != 0 or bool(OF_CONVERSATION.search(question))
        for _ in range(4):
            left = len(turns) - len(window.turns)
            text = folder.text(left, model) if told else ""
            window = pack(_pairs(shown), facts=wanted, summary=text)
            if len(turns) - len(window.turns) == left:
                break
        folder.keep(conversations, user, conversation_id)
    everything = [*(memory.as_fact() for memory in known), *facts]
    return Context(
        window=window.model_copy(update={"left": len(turns) - len(window.turns)}),
        history=window.turns if most_turns != 0 else _recent(turns, count),
        memory=window.memory,
        recalled=tuple(remembered[fact] for fact in window.facts if fact in remembered),
        told=recollection.told(question, everything),
        settled=recollection.settled(question, everything),
    )


class _Folder:
    """Folds the turns that left the window into the summary, as often as the window moves."""

    def __init__(
        self, summary: Summary, turns: Sequence[Turn], facts: Sequence[Fact], count: Count, limit: int
    ) -> None:
        self.summary = summary
        self.turns = turns
        self.facts = facts
        self.count = count
        self.limit = limit
        self.changed = False

    def text(self, left: int, model: BaseChatModel | None) -> str:
        """The summary of the first `left` turns, without what has been corrected since."""
        gone = [turn for turn in self.turns[:left] if turn.ordinal >= self.summary.folded]
        summary = self.summary
        if gone:
            asked = model if len(gone) >= BATCH else None
            summary = fold(summary, gone, count=self.count, limit=self.limit, model=asked)
            if asked or not model:
                self.summary, self.changed = summary, True
        return up_to_date(summary.text, self.facts)

    def keep(self, conversations: Conversations, user: str, conversation_id: str) -> None:
        """Keep it, so that after a restart only new turns are folded."""
        if self.changed:
            keep(conversations, user, conversation_id, self.summary)


def _withdrawn(turn: Turn) -> Turn:
    return turn.model_copy(update={"text": WITHDRAWN[has_han(turn.text)]})


def _pairs(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in turns]


def _recent(turns: Sequence[Turn], count: Count) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, shorten(turn.text, 200, count)) for turn in turns[-RETOLD_FOR_SEARCH:])


def _said(text: str) -> str:
    return spoken("user", " ".join(text.split()))


def _ranked(question: str, facts: Sequence[Fact], *, focused: bool) -> list[str]:
    """Facts that hold as lines: wishes first, then what the question is about, statements before mere mentions."""
    holding = current(facts)
    scores = overlap.relevance(question, [(fact.key, fact.text) for fact in holding])
    order = sorted(
        zip(holding, scores, strict=True),
        key=lambda item: (item[0].standing, item[1], not is_mention(item[0]), item[0].turn),
        reverse=True,
    )
    everything = not focused or bool(overlap.ABOUT_ME.search(question))
    wanted = [fact for fact, score in order if everything or fact.standing or score > 0]
    return list(dict.fromkeys(_said(fact.text) for fact in wanted))
