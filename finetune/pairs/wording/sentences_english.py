"""Questions that a whole English sentence answers: what is it, what must it do, may I, how do I, what happens if.

Asked are only subject and verb, so that the answer stays in the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from finetune.pairs.tagging import Word, english
from finetune.pairs.wording import Wording, cells_english, lexicon, shape
from finetune.pairs.wording.clauses import lead_end
from finetune.pairs.wording.frames import Core, dressed
from finetune.pairs.wording.verbs import base
from finetune.pairs.words import words
from finetune.records import Fact

_BE = words("is are was were")
_OBJECT = frozenset({"DT", "PRP$", "JJ", "CD", "PDT", *shape.NOUNS})
_LIGHT = words("take make have give get do go keep let mean seem become remain stay happen come look follow last run")
"""Verbs whose object says little: "what does it take" is another question."""
_WHERE = words("located situated found kept stored placed displayed hung")
_PARTICLES = words("in out up off on down over back")
_ENDS = {"how": "how is that done", "where": "in what place is that", "what": "what name is that"}
"""How the same is asked behind its subject."""
_SAYING = words("mean include contain cover need cost")
_NO_ORDERS = words("let see is are worry forget hesitate panic be note")
_DUTY = words("allowed permitted required supposed expected able entitled intended designed meant")
_CASE = re.compile(r"(If|When|Whenever|Once|In case of|Whoever|Anyone who)\s+([^,;:]{6,90}?),\s+(?=\S)")
_AIM = re.compile(r"(?:In order to|To)\s+([a-z][^,;:]{5,80}?),\s+(?=\S)")
_NAMED = re.compile(r"([^\n–—:]{3,50}?)\s*(?:\s[–—-]|:)\s+(?=\S)")
_NOT = words("not never n't")


def about_a_sentence(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """Every wording of the question that the sentence answers. `unique`: no other sentence here is about the same."""
    statement = " ".join(fact.statement.split())
    if not shape.whole(statement, item=fact.kind == "item"):
        return
    text = shape.unopened(statement).rstrip(" .!")
    core = _core(text, item=fact.kind == "item", unique=unique)
    if core is not None:
        answer = fact.statement.strip() if fact.value == fact.statement.strip() else fact.value
        yield from dressed(core, topic, named=topic if len(core.asks.split()) < 7 else "", answer=answer)


def about_a_passage(fact: Fact, topic: str) -> Iterator[Wording]:
    """What there is to know about a heading; a heading that asks is asked."""
    heading = fact.about.strip(" ?:")
    if not shape.balanced(fact.value) or not re.search(r"[.!][”\"’')\]]*$", fact.value.strip()):
        return
    if _QUESTION.match(heading) and len(heading.split()) < 14:
        yield from cells_english.question_answer(fact, "")
    elif (
        topic
        and len(topic.split()) < 8
        and not any(w.tag in shape.FINITE for w in english(topic))
        and topic.count(",") < 2
    ):
        yield from dressed(_about(topic, fact.value, titled=bool(re.search(r"\s[A-Z]", topic))), topic="")


_QUESTION = re.compile(
    r"(?:what|who|whom|whose|how|why|when|where|which|can|do|does|is|are|may|should|will|must)\s+\w+\s\w", re.IGNORECASE
)


def _core(text: str, *, item: bool, unique: bool) -> Core | None:
    if case := _CASE.match(text):
        return _in_a_case(text, case)
    if aim := _AIM.match(text):
        return _how_to(text, aim)
    if unique and (named := _NAMED.match(text)) and shape.noun_phrase(named[1], 6):
        return _about(named[1], text)
    lead, text = _lead(text)
    found = english(text)
    if len(found) < 4:
        return None
    if found[0].tag in {"VB", "VBP"} and (item or found[0].text[:1].isupper()):
        return _order(text, found, lead)
    return _stated(text, found, lead, unique=unique)


def _in_a_case(text: str, case: re.Match[str]) -> Core | None:
    opening = case[1].lower()
    said = lexicon.to_me(case[2])
    inside = english(case[2])
    if opening in {"if", "when", "whenever", "once"}:
        verb = next((n for n, w in enumerate(inside) if n and w.tag in shape.FINITE), None)
        doing = inside[0].tag == "VBG" and opening in {"when", "whenever"}
        if not doing and (verb is None or not shape.subject(case[2][: inside[verb].start].strip())):
            return None
        said = f"{opening} {said}"
    elif opening == "in case of":
        if not shape.noun_phrase(case[2]):
            return None
        said = f"in case of {said}"
    else:
        said = f"if somebody {said}"
    if len(inside) > 14 or not shape.balanced(case[2]) or _points(case[2]):
        return None
    following = english(text[case.end() :])
    advises = following[0].tag in {"VB", "VBP"} or (following[0].text.lower() in {"you", "please"})
    asks = "what should I do" if advises else "what happens"
    asked = "what I should do" if advises else "what happens"
    return Core(f"{asks} {said}", f"{asked} {said}", text, moved=f"{_strong(said)}, what then")


def _how_to(text: str, aim: re.Match[str]) -> Core | None:
    inside = english("to " + aim[1])
    if inside[1].tag not in {"VB", "VBP", "NN"} or len(inside) > 13 or _points(aim[1]) or not shape.balanced(aim[1]):
        return None
    if any(w.tag in shape.FINITE for w in inside):
        return None
    said = lexicon.to_me(aim[1])
    return Core(f"how do I {said}", f"how to {said}", text, moved=f"{_strong(said)}, how is that done")


def _about(named: str, text: str, *, titled: bool = False) -> Core:
    said = named if titled else lexicon.lower(named)
    moved = f"{_strong(said)}, what is there to know"
    return Core(f"what should I know about {said}", f"what there is to know about {said}", text, moved=moved)


def _lead(text: str) -> tuple[str, str]:
    """ "On Sundays" off the front of a sentence; "" where it opens otherwise."""
    found = english(text)
    if not found or found[0].tag not in {"IN", "TO"}:
        return "", text
    end = lead_end(found)
    lead = text[: found[end - 1].end].rstrip(" ,") if 0 < end < len(found) else ""
    if not lead or not leads(lead):
        return "", text
    rest = text[found[end].start :]
    return lead, rest[:1].upper() + rest[1:]


def leads(lead: str) -> bool:
    """Whether an opening adverbial may stand at a question's end."""
    found = english(lead)
    clause = found[0].text.lower() in {"if", "when", "once", "unless", "before", "after", "until", "while"}
    return len(found) <= 10 and not _points(lead) and shape.balanced(lead) and (
        clause or not any(w.tag in shape.FINITE or w.tag in {"PRP", "WDT", "WP"} for w in found)
    )  # fmt: skip


