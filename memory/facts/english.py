"""English rules: how people state names, possessions, places, tastes and wishes, and how they correct themselves."""

from __future__ import annotations

import re

from memory.facts.statement import Rule


def _rule(pattern: str, key: str = "{key}", **options: bool) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), key, **options)


_VALUE = r"(?P<value>[^\n]+)"
_BECOMES = (
    r"(?:'s|\s+(?:is|are|was|were|will be|equals|=)|\s*[:=]|\s+(?:has |have )?(?:been )?"
    r"(?:changed|moved|renamed|updated|switched)(?: from .+?)? to)\s+(?:now |actually |really |still |called |named )*"
)
_KEY = r"(?P<key>(?!name\b|names\b)[\w'’-]+(?: (?!is\b|are\b|was\b|has\b|have\b)[\w'’-]+){0,4}?)"
_NAME = r"(?P<value>[^\W\d_][\w.'’-]*(?: (?!and\b|from\b|but\b|in\b|at\b|please\b|now\b)[\w.'’-]+){0,3})"

RULES: tuple[Rule, ...] = (
    _rule(
        r"\b(?<!n't )(?<!not )(?<!never )(?:(?:please |just |you can |you may )?call me|i go by|i(?: am|'m) called|"
        r"(?:people|they|everyone) calls? me|my (?:full |first |nick)?name(?: is|'s)(?: now| actually)?) "
        r"(?!back\b|when|if\b|at\b|later|tomorrow|on\b|an?\b|the\b|in\b|again|maybe|by\b|not\b|what|crazy)" + _NAME,
        "name",
    ),
    Rule(
        re.compile(
            r"(?:^|[,.!] )(?:[Hh]i|[Hh]ello|[Hh]ey)?[,!]? ?(?:I am|I'm|This is) "
            r"(?!OK\b|Sure|Fine|Sorry|Not\b|Glad)(?P<value>[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2})"
            r"(?=[.,!]|$| (?:and|from)\b)"
        ),
        "name",
        exact=True,
    ),
    _rule(r"\bmy (?P<key>favou?rite [\w' -]{2,30}?|preferred [\w' -]{2,30}?)" + _BECOMES + _VALUE),
    _rule(
        r"\b(?:my|our) (?P<key>(?:e-?mail|phone|mobile|birthday|job|occupation|diet|hobby|address|home|city|company|"
        r"employer|department|team|language|time ?zone|allergy|car|dog|cat)(?: (?:number|address|name))?)"
        + _BECOMES
        + _VALUE
    ),
    _rule(r"\b(?:my|our) " + _KEY + _BECOMES + _VALUE, exact=True),
    _rule(r"\b(?:my|our) " + _KEY + _BECOMES + _VALUE, personal=False),
    _rule(r"\bi (?:now |currently )?live (?:in|at|on|near) " + _VALUE, "home"),
    _rule(r"\bi(?:'ve| have)? (?:just |recently )?moved to " + _VALUE, "home"),
    _rule(r"\bi(?: am|'m) (?:originally )?from " + _VALUE, "origin"),
    _rule(r"\bi(?: am|'m) (?:based|located|stationed) (?:in|at) " + _VALUE, "home"),
    _rule(r"\bi(?: am|'m) (?:now )?at (?:the )?" + _VALUE, "place", exact=True),
    _rule(r"\bi (?:now )?work (?:as an?|as) " + _VALUE, "job"),
    _rule(r"\bi (?:now )?work (?:at|for|in) " + _VALUE, "work"),
    _rule(r"\bi(?: am|'m) an? (?!bit\b|little\b|lot\b|few\b|new user)(?P<value>[\w' -]{3,40})", "i am {value}"),
    _rule(r"\bi(?: am|'m) allergic to " + _VALUE, "allergy"),
    _rule(r"\bi was born (?:in|on|at) " + _VALUE, "birth"),
    _rule(
        r"\bi (?:really |generally |usually |always )?prefer "
        r"(?!the\b|this|that\b|your|it\b|not\b|to know|to see)" + _VALUE,
        "prefer {head}",
    ),
    _rule(
        r"\bi (?:really |also )?(?:like|love|enjoy|adore|hate|dislike|don't like|do not like|can't stand|don't eat|"
        r"don't drink|no longer like) (?!the\b|this|that\b|your|it\b|how\b|what\b|when\b|to know|to see)" + _VALUE,
        "taste {head}",
    ),
    _rule(r"\bi (?:usually |always |mostly )?use " + _VALUE, "use {head}", exact=True),
    _rule(r"\b(?:the|this|that|its) " + _KEY + _BECOMES + _VALUE, personal=False, exact=True),
    _rule(r"^(?P<key>[A-Za-z][\w ]{1,30}): (?P<value>.+)$", personal=False, exact=True),
)

STANDING = re.compile(
    r"^(?:please )?(?:(?:from now on|in (?:the )?future|going forward|every time|in every answer),? (?:please )?"
    r"(?:always |never |only )?(?:answer|reply|respond|use|write|speak|call|format|include|give|cite|show|keep|avoid|"
    r"start|end|be|don't)\b.*|(?:always|never) (?:answer|reply|respond|use|write|speak|format|include|give|cite|show|"
    r"keep|avoid|start|end|be)\b.*|(?:answer|reply|respond|write)\b.*\b(?:from now on|in (?:the )?future|every time|"
    r"always)\W*$)",
    re.IGNORECASE,
)
LANGUAGE = re.compile(
    r"english|chinese|mandarin|japanese|korean|french|german|spanish|中文|英文|華語|日文|繁體|简体", re.IGNORECASE
)

