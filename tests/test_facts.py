"""Facts: what a user states is taken exactly, what is only asked or said in passing is not."""

from __future__ import annotations

import time

import pytest

from memory.facts import asked_to_forget, current, exact, extract


def told(*messages):
    """The facts that hold after the messages, by key."""
    known = []
    for number, message in enumerate(messages):
        known += extract(message, turn=2 * number, known=known)
    return {fact.key: fact.value for fact in current(known)}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("My site is TAINAN-7", {"site": "TAINAN-7"}),
        ("call me KESTREL", {"name": "KESTREL"}),
        ("Please just call me Dr. Chen from now on", {"name": "Dr. Chen"}),
        ("Hi, I'm Dana Whitfield and I work for Harbour Labs.", {"name": "Dana Whitfield", "work": "Harbour Labs"}),
        ("My site is TAINAN-7, where is the manual?", {"site": "TAINAN-7"}),
        ("my address is 12 Dock Road, Tainan, and the bell is broken", {"address": "12 Dock Road, Tainan"}),
        (
            "My phone number is 0912-345-678 and my email is dana@x.example.",
            {"phone": "0912-345-678", "email": "dana@x.example"},
        ),
        ("Our budget is 3,500.50 euros.", {"budget": "3,500.50 euros"}),
        ("I prefer metric units because of work", {"prefer units": "metric units"}),
        ("I'm allergic to peanuts", {"allergy": "peanuts"}),
        ("The deadline has been moved from 12 May to 14 May 2026!", {"deadline": "14 May 2026"}),
        ("Order number: A-1234", {"order number": "A-1234"}),
        ("We saw error E-4711 again", {"mention e-4711": "E-4711"}),
        ("我叫王小明，住在台南", {"name": "王小明"}),
        ("请叫我小李吧", {"name": "小李"}),
        ("我的站點是 TAINAN-7。", {"站點": "TAINAN-7"}),
        ("我的生日是 5 月 14 日，請問保固多久？", {"birthday": "5 月 14 日"}),
        ("我手機是0912-345-678", {"phone": "0912-345-678"}),
        ("我住在台南市東區", {"home": "台南市東區"}),
        ("我在台積電工作", {"work": "台積電"}),
        ("我對花生過敏", {"allergy": "花生"}),
        ("專案代號是 TAINAN-7", {"專案代號": "TAINAN-7"}),
    ],
)
def test_statements_are_taken_exactly(message, expected):
    assert {k: told(message).get(k) for k in expected} == expected


@pytest.mark.parametrize(
    "message",
    [
        "What is my name?",
        "Is my site TAINAN-7?",
        "Do you think my plan is A or B?",
        "do you remember what I said about the pump?",
        "my guess is that it leaks",
        "Call me when you are done.",
        "don't call me Bob",
        "I'm a bit confused",
        "I'm OK",
        "I like the second answer",
        "我的問題是怎麼報銷",
        "我的站點是哪裡？",
        "我是說這個不對",
        "我叫了外送",
        "明天七點請叫我起床",
        "你記得我說過什麼嗎？",
        "記住了嗎？",
        "Thanks!",
        "",
        "?!？",
    ],
)
def test_questions_and_talk_state_nothing(message):
    assert [fact for fact in extract(message) if not fact.key.startswith("mention ")] == []


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["My site is TAINAN-7", "Actually it is TAINAN-9."], {"site": "TAINAN-9"}),
        (["My site is TAINAN-7", "Sorry, I meant TAINAN-9"], {"site": "TAINAN-9"}),
        (["My site is TAINAN-7", "It's TAINAN-9, not TAINAN-7"], {"site": "TAINAN-9"}),
        (["My site is TAINAN-7", "my site is now TAINAN-9"], {"site": "TAINAN-9"}),
        (
            ["My site is TAINAN-7", "My phone is 0912-345-678", "change TAINAN-7 to TAINAN-9"],
            {"site": "TAINAN-9", "phone": "0912-345-678"},
        ),
        (["My budget is 3,500 euros. Not 3,500 but 4,200.", "change 4,200 to 5,000"], {"budget": "5,000 euros"}),
        (["my favourite colour is teal", "Actually, it's blue"], {"favourite colour": "blue"}),
        (["my favourite colour is teal", "Actually it is quite slow today"], {"favourite colour": "teal"}),
        (["my favourite colour is teal", "x", "y", "z", "Actually it's broken"], {"favourite colour": "teal"}),
        (["My site is TAINAN-7", "Actually it is not working"], {"site": "TAINAN-7"}),
        (["call me KESTREL", "我叫小明"], {"name": "小明"}),
        (["我的站點是 TAINAN-7", "其實是 TAINAN-9"], {"站點": "TAINAN-9"}),
        (["我的站點是 TAINAN-7", "不是 TAINAN-7，是 TAINAN-9"], {"站點": "TAINAN-9"}),
        (["我的站點是 TAINAN-7", "把 TAINAN-7 改成 TAINAN-9"], {"站點": "TAINAN-9"}),
        (["我的生日是 5 月 14 日", "更正：5 月 15 日"], {"birthday": "5 月 15 日"}),
        (["I like tea", "I don't like tea any more"], {"taste tea": "tea"}),
    ],
)
def test_a_correction_replaces_what_it_means_and_nothing_else(messages, expected):
    assert told(*messages) == expected


