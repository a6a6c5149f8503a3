"""Questions in English about a fact, by grammar. The value leaves its clause and a question word takes its place, so
nothing can be asked that is not stated; where the clause does not parse, nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.spans.numbers import LABEL
from finetune.pairs.tagging import english, ordinary
from finetune.pairs.wording import Wording, cells_english, lexicon, shape
from finetune.pairs.wording.asking import PLURAL, Asked, asked
from finetune.pairs.wording.clauses import Clause, clause
from finetune.pairs.wording.frames import Core, dressed
from finetune.pairs.wording.sentences_english import about_a_passage, about_a_sentence, leads
from finetune.pairs.wording.verbs import base
from finetune.pairs.words import words
from finetune.records import Fact

_BE = words("is are was were am")
_AUX = words("may can must will should would could might shall cannot can't has have had") | _BE
_THINGS = frozenset({"name", "phrase", "quoted"})
_LIGHT = words(
    "take takes took make makes made give gives gave have has had get gets got keep keeps pay pays do does set"
)
"""Verbs that say little without their object: "what does it take" asks for something else than "precedence"."""


def wordings(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """Every wording, plainest first."""
    if fact.kind in {"cell", "keyvalue"}:
        yield from cells_english.wordings(fact, topic, unique=unique)
    elif fact.kind == "qa":
        yield from cells_english.question_answer(fact, topic)
    elif fact.kind == "list":
        yield from cells_english.whole_list(fact, topic)
    elif fact.kind in {"sentence", "item"}:
        yield from about_a_sentence(fact, topic, unique=unique)
    elif fact.kind == "passage":
        yield from about_a_passage(fact, topic)
    else:
        yield from _for_a_span(fact, topic)


def _for_a_span(fact: Fact, topic: str) -> Iterator[Wording]:
    parsed = _parsed(fact)
    if parsed is None:
        return
    core = _core(*parsed)
    if fact.about.endswith("?"):
        if fact.kind not in _THINGS and len(fact.about.split()) > 3:
            yield from _under_a_question(fact, parsed[1])
        topic = ""
    yield from dressed(core, topic, named=topic if len(core.asks.split()) < 6 else "")


def _parsed(fact: Fact) -> tuple[Clause, Asked] | None:
    """The value's clause and what to ask for it with; None where it is a part of something or its clause doubtful."""
    start = fact.start - fact.statement_start
    end = start + len(fact.value)
    before, after = fact.statement[:start], fact.statement[end:]
    if not shape.whole(fact.statement, item=True) or _unaskable(fact, before, after):
        return None
    found = clause(fact.statement, start, end)
    if fact.kind == "quoted":
        found = found._replace(left=found.left.rstrip("“\"'‘ ") + " ", right=found.right.lstrip("”\"'’"))
    lead = found.lead if shape.unopened(f"{found.lead}, so") == f"{found.lead}, so" else ""
    found = found._replace(left=shape.unopened(found.left), subject=shape.unopened(found.subject), lead=lead)
    owner, rest = _owner(found.right.strip()) if fact.kind not in _THINGS else ("", found.right)
    right = _right(fact, found, rest)
    if right is None or (found.lead and not leads(found.lead)):
        return None
    found = found._replace(right=right.strip())
    question = asked(fact.kind, found.value, found.left)
    if owner:
        question = question._replace(wh=f"{question.wh} {owner}")
    if not question.preposition:
        question = question._replace(left=re.sub(r"\b(?:the|a|an|our|your)\s*$", "", question.left))
    return (found, question) if _sound(fact, found, question) else None


def _owner(right: str) -> tuple[str, str]:
    """ "of the seats" behind a number goes to the front with it."""
    found = english(right)
    if not found or found[0].text.lower() != "of":
        return "", right
    end = next(
        (n for n, w in enumerate(found) if n and w.tag in {"IN", "TO", "VBN", "VBG", "RB", *shape.FINITE}), len(found)
    )
    owner = right[: found[end - 1].end]
    return (owner, right[found[end - 1].end :]) if shape.noun_phrase(owner[3:].strip(), 5) else ("", right)


def _right(fact: Fact, found: Clause, right: str) -> str | None:
    """What the question says behind the value's place; None where it cannot be told."""
    follows = english(right)
    if not (found.verb or found.imperative):
        verb = next((w for w in follows[:2] if w.tag in shape.FINITE), None)
        rest = shape.ending(right[verb.end :], 12) if verb else None
        return f"{right[: verb.end]}{rest}" if verb and rest else None
    # "A list of languages it supports" asks for no "it supports".
    if follows and fact.kind in _THINGS and follows[0].tag in {"VBN", "VBG", "PRP", "WDT", "WP"}:
        return ""
    return shape.ending(right, owned=bool(found.verb) and found.subject.lower() not in shape.PERSONS)


