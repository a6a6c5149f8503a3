"""Makes files of every format in memory, ordinary and odd, for the tests of the loaders and for the fuzzer."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

TEXT = """TRAIL HUT RULES
For everyone who sleeps here

1. ARRIVING

Sign the book before six. The hut has:
- twelve beds
- two stoves

Q: Is there water?
A: From the spring, 80 metres below the door.

Warden: Ada Holm
Telephone: 555 0143
"""
CHINESE = (
    "山屋守則\n\n一、報到\n傍晚六點前要在登記簿上簽名，逾時不留床位。\n\n問：有水嗎？\n答：門口往下八十公尺有泉水。\n"
)
MARKDOWN = """---
title: Hut rules
tags: [a, b]
date:
owner:
  name: Ada
  since: 2019
---
# Hut rules

You need:

1. a lamp
2. a bag
   - wool
   - down

| Bed | Price |
|---|---|
| top | NT$300 |
| low \\| wide | NT$350 |

```python
# not a heading
```

## May I cook?

Yes, until nine.
"""
HTML = """<html><head><title>Hut</title><meta charset="utf-8"></head><body><nav><a href=1>Home</a></nav>
<main><h1>The hut</h1><p>It stands at <b>2,310 m</b>.</p><ul><li>beds<ul><li>twelve</li></ul></li><li>stoves</li></ul>
<table><tr><th>Bed</th><th>Price</th></tr><tr><td rowspan=2>top</td><td>300</td></tr><tr><td>350</td></tr></table>
<dl><dt>Warden</dt><dd>Ada Holm</dd></dl><pre>open --door
shut</pre></main></body></html>"""


JSON = """{"title": "Hut", "open": true,
 "beds": [{"bed": "top", "price": 300}, {"bed": "low", "price": 350}]}"""
JSON_LINES = """{"question": "Water?", "answer": "From the spring."}
{"question": "Light?", "answer": "Bring a lamp."}
"""


def pdf(draw, *, pages: int = 1, size=(595, 842)) -> bytes:
    """A PDF; `draw(canvas, page)` draws each page."""
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, invariant=1)
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica", 11)
        draw(canvas, page)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def plain_pdf() -> bytes:
    """One page with a title, two paragraphs and a ruled table."""

    def draw(canvas, page):
        canvas.setFont("Helvetica-Bold", 20)
        canvas.drawString(60, 780, "Hut rules")
        canvas.setFont("Helvetica", 11)
        for number, line in enumerate(["The hut is open from June to October and has twelve", "beds in two rooms."]):
            canvas.drawString(60, 740 - 14 * number, line)
        for row, cells in enumerate([("Bed", "Price"), ("top", "300"), ("low", "350")]):
            for column, cell in enumerate(cells):
                canvas.rect(60 + 100 * column, 660 - 20 * row, 100, 20)
                canvas.drawString(64 + 100 * column, 666 - 20 * row, cell)

    return pdf(draw)


def docx(*build) -> bytes:
    """A Word document that `build` functions fill one after the other."""
    import docx as library

    document = library.Document()
    for step in build or (_ordinary,):
        step(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _ordinary(document) -> None:
    document.add_heading("Hut rules", 0)
    document.add_heading("Beds", 1)
    document.add_paragraph("There are twelve of them:")
    document.add_paragraph("eight low", style="List Bullet")
    document.add_paragraph("four high", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([c for r in table.rows for c in r.cells], ["Bed", "Price", "top", "300"], strict=True):
        cell.text = text


def pptx() -> bytes:
    """Two slides: bullets with notes, and a table."""
    import pptx as library
    from pptx.util import Inches

    deck = library.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Hut rules"
    slide.placeholders[1].text_frame.text = "twelve beds\ntwo stoves"
    slide.notes_slide.notes_text_frame.text = "Say that the spring may freeze."
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Prices"
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for place, text in {(0, 0): "Bed", (0, 1): "Price", (1, 0): "top", (1, 1): "300"}.items():
        table.cell(*place).text = text
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


def xlsx(build=None) -> bytes:
    """A workbook that `build(book)` fills."""
    import openpyxl

    book = openpyxl.Workbook()
    if build:
        build(book)
    else:
        for row in (["Bed", "Price"], ["top", 300], ["low", 350]):
            book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def epub(chapters: dict[str, str] | None = None) -> bytes:
    """A book with the given chapters (name → body)."""
    chapters = chapters or {
        "one": "<h1>The hut</h1><p>It has twelve beds.</p>",
        "two": "<h1>Water</h1><p>From the spring.</p>",
    }
    items = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in chapters)
    spine = "".join(f'<itemref idref="{n}"/>' for n in chapters)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/epub+zip")
        file.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        )
        file.writestr(
            "OEBPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>Hut book</dc:title><dc:creator>Ada Holm</dc:creator></metadata><manifest>{items}</manifest>"
            f"<spine>{spine}</spine></package>",
        )
        for name, body in chapters.items():
            file.writestr(
                f"OEBPS/{name}.xhtml", f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
            )
    return buffer.getvalue()


def every() -> dict[str, bytes]:
    """An ordinary file of each format by its name."""
    return {
        "rules.txt": TEXT.encode(),
        "守則.txt": CHINESE.encode("cp950"),
        "rules.md": MARKDOWN.encode(),
        "rules.html": HTML.encode(),
        "beds.csv": b"bed,price\ntop,300\nlow,350\n",
        "beds.tsv": "床位\t價格\n上鋪\t300\n下鋪\t350\n".encode("utf-16"),
        "rules.json": JSON.encode(),
        "faq.jsonl": JSON_LINES.encode(),
        "rules.pdf": plain_pdf(),
        "rules.docx": docx(),
        "rules.pptx": pptx(),
        "beds.xlsx": xlsx(),
        "book.epub": epub(),
    }


def save(folder: Path, name: str, data: bytes) -> Path:
    """The bytes as a file of that name."""
    path = folder / name
    path.write_bytes(data)
    return path
