"""Questions in Chinese for table cells, key–value lines, question–answer pairs and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.wording import Wording
from finetune.pairs.wording.lexicon import load, pick
from finetune.pairs.wording.rewording_chinese import keywords, reworded, short_topic, strongly_reworded, to_me
from finetune.records import Fact

_KINDS: list[tuple[str, list[str]]] = [
    (r"價|费|費|金額|票|租金|薪|津貼|押金|[大中小]杯|元", ["{x}多少錢？", "{x}要付多少？", "{x}是怎麼收費的？"]),
    (r"電話|分機|专线|專線", ["{x}要打幾號？", "{x}的電話是多少？", "要找{x}打哪支電話？"]),
    (r"負責|聯絡|承辦|人員|主管|窗口|教練|老師|簽核|權限", ["{x}要找誰？", "{x}是誰在管？", "{x}由誰負責？"]),
    (
        r"時段|時間|日期|開放|期限|截止|何時|發放|期間|頻率",
        ["{x}是什麼時候？", "{x}要等到什麼時候？", "{x}的時間怎麼算？"],
    ),
    (r"地點|位置|地方|存放|擺放", ["{x}在哪裡？", "{x}放在什麼地方？", "{x}要去哪裡找？"]),
    (r"人數|數量|上限|名額|容量|次數|最少|最多", ["{x}可以幾個？", "{x}的上限是多少？", "{x}是多少？"]),
    (r"條件|資格|限制|對象|備註|說明|要求", ["{x}有什麼限制？", "{x}要符合什麼條件？", "{x}有什麼要注意的？"]),
]


def wordings(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """A cell asked by its row and column."""
    words = load("chinese")
    row, column = fact.about, fact.attribute
    if not row:
        return
    seed = row + column
    part = partial(row)
    near = f"{topic}的" if topic and topic not in row else ""
    yield Wording(f"{near}{row}的{column}{'是多少' if fact.value[:1].isdigit() else '是什麼'}？", "plain")
    yield Wording(f"{part}的{column}呢？", "short")
    for pattern, ways in _KINDS:
        if re.search(pattern, column):
            first = pick(ways, seed)
            second = pick([w for w in ways if w != first], seed)
            yield Wording(near + first.format(x=_of(part, column)), "typed")
            yield Wording(
                pick(words["openers"], seed) + second.format(x=_of(part, column)).rstrip("？"), "typed_casual"
            )
            break
    wh = "是多少" if fact.value[:1].isdigit() else "是什麼"
    yield Wording(f"{pick(words['situations'], seed)}{part}的{reworded(column, seed)}{wh}？", "situation")
    yield Wording(f"{pick(words['requests'], seed)}{part}的{reworded(column, seed + '1')}。", "request")
    yield Wording(f"關於{topic}，{part}在「{column}」那一欄寫什麼？" if topic else f"{part}：{column}？", "topic_first")
    yield Wording(f"{part} {reworded(column, seed + '2')} {topic}", "casual")
    yield Wording(f"{pick(words['openers'], seed + 'x')}{part}，我要問的是{reworded(column, seed + '3')}", "opener")
    yield Wording(f"我在看{part}，{column}怎麼寫？", "me")
    yield Wording(f"有人知道{row}的{column}嗎？", "embedded")
    yield Wording(f"{row}的{column}是{fact.value}，對嗎？", "true_false", f"對，{fact.value}。")
    if unique and len(fact.value) > 1:
        yield Wording(f"{near}哪一項的{column}是{fact.value}？", "reversed", row, "reversed")
    yield Wording(keywords(f"{row} {strongly_reworded(column)}", strongly_reworded(column), topic), "keywords")
    at = f"{topic}那邊" if near and topic != column else ""
    yield Wording(f"說到{part}，{at}我只想知道{strongly_reworded(column)}。", "moved")


def _of(part: str, column: str) -> str:
    """ "晚班的休息" and not "晚班的費用要多少錢": columns that only say price or time are left unsaid."""
    plain = re.fullmatch(
        r"(?:金額|費用|價格|售價|單價|電話|分機|時間|日期|地點|位置|人數|數量|備註|說明|負責人|聯絡人)", column
    )
    return part if plain else f"{part}的{column}"


def question_answer(fact: Fact) -> Iterator[Wording]:
    """A question that the document itself asks, and the same said otherwise."""
    words = load("chinese")
    bare = re.sub(r"^\s*(?:[Q問问]\s*[:：.、]?|\d+[.、)）])\s*", "", fact.about).strip(" ?？")
    if len(bare) < 2:
        return
    seed = bare
    yield Wording(bare + "？", "plain")
    yield Wording(f"{pick(words['openers'], seed)}{reworded(bare, seed)}", "opener")
    yield Wording(f"{pick(words['situations'], seed)}{reworded(bare, seed + '1')}？", "situation")
    yield Wording(f"{pick(words['requests'], seed)}，{reworded(bare, seed + '2')}？", "request")
    yield Wording(f"{reworded(to_me(bare), seed + '3', 4)}啊？", "me")
    yield Wording(f"如果有人問「{bare}」，要怎麼回？", "embedded")
    yield Wording(f"{reworded(bare, seed + '4')} 急", "casual")
    yield Wording(f"{bare}，有規定嗎？", "short")
    yield Wording(f"常見問題：{reworded(bare, seed + '5')}？", "topic_first")
    yield Wording(keywords(bare, "", ""), "keywords")
    other = strongly_reworded(bare)
    yield Wording(
        f"有人想知道這件事：{other}？" if ASKS.search(bare) else f"有人遇到這件事：{other}。要怎麼處理？", "moved"
    )


ASKS = re.compile(r"[嗎吗呢]$|什麼|什么|怎|哪|幾|几|多少|多久|多[長长大高重]|誰|谁|是否|可不可以|能不能|要不要|有沒有")


def whole_list(fact: Fact, topic: str) -> Iterator[Wording]:
    """All items of a list."""
    words = load("chinese")
    lead = short_topic(fact.about or topic).strip(" ：:")
    if not lead or re.fullmatch(r"(?:參見|参见|參考.{0,2}|参考.{0,2}|例如|以下|如下|外部連結|外部链接)", lead):
        return
    seed = fact.id
    for family, question in (
        ("plain", f"{lead}有哪些？"),
        ("request", f"{pick(words['requests'], seed)}{lead}有哪幾項。"),
        ("opener", f"{pick(words['openers'], seed)}{reworded(lead, seed)}全部列給我"),
        ("situation", f"{pick(words['situations'], seed)}{lead}總共有哪些？"),
        ("casual", f"{lead} 全部有哪些"),
        ("topic_first", f"關於{topic}，{lead}包括哪些？" if topic != lead else f"{lead}，一次講完有哪些？"),
        ("me", f"我想一次看完{lead}，有哪些？"),
        ("embedded", f"有人知道{lead}所有的項目嗎？"),
        ("keywords", keywords(lead, "有哪些", topic)),
        ("moved", f"請把每一項都說出來，{strongly_reworded(lead)}。"),
    ):
        yield Wording(question, family, kind="list")


def partial(name: str) -> str:
    """A name as people shorten it: without brackets."""
    short = re.split(r"[（(：:；;]", name)[0].strip(" ，,")
    return short if len(short) > 1 else name