def _points(text: str) -> bool:
    """Whether something in it stands for what was said before."""
    return bool(
        re.search(r"\b(?:this|that|these|those|it|its|they|them|their|he|she|such|so|above|below)\b", text, re.I)
    )


def _order(text: str, found: Sequence[Word], lead: str) -> Core | None:
    """ "Use the blue door" → should I; "Do not feed the ducks" → may I."""
    low = [w.text.lower() for w in found[:3]]
    if re.search(r"\band you\b", text):  # "Join after August and you pay half" orders nothing.
        return None
    denied = low[:2] == ["do", "not"] or low[0] in {"don't", "never"}
    start = (2 if low[1:2] == ["not"] else 1) if denied else 0
    if start >= len(found) or found[start].tag not in {"VB", "VBP", "NN"} or found[start].text.lower() in _NO_ORDERS:
        return None
    if not denied and not (found[1].tag in _OBJECT | {"IN", "RB", "PRP"} or "`" in found[1].text):
        return None
    said = _phrase(text[found[start].start :], 14)
    if len(said.split()) < (3 if denied else 5):
        return None
    tail = f" {lexicon.lower(lead)}" if lead else ""
    said = lexicon.to_me(lexicon.lower(said)) + tail
    helper = "may" if denied else "should"
    return Core(
        f"{helper} I {said}", f"whether I {helper} {said}", text, moved=f"{_strong(said)}: is that what one does"
    )


def _phrase(text: str, most: int) -> str:
    """A verb with what belongs to it, up to where the next clause begins; "" when nothing safe is left."""
    said = shape.ending(text, most)
    if said and text[len(said) :].lstrip().startswith("("):
        return ""
    return said.strip() if said and len(said.split()) > 2 and not _points(said) else ""


def _stated(text: str, found: Sequence[Word], lead: str, *, unique: bool) -> Core | None:
    place = next((n for n, w in enumerate(found[:11]) if n and w.tag in shape.FINITE), None)
    if place is None or place + 1 >= len(found):
        return None
    verb = found[place]
    subject = text[: verb.start].strip()
    after = [w for w in found[place + 1 :] if w.tag != "RB"] or [found[-1]]
    denied = any(w.text.lower() in _NOT for w in found[place + 1 : place + 3]) or verb.text.lower() in {
        "cannot",
        "can't",
    }
    tail = f" {lexicon.lower(lead)}" if lead else ""
    if subject.lower() == "there" and verb.text.lower() in _BE:
        return _there(text, verb, tail)
    if not shape.subject(subject, 7) or not shape.agrees(subject, verb.text, verb.tag) or shape.doubtful(found, place):
        return None
    said = lexicon.lower(subject)
    made = (
        _with_be(text, (said, verb, after, tail), denied=denied)
        if verb.text.lower() in _BE
        else _with_modal(text, (said, verb, after, tail), denied=denied)
        if verb.tag == "MD"
        else _with_verb(text, (said, verb, after, tail), denied=denied)
    )
    person = subject.lower() in shape.PERSONS
    known = unique and not person and not re.match(r"(?:some|many|most|several|few|more|only)\b", said)
    return made or (_about(subject, text) if known else None)


