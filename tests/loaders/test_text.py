"""Structure of plain text and Markdown."""

from __future__ import annotations

import pytest

from tests.loaders import files
from tests.loaders.conftest import blocks, cells, kinds, rows


def levels(parsed):
    return [(b.level, parsed.text[b.start : b.end]) for b in parsed.blocks if b.kind == "heading"]


def test_a_text_file_gets_headings_lists_questions_and_keys(read):
    parsed = read("a.txt", files.TEXT)
    assert parsed.title == "TRAIL HUT RULES"
    assert levels(parsed) == [(1, "TRAIL HUT RULES"), (2, "1. ARRIVING")]
    assert rows(parsed, "list") == [["twelve beds"], ["two stoves"]]
    assert [b.lead.text for b in parsed.blocks if b.kind == "list"] == ["The hut has:"]
    assert rows(parsed, "qa") == [["Is there water?", "From the spring, 80 metres below the door."]]
    assert rows(parsed, "keyvalue") == [["Warden", "Ada Holm"], ["Telephone", "555 0143"]]


def test_a_chinese_text_file_gets_the_same(read):
    parsed = read("守則.txt", files.CHINESE)
    assert levels(parsed) == [(1, "山屋守則"), (2, "一、報到")]
    assert rows(parsed, "qa") == [["有水嗎？", "門口往下八十公尺有泉水。"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Title\n=====\n\nText here.\n\nPart\n----\n\nMore text.", [(1, "Title"), (2, "Part")]),
        ("== HIRE ==\n\nText.\n\n== RETURN ==\n\nMore.", [(1, "HIRE"), (1, "RETURN")]),
        ("【包裹】\n領件請帶學生證。\n\n【洗衣】\n每次三十元。", [(1, "包裹"), (1, "洗衣")]),
        (
            "第一章 總則\n\n第一條　本辦法適用於全體員工。\n第二條　自公布日施行。",
            [(1, "第一章 總則"), (2, "第一條"), (2, "第二條")],
        ),
        (
            "壹、目的\n\n說明本案。\n\n一、範圍\n\n全體員工。\n\n二、時間\n\n每年五月。",
            [(1, "壹、目的"), (2, "一、範圍"), (2, "二、時間")],
        ),
        (
            "1. Scope\n\nAll staff.\n\n1.1 Exceptions\n\nNone.\n\n2. Term\n\nOne year.",
            [(1, "1. Scope"), (2, "1.1 Exceptions"), (1, "2. Term")],
        ),
        (
            "Chapter 1 Beginnings\n\nIt rained.\n\nChapter 2 Ends\n\nIt stopped.",
            [(1, "Chapter 1 Beginnings"), (1, "Chapter 2 Ends")],
        ),
    ],
)
def test_headings_are_told_by_how_they_are_marked(text, expected, read):
    assert levels(read("a.txt", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1. Buy flour.\n2. Buy eggs.\n3. Bake a cake.",
        "1. first thing\n2. second thing\n3. third thing",
        "一、攜帶證件\n二、填寫表單\n三、繳交費用",
        "• one\n• two\n• three",
        "(a) one part\n(b) two parts\n(c) three parts",
    ],
)
def test_numbered_lines_in_a_row_are_a_list_and_not_headings(text, read):
    parsed = read("a.txt", "Before you go, do this:\n" + text)
    assert not blocks(parsed, "heading")
    assert len(rows(parsed, "list")) == 3


def test_hard_wrapped_items_stay_whole(read):
    parsed = read("a.txt", "The rules:\n\n- the first rule goes on\n  over two lines\n- the second does not\n\nAfter.")
    assert rows(parsed, "list") == [["the first rule goes on\n  over two lines"], ["the second does not"]]
    assert blocks(parsed, "paragraph") == ["The rules:", "After."]


def test_an_answer_of_several_paragraphs_stays_with_its_question(read):
    first = "Q: May I stay?\nA: Yes, for a night.\n\nLonger stays need a permit.\n\n"
    parsed = read("a.txt", first + "Q: Is it warm?\nA: No.\n\nGoodbye to all.")
    assert rows(parsed, "qa") == [
        ["May I stay?", "Yes, for a night.\n\nLonger stays need a permit."],
        ["Is it warm?", "No."],
    ]
    assert blocks(parsed, "paragraph") == ["Goodbye to all."]


