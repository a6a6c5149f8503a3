"""English verbs back to their base form, by rule and by a list of the irregular ones."""

from __future__ import annotations

from finetune.pairs.words import words

_IRREGULAR_PAIRS = (
    "was be were be is be are be am be been be had have has have did do does do went go goes go said say made make "
    "took take came come saw see knew know got get gave give found find thought think told tell became become "
    "left leave felt feel put put brought bring began begin kept keep held hold wrote write stood stand heard hear let "
    "let meant mean set set met meet ran run paid pay sat sit spoke speak lay lie led lead read read grew grow lost "
    "lose fell fall sent send built build understood understand drew draw broke break spent spend cut cut rose rise "
    "drove drive bought buy wore wear chose choose sold sell taught teach caught catch won win shut shut cost cost "
    "threw throw hung hang slept sleep flew fly rang ring swam swim ate eat drank drink hid hide lent lend shot shoot "
    "stole steal struck strike swore swear tore tear woke wake dealt deal bound bind bore bear fought fight froze "
    "freeze sank sink sang sing split split spread spread hit hit hurt hurt laid lay lit light rode ride sought seek "
    "shook shake shone shine swept sweep wound wind fed feed forgot forget burnt burn learnt learn"
)
_WORDS = _IRREGULAR_PAIRS.split()
_IRREGULAR = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
_VOWELS = set("aeiou")


def base(verb: str, tag: str) -> str:
    """The base form of a finite verb; empty when no rule is sure of it."""
    low = verb.lower()
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    if tag == "VBZ":
        return _third_person(low)
    if tag in {"VBD", "VBN"}:
        return _past(low)
    return low


def _third_person(low: str) -> str:
    if low.endswith("ies") and len(low) > 4:
        return low[:-3] + "y"
    if low.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return low[:-2]
    return low[:-1] if low.endswith("s") and not low.endswith("ss") else low


def _past(low: str) -> str:
    if not low.endswith("ed") or len(low) < 4:
        return ""
    stem = low[:-2]
    if low.endswith("ied"):
        return low[:-3] + "y"
    if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "lsfz":
        return stem[:-1]
    if stem.endswith(
        ("at", "iz", "is", "v", "c", "g", "u", "ur", "ir", "dl", "bl", "pl", "tl", "gl", "ag", "ot", "in")
    ):
        return (
            stem + "e" if not stem.endswith(("in", "ot")) or stem in {"jo", "combin", "defin", "vot", "not"} else stem
        )
    if len(stem) > 2 and stem[-1] not in _VOWELS and stem[-2] in _VOWELS and (len(stem) < 3 or stem[-3] not in _VOWELS):
        return stem + "e" if stem[-1] in "bdkmnprst" and len(stem) <= 4 and stem not in _CLOSED else stem
    return stem


_CLOSED = words("visit limit open offer enter order need edit")
