"""Questions in Chinese about a fact: a question word stands where the value stood, in different words and registers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from finetune.pairs.tagging import chinese
from finetune.pairs.wording import Wording, cells_chinese
from finetune.pairs.wording.lexicon import load, pick
from finetune.pairs.words import words as word_set
from finetune.records import Fact
from memory.records import digest

_STOPS = "，,；;。！!？?：:"
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
        made = _about_a_passage(fact, topic)
    elif fact.kind in {"sentence", "item"}:
        made = _about_a_sentence(fact, topic, unique=unique)
    else:
        made = _for_a_span(fact, topic)
    yield from (_in_script(w, fact.language) for w in made)


def short_topic(topic: str) -> str:
    """A heading without its number."""
    return (
        re.sub(
            r"^\s*(?:第?[一二三四五六七八九十百\d]+[章節条條]?[、.．)）]?|[（(][一二三四五六七八九十\d]+[)）])\s*",
            "",
            topic,
        )
        or topic
    )


def _whole(statement: str) -> bool:
    """Whether it is a sentence of its own: closed, its quotation marks in pairs, no English run or file's key in it."""
    text = statement.strip()
    pairs = (("「", "」"), ("『", "』"), ("《", "》"), ("（", "）"), ("(", ")"), ("“", "”"))
    return (
        bool(re.search(r"[。！!.；;）)」』]$", text))
        and not re.match(r"[.\-*#|、，）」]", text)
        and all(text.count(a) == text.count(b) for a, b in pairs)
        and not re.search(r"(?:[A-Za-z]+[\s,]+){4,}|[|{}\t]|→|(?:如下|以下)[：:]?$|^(?:如上|上述|以上)", text)
    )


def _for_a_span(fact: Fact, topic: str) -> Iterator[Wording]:
    start = fact.start - fact.statement_start
    if not _whole(fact.statement):
        return
    left, right = _around(fact.statement, start, start + len(fact.value))
    opens = fact.statement.lstrip().startswith(left.strip()) and not _opens(left, right)
    clauses = [part for part in re.split(rf"[{_STOPS}]", left) if part.strip()]
    if not (any(_about_something(part, first=opens) for part in clauses) or _opens(left, right)):
        return
    if len(re.sub(rf"[\s{_STOPS}]", "", left + right)) < 3:
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
    moved = strongly_reworded(to_me(f"{left}……{right}" if right else left)).strip(_STOPS)
    yield Wording(f"{wh}？我是說{strongly_reworded(topic)}那邊的{moved}。", "moved")


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
    return wh == "多少" and bool(named or not left.strip(_STOPS + '「『《“" '))


def _part_of_a_thing(fact: Fact, left: str, right: str, wh: str) -> bool:
    """手機 of 值班手機, the verb of 想換班, a name out of a row of names, what 「…」 only says more about."""
    if _ROW_BEFORE.search(left) or _ROW_AFTER.match(right) or fact.value.endswith(("的人", "的時候", "的时候")):
        return True
    if (left.endswith("的") and wh in {"誰", "哪裡"}) or (right.startswith("的") and wh == "哪裡"):
        return True
    if fact.kind == "quoted" and not _is_called(left, right):
        return True
    if (
        left.endswith(("為了", "为了"))
        or _LEADS_NOWHERE.search(left)
        or re.match(r"[〈《（(:：]", right)
        or fact.value.endswith(("約", "约"))
    ):
        return True
    before, inside = chinese(left), chinese(fact.value)
    if not before or not inside or left[-1:] in _STOPS + "「『《":
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
        bool(before) and before[-1].tag[:1] in {"v", "p"} and bool(re.match(rf"[」』》”\"]?\s*(?:$|[{_STOPS}])", right))
    )


