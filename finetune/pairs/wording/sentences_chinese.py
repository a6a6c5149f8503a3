"""Questions in Chinese that a whole sentence or a short section answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from finetune.pairs.tagging import chinese
from finetune.pairs.wording import Wording, cells_chinese
from finetune.pairs.wording.lexicon import load, pick
from finetune.pairs.wording.rewording_chinese import (
    STOPS,
    dressed,
    keywords,
    reworded,
    strongly_reworded,
    to_me,
)
from finetune.pairs.words import words as word_set
from finetune.records import Fact


def about_a_sentence(fact: Fact, topic: str, *, unique: bool) -> Iterator[Wording]:
    """Questions that a whole sentence answers: what if, and what about."""
    statement = fact.statement.strip()
    subject, verb = _subject(statement)
    if not subject or not whole(statement if fact.kind == "sentence" else f"{statement}。"):
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


def about_a_passage(fact: Fact, topic: str) -> Iterator[Wording]:
    """What there is to know about a heading; a heading that asks is asked."""
    if fact.about.endswith(("？", "?")) or re.search(
        r"[嗎吗呢]$|^(?:怎麼|怎么|如何|什麼|什么|為什麼|为什么|哪)", topic
    ):
        yield from cells_chinese.question_answer(fact)
        return
    if not 2 <= len(topic) <= 14 or re.search(rf"[{STOPS}]", topic):
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
    first = re.split(rf"[{STOPS}]", statement)[0]
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


def whole(statement: str) -> bool:
    """Whether it is a sentence of its own: closed, its quotation marks in pairs, no English run or file's key in it."""
    text = statement.strip()
    pairs = (("「", "」"), ("『", "』"), ("《", "》"), ("（", "）"), ("(", ")"), ("“", "”"))
    return (
        bool(re.search(r"[。！!.；;）)」』]$", text))
        and not re.match(r"[.\-*#|、，）」]", text)
        and all(text.count(a) == text.count(b) for a, b in pairs)
        and not re.search(r"(?:[A-Za-z]+[\s,]+){4,}|[|{}\t]|→|(?:如下|以下)[：:]?$|^(?:如上|上述|以上)", text)
    )
