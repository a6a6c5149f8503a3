"""PDF: order, tables, headings, what repeats, what is hidden, what cannot be read."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from memory.errors import BadDocument, DocgraftError
from tests.loaders import files
from tests.loaders.conftest import blocks, cells, kinds, rows

LEFT = ["The left column tells of bells", "that were cast in the valley", "and carried over the pass."]
RIGHT = ["The right column tells of the", "people who rang them when fog", "came up from the river."]


def encrypted(data: bytes, *, user: str, owner: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(user, owner, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_headings_paragraphs_and_ruled_tables_are_found_with_their_page(read):
    parsed = read("a.pdf", files.plain_pdf())
    assert parsed.title == "Hut rules"
    assert parsed.pages == 1
    assert blocks(parsed, "heading") == ["Hut rules"]
    assert blocks(parsed, "paragraph") == ["The hut is open from June to October and has twelve beds in two rooms."]
    assert cells(parsed) == [["Bed", "Price"], ["top", "300"], ["low", "350"]]
    assert {b.page for b in parsed.blocks} == {1}


@pytest.mark.parametrize("woven", [True, False])
def test_two_columns_are_read_one_after_the_other_however_they_were_drawn(woven, read):
    def draw(canvas, page):
        lines = [(60, y, text) for y, text in zip((700, 686, 672), LEFT, strict=True)]
        lines += [(330, y, text) for y, text in zip((700, 686, 672), RIGHT, strict=True)]
        for x, y, text in sorted(lines, key=lambda line: (-line[1], line[0])) if woven else lines:
            canvas.drawString(x, y, text)

    parsed = read("a.pdf", files.pdf(draw))
    joined = " ".join(parsed.text.split())
    assert " ".join(LEFT) in joined
    assert " ".join(RIGHT) in joined
    assert joined.index("valley") < joined.index("people")
    assert "columns" in kinds(parsed)


def test_a_heading_across_two_columns_comes_first_and_a_footnote_last(read):
    def draw(canvas, page):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(60, 780, "Bells of the valley and who rang them at night")
        canvas.setFont("Helvetica", 10)
        for n in range(8):
            canvas.drawString(60, 740 - 13 * n, f"Left line {n} goes on about bells of")
            canvas.drawString(320, 740 - 13 * n, f"Right line {n} goes on about ringers of")
        canvas.drawString(
            60, 600, "This last line runs across the whole page, below both of the columns, to its far side."
        )

    words = " ".join(read("a.pdf", files.pdf(draw)).text.split())
    order = [
        words.index(w) for w in ("who rang", "Left line 0", "Left line 7", "Right line 0", "Right line 7", "This last")
    ]
    assert order == sorted(order)


def test_a_table_without_rulings_is_no_pair_of_columns(read):
    def draw(canvas, page):
        for row, cells_ in enumerate(
            [("Bell", "Weight", "Price"), ("Wren", "40 g", "120"), ("Lark", "75 g", "300"), ("Kite", "90 g", "410")]
        ):
            for column, cell in enumerate(cells_):
                canvas.drawString(60 + 140 * column, 700 - 16 * row, cell)

    parsed = read("a.pdf", files.pdf(draw))
    assert cells(parsed) == [
        ["Bell", "Weight", "Price"],
        ["Wren", "40 g", "120"],
        ["Lark", "75 g", "300"],
        ["Kite", "90 g", "410"],
    ]
    assert "columns" not in kinds(parsed)


def test_cells_merged_downwards_say_their_text_in_every_row(read):
    def draw(canvas, page):
        canvas.rect(60, 600, 100, 60)
        for row, (middle, right) in enumerate([("Bed", "Price"), ("top", "300"), ("low", "350")]):
            for column, text in ((1, middle), (2, right)):
                canvas.rect(60 + 100 * column, 640 - 20 * row, 100, 20)
                canvas.drawString(64 + 100 * column, 646 - 20 * row, text)
        canvas.drawString(64, 625, "Hut")

    table = cells(read("a.pdf", files.pdf(draw)))
    assert [row[0] for row in table] == ["Hut", "Hut", "Hut"]
    assert table[1][1:] == ["top", "300"]


def test_headers_footers_and_page_numbers_are_kept_once_and_counted(read):
    def draw(canvas, page):
        canvas.drawString(60, 820, "Bell Works, edition 7")
        canvas.drawString(290, 20, f"Page {page} of 4")
        canvas.drawString(60, 700, f"This page tells of bell number {['one', 'two', 'three', 'four'][page - 1]}.")

    parsed = read("a.pdf", files.pdf(draw, pages=4))
    assert parsed.text.count("Bell Works, edition 7") == 1
    assert "Page 2 of 4" not in parsed.text
    assert [n.count for n in parsed.notes if n.kind == "running_lines"] == [7]
    assert all(word in parsed.text for word in ("one", "two", "three", "four"))


def test_divided_words_are_put_together_and_counted_but_hyphens_are_kept(read):
    lines = ["The guaran-", "tee covers the bell-", "shaped part, and bell-shaped cups."]

    def draw(canvas, page):
        for n, line in enumerate(lines):
            canvas.drawString(60, 700 - 14 * n, line)

    parsed = read("a.pdf", files.pdf(draw))
    assert parsed.text == "The guarantee covers the bell-shaped part, and bell-shaped cups."
    assert [n.count for n in parsed.notes if n.kind == "hyphenation"] == [1]


def test_a_paragraph_goes_on_over_the_page_break(read):
    def draw(canvas, page):
        canvas.drawString(
            60,
            100 if page == 1 else 740,
            ["The guarantee on every bell that leaves the works holds for", "six years from the day."][page - 1],
        )

    assert "holds for six years" in read("a.pdf", files.pdf(draw, pages=2)).text


def test_lists_and_keys_are_found(read):
    lines = [
        "Bring the following:",
        "1. a lamp that works",
        "2. a bag of wool, or",
        "   of down",
        "Warden: Ada Holm",
        "Telephone: 555 0143",
    ]

    def draw(canvas, page):
        for n, line in enumerate(lines):
            canvas.drawString(
                60 + (14 if line.startswith(" ") else 0), 700 - 14 * n - (20 if n > 3 else 0), line.strip()
            )

    parsed = read("a.pdf", files.pdf(draw))
    assert rows(parsed, "list") == [["a lamp that works"], ["a bag of wool, or of down"]]
    assert rows(parsed, "keyvalue") == [["Warden", "Ada Holm"], ["Telephone", "555 0143"]]


def test_code_keeps_its_lines(read):
    def draw(canvas, page):
        canvas.drawString(60, 720, "Type this into the terminal of the machine:")
        canvas.setFont("Courier", 10)
        canvas.drawString(60, 700, "bell --ring")
        canvas.drawString(72, 688, "--times 3")

    assert blocks(read("a.pdf", files.pdf(draw)), "code") == ["bell --ring\n  --times 3"]


def test_ligatures_are_spelled_out(read):
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    pdfmetrics.registerFont(TTFont("Vera", str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")))

    def draw(canvas, page):
        canvas.setFont("Vera", 12)
        canvas.drawString(60, 700, "of\ufb01ce work\ufb02ow")

    assert read("a.pdf", files.pdf(draw)).text == "office workflow"


def test_chinese_text_is_read_without_blanks_between_its_lines(read):
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    pdfmetrics.registerFont(UnicodeCIDFont("MSung-Light"))

    def draw(canvas, page):
        canvas.setFont("MSung-Light", 18)
        canvas.drawString(60, 760, "山屋守則")
        canvas.setFont("MSung-Light", 12)
        for n, line in enumerate(["山屋每年六月到十月開放，共有十二個床位，分在兩個", "房間裡，床位費每人三百元。"]):
            canvas.drawString(60, 720 - 16 * n, line)

    parsed = read("a.pdf", files.pdf(draw))
    assert parsed.text == "山屋守則\n\n山屋每年六月到十月開放，共有十二個床位，分在兩個房間裡，床位費每人三百元。"
    assert blocks(parsed, "heading") == ["山屋守則"]


def test_a_password_is_asked_for_and_an_empty_one_opens_by_itself(read):
    locked = encrypted(files.plain_pdf(), user="secret", owner="boss")
    with pytest.raises(BadDocument) as caught:
        read("contract.pdf", locked)
    assert caught.value.kind == "password"
    assert "contract.pdf" in str(caught.value)
    with pytest.raises(BadDocument, match="does not open"):
        read("contract.pdf", locked, password="wrong")
    assert "twelve beds" in read("contract.pdf", locked, password="secret").text
    assert "twelve beds" in read("free.pdf", encrypted(files.plain_pdf(), user="", owner="boss")).text


def scan(canvas, page):
    if page in (1, 5):
        canvas.drawString(60, 700, "This page has text about bells.")
    else:
        canvas.rect(40, 40, 500, 760, fill=1)


def test_scanned_pages_are_named(read):
    parsed = read("a.pdf", files.pdf(scan, pages=5))
    [note] = [n for n in parsed.notes if n.kind == "scanned_pages"]
    assert note.count == 3
    assert note.detail == "2 of 5 pages have text; pages 2, 3, 4 look scanned."


def test_a_scan_without_any_text_is_never_taken_for_read(read):
    with pytest.raises(BadDocument) as caught:
        read("scan.pdf", files.pdf(lambda canvas, page: canvas.rect(40, 40, 500, 760, fill=1), pages=2))
    assert caught.value.kind == "no_text"
    assert "OCR" in caught.value.hint


def picture(words: str) -> bytes:
    """A page that is a picture of words."""
    from PIL import Image, ImageDraw, ImageFont
    from reportlab.lib.utils import ImageReader

    image = Image.new("L", (1654, 800), 255)
    ImageDraw.Draw(image).text((120, 120), words, font=ImageFont.load_default(size=64), fill=0)
    return files.pdf(lambda canvas, page: canvas.drawImage(ImageReader(image), 0, 400, 595, 288))


def test_ocr_without_tesseract_says_what_to_install(read, monkeypatch, tmp_path):
    pytest.importorskip("pytesseract")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DocgraftError) as caught:
        read("scan.pdf", picture("Ring the bell"), ocr=True)
    assert "tesseract" in caught.value.message
    assert "apt-get install tesseract-ocr" in caught.value.hint


@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not installed")
def test_ocr_reads_scanned_pages_and_says_so(read):
    pytest.importorskip("pytesseract")
    parsed = read("scan.pdf", picture("Ring the bell twice"), ocr=True)
    assert "Ring the bell twice" in parsed.text
    assert "ocr" in kinds(parsed)
    assert "scanned_pages" not in kinds(parsed)


def test_white_tiny_and_inkless_letters_are_left_out_and_counted(read):
    def draw(canvas, page):
        canvas.drawString(60, 700, "Seen by everybody.")
        canvas.setFillGray(1)
        canvas.drawString(60, 660, "white ink")
        canvas.setFillGray(0)
        canvas.setFont("Helvetica", 1)
        canvas.drawString(60, 640, "too small")
        text = canvas.beginText(60, 620)
        text.setFont("Helvetica", 11)
        text.setTextRenderMode(3)
        text.textOut("no ink")
        canvas.drawText(text)

    parsed = read("a.pdf", files.pdf(draw))
    assert parsed.text == "Seen by everybody."
    assert [n.count for n in parsed.notes if n.kind == "hidden_text"] == [len("whiteinktoosmallnoink")]


def test_white_letters_on_a_dark_ground_are_seen(read):
    def draw(canvas, page):
        canvas.rect(50, 690, 300, 30, fill=1)
        canvas.setFillGray(1)
        canvas.drawString(60, 700, "White on black")

    assert read("a.pdf", files.pdf(draw)).text == "White on black"


def test_a_page_that_is_shown_turned_is_read_the_way_it_is_shown(read):
    def draw(canvas, page):
        canvas.setPageRotation(90)
        canvas.rotate(90)
        canvas.drawString(100, -60, "First line of the turned page")
        canvas.drawString(100, -80, "and its second line.")

    assert read("a.pdf", files.pdf(draw)).text == "First line of the turned page and its second line."


def test_missing_properties_are_left_out(read):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(files.plain_pdf())))
    writer.metadata = None
    out = io.BytesIO()
    writer.write(out)
    assert read("a.pdf", out.getvalue()).metadata == {}


def test_a_table_with_level_rulings_only_keeps_its_wrapped_cells(read):
    def draw(canvas, page):
        canvas.drawString(
            60, 780, "A line of text that runs across the page, under a ruling of the same width as the table."
        )
        for y in (800, 726, 690, 610):
            canvas.line(60, y, 500, y)
        for y, cells_ in (
            (712, ("Bell", "Made", "What it is for")),
            (698, ("", "in", "")),
            (676, ("Wren", "1974", "for the garden gate, and")),
            (664, ("", "", "for nothing else")),
            (640, ("Lark", "1981", "for the door of a shop")),
        ):
            for x, text in zip((60, 160, 260), cells_, strict=True):
                canvas.drawString(x, y, text)

    parsed = read("a.pdf", files.pdf(draw))
    assert cells(parsed) == [
        ["Bell", "Made in", "What it is for"],
        ["Wren", "1974", "for the garden gate, and for nothing else"],
        ["Lark", "1981", "for the door of a shop"],
    ]  # fmt: skip
    assert blocks(parsed, "paragraph")[0].startswith("A line of text")


def test_page_numbers_are_told_by_counting_wherever_they_stand(read):
    def draw(canvas, page):
        canvas.drawString(60, 700, f"This page holds the number {page + 3}")
        canvas.drawString(290, 130, str(page + 11))

    parsed = read("a.pdf", files.pdf(draw, pages=4))
    assert parsed.text.split("\n\n") == [f"This page holds the number {n + 3}" for n in range(1, 5)]


def test_the_size_of_a_page_may_be_inherited(read):
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import NameObject

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(files.pdf(lambda c, n: c.drawString(60, 820, "Near the top")))))
    page = writer.pages[0]
    page["/Parent"].get_object()[NameObject("/MediaBox")] = page.pop("/MediaBox")
    out = io.BytesIO()
    writer.write(out)
    parsed = read("a.pdf", out.getvalue())
    assert parsed.text == "Near the top"
    assert "hidden_text" not in kinds(parsed)


def test_a_title_property_that_is_a_file_name_is_no_title():
    from retrieval.loaders.pdf.document import _telling

    assert [_telling(title, "a.pdf") for title in ("p.html", "Microsoft Word - rules", "budget.xlsx", "Hut rules")] == [
        False,
        False,
        False,
        True,
    ]