def _opens(left: str, right: str) -> bool:
    """Whether the value opens the clause and its verb follows."""
    after = [w for w in chinese(right) if w.text.strip()]
    begun = left.strip() and left.strip()[-1] not in _STOPS  # 「1791年，」 may stand in front.
    if begun or len(after) < 2 or len(right.strip()) < 4 or after[0].tag[:1] not in {"v", "d", "p"}:
        return False
    # 福正聚落也算: before an adverb the "verb" is the rest of the name.
    return (
        after[0].tag[:1] != "v"
        or after[0].text in _PLAIN_VERBS
        or not (after[1].tag[:1] in {"d", "v"} or after[1].text == "的")
    )


def dressed(stem: str, topic: str, value: str) -> Iterator[Wording]:
    """The plain question and its rewordings, in an order that gives the most different ones first."""
    words = load("chinese")
    seed = stem + topic
    about = f"關於{topic}，" if topic and topic not in stem else ""
    tail = "" if stem.endswith(("嗎", "呢", "啊")) else pick(words["endings"], seed)
    yield Wording(f"{stem}？", "plain")
    yield Wording(f"{reworded(to_me(stem), seed + '2')}？", "me")
    yield Wording(f"{pick(words['openers'], seed)}{reworded(stem, seed + '3')}{tail}", "opener")
    yield Wording(f"{pick(words['situations'], seed)}{reworded(to_me(stem), seed + '4')}？", "situation")
    if about:
        yield Wording(f"{about}{reworded(stem, seed + '5')}？", "topic_first")
    yield Wording(f"{pick(words['requests'], seed)}{reworded(stem, seed + '6')}。", "request")
    yield Wording(f"{topic}，{to_me(reworded(stem, seed + '7'))}" if topic else f"{to_me(stem)}呀", "casual")
    yield Wording(
        f"{reworded(last_clause(stem), seed + '8')}？（{topic}）" if topic else f"{last_clause(stem)}？", "short"
    )
    yield Wording(f"有人知道{reworded(stem, seed + '9', 4)}嗎？", "embedded")
    yield Wording(f"我一直想弄清楚{reworded(to_me(stem), seed + 'w')}。", "wondering")
    yield Wording(f"有人問我{reworded(stem, seed + 'p', 3)}，該怎麼回答？", "passed_on")


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
    if re.search(r"(?:[稱称叫名]|[稱称]作|叫做)[為爲为]?$", left):
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
    return sentence[place] in _STOPS and not inside


def _clause_start(sentence: str, place: int) -> int:
    return next((i for i in range(place - 1, -1, -1) if _stops(sentence, i)), -1) + 1


_GOES_ON = word_set("以及 及 因為 因爲 因为 後來 后来 此外 並 並且 而 而且 且 也 就 再 則 才 又 但 但是 否則 所以 因此")


def _has_topic(left: str, right: str) -> bool:
    """Whether the clause says what it is about: a noun at its beginning, and enough words."""
    return len((left + right).strip()) >= 5 and _about_something(left)


def _about_something(left: str, *, first: bool = False) -> bool:
    """Whether it opens with a noun; at the beginning of a sentence the tagger may take the noun for a verb."""
    words = [w for w in chinese(left) if w.text.strip()]
    if not words or words[0].text in _GOES_ON:
        return False
    if first and len(words) > 1 and len(words[0].text) > 1 and words[1].tag[:1] in {"d", "p"}:
        return True
    verb = next((n for n, w in enumerate(words) if w.tag[:1] in {"v", "p"} and w.tag != "vn"), len(words))
    return words[0].tag[:1] in {"n", "s", "j", "l"} or any(w.tag[:1] in {"n", "j"} for w in words[:verb])


def last_clause(stem: str) -> str:
    """The part of a question that asks."""
    parts = [p for p in re.split(rf"[{_STOPS}]", stem) if p]
    first = next(iter(chinese(parts[-1])), None) if parts else None
    whole = (
        first is not None
        and len(parts[-1]) >= 5
        and first.text not in _GOES_ON
        and first.tag[:1] in {"n", "t", "s", "j"}
    )
    return parts[-1] if whole else stem


