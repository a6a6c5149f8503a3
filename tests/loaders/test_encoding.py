"""Bytes → text: the encodings people really have, short files, damage, and what is said about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memory.errors import BadDocument
from retrieval.loaders.encoding import decode
from tests.loaders import files
from tests.loaders.conftest import cells, kinds

ROOT = Path(__file__).parents[2]
SIMPLIFIED = "本公司的保修期为三年，从购买日起算。\n退货请在七天内办理，并附上发票。\n" * 10
TRADITIONAL = "本公司的保固期為三年，從購買日起算。\n退貨請在七天內辦理，並附上發票。\n"


def test_a_gb18030_file_keeps_its_rare_characters():
    text = SIMPLIFIED + "朱镕基、𠮷、㐂\n"
    found = decode(text.encode("gb18030"), name="a.md")
    assert found.text == text
    assert found.encoding == "gb18030"


def test_gb2312_and_gbk_are_read_as_gb18030():
    data = (SIMPLIFIED + "朱镕基").encode("gb18030")
    assert decode(data, name="a", encoding="GB2312").text == SIMPLIFIED + "朱镕基"
    assert decode(data, name="a", declared="gbk").encoding == "gb18030"


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("保固三年", "utf-8", "utf-8"),
        ("保固三年", "utf-8-sig", "utf-8"),
        ("保固三年", "utf-16", "utf-16-le"),
        ("保固三年\n第二行", "utf-16-be", "utf-16-be"),
        ("Plain English, two lines.\nSecond.", "utf-16-le", "utf-16-le"),
        ("繁體中文，保固三年", "big5", "cp950"),
        ("價格 €12，含稅，保固三年", "cp950", "cp950"),
        (TRADITIONAL, "big5", "cp950"),
        ("她說：「裏面的粧」碁恒嫺", "cp950", "cp950"),
        ("Café crème – “naïve” résumé, £5", "cp1252", "cp1252"),
        ("Grüße aus Köln, 20 €", "cp1252", "cp1252"),
        ("A line with © and é only", "utf-8", "utf-8"),
        ("Non\xa0breaking", "utf-8", "utf-8"),
        ("emoji 😀 only", "utf-8", "utf-8"),
        ("plain", "ascii", "utf-8"),
    ],
)
def test_usual_encodings_are_told_by_their_bytes(text, encoding, found):
    result = decode(text.encode(encoding), name="a.txt")
    assert result.text == text
    assert result.encoding == found


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("繁體", "big5"), ("保修三年", "gbk"), ("保固三年", "utf-16-le"), ("报价单", "gbk"), ("報價單", "big5")],
)
def test_files_of_a_few_bytes_are_decoded_right(text, encoding):
    assert decode(text.encode(encoding), name="a.txt").text == text


def test_a_choice_between_close_readings_is_called_a_guess():
    close = decode("報價單".encode("big5"), name="a.txt")
    assert [n.kind for n in close.notes] == ["encoding_guess"]
    assert "Choose the encoding" in close.notes[0].detail
    assert not decode(TRADITIONAL.encode("big5"), name="a.txt").notes


def test_a_file_whose_encoding_cannot_be_told_is_refused():
    russian = "Гарантия на устройство составляет три года со дня покупки".encode("koi8-r")
    with pytest.raises(BadDocument) as caught:
        decode(russian, name="a.txt")
    assert caught.value.kind == "encoding"
    assert decode(russian, name="a.txt", encoding="koi8-r").text.startswith("Гарантия")


def test_undecodable_bytes_are_counted_with_their_line():
    whole = "第一行：退換貨規定。\n第二行：七天內可以退貨。\n".encode()
    found = decode(whole[:40] + b"\xff" + whole[40:], name="a.txt")
    assert found.text.count("\ufffd") == 1
    assert [(n.kind, n.count) for n in found.notes] == [("undecodable", 1)]
    assert "line 2" in found.notes[0].detail
    plain = decode(b"The guarantee lasts\nthree years\xff and more.\n", name="a.txt")
    assert [(n.kind, n.count) for n in plain.notes] == [("undecodable", 1)]


def test_no_replacement_character_without_a_note(read):
    parsed = read("a.txt", "保固三年，七天內可以退貨。".encode() + b"\xe4\xb8" + "。發票請保留。".encode())
    assert "\ufffd" in parsed.text
    assert "undecodable" in kinds(parsed)


def test_the_users_word_about_the_encoding_is_followed():
    assert decode("繁體".encode("big5"), name="a", encoding="gb18030").text != "繁體"
    with pytest.raises(BadDocument, match="no encoding"):
        decode(b"x", name="a", encoding="klingon")
    with pytest.raises(BadDocument, match="no encoding"):
        decode(b"x", name="a", encoding="base64")


def test_binary_data_is_not_text():
    with pytest.raises(BadDocument, match="binary"):
        decode(bytes(range(256)) * 8, name="a.txt")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_text_does_not_depend_on_the_machines_locale(locale, tmp_path):
    files.save(tmp_path, "a.txt", "保固三年".encode())
    name = ascii("保固.txt")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from retrieval.loaders import read\n"
        f"print(ascii(read(Path('a.txt'), name={name}).text))"
    )
    env = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    out = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(ROOT)], cwd=tmp_path, env=env, capture_output=True, check=True
    )
    assert out.stdout.decode().strip() == ascii("保固三年")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_byte_order_mark_and_a_line_break_in_a_cell_leave_the_columns_whole(encoding, delimiter, read):
    rows = [['"id"', '"note"'], ['"1"', '"line1\nline2"']]
    parsed = read("a.csv", "\n".join(delimiter.join(r) for r in rows).encode(encoding))
    assert cells(parsed) == [["id", "note"], ["1", "line1\nline2"]]
    assert "\ufeff" not in parsed.text + parsed.model_dump_json()


def test_a_big5_table_of_three_rows_is_read(read):
    parsed = read("a.csv", "編號,品名\n1,銅鈴\n2,鐵鈴\n".encode("big5"))
    assert cells(parsed) == [["編號", "品名"], ["1", "銅鈴"], ["2", "鐵鈴"]]
    assert parsed.encoding == "cp950"
