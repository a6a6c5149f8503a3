"""Questions in English for table cells, key–value lines, question–answer pairs and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.tagging import english
from finetune.pairs.wording import ASKS, Wording, lexicon, shape
from finetune.pairs.wording.frames import Core, dressed
from finetune.pairs.words import words
from finetune.records import Fact

_KINDS: list[tuple[str, str, list[str]]] = [
    # (pattern of the column's name or value, what is asked, ways to ask; {x} is the row)
    ("price|cost|fee|fare|charge|rate|tariff|premium|amount|£|€", "price", [
        "How much is {x}?", "What do I pay for {x}?", "What does {x} cost me?", "{X}: what's the damage?",
    ]),
    ("phone|telephone|extension|ext|tel", "number", [
        "What number do I ring for {x}?", "How do I reach {x} by phone?", "Which number gets me through to {x}?",
    ]),
    ("e-?mail|address", "address", ["Where do I write to for {x}?", "What address do I use for {x}?"]),
    ("contact|lead|manager|responsible|owner|officer|instructor|captain|master|who|author|guide|chief|handled", "who", [
        "Who do I turn to about {x}?", "Who looks after {x}?", "Whose job is {x}?", "Who deals with {x}?",
    ]),
    ("day|date|departs?|opens?|closes?|start|deadline|from|until|season|when|due|hours?", "when", [
        "When is it for {x}?", "Which day or time goes for {x}?", "When exactly, with {x}?",
    ]),
    ("room|place|location|where|berth|quay|venue|site|kept|stored", "where", [
        "Where do I find {x}?", "Where is {x}?", "Where does {x} have its place?",
    ]),
    ("duration|length|period|valid|term|notice|wait|takes|time", "how long", [
        "How long does {x} take or last?", "How long is it with {x}?", "For how long, in the case of {x}?",
    ]),
    ("capacity|seats|places|number|quantity|maximum|max|most|limit|people|passengers|size", "how many", [
        "How many go with {x}?", "What's the number for {x}?", "What's the limit with {x}?",
    ]),
]  # fmt: skip
_SMALL = words("a an the of for and or to in on at per with any each")


def wordings(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """A cell asked by its row and column, a key by itself."""
    if fact.kind == "keyvalue":
        yield from _keyed(fact, topic)
        return
    column = lexicon.lower(fact.attribute)
    row = fact.about
    seed = f"{row}{column}"
    part = partial(row)
    if not row:
        return
    near = f" ({topic})" if topic and topic.lower() not in row.lower() else ""
    yield from _by_noun(fact, topic, near, unique=unique) if _noun(column) else _by_heading(fact, topic, near)
    yield Wording(lexicon.casual(f"{part} {lexicon.reworded(column, seed)}{near}"), "casual")
    yield Wording(
        f"{topic}: what does it say under {column} for {part}?" if topic else f"{row}: {column}?", "topic_first"
    )
    yield Wording(f"I'm looking at {part}. {_title(lexicon.reworded(column, seed + '4'))}?", "me")
    yield Wording(lexicon.keywords(f"{row} {lexicon.strongly_reworded(column)}", "", topic), "keywords")


def _by_noun(fact: Fact, topic: str, near: str, *, unique: bool) -> Iterator[Wording]:
    """The column's name is a thing: "the price of"."""
    column, row = lexicon.lower(fact.attribute), fact.about
    seed, part = f"{row}{column}", partial(row)
    yield Wording(f"What {_be(column)} the {column} of {row}{near}?", "plain")
    yield Wording(f"{_title(column)} for {part}?", "short")
    yield from _typed(fact, column, part, seed, near)
    yield Wording(f"{lexicon.request(seed)} the {lexicon.reworded(column, seed + '1')} for {row}{near}.", "request")
    yield Wording(
        f"{lexicon.situation(topic, seed)} What {_be(column)} the {lexicon.reworded(column, seed + '2')} for {part}?",
        "situation",
    )
    yield Wording(
        f"{lexicon.opener(seed)} what about {part}, I mean the {lexicon.reworded(column, seed + '3')}{near}?", "opener"
    )
    yield Wording(f"Do you know the {column} that goes with {row}{near}?", "embedded")
    yield Wording(f"Is it true that the {column} of {row} is {fact.value}?", "true_false", f"Yes, {fact.value}.")
    if unique and len(fact.value) > 2 and re.search(r"[a-z]{3}", row):
        yield Wording(f"Which one has {fact.value} as its {column}{near}?", "reversed", row, "reversed")
    yield Wording(f"As for {part}{_strong(near)}, I'm after the {lexicon.strongly_reworded(column)}.", "moved")


