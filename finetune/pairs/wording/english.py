"""Questions in English about a fact, by grammar: fronted, embedded, in place, about me, moved, by keywords.

The value leaves the sentence and a question word takes its place, so nothing can be asked that is not stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.tagging import english
from finetune.pairs.wording import Wording, cells_english, lexicon
from finetune.pairs.wording.asking import PLURAL, Asked, asked
from finetune.pairs.wording.clauses import Clause, clause
from finetune.pairs.wording.verbs import base
from finetune.pairs.words import words
from finetune.records import Fact

_BE = words("is are was were am")
_AUX = words("may can must will should would could might shall cannot can't has have had") | _BE
_OPENINGS = words(
    "if when on in whoever once before after from between with at by for until yes no under outside "
    "nothing nobody none never"
)
_CONDITION = re.compile(
    r"\s*(?:if|when|unless|although|because|while|where|whether|as|that|which|who|whose)\b", re.IGNORECASE
)
"""Openings of a clause in whose middle nothing can be asked for."""
_VAGUE = words("it they he she this that these those them his her its their both there one another we i you")


def wordings(fact: Fact, topic: str, *, unique: bool) -> list[Wording]:
    """Every wording, plainest first."""
    if fact.kind in {"cell", "keyvalue"}:
        return list(cells_english.wordings(fact, topic, unique=unique))
    if fact.kind == "qa":
        return list(cells_english.question_answer(fact, topic))
    if fact.kind == "list":
        return list(cells_english.whole_list(fact, topic))
    if fact.kind in {"sentence", "item"}:
        return list(_about_a_sentence(fact, topic))
    return list(_for_a_span(fact, topic))


def _for_a_span(fact: Fact, topic: str) -> Iterator[Wording]:
    start = fact.start - fact.statement_start
    if _unaskable(fact, fact.statement[:start], fact.statement[start + len(fact.value) :]):
        return
    found = clause(fact.statement, start, start + len(fact.value))
    if len(f"{found.left} {found.right}".split()) < 2:
        found = Clause(fact.statement[:start], fact.value, fact.statement[start + len(fact.value) :].rstrip(" .;"))
    if re.match(r"(?:or|and|to)\s", found.right) and re.search(r"\d", found.right.split(",")[0]):
        return
    if found.verb and _CONDITION.match(found.left):
        return
    found = found._replace(left=re.sub(r"^\s*(?:Yes|No|Never)\s*,\s*", "", found.left))
    if found.verb and re.search(r"\d", found.right):
        # Another case of the same list follows: the question is about this one.
        found = found._replace(right=found.right.split(",")[0].split(";")[0])
    question = asked(fact.kind, found.value, found.left)
    if not question.preposition:
        question = question._replace(left=re.sub(r"\b(?:the|a|an|our|your)\s*$", "", question.left))
    if fact.kind in {"name", "phrase", "quoted"} and not (found.verb or found.imperative or not question.left.strip()):
        return
    yield from _asking(fact, topic, found, question)


def _asking(fact: Fact, topic: str, found: Clause, question: Asked) -> Iterator[Wording]:
    if fact.about.endswith("?"):
        if question.wh != "what" or not question.preposition:  # "And at what?" is no question by itself.
            yield from _under_a_question(fact, found, question)
        topic = fact.about.rstrip(" ?")
    plain = _plain(found, question)
    if not plain:
        return
    about = topic if _vague(found) or len(plain.split()) < 6 else ""
    yield from _dressed(plain, found, question, topic, about)
    yield from _held_out(found, question, topic)


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


def _under_a_question(fact: Fact, found: Clause, question: Asked) -> Iterator[Wording]:
    """A value inside the answer to a question that the document asks: that question, and then what exactly."""
    asks = fact.about.rstrip(" ?")
    wh = f"{question.preposition} {question.wh}".strip()
    seed = asks + wh
    yield Wording(f"{asks}? And {wh}?", "under")
    yield Wording(lexicon.casual(f"{lexicon.reworded(lexicon.to_me(asks), seed)} and {wh}"), "casual")
    yield Wording(
        f"{lexicon.situation('', seed)} {lexicon.reworded(asks, seed + '1')}? I need to know {wh}.", "situation"
    )


def _dressed(plain: str, found: Clause, question: Asked, topic: str, about: str) -> Iterator[Wording]:
    """The plain question and its rewordings, in an order that gives the most different ones first."""
    seed = plain + topic
    embedded = _embedded(found, question)
    mine = lexicon.to_me(plain)
    named = f" ({about})" if about else ""
    yield Wording(_asked(plain, named), "plain")
    yield Wording(_asked(_upper(lexicon.reworded(mine, seed + "2")), named), "me")
    yield Wording(
        lexicon.casual(lexicon.reworded(mine, seed + "3") + (f", {lexicon.lower(about)}" if about else "")), "casual"
    )
    yield Wording(lexicon.request(seed) + f" {lexicon.reworded(embedded, seed + '4')}{named}.", "request")
    yield Wording(f"{topic}: {lexicon.lower(lexicon.reworded(plain, seed + '5'))}?", "topic_first")
    yield Wording(_asked(_upper(_in_place(found, question)), named), "in_place")
    yield Wording(
        lexicon.situation(topic, seed) + f" {_upper(lexicon.to_me(lexicon.reworded(plain, seed + '6')))}?", "situation"
    )
    yield Wording(f"{lexicon.opener(seed)} {lexicon.lower(lexicon.reworded(mine, seed + '7'))}{named}?", "opener")
    yield Wording(_asked(_upper(lexicon.reworded(lexicon.shorter(plain), seed + "8")), f" – {topic}"), "short")
    yield Wording(f"Do you know {lexicon.to_me(lexicon.reworded(embedded, seed + '9'))}{named}?", "embedded")
    yield Wording(f"Fill in the blank: {_upper(found.left.strip())} ____ {found.right}.".replace(" .", "."), "cloze")


def _held_out(found: Clause, question: Asked, topic: str) -> Iterator[Wording]:
    """Wordings of the families that are never trained: other order, other words."""
    yield Wording(lexicon.keywords(f"{found.lead} {found.left} {found.right}", question.noun, topic), "keywords")
    wh = f"{question.preposition} {question.wh}".strip()
    stem = lexicon.strongly_reworded(lexicon.to_me(f"{question.left} {found.right}".strip()))
    yield Wording(f"{lexicon.strongly_reworded(topic)} – {lexicon.lower(stem)}, but {wh}?", "moved")


def _plain(found: Clause, question: Asked) -> str:
    """The fronted question without its mark; in place where grammar gives no safe way to front it."""
    if question.preposition.endswith("than"):
        return _upper(_in_place(found, question))
    wh = _upper(f"{question.preposition} {question.wh}".strip())
    tail = _tail(question.left, found)
    right = f" {found.right}" if found.right else ""
    lead = f" {lexicon.lower(found.lead)}" if found.lead else ""
    if found.imperative:
        return f"{wh} should I {lexicon.lower(question.left.strip())}{right}{lead}".strip()
    if not found.verb:
        return _without_verb(found, question, wh, right, lead)
    verb = found.verb.lower()
    subject = lexicon.lower(found.subject)
    if verb in _BE or (verb in _AUX and (found.tag == "MD" or _participle(tail or found.right))):
        if verb in {"cannot", "can't"}:
            return f"{wh} can {subject} not {tail}{right}{lead}"
        return f"{wh} {verb} {subject} {tail}{right}{lead}"
    plain = base(verb, found.tag)
    if not plain:
        return _in_place(found, question)
    helper = {"VBD": "did", "VBZ": "does"}.get(found.tag, "do")
    return f"{wh} {helper} {subject} {plain} {tail}{right}{lead}"


def _without_verb(found: Clause, question: Asked, wh: str, right: str, lead: str) -> str:
    """The value is or opens the subject: "Who runs reception", "How many people may come"; else a bare phrase."""
    opening = question.left.strip(" ,").lower()
    if opening in {"", "the", "a", "an", "our", "your"} and english(found.right) and not question.preposition:
        return f"{wh}{right}{lead}"
    return f"{_upper(question.left.strip())} {question.preposition} {question.wh}{right}{lead}" if opening else ""


def _tail(left: str, found: Clause) -> str:
    """What stands between the verb and where the question word was."""
    after = left.strip()
    head = f"{found.subject} {found.verb}".strip()
    place = after.find(found.verb, max(len(found.subject) - 1, 0)) if found.verb else -1
    return after[place + len(found.verb) :].strip() if place >= 0 else after.removeprefix(head).strip()


def _embedded(found: Clause, question: Asked) -> str:
    """ "how long clients may park under the trees": no inversion."""
    if question.preposition.endswith("than"):
        return f"this: {lexicon.lower(_in_place(found, question))}"
    wh = f"{question.preposition} {question.wh}".strip()
    lead = f" {lexicon.lower(found.lead)}" if found.lead else ""
    right = f" {found.right}" if found.right else ""
    left = lexicon.lower(question.left.strip())
    if found.imperative:
        return f"{wh} I should {left}{right}{lead}"
    return f"{wh} {left}{right}{lead}" if left else f"{wh}{right}{lead}"


def _in_place(found: Clause, question: Asked) -> str:
    """ "Clients may park for how long in the seven spaces"."""
    lead = f"{found.lead}, " if found.lead else ""
    middle = f"{question.preposition} {question.wh}".strip()
    left = question.left.strip()
    return f"{lead}{lexicon.lower(left) if lead else left} {middle} {found.right}".strip()


def _about_a_sentence(fact: Fact, topic: str) -> Iterator[Wording]:
    """Questions that a whole sentence answers: what happens if, may I, what about."""
    statement = fact.statement.strip()
    answer = statement if fact.value == statement else fact.value
    yield from (Wording(w.question, w.family, answer) for w in _conditions(statement, topic))
    subject = _subject(statement)
    states = fact.kind == "item" or any(word.tag[:2] in {"VB", "MD"} for word in english(statement))
    if not subject or not states:
        return
    seed = statement
    yield Wording(f"What do I need to know about {lexicon.lower(subject)} ({topic})?", "plain", answer)
    yield Wording(
        f"What's the deal with {lexicon.lower(lexicon.to_me(subject))}? I mean {lexicon.lower(topic)}.",
        "casual",
        answer,
    )
    yield Wording(
        f"{lexicon.request(seed)} how it works with {lexicon.lower(subject)}, {lexicon.lower(topic)}.",
        "request",
        answer,
    )
    yield Wording(f"{topic}: what about {lexicon.lower(lexicon.reworded(subject, seed))}?", "topic_first", answer)
    yield Wording(f"{lexicon.opener(seed)} is there a rule about {lexicon.lower(subject)}?", "opener", answer)
    yield Wording(
        f"{lexicon.situation(topic, seed)} Anything on {lexicon.lower(lexicon.to_me(subject))}?", "situation", answer
    )
    yield Wording(lexicon.keywords(statement, "", topic, most=5), "keywords", answer)
    yield Wording(
        f"{lexicon.strongly_reworded(topic)} – {lexicon.strongly_reworded(lexicon.lower(subject))}, how does that go?",
        "moved",
        answer,
    )


def _conditions(statement: str, topic: str) -> Iterator[Wording]:
    match = re.match(r"(If|When|Once|In case of|Whoever|Anyone who)\s+([^,;:]{6,80}?)[,:]\s+\S", statement)
    if not match:
        return
    case = f"{match[1].lower()} {match[2]}" if match[1] in {"If", "When", "Once"} else f"if somebody {match[2]}"
    mine = lexicon.to_me(case)
    yield Wording(f"What happens {lexicon.to_me(case)}?", "plain")
    yield Wording(f"What should I do {lexicon.reworded(mine, statement)}?", "me")
    yield Wording(lexicon.casual(f"and {lexicon.reworded(mine, statement + '2')}"), "casual")


def _subject(statement: str) -> str:
    """What the sentence is about: up to its verb; for an imperative its first noun phrase."""
    words = english(statement)
    verb = next((n for n, w in enumerate(words) if n and w.tag in {"MD", "VBZ", "VBP", "VBD"}), None)
    if verb is not None and verb < 12 and words[0].tag not in {"VB", "VBP", "VBN"}:
        subject = statement[words[0].start : words[verb].start].strip(" ,")
        opening = subject.split()[0].lower() if subject else ""
        if len(subject) > 3 and subject.lower() not in _VAGUE and opening not in _OPENINGS:
            return subject
    from finetune.pairs.spans import spans

    phrases = [s for s in spans(statement, "en") if s.kind in {"phrase", "name"}]
    longest = max(phrases, key=lambda s: s.end - s.start, default=None)
    phrase = statement[longest.start : longest.end] if longest else ""
    # "A freezer bag" is what the sentence uses, not what it is about; "a nurse answers" is no phrase.
    verbal = any(word.tag in {"VBZ", "VBP", "VBD"} for word in english(phrase))
    return "" if verbal or re.match(r"(?:a|an)\s", phrase, re.IGNORECASE) else phrase


def _vague(found: Clause) -> bool:
    """Whether the clause alone does not say what it is about."""
    words = f"{found.subject} {found.left}".lower().split()
    return not words or words[0] in _VAGUE


def _participle(text: str) -> bool:
    words = english(text)
    return bool(words) and words[0].tag in {"VBN", "VBD", "RB"}


def _asked(question: str, named: str = "") -> str:
    return f"{question.strip(' .,')}{named}?"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
