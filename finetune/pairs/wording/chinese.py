"""Questions in Chinese about a fact: a question word stands where the value stood, in different words and registers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.tagging import chinese
from finetune.pairs.wording import Wording, cells_chinese
from finetune.pairs.wording.cells_chinese import ASKS
from finetune.pairs.wording.rewording_chinese import (
    GOES_ON,
    STOPS,
    dressed,
    keywords,
    short_topic,
    strongly_reworded,
)
from finetune.pairs.wording.sentences_chinese import about_a_passage, about_a_sentence, whole
from finetune.pairs.words import words as word_set
from finetune.records import Fact

_ROW_BEFORE = re.compile(r"(?:[、與与和及跟或→如]|例如|包括)[「『《“\"]?$")

_ROW_AFTER = re.compile(r"[」』》”\"]?[、與与和及跟或→等]")
"""A row of things goes on in front of or behind the value."""

_SURNAMES = frozenset(
    "王李張劉陳楊黃趙周吳徐孫朱馬胡郭林何高梁鄭羅宋謝唐韓曹許鄧蕭馮曾程蔡彭潘袁于董余蘇葉呂魏蔣田杜丁沈姜范江傅鍾盧汪戴崔任陸廖姚方金邱夏譚"
    "韋賈鄒石熊孟秦閻薛侯雷白龍段郝孔邵史毛常萬顧賴武康賀嚴尹錢施牛洪龔湯陶黎溫莫易樊喬文安殷顏莊章魯倪龐邢俞翟藍聶齊向申葛柴游阮詹歐柯辛簡涂連古"
    "张刘杨黄赵吴孙马郑罗谢韩许邓萧冯苏叶吕蒋卢陆谭贾邹阎龙万顾赖贺严钱龚汤温乔颜庄鲁庞蓝聂齐欧简连"
)
"""Common family names; jieba takes other words for names too."""

_PERSON_END = re.compile(r"[員长長師师者人生手客親友工主任授士官王帝]$")

_PLACE_END = re.compile(
    r"[館馆樓楼室站店區区縣县市省國国州島岛港灣湾廳厅所院校場场路街村鎮镇鄉乡洲山河江湖海邊边處处櫃間间]$"
)


def wordings(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """Every wording, plainest first."""
    topic = short_topic(topic)
    if fact.kind in {"cell", "keyvalue"}:
        made = cells_chinese.wordings(fact, topic, unique=unique)
    elif fact.kind == "qa":
        made = cells_chinese.question_answer(fact)
    elif fact.kind == "list":
        made = cells_chinese.whole_list(fact, topic)
    elif fact.kind == "passage":
        made = about_a_passage(fact, topic)
    elif fact.kind in {"sentence", "item"}:
        made = about_a_sentence(fact, topic, unique=unique)
    else:
        made = _for_a_span(fact, topic)
    yield from (_in_script(w, fact.language) for w in made)


def _for_a_span(fact: Fact, topic: str) -> Iterator[Wording]:
    start = fact.start - fact.statement_start
    if not whole(fact.statement):
        return
    left, right = _around(fact.statement, start, start + len(fact.value))
    opens = fact.statement.lstrip().startswith(left.strip()) and not _opens(left, right)
    clauses = [part for part in re.split(rf"[{STOPS}]", left) if part.strip()]
    if not (any(_about_something(part, first=opens) for part in clauses) or _opens(left, right)):
        return
    if len(re.sub(rf"[\s{STOPS}]", "", left + right)) < 3:
        return
    wh = question_word(fact.kind, fact.value, left)
    if _unaskable(fact, left, right, wh):
        return
    if _CASE.match(clauses[-1].strip() if clauses else "") or re.search(r"除(?!非)[^，,]*$", left):
        return
    left = re.sub(r"[「『《“\"]$", "", left)
    right = re.sub(r"^[」』》”\"]", "", right)
    if wh == "什麼" and left.endswith(("為", "爲", "为")):
        if re.search(r"以[^，]{1,12}[為爲为]$", left):
            return
        # 為什麼 would ask for the reason.
        left = left if re.search(r"[之定稱称視视作認认譽誉設设列命選选成評评分][為爲为]$", left) else left[:-1] + "是"
    # A blank beside a number has no place beside a question word.
    left, right = re.sub(r"(?<=[\u3400-\u9fff])\s+$", "", left), right.lstrip()
    yield from dressed(f"{left}{wh}{right}", topic, fact.value)
    yield Wording(keywords(left + right, wh, topic), "keywords")
    yield Wording(_gap(left.strip(STOPS), right.strip(STOPS), topic, wh), "moved")


def _gap(left: str, right: str, topic: str, wh: str) -> str:
    """The sentence with a gap where the value stood: whatever stands around it, one knows what is asked for."""
    said = strongly_reworded(f"{left}……{right}").translate(str.maketrans("「」", "『』"))
    at = "文件裡" if not topic or topic in left else f"「{topic}」那題" if ASKS.search(topic) else f"{topic}那邊"
    place = "後面" if not right else "中間" if left else "前面"
    return f"{at}有一句「{said}」，{place}是{wh}？"


def _unaskable(fact: Fact, left: str, right: str, wh: str) -> bool:
    """Whether the span is only a part of what would be asked."""
    if fact.kind in {"name", "phrase", "quoted"}:
        return _part_of_a_thing(fact, left, right, wh)
    return _part_of_a_value(fact, left, right, wh)


def _part_of_a_value(fact: Fact, left: str, right: str, wh: str) -> bool:
    """Half a range, a number that names a choice or a flight, a date that says which."""
    if fact.kind == "date":
        if re.match(r"\s*[\d一二三四五六七八九十兩两]+\s*(?:個|个|月|天|小時|小时|日)", right):
            return True
        return left.endswith(("為", "爲", "为", "是")) and next((w.tag[:1] for w in chinese(right)), "") == "n"
    if fact.kind == "time":
        return bool(re.match(r"[零〇一二三四五六七八九\d]", right))
    if fact.kind != "number":
        return False
    if re.search(r"[零〇○一二三四五六七八九十百千萬\d．.]$|\d\s*(?:年|個?月|天|小時|分鐘?|元|公尺|英尺)$", left):
        return True
    if re.match(r"\s*[到至~～–-]\s*\d", right) or re.search(r"(?:\d\s*[到至~～–-]\s*|[點点])$", left):
        return True
    named = re.match(r"\s*(?:[℉°º]|(?![平立英公海])[\u3400-\u9fff])", right)
    return wh == "多少" and bool(named or not left.strip(STOPS + '「『《“" '))


def _part_of_a_thing(fact: Fact, left: str, right: str, wh: str) -> bool:
    """手機 of 值班手機, the verb of 想換班, a name out of a row of names, what 「…」 only says more about."""
    if _ROW_BEFORE.search(left) or _ROW_AFTER.match(right) or fact.value.endswith(("的人", "的時候", "的时候")):
        return True
    if (left.endswith("的") and wh in {"誰", "哪裡"}) or (right.startswith("的") and wh == "哪裡"):
        return True
    if fact.kind == "quoted" and not _is_called(left, right):
        return True
    behind = next((w.tag[:1] for w in chinese(right)), "")
    if behind in {"s", "f"} and re.search(r"[在到於往從自至]$", left):
        return True  # 曲溪舍 of 在曲溪舍地下一樓.
    if (
        left.endswith(("為了", "为了"))
        or _LEADS_NOWHERE.search(left)
        or re.match(r"[〈《（(:：]", right)
        or fact.value.endswith(("約", "约"))
    ):
        return True
    before, inside = chinese(left), chinese(fact.value)
    if not before or not inside or left[-1:] in STOPS + "「『《":
        return fact.kind == "phrase" and bool(inside) and inside[0].tag == "v"
    last, verbal = before[-1].tag, inside[0].tag[:1] == "v"
    if wh == "哪裡":
        return last[:1] == "n" or next((w.tag[:1] for w in chinese(right)), "v") in {"n", "m", "a"}
    return (
        (last[:1] in {"n", "j", "b"} and last != "nr")
        or last == "vn"
        or (verbal and (last[:1] == "v" or fact.kind == "phrase"))
    )


_LEADS_NOWHERE = re.compile(r"(?:[作做][為爲为]|[沒没未]有|毫?[無无])$")
"""作為什麼 asks why, 沒有什麼 says that there is little."""

_PLAIN_VERBS = word_set("是 在 有 為 爲 为 即 係 指 到 用 設 设 位於 位于 擁有 拥有")


def _is_called(left: str, right: str) -> bool:
    """Whether a verb leads to what is quoted, and nothing of it follows: 稱為「…」, not 遊艇「…」 or 「…」計畫."""
    before = [w for w in chinese(re.sub(r"[「『《“\"]$", "", left)) if w.text.strip()]
    return (
        bool(before) and before[-1].tag[:1] in {"v", "p"} and bool(re.match(rf"[」』》”\"]?\s*(?:$|[{STOPS}])", right))
    )


def _opens(left: str, right: str) -> bool:
    """Whether the value opens the clause and its verb follows."""
    after = [w for w in chinese(right) if w.text.strip()]
    begun = left.strip() and left.strip()[-1] not in STOPS  # 「1791年，」 may stand in front.
    if begun or len(after) < 2 or len(right.strip()) < 4 or after[0].tag[:1] not in {"v", "d", "p"}:
        return False
    # 福正聚落也算: before an adverb the "verb" is the rest of the name.
    return (
        after[0].tag[:1] != "v"
        or after[0].text in _PLAIN_VERBS
        or not (after[1].tag[:1] in {"d", "v"} or after[1].text == "的")
    )


def question_word(kind: str, value: str, left: str) -> str:
    """The question word that can stand in the value's place."""
    unit = re.sub(r"^第?(?:NT\$|US\$|\$)?[\d,.零〇一二兩两三四五六七八九十百千萬万億亿半多餘幾]+\s?", "", value)
    if kind == "amount":
        return f"多少{unit}" if unit and not value.endswith("錢") else "多少錢"
    if kind == "percent":
        return f"幾{value[-1]}" if value[-1] in "成折" else "百分之多少"
    if kind == "time":
        return "幾點到幾點" if re.search(r"[–\-~～到至]", value) else "幾點"
    if kind == "date":
        return _date_word(value)
    if kind == "number":
        if value.startswith("第"):
            return f"第幾{unit}"
        return (
            f"幾{unit}"
            if unit in {"天", "人", "名", "位", "次", "個", "本", "杯", "張", "歲", "樓", "點", "件", "年", "週"}
            else f"多少{unit}"
        )
    if kind == "code":
        return (
            "分機幾號"
            if value.startswith("分機")
            else ("哪個網址或信箱" if "@" in value or "//" in value else "哪個號碼")
        )
    return _thing_word(kind, value, left)


