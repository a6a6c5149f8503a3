"""HTML, EPUB and JSON: the article, its structure, and what is left out."""

from __future__ import annotations

import pytest

from memory.errors import BadDocument
from tests.loaders import files
from tests.loaders.conftest import blocks, cells, kinds, rows

NAV = "<nav><ul>" + "".join(f'<li><a href="/{n}">Menu entry {n}</a></li>' for n in range(8)) + "</ul></nav>"
PAGE = (
    '<html><head><title>T</title></head><body>{nav}<script>var k="SCRIPT-77"</script><style>.x{{color:red}}</style>'
    "<div class='cookie-banner'>We use cookies. <button>OK</button></div><p>{body}</p>"
    "<footer>All rights reserved, Bell Works</footer></body></html>"
)


def test_menus_scripts_and_notices_never_reach_the_text(read):
    for body in ("The first article tells of bells.", "The second tells of ropes.", "The third tells of towers."):
        parsed = read("a.html", PAGE.format(nav=NAV, body=body))
        assert parsed.text == body
        assert "boilerplate" in kinds(parsed)


def test_a_page_that_is_only_links_is_not_emptied(read):
    parsed = read("a.html", f"<html><body>{NAV}</body></html>")
    assert [row[0] for row in rows(parsed, "list")] == [f"Menu entry {n}" for n in range(8)]


def test_structure_of_a_page_is_kept(read):
    parsed = read("a.html", files.HTML)
    assert parsed.title == "The hut"
    assert blocks(parsed, "paragraph") == ["It stands at 2,310 m."]
    assert rows(parsed, "list") == [["beds"], ["twelve"], ["stoves"]]
    assert cells(parsed) == [["Bed", "Price"], ["top", "300"], ["top", "350"]]
    assert rows(parsed, "keyvalue") == [["Warden", "Ada Holm"]]
    assert blocks(parsed, "code") == ["open --door\nshut"]


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display:none">PWNED-1</p>',
        "<p hidden>PWNED-1</p>",
        '<span style="font-size:0">PWNED-1</span>',
        '<p style="color:#ffffff">PWNED-1</p>',
        '<p style="position:absolute; left:-9999px">PWNED-1</p>',
        '<p style="opacity:0">PWNED-1</p>',
    ],
)
def test_text_that_a_reader_cannot_see_is_left_out_and_counted(hidden, read):
    parsed = read("a.html", f"<html><body><p>The hut opens in June.</p>{hidden}</body></html>")
    assert parsed.text == "The hut opens in June."
    assert "hidden_text" in kinds(parsed)


def test_answers_that_open_with_a_click_are_read(read):
    parsed = read(
        "a.html",
        "<html><body><h3>May I cook?</h3><div class='accordion-panel' style='display:none'><p>Until nine.</p></div>"
        "<details><summary>Is there water?</summary>From the spring.</details></body></html>",
    )
    assert rows(parsed, "qa") == [["May I cook?", "Until nine."], ["Is there water?", "From the spring."]]


def test_a_page_in_big5_that_says_so_is_read(read):
    head = '<head><meta http-equiv="Content-Type" content="text/html; charset=big5"></head>'
    page = f"<html>{head}<body><p>保固三年</p></body></html>"
    parsed = read("a.html", page.encode("big5"))
    assert (parsed.text, parsed.encoding) == ("保固三年", "cp950")


def test_a_page_nested_ten_thousand_deep_is_read(read):
    parsed = read("a.html", "<div>" * 10_000 + "The hut opens in June." + "</div>" * 10_000)
    assert parsed.text == "The hut opens in June."


def test_a_page_without_text_is_empty(read):
    with pytest.raises(BadDocument) as caught:
        read("a.html", "<html><body><script>x</script></body></html>")
    assert caught.value.kind == "empty"


