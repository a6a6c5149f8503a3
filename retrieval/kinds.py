"""Which kind of answer a question asks for, and which kinds a passage holds: money, time, date, name … Pure.

A hint for ranking, never a filter: the words are few and people ask in many others.
"""

from __future__ import annotations

import re
from functools import lru_cache

_I = re.IGNORECASE
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half"

ASKED: dict[str, re.Pattern[str]] = {
    "money": re.compile(
        r"how much|cost|price|charge|fee|fine|set me back|deposit|pay|多少錢|多少钱|費用|费用|價|价|幾元|几元|罰|罚", _I
    ),
    "time": re.compile(r"what time|o'clock|when|open|close|幾點|几点|什麼時候|什么时候|何時|何时", _I),
    "date": re.compile(
        r"when|which day|what day|date|month|by when"
        r"|哪天|哪一天|什麼時候|什么时候|何時|何时|[幾几]月|[幾几][號号]|星期[幾几]",
        _I,
    ),
    "duration": re.compile(
        r"how long|how many (?:days|weeks|months|years|hours|minutes)|notice|how soon|how quickly|how early"
        r"|多久|[幾几](?:天|個月|个月|年|分鐘|分钟|小時|小时)",
        _I,
    ),
    "number": re.compile(
        r"how (?:many|much|old|big|far|high|heavy|hot|warm|fast|deep|tall|long|often)|temperature|limit|maximum|most"
        r"|幾|几|多少|上限|最多|多大",
        _I,
    ),
    "name": re.compile(r"\bwho\b|whom|whose|誰|谁|哪位|哪個人|哪个人|名字", _I),
    "place": re.compile(
        r"\bwhere\b|which (?:room|building|place|floor)|哪裡|哪里|哪邊|哪边|在哪|去哪|哪一?(?:棟|栋|樓|楼|間|间)", _I
    ),
    "contact": re.compile(
        r"phone|number|ring|call|extension|e-?mail|contact|電話|电话|分機|分机|聯絡|联络|联系|撥|拨", _I
    ),
}
HELD: dict[str, re.Pattern[str]] = {
    "money": re.compile(r"[£$€¥]|元|euro|pound|dollar|\b(?:USD|EUR|GBP|TWD|NTD?)\b", _I),
    "time": re.compile(r"\d{1,2}[:：]\d\d|\d\s*[ap]\.?m\b|[點点]|noon|midnight", _I),
    "date": re.compile(
        rf"\b(?:{_MONTHS}|{_DAYS}|spring|summer|autumn|winter)\b|月|日|星期|[週周]|\b(?:1[89]|20)\d\d\b", _I
    ),
    "duration": re.compile(
        r"(?:day|week|month|year|hour|minute|second)s?\b|天|[週周]|個月|个月|年|小時|小时|分鐘|分钟|秒", _I
    ),
    "number": re.compile(rf"\d|\b(?:{_NUMBERS})\b|[一二三四五六七八九十兩两半]", _I),
    "name": re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+\b|先生|小姐|主任|組長|组长|經理|经理|店長|店长|老師|老师|醫師|医师"),
    "place": re.compile(
        r"\b(?:room|floor|street|road|lane|office|building|hall|desk|shed|yard|drawer|cupboard|shelf|door|house|behind"
        r"|under|beside|next to)\b|室|樓|楼|櫃|柜|旁|處|处|街|路",
        _I,
    ),
    "contact": re.compile(r"\d{3,}[ -]?\d{3,}|extension|分機|分机|電話|电话|@", _I),
}


def asked(question: str) -> frozenset[str]:
    """The kinds of answer that would do, by the question's words; empty when they do not tell."""
    return frozenset(kind for kind, pattern in ASKED.items() if pattern.search(question))


@lru_cache(maxsize=20_000)
def held(text: str) -> frozenset[str]:
    """The kinds of things that stand in a text."""
    return frozenset(kind for kind, pattern in HELD.items() if pattern.search(text))


def match(kinds: frozenset[str], text: str) -> float:
    """1 when the text holds what is asked for, 0 when not, 0.5 when the question does not tell."""
    return 0.5 if not kinds else float(bool(kinds & held(text)))