def _sound(fact: Fact, found: Clause, question: Asked) -> bool:
    """Whether the clause parses so surely that the question will."""
    if question.preposition == "of" or _HALF.search(question.left) or re.fullmatch(r"\d{1,2}", fact.value):
        return False
    if fact.kind in _THINGS and not (_is_a_thing(fact, found) and _says_enough(found, question)):
        return False
    if not (found.verb or found.imperative):
        return _is_the_subject(fact, found, question)
    if _torn(fact, found, question):
        return False
    if found.imperative:
        opens = shape.unopened(fact.statement.lstrip()).startswith(found.left.strip() or "\0")
        return opens and shape.straight(found.left.strip(), 9) and found.left.split()[0].lower() not in _NO_ORDERS
    sure = not found.doubtful and bool(base(found.verb, found.tag))
    fits = sure and shape.subject(found.subject) and shape.agrees(found.subject, found.verb, found.tag)
    return fits and shape.straight(_tail(question.left, found))


def _torn(fact: Fact, found: Clause, question: Asked) -> bool:
    """Whether what follows belongs to the value, or its preposition cannot go to the front."""
    follows = english(found.right[:40])
    if fact.kind == "number" and not question.preposition and _FROM_THERE.match(found.right):
        return True
    if question.preposition.endswith("than") or (
        fact.kind in _THINGS and question.wh == "what" and question.preposition
    ):
        return True
    if not follows:
        return False
    adjective = next((w.tag for w in follows if w.tag != "RB"), "") == "JJ" and follows[0].text.lower() != "next"
    return adjective or follows[0].tag in _GOES_ON or follows[0].text.lower() == "of"


_HALF = re.compile(r"\b(?:of|either|both|between|prior|due|according|subject|next|close)\s*$")
"""Words that need what follows them."""
_FROM_THERE = re.compile(r"(?:before|after|ahead|from|old|long|wide|high|deep|later|earlier|ago|into)\b")
"""Behind a number it belongs to the number: "70 minutes before", "45 m long"."""
_GOES_ON = shape.NOUNS | {"CD", "VB", "VBP", "DT", "PRP$"}
"""What stands behind a value that is only a part, or one of two objects."""


def _is_a_thing(fact: Fact, found: Clause) -> bool:
    """Whether "what" or "who" may stand for the value: no part of a saying, no verb that the tagger took for a noun."""
    value, before = fact.value, english(found.left)
    if (
        re.match(r"(?:no|not|any|another|such|this|that|these|those|its|their|other)\b", value, re.IGNORECASE)
        or not before
    ):
        return not before and bool(found.right)
    last = before[-1]
    if re.fullmatch(r"the [a-z]+", value) and fact.kind == "phrase":
        return False  # It was named before.
    if re.search(r"\D\s\d", value) or re.match(r"\s?[A-Z]", found.right):
        return False
    bare = " " not in value.strip() and value[:1].islower()
    if last.text.lower() in _LIGHT or (bare and (last.text.lower() == "to" or not PLURAL.search(value))):
        return False
    if fact.kind == "quoted" and not last.tag.startswith("VB"):
        return False
    if fact.kind == "phrase" and not (
        last.tag.startswith("VB") or last.text.lower() in {"at", "behind", "in", "to", "on"}
    ):
        return False
    defined = fact.kind == "name" and all(map(ordinary, re.findall(r"[A-Za-z]+", value)))
    if defined and " " not in value:
        return False
    return (
        not defined
        or last.tag.startswith("VB")
        or (last.tag == "DT" and len(before) > 1 and before[-2].tag.startswith("VB"))
    )


def _says_enough(found: Clause, question: Asked) -> bool:
    """ "What can I use?" does not; nor may "what" be lifted from behind "the option to" or "before running"."""
    tail = english(_tail(question.left, found) if found.verb else question.left)
    if not question.preposition and any(w.tag == "IN" for w in tail[:-1]):
        return False
    aim = next((n for n, w in enumerate(tail) if w.tag == "TO"), 0)
    if any(w.tag in shape.NOUNS for w in tail[:aim]):
        return False
    if found.right.startswith("to ") and (
        aim or not re.search(r"\b(?:use|need|require|run)s?\s*$", _until(question.left))
    ):
        return False
    alone = found.imperative or found.subject.lower() in shape.PERSONS
    return not alone or len(f"{found.left} {found.right} {found.lead}".split()) > 3


def _until(left: str) -> str:
    """Up to the verb: without the article of the value."""
    return re.sub(r"\b(?:the|a|an|your|our)\s*$", "", left)