def test_a_book_is_read_chapter_by_chapter(read):
    parsed = read("a.epub", files.epub())
    assert parsed.title == "Hut book"
    assert parsed.metadata["creator"] == "Ada Holm"
    assert blocks(parsed, "heading") == ["The hut", "Water"]
    assert [b.page for b in parsed.blocks] == [1, 1, 2, 2]


def test_a_missing_chapter_is_named(read):
    book = files.epub({"one": "<p>Text.</p>", "two": "<p>More.</p>"}).replace(b"two.xhtml", b"TWO.xhtml")
    parsed = read("a.epub", book)
    assert parsed.text == "Text."
    assert [n.detail for n in parsed.notes] == ["1 chapters could not be read: two.xhtml."]


def test_json_records_become_tables_keys_and_questions(read):
    parsed = read("a.json", files.every()["rules.json"])
    assert parsed.title == "Hut"
    assert cells(parsed) == [["bed", "price"], ["top", "300"], ["low", "350"]]
    assert ["open", "true"] in rows(parsed, "keyvalue")
    assert rows(read("a.jsonl", files.every()["faq.jsonl"]), "qa") == [
        ["Water?", "From the spring."], ["Light?", "Bring a lamp."],
    ]  # fmt: skip


def test_numbers_in_json_are_kept_as_written(read):
    assert rows(read("a.json", '{"price": 12.50, "id": 00}'.replace("00", "12345678901234567890")), "keyvalue") == [
        ["price", "12.50"], ["id", "12345678901234567890"],
    ]  # fmt: skip


def test_broken_lines_of_json_lines_are_counted_with_their_numbers(read):
    parsed = read("a.jsonl", '{"a": "one"}\n{"a": "two"}\n{"a": broken\n{"a": "four"}\n')
    [note] = [n for n in parsed.notes if n.kind == "bad_lines"]
    assert (note.count, note.detail.endswith("left out: 3.")) == (1, True)


def test_json_nested_a_hundred_thousand_deep_is_refused(read):
    with pytest.raises(BadDocument, match=r"nested|valid"):
        read("a.json", "[" * 100_000 + "]" * 100_000)


def test_a_table_without_column_names_is_read_as_data(read):
    parsed = read("a.csv", "1,2,3\n4,5,6\n7,8,9\n")
    assert cells(parsed) == [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]]
    assert "no_header" in kinds(parsed)


def test_a_title_above_a_table_and_uneven_rows_are_taken_care_of(read):
    parsed = read("a.csv", "Price list 2026\nbed,price,note\ntop,300,warm\nlow,350\nside,275,by the door,drafty\n")
    assert blocks(parsed, "paragraph") == ["Price list 2026"]
    assert cells(parsed)[0][:3] == ["bed", "price", "note"]
    assert [n.count for n in parsed.notes if n.kind == "uneven_rows"] == [2]


def test_a_quote_that_never_closes_does_not_swallow_the_file(read):
    parsed = read("a.csv", 'name,size\nscreen,14"\nscreen,16\n"odd,9\nlast,1\n')
    assert ['"odd', "9"] in cells(parsed)
    assert ["last", "1"] in cells(parsed)


def test_definitions_inside_definitions_are_read_once(read):
    page = "<dl><dt>Term</dt><dd>before " + "<dl><dt>Why?</dt><dd>since " * 40 + "end" + "</dd></dl>" * 41
    parsed = read("a.html", f"<html><body>{page}</body></html>")
    assert parsed.text.count("end") == 1


def test_nothing_inside_an_untidy_list_is_lost(read):
    parsed = read("a.html", "<ul><div><li>wrapped</li></div>bare<li>plain</li><p>astray</p></ul>")
    assert [row[0] for row in rows(parsed, "list")] == ["wrapped", "bare", "plain", "astray"]


def test_control_characters_in_a_page_do_no_harm(read):
    parsed = read("a.html", "<p>one<script>x</script>\x0btwo&#x1;<script>y</script>&#12;three</p>")
    assert parsed.text.replace("\n", " ").split()[0].startswith("one")
    assert "three" in parsed.text
