"""Makes the binary files of `samples/documents/`: python -m benchmarks.make_samples. The same bytes every time
with the same versions of the libraries.

The organisation and everything about it is invented; the files are CC0 1.0.
"""

from __future__ import annotations

import re
import sys
import tomllib
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "samples" / "documents"
WHEN = datetime(2026, 4, 15, 9, 0)
_DATE = re.compile(rb"(?<=W3CDTF\">)[0-9T:Z-]{20}")

CONTENT = tomllib.loads(Path(__file__).with_name("samples.toml").read_text(encoding="utf-8"))


def main() -> None:
    """Write all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    folder.mkdir(exist_ok=True)
    guide(folder / "visitors-guide.pdf")
    rules(folder / "workshop-rules.docx")
    prices(folder / "訂製價目.xlsx")
    training(folder / "新人訓練.pptx")


def guide(path: Path) -> None:
    """A PDF with tables, a header on every page and page numbers."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A5
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    styles = getSampleStyleSheet()
    shape = {"title": styles["Title"], "head": styles["Heading2"], "text": styles["BodyText"]}
    grid = TableStyle(
        [("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
         ("FONTSIZE", (0, 0), (-1, -1), 8), ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)]
    )  # fmt: skip
    story: list[Any] = []
    for part in CONTENT["guide"]:
        [(kind, content)] = part.items()
        story.append(Table(content, style=grid) if kind == "table" else Paragraph(str(content), shape[kind]))
        story.append(Spacer(1, 6))

    def frame(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(40, A5[1] - 28, "Larkspindle Music Boxes, Alder Mill")
        canvas.drawCentredString(A5[0] / 2, 24, f"{document.page}")

    document = SimpleDocTemplate(
        str(path), pagesize=A5, margins=40, leftMargin=40, rightMargin=40, topMargin=48, bottomMargin=44,
        title="Visitors' Guide to Alder Mill", author="Larkspindle", invariant=1,
    )  # fmt: skip
    document.build(story, onFirstPage=frame, onLaterPages=frame)


def rules(path: Path) -> None:
    """A Word document with headings, a table, a list and a header."""
    import docx

    document = docx.Document()
    document.core_properties.author = "Desmond Achebe-Lund"
    document.core_properties.title = "Workshop Rules at Alder Mill"
    document.core_properties.comments = ""
    document.core_properties.created = document.core_properties.modified = WHEN
    document.sections[0].header.paragraphs[0].text = "Larkspindle: for members of the workshop"
    for part in CONTENT["rules"]:
        [(kind, content)] = part.items()
        if kind == "table":
            table = document.add_table(rows=0, cols=len(content[0]), style="Table Grid")
            for row in content:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        elif kind == "list":
            for item in content:
                document.add_paragraph(item, style="List Bullet")
        elif kind == "text":
            document.add_paragraph(content)
        else:
            document.add_heading(content, 0 if kind == "title" else 1)
    document.save(str(path))
    _settled(path)


def prices(path: Path) -> None:
    """A workbook with two sheets, a merged title, amounts and dates with formats."""
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = WHEN
    book.properties.creator = "雀弦工房"
    first = book.active
    first.title = "音樂盒"
    for row in CONTENT["prices"][first.title]:
        first.append(row)
    first.merge_cells("A1:G1")
    for row in first.iter_rows(min_row=3):
        row[4].number_format = '"NT$"#,##0'
        row[6].number_format = "yyyy/m/d"
    second = book.create_sheet("加購")
    for row in CONTENT["prices"][second.title]:
        second.append(row)
    for cell in (*first[2], *second[1]):
        cell.font = Font(bold=True)
    for row in second.iter_rows(min_row=2):
        row[2].number_format = '#,##0" 元"'
    book.save(path)
    _settled(path)


def training(path: Path) -> None:
    """Slides with bullets, a table and speaker notes."""
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    deck.core_properties.title = "雀弦工房新進人員訓練"
    deck.core_properties.author = "羅以澄"
    deck.core_properties.comments = ""
    deck.core_properties.created = deck.core_properties.modified = WHEN
    for content in CONTENT["training"]:
        slide = deck.slides.add_slide(deck.slide_layouts[1 if "lines" in content else 5])
        slide.shapes.title.text = content["title"]
        if "lines" in content:
            slide.placeholders[1].text_frame.text = "\n".join(content["lines"])
        if "table" in content:
            rows = content["table"]
            shape = slide.shapes.add_table(len(rows), len(rows[0]), Inches(0.5), Inches(2), Inches(9), Inches(3))
            for r, row in enumerate(rows):
                for c, text in enumerate(row):
                    shape.table.cell(r, c).text = text
        slide.notes_slide.notes_text_frame.text = content["notes"]
    deck.save(str(path))
    _settled(path)


def _settled(path: Path) -> None:
    """Pack an Office file again with one date for all entries, so that its bytes do not change from run to run."""
    with zipfile.ZipFile(path) as old:
        entries = [(name, _DATE.sub(f"{WHEN:%Y-%m-%dT%H:%M:%S}Z".encode(), old.read(name))) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (2026, 4, 15, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)


if __name__ == "__main__":
    main()