def _date_word(value: str) -> str:
    if re.search(r"世紀|年代", value):
        return "什麼年代"
    if re.fullmatch(r"\d{1,2}年", value):
        return "幾年"
    if re.fullmatch(r".*年", value) and "月" not in value:
        return "哪一年"
    if re.search(r"[週周]|星期|禮拜", value):
        return "星期幾"
    if re.search(r"[–\-~～到至]", value):
        return "什麼時候到什麼時候"
    return "每個月幾號" if value.startswith("每月") else ("什麼時候" if "月" in value else "幾號")


def _thing_word(kind: str, value: str, left: str) -> str:
    tags = [w.tag for w in chinese(value)]
    named = bool(tags) and (tags[-1] == "nt" or (tags[-1] == "nr" and value[0] in _SURNAMES))
    person = named or _PERSON_END.search(value)
    if re.search(r"(?:人|長|员|員|者|老師|教練|主任|經理)(?:是|為|叫|由)?$", left) and not re.search(r"\d", value):
        return "誰"
    if re.search(r"(?:由|找|向)$", left) and person and not re.search(r"\d", value):
        return "誰"
    if re.search(r"(?:[稱称叫名]|[稱称]作|叫做)[為爲为]?$|[用拿]$", left):
        return "什麼"
    if kind in {"name", "phrase"} and (
        (tags and tags[-1] == "nr" and value[0] in _SURNAMES) or (_PERSON_END.search(value) and len(value) > 1)
    ):
        return "誰"
    if tags and (
        (kind == "name" and tags[-1] == "ns")
        or (_PLACE_END.search(value) and re.search(r"[在到於往從自至](?:了)?$", left))
    ):
        return "哪裡"
    return "什麼"