def _is_the_subject(fact: Fact, found: Clause, question: Asked) -> bool:
    """ "Odile Pranter runs the reception": the value opens the clause, its verb follows."""
    if (
        fact.kind not in {"name", "number"}
        or question.preposition
        or found.left.strip(" ,").lower() not in _OPENING_WORDS
    ):
        return False
    if fact.kind == "number" and not re.search(r"[a-z°%]", fact.value):
        return False
    if fact.kind == "name" and all(map(ordinary, re.findall(r"[A-Za-z]+", fact.value))):
        return False
    follows = english(found.right)
    verb = next((w for w in follows[:2] if w.tag in shape.FINITE), None)
    return verb is not None and len(follows) > 2 and shape.agrees(fact.value, verb.text, verb.tag)


_NO_ORDERS = words("let see don't do never be note")
_NO_UNITS = words("less this plus its us is was has")
_MEASURES = words("min per cent percent kg km")
_OPENING_WORDS = words("the a an our your") | {""}


def _unaskable(fact: Fact, before: str, after: str) -> bool:
    """Whether the span is only a part of what would be asked: in brackets, "14 dog" of "14 dog rooms", half a price,
    the number of "Rooms 1 to 4", the street of "27 Fennmoor Lane"."""
    if before.count("(") > before.count(")"):
        return True
    if fact.kind in {"name", "phrase", "quoted"} and _one_of_many(before, after):
        return True
    if fact.kind == "name" and _part_of_a_noun(fact, before):
        return True
    if fact.kind in {"name", "phrase"}:
        idiom = (
            fact.kind == "phrase" and re.search(r"\bat\s*$", before) and fact.value.islower() and " " not in fact.value
        )
        return bool(idiom or re.search(r"\d\s*$", before))
    if _one_of_several(fact, before):
        return True
    if fact.kind != "number":
        return False
    follows = english(after[:40])
    compound = bool(follows) and follows[0].tag in {"NN", "NNS"} and after[:1] == " " and after[1:2].islower()
    last = english(before[-40:])
    numbered = re.fullmatch(r"[\d\s.,to–-]+", fact.value) and last and last[-1].tag in {"NNS", "NNP", "NNPS"}
    counted = re.fullmatch(r"(?!1\s)[\d.,]+\s([a-z]{4,})", fact.value)
    label = counted is not None and not PLURAL.search(counted[1]) and english(counted[1])[0].tag == "NN"
    unit = re.fullmatch(rf"(?!{LABEL})(?:[−\d.,]+|[a-z]+(?:-[a-z]+)?)\s(?:[a-z'’-]+\s)?([a-z'’-]{{3,}})", fact.value)
    if unit and (not PLURAL.search(unit[1]) or unit[1] in _NO_UNITS) and unit[1] not in _MEASURES:
        return True
    return compound or label or bool(numbered) or bool(re.match(r"half\s+(?:a\s+)?(?:price|the)", fact.value))


def _one_of_many(before: str, after: str) -> bool:
    """Whether it is one of a row of things: "IMAP, POP and SMTP", "such as NIS"."""
    joined = re.search(r"\b(?:and|or|such as|including)\s+(?:(?:the|an?)\s+)?[“\"]?$", before)
    goes_on = re.match(r"[”\"]?(?:,?\s+(?:and|or)\s|,\s+[^,]{2,40},?\s+(?:and|or)\s)", after)
    return bool(joined or goes_on or (re.search(r",\s+$", before) and after.startswith(",")))


def _part_of_a_noun(fact: Fact, before: str) -> bool:
    """Whether the name only says which: "this License", "installed Debian packages", "our vet Dr Orrell"."""
    words = english(fact.statement)
    start = fact.start - fact.statement_start
    end = start + len(fact.value)
    front = next((w for w in reversed(words) if w.end <= start), None)
    behind = [w for w in words if w.start >= end][:2]
    if front and before[-1:] == " " and before[-2:-1].isalnum():
        determined = front.tag in {"DT", "PRP$"} and front.text.lower() not in {"the", "a", "an"}
        if determined or front.tag in {"JJ", "NN", "NNS"}:
            return True
    noun = bool(behind) and behind[0].start == end + 1 and behind[0].tag in {"NN", "NNS"} and behind[0].text.islower()
    return noun and (len(behind) == 1 or behind[1].tag not in {"DT", "CD", "PRP$", "NNP", "PRP"})


def _one_of_several(fact: Fact, before: str) -> bool:
    """Whether an earlier case of the same row gave the verb: "a visit costs £18, a missed operation £65"."""
    *earlier, case = re.split(r",|;|\band\b", before)
    valued = fact.kind in {"number", "amount", "time", "date", "percent"}
    if not valued or not re.search(r"\d", "".join(earlier)) or len(case.split()) > 6:
        return False
    return not any(word.tag in {"VBZ", "VBP", "VBD", "VB", "MD"} for word in english(case + fact.value))