ASKED = re.compile(
    r"^(?:(?:please|ok|okay|hey|also|and|now|so|can you|could you|would you|will you|kindly)[, ]+)*"
    r"(?:remember|memori[sz]e|keep in mind|bear in mind|don't forget|do not forget|never forget|note|make a note|"
    r"take note|save)(?:,|:| this:| for (?:me|later|next time)(?: that|:|,)?| that\b:?)?\s+(?P<rest>.+)$",
    re.IGNORECASE,
)
ASKED_NOTHING = re.compile(
    r"^(?:this|that|it|me|when|how|what|why|where|who|if|the time|to)\b(?=.{0,30}$)", re.IGNORECASE
)

FORGET = re.compile(
    r"^(?:(?:please|ok|okay|now|can you|could you|would you)[, ]+)*(?:forget|stop remembering|erase|delete)"
    r"(?: about| that| what i (?:said|told you) about)? (?P<what>(?:my|our|that i|i\b|where i|what i|who i)\b[^,;?]*|"
    r"(?:everything|all)(?: that)?"
    r"(?: (?:about me|of me|you (?:know|remember)(?: about me)?|i (?:ever )?(?:said|told you)))?)"
    r"\W*$",
    re.IGNORECASE,
)

QUESTION = re.compile(
    r"\?\s*$|^\W*(?:what|who|whom|whose|when|where|why|which|how|is|are|was|were|do|does|did|can|could|will|would|"
    r"should|may|tell me)\b",
    re.IGNORECASE,
)

NO_TITLE = "".join(rf"(?<!\b{word}\.)" for word in ("Dr", "Mr", "Mrs", "Ms", "Prof", "St", "No", "vs", "e.g", "i.e"))
"""Not behind a shortened word: "Dr. Chen" is one name."""

_VALUE_END = re.compile(
    r"\s*(?:[,;]\s*(?:and|but|so|which|because|who|where|when|what|how|can|could|please|i|i'm|my|our|we|the|it|is|not|"
    r"thanks|since|while|though|if|do|does|tell)\b|\s(?:and|but)\s(?:my|i|i'm|our|we|the|please|it)\b|"
    r"\s(?:because|but|so that|since)\s|\s[-–—]\s|[.!?;]+"
    + NO_TITLE
    + r"(?:\s|$)|,?\s(?:by the way|as well|instead|please|thanks|"
    r"from now on|now|actually|again|any ?more|too)\W*$|,\s*$)",
    re.IGNORECASE,
)
_NO_VALUE = re.compile(
    r"^(?:that|to|how|why|what|whether|if|not|n't|very|too|so|wrong|right|about|where|who|when|which|it|this|just|"
    r"going|being|getting|still|also|quite|a bit|pretty|really|like|unclear|ready|done|here|there|gone|mine|yours)\b",
    re.IGNORECASE,
)


def trim(value: str) -> str:
    """A value up to the next thought; "" when it is none ("my guess is that …")."""
    end = _VALUE_END.search(value)
    value = (value[: end.start()] if end else value).strip(" \t.,;:!?\"'“”’")
    return "" if _NO_VALUE.match(value) or len(value) > 160 else value


_OLD = r"(?P<old>(?:[^,;?]|,(?=\d)){1,60}?)"
_PRONOUN = r"(?:it|that|this|he|she|they|mine)"
_NEW = r"(?P<new>(?:[^,;.!?]|[.,](?=\w)){1,80}?)"
_END = r"(?=\s*(?:,(?!\d)|[;!?]|\.(?:\s|$)|$))"
CORRECTIONS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:change|replace|correct) {_OLD} (?:to|with|by|into) {_NEW}{_END}",
        rf"\bnot {_OLD},? but (?:rather )?{_NEW}{_END}",
        rf"\b{_PRONOUN}(?:'s| is| was| should be) (?:actually |now )?{_NEW},? (?:and )?(?:not|instead of|rather than) "
        rf"{_OLD}{_END}",
        rf"\b{_PRONOUN}(?:'s not| is not| isn't| was not| wasn't) {_OLD}[,;] (?:but )?"
        rf"(?:{_PRONOUN}(?:'s| is| was) )?{_NEW}{_END}",
        rf"\b(?P<old>[\w-]+) should (?:be|have been|read) {_NEW}{_END}",
        rf"\b(?:actually|correction|sorry|no|wait|oops|my mistake|rather|update)\b[,:;.!]*\s*(?:i meant |i mean )?"
        rf"(?:{_PRONOUN}(?:'s| is| was| should be)|make (?:it|that)) (?:actually |now )?{_NEW}{_END}",
        rf"\bi (?:meant|mean)(?: to (?:say|write))?,? {_NEW}{_END}",
        rf"\b{_PRONOUN} (?:has |have )?(?:been )?(?:changed|moved|updated|renamed)(?: from {_OLD})? to "
        rf"{_NEW}{_END}",
        rf"\b{_PRONOUN}(?:'s| is) now {_NEW}{_END}",
        rf"\b{_PRONOUN}(?:'s| is) {_NEW} now{_END}",
        rf"^(?:correction|update)[,:] {_NEW}{_END}",
    )
)
"""Groups `new` and perhaps `old`; tried in order."""