def _around(sentence: str, start: int, end: int) -> tuple[str, str]:
    """What is said before and after the value: its own clause, and the clauses before it that say of whom."""
    right_end = next((i for i in range(end, len(sentence)) if _stops(sentence, i)), len(sentence))
    begin = _clause_start(sentence, start)
    while begin > 0 and (right_end - begin < 46) and not _has_topic(sentence[begin:start], sentence[end:right_end]):
        begin = _clause_start(sentence, begin - 1)
    case = _clause_start(sentence, begin - 1) if begin > 0 else 0
    if begin > 0 and right_end - case < 46 and _CASE.match(sentence[case:begin].strip()):
        begin = case
    left = sentence[begin:start]
    right = sentence[end:right_end].rstrip(" .")
    # Half a bracket left behind would only confuse.
    for a, b in ("()", "（）", "「」", "『』"):
        if left.count(a) > left.count(b) and b not in right:
            left = left.replace(a, "，" if a in "(（" else "")
        if right.count(b) > right.count(a) and a not in left:
            right = right.split(b)[0]
    return left, right


_CASE = re.compile(r"如果|若|倘若|假如|當|当|除非|只要|一旦|萬一|万一")
"""A condition belongs to what is asked behind it."""


def _stops(sentence: str, place: int) -> bool:
    """Whether a clause ends here; the comma of 161,785 ends nothing."""
    inside = (
        sentence[place] in ",:." and sentence[place - 1 : place].isdigit() and sentence[place + 1 : place + 2].isdigit()
    )
    return sentence[place] in STOPS and not inside


