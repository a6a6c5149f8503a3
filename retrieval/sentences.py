"""Where sentences begin and end, in English and Chinese. Pure; knows characters only, no blocks and no tokens."""

from __future__ import annotations

import re

Offsets = tuple[int, int]

CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""Characters written without spaces between words, as the inside of a regular expression's class."""

_CLOSERS = "」』”’\"'）)】》〉］]〕"
_STOP = re.compile(
    r"(?P<hard>[。？！；｡…]+[。？！；｡…?!]*)"
    r"|(?P<soft>[.?!]+)"
    r"|(?P<blank>\n[^\S\n]*\n\s*)"
)
_AFTER = re.compile(rf"[{re.escape(_CLOSERS)}]*")
_LEADING = re.compile(r"[\s。？！；｡，、,;:：.?!…]*")
_LAST_WORD = re.compile(r"[^\s(（「“\"']*$")

# A full stop after these never ends a sentence …
_NEVER_WORDS = (
    "mr mrs ms dr prof st mt sr jr rev hon capt lt col gen sgt cf vs viz al ca approx "
    "e.g i.e eg ie no nos fig figs eq sec ch art vol ed eds pp p tel ext dept ref resp incl excl "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun"
)
_NEVER = frozenset(_NEVER_WORDS.split())
# … and after these only when a capital follows. ("etc. The next", but "5 p.m. on Friday")
_SOMETIMES_WORDS = "etc inc ltd co corp bros a.m p.m am pm u.s u.k u.n ph.d min max hr hrs"
_SOMETIMES = frozenset(_SOMETIMES_WORDS.split())


def sentences(text: str) -> list[Offsets]:
    """Spans of the sentences, in order, stripped of surrounding blanks; none is empty and none begins with a stop.

    Ends: 。？！；… always; . ? ! before a blank and something that can begin a sentence, unless the full stop
    belongs to a number, an abbreviation, an initial or a list number; a blank line. Closing quotes and brackets
    stay with the sentence they close.
    """
    found: list[Offsets] = []
    start = _skip(text, 0)
    for match in _STOP.finditer(text):
        if match.start() < start:
            continue
        end = match.start() if match["blank"] else _closed(text, match.end())
        if match["soft"] and not _ends(text, start, match.start(), end):
            continue
        _append(found, text, start, end)
        start = _skip(text, max(end, match.end()))
    _append(found, text, start, len(text))
    return found


def _append(found: list[Offsets], text: str, start: int, end: int) -> None:
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        found.append((start, end))


def _skip(text: str, start: int) -> int:
    """Past blanks and stray stops, so that no sentence begins with one; an ellipsis or .5 before text is no loss."""
    match = _LEADING.match(text, start)
    end = match.end() if match else start
    # ".5" and ".NET" begin a sentence: give the dot back.
    if end > start and text[end - 1] == "." and end < len(text) and text[end].isalnum():
        end -= 1
    return end


def _closed(text: str, end: int) -> int:
    """Past the quotes and brackets that close at `end`; an opening straight quote after a blank is not one of them."""
    match = _AFTER.match(text, end)
    return match.end() if match else end


def _ends(text: str, start: int, dot: int, end: int) -> bool:
    """Whether the . ? or ! at `dot`, closed at `end`, ends the sentence that began at `start`."""
    rest = text[end : end + 2]
    if not rest:
        return True
    following = rest[0] if not rest[0].isspace() else text[end : end + 80].lstrip()[:1]
    if not rest[0].isspace():
        return bool(re.match(f"[{CJK}「『“]", following)) and not text[max(dot - 1, 0)].isdigit()
    if text[dot] != "." or text[dot : dot + 2] == "..":
        return not following.islower()
    return _full_stop_ends(text[start:dot], following)


def _full_stop_ends(before: str, following: str) -> bool:
    if following.islower():
        return False
    match = _LAST_WORD.search(before[-40:])
    word = (match[0] if match else "").lower()
    if word in _NEVER or (len(word) == 1 and word.isalpha() and before[-1:].isupper()):
        return False
    # "1. Item" and "2.3. Title" are numbers of an item, not sentences.
    if before.strip() == word and re.fullmatch(r"[\d.]+", word):
        return False
    return not (word in _SOMETIMES and not following.isupper())