def _by_heading(fact: Fact, topic: str, near: str) -> Iterator[Wording]:
    """The column's name is no thing, "ships in" or "Saturday": it is asked what goes there."""
    column, row = lexicon.lower(fact.attribute), fact.about
    seed, part, quoted = f"{row}{column}", partial(row), f'"{column}"'
    if _DAY.match(column):
        on = f"on {column}"
        yield Wording(f"What goes for {row} {on}{near}?", "plain")
        yield Wording(f"And {part} {on}?", "short")
        yield Wording(f"{lexicon.request(seed)} what goes for {row} {on}{near}.", "request")
        yield Wording(f"{lexicon.situation(topic, seed)} How is it with {part} {on}?", "situation")
        yield Wording(f"{lexicon.opener(seed)} what about {part} {on}{near}?", "opener")
        yield Wording(f"Say I'm there {on}: how would that be for {part}{_strong(near)}?", "moved")
        return
    yield Wording(f"What stands under {quoted} for {row}{near}?", "plain")
    yield Wording(f"{_title(column)}, for {part}?", "short")
    yield Wording(f"{lexicon.request(seed)} what stands under {quoted} for {row}{near}.", "request")
    yield Wording(f"{lexicon.situation(topic, seed)} What is written under {quoted} with {part}?", "situation")
    yield Wording(f"{lexicon.opener(seed)} {part}, what is the entry for {quoted}{near}?", "opener")
    yield Wording(f"As for {part}{_strong(near)}, I'm after its entry in the column {quoted}.", "moved")


_DAY = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|week(?:day|end)s?\b"
    r"|(?:january|february|march|april|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)


def _noun(column: str) -> bool:
    """Whether "the" goes in front of it: "price", not "fits", "held on", "per night" or "Saturday"."""
    found = english(f"the bar {column}")[2:]
    tags = [word.tag for word in found]
    if not tags or _DAY.match(column) or tags[0] in {"VBZ", "VBD", "IN", "TO", "WRB", "WP", "MD"}:
        return False
    if {"PRP", "WRB"} & set(tags[1:]):
        return False  # "Call us when".
    return tags[-1] not in {"IN", "TO"} and (len(tags) > 1 or tags[0] not in {"VBN", "JJ", "RB", "DT", "PRP"})


def _strong(near: str) -> str:
    return lexicon.strongly_reworded(near)


def _keyed(fact: Fact, topic: str) -> Iterator[Wording]:
    """ "What is the telephone number (Contact)?"; a key that is no word is asked for its meaning."""
    key = lexicon.lower(fact.attribute.strip("`*_ "))
    about = topic or fact.about
    spoken_key = bool(re.fullmatch(r"[A-Za-z][A-Za-z '’/-]+", key)) and shape.noun_phrase(key, 6)
    if not spoken_key and (re.fullmatch(r"[A-Za-z ]+", key) or len(key.split()) > 2 or re.search(r"[(){}\[\],;]", key)):
        return
    asks = f"what {_be(key)} the {key}" if spoken_key else f"what does {key} stand for"
    asked = f"what the {key} {_be(key)}" if spoken_key else f"what {key} stands for"
    yield from dressed(
        Core(asks, asked, f"{key} {topic}", key, moved=f"{lexicon.strongly_reworded(key)}, what goes there"),
        topic,
        named=about,
    )
    if spoken_key:
        near = f" ({about})" if about else ""
        yield Wording(f"{_title(key)}, please{near}?", "short")
        yield Wording(f"Is it true that the {key}{near} is {fact.value}?", "true_false", f"Yes, {fact.value}.")


