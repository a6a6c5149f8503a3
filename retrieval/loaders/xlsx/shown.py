"""A cell's number as its format shows it: dates, amounts, percentages (ECMA-376 part 1, 18.8.31). Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy/m/d", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy/m/d h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Format codes that files name by number only; 14 and 22 follow the machine in Excel, here year first."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)(?P<locale>-[^\]]*)?\]|\[(?P<elapsed>h+|m+|s+)\]'
    r"|\[[^\]]*\]|(?P<noon>AM/PM|A/P|上午/下午)|(?P<date>y+|m+|d+|h+|s+|e+|g+)|_.|\*.|(?P<number>[0#?][0#?,.]*)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_PLAIN = {"general", "", "@"}


def shown(number: float, code: str, *, since_1904: bool = False) -> str:
    """The number by its format code; by itself where the code says nothing that is known here."""
    section = _section(number, code)
    if section.lower() in _PLAIN:
        return plain(number)
    parts = _parts(section)
    if any(kind in ("date", "elapsed") for kind, _ in parts):
        moment = _moment(number, since_1904=since_1904)
        return _dated(moment, parts, number, section) if moment else plain(number)
    if "/" in section or "E+" in section.upper():
        return f"{number:.2E}" if "E+" in section.upper() else plain(number)
    return _amount(number, parts, section, code)


def plain(number: float) -> str:
    """At most 15 digits and no `.0`, as a cell without a format shows it."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    text = f"{number:.15g}"
    return f"{float(text):.10g}" if "e" not in text and len(text.rpartition(".")[2]) > 12 else text


@lru_cache(maxsize=512)
def _parts(section: str) -> tuple[tuple[str, str], ...]:
    found = []
    for match in _TOKEN.finditer(section):
        kind = match.lastgroup
        if kind == "locale":
            kind = "currency"
        if kind:
            found.append((kind, match[kind]))
    return tuple(found)


def _section(number: float, code: str) -> str:
    """The part of `positive;negative;zero` that holds for the number."""
    sections = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', code)
    if number < 0 and len(sections) > 1:
        return sections[1]
    if number == 0 and len(sections) > 2:
        return sections[2]
    return sections[0]


def _moment(number: float, *, since_1904: bool) -> datetime | None:
    """Excel's day number as a moment; its calendar has a 29 February 1900."""
    day = number + 1462 if since_1904 else number
    if not 0 <= day < 2_958_466:
        return None
    start = datetime(1899, 12, 31) if day < 60 else datetime(1899, 12, 30)
    return start + timedelta(seconds=round(day * 86_400))


def _dated(moment: datetime, parts: tuple[tuple[str, str], ...], number: float, section: str) -> str:
    noon = any(kind == "noon" for kind, _ in parts)
    republic = "-404" in section or "-1028" in section or "[$-0404" in section.lower()
    text, hours = "", False
    for index, (kind, token) in enumerate(parts):
        if kind == "date":
            lower = token.lower()
            minutes = lower[0] == "m" and (hours or _seconds_next(parts, index)) and len(lower) < 3
            text += f"{moment.minute:0{len(lower)}d}" if minutes else _date_part(moment, lower, noon, republic)
            hours = lower[0] == "h" if lower[0] != "s" else False
        elif kind == "elapsed":
            text += str(int(number * {"h": 24, "m": 1440, "s": 86_400}[token[0].lower()] + 1e-6))
            hours = token[0].lower() == "h"
        elif kind == "noon":
            text += "AM" if moment.hour < 12 else "PM"
        elif kind in ("quoted", "escaped", "other"):
            text += token
    return text.strip()


def _seconds_next(parts: tuple[tuple[str, str], ...], index: int) -> bool:
    following = next((t for k, t in parts[index + 1 :] if k == "date"), "")
    return following.lower().startswith("s")


def _date_part(moment: datetime, token: str, noon: bool, republic: bool) -> str:
    letter, length = token[0], len(token)
    hour = (moment.hour % 12 or 12) if noon else moment.hour
    if letter == "y":
        return f"{moment.year % 100:02d}" if length <= 2 else str(moment.year)
    if letter == "e":
        return str(moment.year - 1911 if republic else moment.year)
    if letter == "m":
        name = _MONTHS[moment.month - 1]
        return name if length == 4 else name[:3] if length == 3 else f"{moment.month:0{length}d}"
    if letter == "d":
        name = _DAYS[moment.weekday()]
        return name if length >= 4 else name[:3] if length == 3 else f"{moment.day:0{length}d}"
    return {"h": f"{hour:0{length}d}", "s": f"{moment.second:0{length}d}"}.get(letter, "")


def _amount(number: float, parts: tuple[tuple[str, str], ...], section: str, code: str) -> str:
    digits = "".join(token for kind, token in parts if kind == "number")
    if not digits:
        return "".join(token for kind, token in parts if kind in ("quoted", "escaped", "other")).strip() or plain(
            number
        )
    bare = re.sub(r'"[^"]*"|\\.', "", section)
    if "%" in bare:
        number *= 100
    whole, _, after = digits.partition(".")
    trailing = len(digits) - len(digits.rstrip(","))
    number /= 1000**trailing
    places = after.rstrip(",").count("0") + after.count("#") + after.count("?")
    value = abs(number) if number < 0 and ";" in code else number
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{rounded:{',' if ',' in whole.rstrip(',') else ''}f}"
    if "#" in after:
        text = text.rstrip("0").rstrip(".") if after.count("0") == 0 else text
    least = whole.count("0")
    if "," not in whole and value >= 0 and least > 1:
        text = text.zfill(least + (places + 1 if places else 0))
    before, behind, seen = "", "", False
    for kind, token in parts:
        if kind == "number":
            seen = True
        elif seen:
            behind += token
        else:
            before += token
    return f"{before}{text}{behind}".strip()