def _about_a_sentence(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """Questions that a whole sentence answers: what if, and what about."""
    statement = fact.statement.strip()
    subject, verb = _subject(statement)
    if not subject or not _whole(statement if fact.kind == "sentence" else f"{statement}。"):
        return
    named = {w.tag for w in chinese(subject)} <= {"nr", "ns", "nz", "nt"}
    answer, at = fact.value, f"{topic}的" if topic and topic not in subject and not named else ""
    asks = f"{subject}{_ASKS_OF[verb]}" if verb in _ASKS_OF else ""
    words, seed = load("chinese"), statement
    if asks:
        yield from (w._replace(answer=answer) for w in dressed(asks, topic, ""))
        yield Wording(keywords(statement, asks[-2:], topic), "keywords", answer)
        yield Wording(f"說到{strongly_reworded(subject)}，{strongly_reworded(topic)}那邊是怎麼講的？", "moved", answer)
        return
    if not unique:
        return
    for family, question in (
        ("plain", f"{at}{subject}是怎麼樣的？"),
        ("opener", f"{pick(words['openers'], seed)}{reworded(subject, seed)}的情形是怎樣？（{topic}）"),
        ("situation", f"{pick(words['situations'], seed)}{to_me(subject)}有什麼要知道的？（{topic}）"),
        ("topic_first", f"關於{topic}，{subject}怎麼說？" if topic else f"說明一下{subject}。"),
        ("request", f"{pick(words['requests'], seed)}{at}{reworded(subject, seed + '1')}的情形。"),
        ("casual", f"{topic} {reworded(subject, seed + '2')} 怎麼樣"),
        ("short", f"{subject}呢？{topic}有寫嗎"),
        ("embedded", f"有人知道{at}{reworded(subject, seed + '3')}是怎麼回事嗎？"),
        ("wondering", f"我一直想弄清楚{at}{subject}的事。"),
        ("passed_on", f"有人問我{at}{subject}，該怎麼回答？"),
        ("keywords", keywords(statement, "", topic)),
        ("moved", f"說到{strongly_reworded(subject)}，{strongly_reworded(topic)}那邊是怎麼講的？"),
    ):
        yield Wording(question, family, answer)


_ASKS_OF = {"是": "是什麼", "為": "是什麼", "指": "是指什麼", "為了": "是為了什麼", "位於": "在哪裡", "位于": "在哪里"}
"""A sentence's verb → what it answers about its subject."""


def _about_a_passage(fact: Fact, topic: str) -> Iterator[Wording]:
    """What there is to know about a heading; a heading that asks is asked."""
    if fact.about.endswith(("？", "?")) or re.search(
        r"[嗎吗呢]$|^(?:怎麼|怎么|如何|什麼|什么|為什麼|为什么|哪)", topic
    ):
        yield from cells_chinese.question_answer(fact)
        return
    if not 2 <= len(topic) <= 14 or re.search(rf"[{_STOPS}]", topic):
        return
    words, seed = load("chinese"), topic
    other = reworded(topic, seed)
    yield Wording(f"{topic}有哪些要知道的？", "plain")
    yield Wording(f"{pick(words['openers'], seed)}{other}是怎麼樣的", "opener")
    yield Wording(f"{pick(words['situations'], seed)}{topic}要注意什麼？", "situation")
    yield Wording(f"{pick(words['requests'], seed)}{other}的內容。", "request")
    yield Wording(f"關於{topic}，有什麼說明？", "topic_first")
    yield Wording(f"{topic} 有寫什麼", "casual")
    yield Wording(f"{topic}大概是怎樣？", "short")
    yield Wording(f"有人知道{topic}是怎麼回事嗎？", "embedded")
    yield Wording(f"可以介紹一下{other}嗎？", "me")
    yield Wording(keywords(topic, "說明", ""), "keywords")
    yield Wording(f"說到{strongly_reworded(topic)}，那邊是怎麼講的？", "moved")


def _subject(statement: str) -> tuple[str, str]:
    """What a sentence is about, a noun phrase up to the first verb, and that verb; empty where it opens otherwise."""
    first = re.split(rf"[{_STOPS}]", statement)[0]
    words = [w for w in chinese(first) if w.text.strip()]
    place = next((n for n, w in enumerate(words) if n and w.tag[:1] in {"v", "p", "d", "c"} and w.tag != "vn"), None)
    if place is None:
        return "", ""
    subject = first[words[0].start : words[place - 1].end]
    noun = words[place - 1].tag[:1] in {"n", "j", "l"} or words[place - 1].tag in {"vn", "eng", "s", "nz"}
    opens = words[0].tag[:1] not in {"v", "p", "c", "d", "r", "u", "f"}
    verb = next((w.text for w in words[place:] if w.tag[:1] in {"v", "p"}), "")
    if words[place].text in {"最", "較", "较", "更"} or "的" in {
        w.text for w in words[place : place + 2]
    }:  # 關島最高溫紀錄 is about the record.
        return "", ""
    if words[0].text in _THEN or re.search(r"\d\s*[年月日]", subject):
        return "", ""
    if (
        not (noun and opens and 2 <= len(subject) <= 16)
        or re.search(r"[「『《（(\"“]", subject)
        or words[place - 1].text in _EMPTY
    ):
        return "", ""
    return subject, verb


_THEN = word_set("後來 后来 現在 现在 目前 當時 当时 其後 其后 最後 最后 之後 之后 因此 然後 然后 另外")
_EMPTY = word_set(
    "時 时 時候 时候 情況 情况 原因 方式 地方 問題 问题 結果 结果 例子 部分 其中 目前 當時 之後 之前 中 裡 里 上 下"
)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    keys = sorted(load("chinese")["synonyms"], key=len, reverse=True)
    return re.compile("|".join(keys))


def reworded(text: str, seed: str, most: int = 2) -> str:
    """`text` with up to `most` words said otherwise, at word boundaries only."""
    table = load("chinese")["synonyms"]
    starts = {w.start: w.end for w in chinese(text)}
    places = [m for m in _pattern().finditer(text) if starts.get(m.start()) is not None and m.end() in starts.values()]
    places = [m for m in places if text[m.end() : m.end() + 1] != "中"]  # 營業中 is one word, whatever 營業 may become.
    chosen = sorted(places, key=lambda m: digest(seed, m[0], str(m.start())))[:most]
    for match in sorted(chosen, key=lambda m: -m.start()):
        text = text[: match.start()] + pick(table[match[0]], seed) + text[match.end() :]
    return text


def strongly_reworded(text: str) -> str:
    """Every word that can be said otherwise, said otherwise."""
    return reworded(text, "strong", most=20)


def to_me(text: str) -> str:
    """The question as the person it concerns asks it; "the company's" becomes "yours"."""
    text = re.sub(r"^(?:我們|本公司|公司|本店|本校|我们)", "你們", text)
    return _people().sub("我", text, count=1)


@lru_cache(maxsize=1)
def _people() -> re.Pattern[str]:
    """A person in front that whoever asks may be."""
    people = "|".join(sorted(load("chinese")["people"], key=len, reverse=True))
    return re.compile(rf"^(?:所有|每位|每名|一般)?(?:{people})(?=[^的]|$)")


def keywords(text: str, wh: str, topic: str, most: int = 5) -> str:
    """A search as people type it: the telling words with blanks between, and what is wanted."""
    telling = [
        w.text
        for w in chinese(text)
        if w.tag[:1] in {"n", "v", "a", "t", "j", "l", "e"} and len(w.text) > 1 and w.tag not in {"vshi"}
    ]
    unique = list(dict.fromkeys(telling))[-most:]
    heads = [topic] if topic and len(topic) <= 10 and topic not in "".join(unique) else []
    return " ".join(dict.fromkeys([*heads, *(reworded(w, "k", 1) for w in unique), wh])).strip()


def _in_script(wording: Wording, language: str) -> Wording:
    """The made words in the script of the document."""
    if language != "zh-Hans":
        return wording
    return wording._replace(question=_simplified(wording.question))


def _simplified(text: str) -> str:
    from finetune.pairs.scripts import simplified

    return simplified(text)
