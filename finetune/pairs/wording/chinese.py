"""Questions in Chinese about a fact: a question word stands where the value stood, in different words and registers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.tagging import chinese
from finetune.pairs.wording import Wording, cells_chinese
from finetune.pairs.wording.lexicon import load, pick
from finetune.pairs.words import words as word_set
from finetune.records import Fact
from memory.records import digest

_STOPS = "，,；;。！!？?：:"
_ROW_BEFORE = re.compile(r"[、與与和及跟或][「『《“\"]?$")
_ROW_AFTER = re.compile(r"[」』》”\"]?[、與与和及跟或]")
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


def wordings(fact: Fact, topic: str, *, unique: bool) -> list[Wording]:
    """Every wording, plainest first."""
    topic = short_topic(topic)
    if fact.kind in {"cell", "keyvalue"}:
        made = cells_chinese.wordings(fact, topic, unique=unique)
    elif fact.kind == "qa":
        made = cells_chinese.question_answer(fact)
    elif fact.kind == "list":
        made = cells_chinese.whole_list(fact, topic)
    elif fact.kind in {"sentence", "item"}:
        made = _about_a_sentence(fact, topic)
    else:
        made = _for_a_span(fact, topic)
    return [_in_script(w, fact.language) for w in made]


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


def _for_a_span(fact: Fact, topic: str) -> Iterator[Wording]:
    start = fact.start - fact.statement_start
    left, right = _around(fact.statement, start, start + len(fact.value))
    if len(re.sub(rf"[\s{_STOPS}]", "", left + right)) < 3:
        return
    wh = question_word(fact.kind, fact.value, left)
    if _unaskable(fact, left, right, wh):
        return
    left = re.sub(r"[「『《“\"]$", "", left)
    right = re.sub(r"^[」』》”\"]", "", right)
    # A blank beside a number has no place beside a question word.
    left, right = re.sub(r"(?<=[\u3400-\u9fff])\s+$", "", left), right.lstrip()
    yield from dressed(f"{left}{wh}{right}", topic, fact.value)
    yield Wording(f"填空：{left}＿＿{right}。", "cloze")
    yield Wording(keywords(left + right, wh, topic), "keywords")
    moved = strongly_reworded(to_me(f"{left}……{right}" if right else left)).strip(_STOPS)
    yield Wording(f"{wh}？我是說{strongly_reworded(topic)}那邊的{moved}。", "moved")


def _unaskable(fact: Fact, left: str, right: str, wh: str) -> bool:
    """Whether the span is only a part of what would be asked: half a range, 手機 of 值班手機, the verb of 想換班, a
    name out of a row of names."""
    if fact.kind == "number" and (re.match(r"\s*[到至~～–-]\s*\d", right) or re.search(r"\d\s*[到至~～–-]\s*$", left)):
        return True
    if fact.kind in {"name", "phrase", "quoted"} and (_ROW_BEFORE.search(left) or _ROW_AFTER.match(right)):
        return True
    if left.endswith("的") and wh in {"誰", "哪裡"}:
        return True
    before, inside = chinese(left), chinese(fact.value)
    if wh not in {"什麼", "誰"} or not before or left[-1:] in _STOPS + "「『《" or not inside:
        return False
    last = before[-1].tag[:1]
    return (last in {"n", "j", "b"} and before[-1].tag != "nr") or (last == "v" and inside[0].tag[:1] == "v")


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
    yield Wording(f"{about}{reworded(stem, seed + '5')}？" if about else f"{stem}，這個有寫嗎？", "topic_first")
    yield Wording(f"{pick(words['requests'], seed)}{reworded(stem, seed + '6')}。", "request")
    yield Wording(f"{topic}，{to_me(reworded(stem, seed + '7'))}" if topic else f"{to_me(stem)}呀", "casual")
    yield Wording(
        f"{reworded(last_clause(stem), seed + '8')}？（{topic}）" if topic else f"{last_clause(stem)}？", "short"
    )
    yield Wording(f"有人知道{reworded(stem, seed + '9', 4)}嗎？", "embedded")


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
    if re.fullmatch(r".*年", value) and "月" not in value:
        return "哪一年"
    if re.search(r"[週周]|星期|禮拜", value):
        return "星期幾"
    if re.search(r"[–\-~～到至]", value):
        return "什麼時候到什麼時候"
    return "每個月幾號" if value.startswith("每月") else ("什麼時候" if "月" in value else "幾號")


def _thing_word(kind: str, value: str, left: str) -> str:
    tags = [w.tag for w in chinese(value)]
    if re.search(r"(?:人|長|员|員|者|老師|教練|主任|經理)(?:是|為|叫|由)?$|(?:由|找|向)$", left) and not re.search(
        r"\d", value
    ):
        return "誰"
    if kind in {"name", "phrase"} and (
        (tags and tags[-1] == "nr" and value[0] in _SURNAMES) or (_PERSON_END.search(value) and len(value) > 1)
    ):
        return "誰"
    if tags and (
        tags[-1] in {"ns", "s"} or (_PLACE_END.search(value) and re.search(r"[在到於往從自至](?:了)?$", left))
    ):
        return "哪裡"
    return "什麼"


def _around(sentence: str, start: int, end: int) -> tuple[str, str]:
    """What is said before and after the value: its own clause, and the clauses before it that say of whom."""
    right_end = next((i for i in range(end, len(sentence)) if sentence[i] in _STOPS), len(sentence))
    begin = _clause_start(sentence, start)
    while begin > 0 and (right_end - begin < 46) and not _has_topic(sentence[begin:start], sentence[end:right_end]):
        begin = _clause_start(sentence, begin - 1)
    left = sentence[begin:start]
    right = sentence[end:right_end].rstrip(" .")
    # Half a bracket left behind would only confuse.
    for a, b in ("()", "（）", "「」", "『』"):
        if left.count(a) > left.count(b) and b not in right:
            left = left.replace(a, "，" if a in "(（" else "")
        if right.count(b) > right.count(a) and a not in left:
            right = right.split(b)[0]
    return left, right


def _clause_start(sentence: str, place: int) -> int:
    return max((sentence.rfind(stop, 0, place) for stop in _STOPS), default=-1) + 1


_GOES_ON = word_set("並 並且 而 而且 且 也 就 再 則 才 又 但 但是 否則 所以 因此")


def _has_topic(left: str, right: str) -> bool:
    """Whether the clause says what it is about: a noun at its beginning, and enough words."""
    words = [w for w in chinese(left) if w.text.strip()]
    if len((left + right).strip()) < 5:
        return False
    if words and words[0].text in _GOES_ON:
        return False
    return bool(words) and (words[0].tag[:1] in {"n", "t", "s", "j", "l"} or any(w.tag[:1] == "n" for w in words[:3]))


def last_clause(stem: str) -> str:
    """The part of a question that asks."""
    parts = [p for p in re.split(rf"[{_STOPS}]", stem) if p]
    whole = bool(parts) and len(parts[-1]) >= 5 and next((w.text for w in chinese(parts[-1])), "") not in _GOES_ON
    return parts[-1] if whole else stem


def _about_a_sentence(fact: Fact, topic: str) -> Iterator[Wording]:
    """Questions that a whole sentence answers: what if, and what about."""
    statement = fact.statement.strip()
    subject = _subject(statement)
    if not subject:
        return
    answer = fact.value
    words = load("chinese")
    seed = statement
    at = f"{topic}的" if topic and topic not in subject else ""
    if any(w.tag == "v" for w in chinese(subject)):
        # A whole clause is no topic: "what about that the first shop is by the harbour" is asked by nobody.
        yield Wording(
            f"{pick(words['situations'], seed)}{to_me(subject)}的話要注意什麼？（{topic}）", "situation", answer
        )
        yield Wording(keywords(statement, "", topic), "keywords", answer)
        yield Wording(
            f"說到{strongly_reworded(subject)}，{strongly_reworded(topic)}那邊是怎麼規定來著？", "moved", answer
        )
        return
    yield Wording(f"{at}{subject}有什麼規定或說明？", "plain", answer)
    yield Wording(f"{pick(words['openers'], seed)}{reworded(subject, seed)}是怎麼樣？{topic}", "opener", answer)
    yield Wording(f"{pick(words['situations'], seed)}{to_me(subject)}的話要注意什麼？（{topic}）", "situation", answer)
    yield Wording(f"關於{topic}，{subject}怎麼說？" if topic else f"說明一下{subject}。", "topic_first", answer)
    yield Wording(
        f"{pick(words['requests'], seed)}{reworded(subject, seed + '1')}的情形，{topic}裡面的。", "request", answer
    )
    yield Wording(f"{topic} {reworded(subject, seed + '2')} 怎麼算", "casual", answer)
    yield Wording(f"{subject}呢？{topic}有寫嗎", "short", answer)
    yield Wording(f"有人知道{at}{reworded(subject, seed + '3')}是怎麼回事嗎？", "embedded", answer)
    yield Wording(keywords(statement, "", topic), "keywords", answer)
    yield Wording(f"說到{strongly_reworded(subject)}，{strongly_reworded(topic)}那邊是怎麼規定來著？", "moved", answer)


def _subject(statement: str) -> str:
    """What a sentence is about: its first clause up to the verb, or its first noun phrase."""
    first = re.split(rf"[{_STOPS}]", statement)[0]
    words = chinese(first)
    verb = next((w for w in words if w.start > 0 and w.tag[:1] in {"v", "p"} and w.tag != "vn"), None)
    subject = first[: verb.start] if verb else first
    if re.search(r"\d", subject):
        subject = first
    noun = any(w.tag[:1] == "n" and len(w.text) > 1 for w in words if w.end <= len(subject))
    if noun and len(subject) <= 16:
        return subject.strip("的在於 ")
    return first if 4 <= len(first) <= 16 else ""


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
    people = "|".join(sorted(load("chinese")["people"], key=len, reverse=True))
    return re.sub(rf"^(?:所有|每位|每名|一般)?(?:{people})(?=[^的]|$)", "我", text, count=1)


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