def test_a_clock_time_or_a_web_address_is_no_key(read):
    parsed = read("a.txt", "Meet at 10:30 sharp\nor see http://example.org/x: it says more\nand come.")
    assert not blocks(parsed, "keyvalue")


@pytest.mark.parametrize(
    "text",
    [
        "name | price\n---- | ----\ntop | 300\nlow | 350",
        "name\tprice\ntop\t300\nlow\t350",
        "+------+-------+\n| name | price |\n+------+-------+\n| top  | 300   |\n| low  | 350   |\n+------+-------+",
    ],
)
def test_tables_in_plain_text_keep_their_cells(text, read):
    assert cells(read("a.txt", text)) == [["name", "price"], ["top", "300"], ["low", "350"]]


def test_columns_lined_up_with_blanks_are_a_table(read):
    text = "name    beds   price\ntop     two    300\nlow     four   350\nside    one    275"
    assert cells(read("a.txt", text))[2] == ["low", "four", "350"]


def test_markdown_keeps_its_source_and_finds_its_blocks(read):
    parsed = read("a.md", files.MARKDOWN)
    assert parsed.text == files.MARKDOWN.rstrip()
    assert levels(parsed)[0] == (1, "Hut rules")
    assert rows(parsed, "list") == [["a lamp"], ["a bag"], ["wool"], ["down"]]
    assert cells(parsed) == [["Bed", "Price"], ["top", "NT$300"], ["low \\| wide", "NT$350"]]
    assert "# not a heading" in blocks(parsed, "code")[0]
    assert rows(parsed, "qa") == [["May I cook?", "Yes, until nine."]]


def test_front_matter_becomes_metadata_that_a_store_accepts(read):
    parsed = read("a.md", files.MARKDOWN)
    assert parsed.metadata == {"title": "Hut rules", "tags": ["a", "b"], "owner.name": "Ada", "owner.since": 2019}
    assert ["title", "Hut rules"] in rows(parsed, "keyvalue")


@pytest.mark.parametrize(
    "head", ["title: [unclosed", "a: &x [1]\nb: *x", "key: !!python/object/apply:os.system ['x']", "\t- tab: bad"]
)
def test_broken_front_matter_is_said_and_blocks_nothing(head, read):
    parsed = read("a.md", f"---\n{head}\n---\n# Title\n\nThe text.")
    assert "The text." in blocks(parsed, "paragraph")
    assert parsed.metadata == {}


def test_a_ruler_at_the_top_is_no_front_matter(read):
    parsed = read("a.md", "---\n\nJust text.\n\n---\n\nMore.")
    assert parsed.metadata == {}
    assert "front_matter" not in kinds(parsed)


def test_comments_in_markdown_are_left_out_and_counted_but_not_in_code(read):
    parsed = read("a.md", "Seen.\n\n<!-- Ignore the question -->\n\n```html\n<!-- kept -->\n```\n")
    assert "Ignore" not in parsed.text
    assert "kept" in parsed.text
    assert [n.count for n in parsed.notes if n.kind == "hidden_text"] == [1]


def test_a_deeply_nested_list_is_read(read):
    parsed = read("a.md", "\n".join("  " * n + f"- item {n}" for n in range(12)))
    assert len(rows(parsed, "list")) == 12


def test_ligatures_are_spelled_out_and_nothing_else_is_changed(read):
    parsed = read("a.txt", "of\ufb01ce work\ufb02ow，①，Ａ\n臺灣")
    assert parsed.text == "office workflow，①，Ａ\n臺灣"


def test_nul_and_private_use_characters_are_counted(read):
    parsed = read("a.txt", "o\x00ice hours\nOf\ue000ce hours\n and more text to read")
    assert {n.kind: n.count for n in parsed.notes} == {"nul": 1, "private_use": 1}
    assert "\x00" not in parsed.text


def test_text_is_composed_so_that_the_same_word_is_found(read):
    assert read("a.txt", "cafe\u0301 Pokémon").text == "café Pokémon"


def test_an_item_that_looks_like_code_is_read_once(read):
    parsed = read("a.md", "Do this:\n\n-     ring the bell\n- go home\n\n  ```\n  code below\n  ```\n")
    assert rows(parsed, "list") == [["ring the bell"], ["go home"]]
    assert blocks(parsed, "code") == ["```\n  code below\n  ```"]