def _typed(fact: Fact, column: str, row: str, seed: str, near: str) -> Iterator[Wording]:
    """Questions that fit what the column holds: prices, people, times, places."""
    if re.search(r"\d[:.]\d\d|\b\d{1,2}\s?[ap]m\b", fact.value) and not re.search(r"time|hours?|when", column):
        on = "on" if row.lower().endswith("day") else "for"
        yield Wording(f"What time {_be(column)} the {column} {on} {row}{near}?", "typed")
        yield Wording(lexicon.casual(f"{row} {column} - when exactly") + near, "typed_casual")
        return
    for pattern, _, ways in _KINDS:
        if re.search(rf"(?:\b|^)(?:{pattern})(?:\b|s\b|$)", column) or (
            pattern.endswith("€") and re.match(r"[£$€]", fact.value)
        ):
            first = lexicon.pick(ways, seed)
            second = lexicon.pick([w for w in ways if w != first], seed + "x")
            named = lexicon.lower(row)
            yield Wording(first.format(x=named, X=row).removesuffix("?") + near + "?", "typed")
            yield Wording(lexicon.casual(second.format(x=named, X=row)) + near, "typed_casual")
            return


def question_answer(fact: Fact, topic: str) -> Iterator[Wording]:
    """A question that the document itself asks, and the same said otherwise. One about an "it" says what it is."""
    question = fact.about.strip()
    bare = re.sub(r"^\s*(?:Q\s*[:.]|\d+[.)])\s*", "", question).rstrip(" ?.!")
    if len(bare) < 3:
        return
    if topic and len(bare.split()) < 7 and re.search(r"\b(?:it|they|them|he|she|this|that)\b", bare, re.IGNORECASE):
        bare = f"{bare} ({topic})"
    mine = lexicon.to_me(bare)
    seed = question
    yield Wording(bare + "?", "plain")
    yield Wording(f"{lexicon.opener(seed)} {lexicon.lower(lexicon.reworded(bare, seed))}?", "opener")
    yield Wording(lexicon.casual(lexicon.reworded(bare, seed + "1")), "casual")
    yield Wording(f"{lexicon.situation('', seed)} {lexicon.reworded(bare, seed + '2')}?", "situation")
    yield Wording(f"{lexicon.request(seed)}: {lexicon.lower(lexicon.reworded(bare, seed + '3'))}?", "request")
    yield Wording(lexicon.reworded(mine, seed + "4", 4) + "?", "me")
    yield Wording(f'What do you tell people who ask "{bare}?"', "embedded")
    yield Wording(f"{lexicon.lower(lexicon.shorter(lexicon.reworded(bare, seed + '5')))}, how does that work?", "short")
    yield Wording(lexicon.keywords(bare, "", ""), "keywords")
    other = lexicon.strongly_reworded(lexicon.lower(bare))
    asks = question.endswith("?") or ASKS.match(bare)
    yield Wording(
        f"Somebody wants to know this: {other}?" if asks else f"Somebody came with this: {other}. What now?", "moved"
    )


def whole_list(fact: Fact, topic: str) -> Iterator[Wording]:
    """All items of a list: by what it is called, or by the sentence that leads to it."""
    lead = lexicon.lower(_BEFORE_A_LIST.sub("", fact.about or topic).strip(" :,"))
    headed = lead == lexicon.lower(topic)
    if headed and max(len(line.split()) for line in fact.value.splitlines()) > 20:
        return  # Paragraphs with numbers in front.
    if shape.noun_phrase(lead, 9) or (headed and not _clause(lead)):
        yield from _listed(lead, topic, fact.id)
    elif _clause(lead) and _OPEN.search(lead) and shape.subject(_subject_of(lead)):
        yield from _completed(lead, topic, fact.id)