def _under_a_question(fact: Fact, question: Asked) -> Iterator[Wording]:
    """A value inside the answer to a question that the document asks: that question, and then what exactly."""
    asks = fact.about.rstrip(" ?")
    wh = f"{question.preposition} {question.wh}".strip()
    seed = asks + wh
    yield Wording(f"{asks}? And {wh}?", "under")
    yield Wording(lexicon.casual(f"{lexicon.reworded(lexicon.to_me(asks), seed)} and {wh}"), "casual")
    yield Wording(
        f"{lexicon.situation('', seed)} {lexicon.reworded(asks, seed + '1')}? I need to know {wh}.", "situation"
    )


def _core(found: Clause, question: Asked) -> Core:
    """The fronted question, the same without inversion, and its words."""
    wh, right = f"{question.preposition} {question.wh}".strip(), f" {found.right}" if found.right else ""
    if question.wh == "who" and question.preposition:
        wh, right = "who", f" {question.preposition}{right}"
    lead = f" {lexicon.lower(found.lead)}" if found.lead else ""
    left = lexicon.lower(question.left.strip())
    if found.imperative:
        asks, told = f"{wh} should I {left}{right}{lead}", f"{wh} I should {left}{right}{lead}"
    elif not found.verb:
        asks = told = f"{wh}{right}{lead}"
    else:
        asks, told = f"{wh} {_inverted(found, question)}{right}{lead}", f"{wh} {left}{right}{lead}"
    moved = _behind(found, question)
    return Core(asks, told, f"{found.lead} {found.left} {found.right}", question.noun, moved=moved)


def _behind(found: Clause, question: Asked) -> str:
    """The statement with the question word at its end: "a missed visit costs something, but how much"; "" where it
    could not be said."""
    left, right = lexicon.lower(question.left.strip()), f" {found.right}" if found.right else ""
    what, ends = _something(question), f"{question.preposition} {question.wh}".strip()
    if question.wh == "who" and question.preposition:
        what, ends = f"{question.preposition} somebody", f"{question.preposition} whom"
    if not (found.verb or found.imperative):
        if any(word.tag == "VBP" for word in english(found.right)[:2]):
            return ""  # "Somebody run the desk".
        left = ""
    elif ends == "how long" and re.search(r"\b(?:takes?|took|lasts?|lasted)$", left):
        what = "some time"
    elif not right and re.search(r"\b(?:is|are|was|were|be)$", left):
        what = next((said for asks, said in _BEING if re.match(asks, ends)), what or "something")
    said = " ".join(f"{left} {what}{right}".split())
    return f"{lexicon.lower(lexicon.strongly_reworded(lexicon.to_me(said)))}, but {ends}"


_BEING = (
    (r"(?:\w+ )?what (?:time|date|year)|when|which day", "at some point"),
    (r"where|(?:at|in|on|under|near|behind|beside) ", "somewhere"),
    (r"how long", "for some time"),
)
"""What something is, where its sentence ends in "is": by what is asked for."""


def _something(question: Asked) -> str:
    """What holds the value's place where the sentence needs something there."""
    if question.wh == "who":
        return "somebody"
    if question.preposition or re.match(
        r"when\b|where\b|how long|how many times|what (?:time|date|year|temperature)|which day", question.wh
    ):
        return ""
    return "some" if re.match(r"how many|what percentage", question.wh) else "something"


def _inverted(found: Clause, question: Asked) -> str:
    """The verb, or its helper, in front of the subject."""
    verb, subject, tail = found.verb.lower(), lexicon.lower(found.subject), _tail(question.left, found)
    if verb in _BE or (verb in _AUX and (found.tag == "MD" or _participle(tail or found.right))):
        return f"can {subject} not {tail}" if verb in {"cannot", "can't"} else f"{verb} {subject} {tail}"
    helper = {"VBD": "did", "VBZ": "does"}.get(found.tag, "do")
    return f"{helper} {subject} {base(verb, found.tag)} {tail}"


def _tail(left: str, found: Clause) -> str:
    """What stands between the verb and where the question word was."""
    after = left.strip()
    head = f"{found.subject} {found.verb}".strip()
    place = after.find(found.verb, max(len(found.subject) - 1, 0)) if found.verb else -1
    return after[place + len(found.verb) :].strip() if place >= 0 else after.removeprefix(head).strip()


def _participle(text: str) -> bool:
    words = english(text)
    return bool(words) and words[0].tag in {"VBN", "VBD", "RB"}