_Parts = tuple[str, Word, Sequence[Word], str]


def _there(text: str, verb: Word, tail: str) -> Core | None:
    said = _phrase(re.sub(r"^no\b", "any", text[verb.end :].strip()), 12)
    if not said:
        return None
    counted = re.match(r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten)\s(?=[a-z])", said)
    if counted:
        asks = f"how many {said[counted.end() :]} are there{tail}"
        return Core(asks, asks, text, moved=f"{_strong(said[counted.end() :])}, how many are there")
    return Core(
        f"{verb.text} there {said}{tail}",
        f"whether there {verb.text} {said}{tail}",
        text,
        moved=f"{_strong(said)}, is there",
    )


def _with_be(text: str, parts: _Parts, *, denied: bool) -> Core | None:
    said, verb, after, tail = parts
    be, first = verb.text.lower(), after[0]
    if denied:
        return _polar(text, parts)
    if first.tag == "VBN" and len(after) > 1:
        low = first.text.lower()
        if low in _DUTY:
            goes_on = after[1].text.lower() == "to" and after[2:3] and after[2].text.lower() != "be"
            moved = f"{_strong(said + tail)}, what is the rule"
            return (
                Core(f"what {be} {said} {low} to do{tail}", f"what {said} {be} {low} to do{tail}", text, moved=moved)
                if goes_on
                else None
            )
        goes_with = after[1].text.lower()
        if goes_with in _PARTICLES and after[2:3] and after[2].tag in {"IN", "TO", "CD", "RB"}:
            low = f"{low} {goes_with}"
        naming = low in {"called", "named"}
        wh = "what" if naming else "where" if low in _WHERE else "how"
        low += " after" if naming and goes_with == "after" else ""
        moved = f"{_strong(said + tail)}, {_ENDS[wh]}"
        return Core(f"{wh} {be} {said} {low}{tail}", f"{wh} {said} {be} {low}{tail}", text, moved=moved)
    if first.tag == "DT" and said not in shape.PERSONS and not tail:
        return Core(f"what {be} {said}", f"what {said} {be}", text, moved=f"{_strong(said)}, what is meant by that")
    return None


def _with_modal(text: str, parts: _Parts, *, denied: bool) -> Core | None:
    said, verb, after, tail = parts
    modal = {"cannot": "can", "can't": "can", "shall": "must", "might": "may"}.get(verb.text.lower(), verb.text.lower())
    if after[0].tag not in {"VB", "VBP"} and after[0].text.lower() not in {"be", "have"}:
        return None
    if said in shape.PERSONS and modal not in {"may", "can", "must"}:
        return None  # "You will start a search" grants nothing.
    if denied or said in shape.PERSONS or (modal in {"may", "can"} and after[0].text.lower() != "be"):
        return _polar(text, parts)
    if after[0].text.lower() == "be":
        if len(after) < 3 or after[1].tag != "VBN":
            return None
        done = after[1].text.lower()
        wh = "where" if done in _WHERE else "how"
        moved = f"{_strong(said + tail)}, {_ENDS[wh]}"
        return Core(f"{wh} {modal} {said} be {done}{tail}", f"{wh} {said} {modal} be {done}{tail}", text, moved=moved)
    done = after[0].text.lower() if after[0].text.lower() in _SAYING else "do"
    moved = f"{_strong(said + tail)}, what is the rule"
    return Core(f"what {modal} {said} {done}{tail}", f"what {said} {modal} {done}{tail}", text, moved=moved)


def _with_verb(text: str, parts: _Parts, *, denied: bool) -> Core | None:
    said, verb, after, tail = parts
    plain = base(verb.text, verb.tag)
    if not plain or denied or (plain in {"have", "do"} and after[0].tag == "VBN"):
        return None
    helper = {"VBD": "did", "VBZ": "does"}.get(verb.tag, "do")
    if after[0].tag not in _OBJECT or plain in _LIGHT or (said in shape.PERSONS and not tail):
        return None
    moved = f"{_strong(said + tail)}, {_strong(verb.text)} what exactly"
    return Core(f"what {helper} {said} {plain}{tail}", f"what {said} {verb.text}{tail}", text, moved=moved)


def _polar(text: str, parts: _Parts) -> Core | None:
    """ "May dogs come in?": what is asked is whether."""
    said, verb, after, tail = parts
    modal = {"cannot": "can", "can't": "can", "shall": "must", "might": "may"}.get(verb.text.lower(), verb.text.lower())
    rest = _phrase(text[after[0].start :], 16)
    if not rest:
        return None
    return Core(
        f"{modal} {said} {rest}{tail}",
        f"whether {said} {modal} {rest}{tail}",
        text,
        moved=f"{_strong(f'{said} {rest}')}: is that so",
    )


def _strong(text: str) -> str:
    return lexicon.strongly_reworded(lexicon.to_me(text))