_BEFORE_A_LIST = re.compile(
    r"^(?:the following|these|the)\s+(?=\w)|\s*(?:,?\s(?:as follows|including|for example|e\.g\.|namely))\s*$", re.I
)
_OPEN = re.compile(
    r"\b(?:these|the following|(?:two|three|four|five|six|seven|eight|several|some)|of|are|include|includes)\b", re.I
)
"""What leaves a sentence open for its list."""


def _clause(text: str) -> bool:
    return any(w.tag in shape.FINITE for w in english(text))


def _subject_of(text: str) -> str:
    verb = next((w for w in english(text) if w.tag in shape.FINITE), None)
    return text[: verb.start].strip() if verb else ""


def _listed(lead: str, topic: str, seed: str) -> Iterator[Wording]:
    near = f" ({topic})" if topic and topic.lower() != lead.lower() else ""
    for family, question in (
        ("plain", f"What is on the list of {lead}{near}?"),
        ("request", f"Name everything under {lead}{near}."),
        ("opener", f"{lexicon.opener(seed)} can I have the whole list of {lead}{near}?"),
        ("situation", f"{lexicon.situation(topic, seed)} What all belongs to {lead}?"),
        ("casual", lexicon.casual(f"{lead} - all of them please{near}")),
        ("topic_first", f"{topic}: which are they, all of {lead}?" if near else ""),
        ("me", f"Remind me of everything that counts under {lead}{near}."),
        ("embedded", f"Do you know all that goes under {lead}{near}?"),
        ("wondering", f"I was wondering what is listed under {lead}{near}."),
        ("passed_on", f"Somebody asked me for the list of {lead}{near}."),
        ("keywords", lexicon.keywords(lead, "list", topic)),
        ("moved", f"{lexicon.strongly_reworded(lead)}: I'd like every single one."),
    ):
        yield Wording(question, family, kind="list")


def _completed(lead: str, topic: str, seed: str) -> Iterator[Wording]:
    """ "Every new client brings these papers: which ones?"."""
    said = lexicon.to_me(lead) if re.search(r"\byou\b", lead) else lead
    near = f" ({topic})" if topic else ""
    for family, question in (
        ("plain", f"{_title(said)}: which ones{near}?"),
        ("request", f"{lexicon.request(seed)} how this goes on: {lexicon.reworded(said, seed)} …"),
        ("opener", f"{lexicon.opener(seed)} {said}. Which ones are meant{near}?"),
        (
            "situation",
            f"{lexicon.situation('', seed)} {_title(lexicon.reworded(said, seed + '1'))}, but which ones{near}?",
        ),
        ("casual", lexicon.casual(f"{lexicon.reworded(said, seed + '2')} - which exactly{near}")),
        ("topic_first", f"{topic}: {said}, and which are they?" if topic else ""),
        ("me", f"Remind me which ones are meant by this: {said}{near}."),
        ("embedded", f"Do you know which ones are meant here: {said}{near}?"),
        ("passed_on", f"Somebody read to me that {said}. Which are they{near}?"),
        ("keywords", lexicon.keywords(lead, "list", topic)),
        ("moved", f"{_title(lexicon.strongly_reworded(said))}: I'd like every single one."),
    ):
        if question:
            yield Wording(question, family, kind="list")


def partial(name: str) -> str:
    """A name as people shorten it: without brackets, and without what follows a comma or dash."""
    short = re.split(r"\s[–—-]\s|\(|;", name)[0].strip(" ,")
    return short if len(short) > 2 else name


def _be(column: str) -> str:
    return "are" if re.search(r"[^s]s$", column.rsplit(" ", maxsplit=1)[-1]) else "is"


def _title(text: str) -> str:
    return text[:1].upper() + text[1:]