def _clause_start(sentence: str, place: int) -> int:
    return next((i for i in range(place - 1, -1, -1) if _stops(sentence, i)), -1) + 1


def _has_topic(left: str, right: str) -> bool:
    """Whether the clause says what it is about: a noun at its beginning, and enough words."""
    return len((left + right).strip()) >= 5 and _about_something(left)


def _about_something(left: str, *, first: bool = False) -> bool:
    """Whether it opens with a noun; at the beginning of a sentence the tagger may take the noun for a verb."""
    words = [w for w in chinese(left) if w.text.strip()]
    if not words or words[0].text in GOES_ON:
        return False
    if first and len(words) > 1 and len(words[0].text) > 1 and words[1].tag[:1] in {"d", "p"}:
        return True
    verb = next((n for n, w in enumerate(words) if w.tag[:1] in {"v", "p"} and w.tag != "vn"), len(words))
    return words[0].tag[:1] in {"n", "s", "j", "l"} or any(w.tag[:1] in {"n", "j"} for w in words[:verb])


def _in_script(wording: Wording, language: str) -> Wording:
    """The made words in the script of the document."""
    if language != "zh-Hans":
        return wording
    return wording._replace(question=_simplified(wording.question))


def _simplified(text: str) -> str:
    from finetune.pairs.scripts import simplified

    return simplified(text)