def test_the_corrected_sentence_and_the_superseded_fact_are_both_kept():
    first = extract("My site is TAINAN-7.", turn=0)
    second = extract("Actually it is TAINAN-9", turn=4, known=first)
    assert [(f.value, f.text, f.turn) for f in first + second] == [
        ("TAINAN-7", "My site is TAINAN-7.", 0),
        ("TAINAN-9", "My site is TAINAN-9.", 4),
    ]


def test_a_correction_means_what_was_said_last_even_if_only_asked():
    facts = told("My site is TAINAN-7", "What is the status of INV-2291?", "Sorry, I meant INV-2292")
    assert facts["site"] == "TAINAN-7"
    assert "INV-2292" in facts.values()
    assert told("My site is TAINAN-7", "What runs at TAINAN-7?", "Actually it is TAINAN-9")["site"] == "TAINAN-9"


def test_what_was_said_before_the_conversation_is_corrected_only_by_its_old_value():
    before = [fact.model_copy(update={"turn": -1}) for fact in extract("My site is TAINAN-7")]
    assert [f.key for f in extract("Actually it is TAINAN-9", known=before)] == ["mention tainan-9"]
    assert [(f.key, f.value) for f in extract("change TAINAN-7 to TAINAN-9", known=before)] == [("site", "TAINAN-9")]


def test_a_correction_of_nothing_known_is_no_fact():
    assert [f.key for f in extract("Actually it is TAINAN-9")] == ["mention tainan-9"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Please remember that the boiler hums at night", "the boiler hums at night"),
        ("Could you keep in mind: no meetings on Wednesdays.", "no meetings on Wednesdays"),
        ("請記住我們週三不開會", "我們週三不開會"),
        ("幫我記下：鑰匙在警衛室。", "鑰匙在警衛室"),
        ("请记得我周三不在", "我周三不在"),
    ],
)
def test_what_the_user_asks_to_remember_is_kept_in_the_users_words(message, text):
    [fact] = extract(message)
    assert (fact.text, fact.asked, fact.personal) == (text, True, True)


def test_a_statement_that_is_asked_to_be_remembered_gets_its_key():
    [fact] = extract("Remember that my wifi is SKY-55")
    assert (fact.key, fact.value, fact.asked) == ("wifi", "SKY-55", True)


@pytest.mark.parametrize(
    "message",
    ["Please always answer in English.", "From now on, answer in Chinese", "以後請用繁體中文回答", "請一律用英文回覆"],
)
def test_a_wish_for_every_answer_is_standing_and_the_next_one_about_language_replaces_it(message):
    [fact] = extract(message)
    assert (fact.standing, fact.key) == (True, "wish language")


def test_what_is_pasted_or_quoted_or_code_is_not_what_the_user_says_about_themselves():
    pasted = (
        "Look at this. "
        + "Filler sentence. " * 200
        + "My name is Mallory. "
        + "Filler. " * 300
        + "My site is TAINAN-7."
    )
    assert told(pasted) == {"site": "TAINAN-7"}
    assert told("> my name is Mallory\nMy site is TAINAN-7") == {"site": "TAINAN-7"}
    assert told("```\nmy name is Mallory\n```\nMy site is TAINAN-7") == {"site": "TAINAN-7"}


def test_only_statements_about_the_user_are_personal():
    assert [f.personal for f in extract("The deadline is 14 May. My site is TAINAN-7. my pump is broken")] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "my " * 700,
        "a" * 2000,
        "我的" * 900,
        "not , but " * 150,
        "please " * 300,
        "「" * 1999,
        "字" * 1900,
        "filler words here " * 110 + "保固",
        "1,2." * 400,
    ],
)
def test_hostile_text_takes_no_time(text):
    start = time.perf_counter()
    extract(text, known=extract("My site is TAINAN-7"))
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Forget my site", "my site"),
        ("please forget everything.", "everything"),
        ("忘記我的站點", "我的站點"),
        ("請忘掉所有事", "所有事"),
        ("please forget everything you know about me", "everything you know about me"),
        ("forget all that, what is the warranty?", ""),
        ("forget my last question, how long is the warranty?", ""),
        ("忘記我的站點，先告訴我保固", ""),
        ("I always forget my keys", ""),
        ("What did I forget?", ""),
    ],
)
def test_being_asked_to_forget_is_noticed(message, what):
    assert asked_to_forget(message) == what


def test_exact_tokens_are_codes_numbers_dates_addresses_and_chinese_numbers():
    text = "TAINAN-7 got 3,500.50 on 2026-05-14, see https://a.example/x and mail d@a.example; KESTREL, 保固三年, 5%."
    assert exact.tokens(text) == [
        "TAINAN-7", "3,500.50", "2026-05-14", "https://a.example/x", "d@a.example", "KESTREL", "5%", "三",
    ]  # fmt: skip
    assert list(exact.names("Ask Dana in Hsinchu. Then I go. What about Chen's pump?")) == ["Dana", "Hsinchu", "Chen"]
    assert exact.quoted('他說「保固三年」和 "ok"') == ["保固三年", "ok"]
