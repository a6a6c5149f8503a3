"""Makes the binary files of `samples/documents/`: python -m benchmarks.make_samples. The same bytes every time.

The organisation and everything about it is invented; the files are CC0 1.0.
"""

from __future__ import annotations

import re
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "samples" / "documents"
WHEN = datetime(2026, 4, 15, 9, 0)
_DATE = re.compile(rb"(?<=W3CDTF\">)[0-9T:Z-]{20}")

GUIDE = [
    ("title", "Visitors' Guide to Alder Mill"),
    ("text", "Larkspindle Music Boxes, Thornby Lane, Wexcombe. Valid from 1 March to 31 October 2026. The mill is closed "
             "on Sundays, on Easter Monday, and from 3 to 14 August, when the wheel is cleaned."),
    ("head", "Opening hours"),
    ("table", [["Part of the mill", "Monday to Friday", "Saturday", "Last admission"],
               ["Shop", "9:20 to 17:40", "9:20 to 18:00", "at closing"],
               ["Tuning room gallery", "10:00 to 16:00", "10:00 to 15:00", "15:20"],
               ["Museum of combs", "10:30 to 17:00", "10:30 to 17:30", "16:15"],
               ["Tea room", "9:00 to 17:15", "9:00 to 17:45", "16:50"]]),
    ("head", "Tickets"),
    ("table", [["Ticket", "Guided tour", "Museum only", "Both"],
               ["Adult", "NT$260", "NT$140", "NT$350"],
               ["Student with card", "NT$170", "NT$90", "NT$230"],
               ["Over 66", "NT$150", "NT$80", "NT$200"],
               ["Family of four", "NT$690", "NT$380", "NT$930"]]),
    ("text", "Owners of a Larkspindle box enter the museum free of charge if they bring the number of the brass plate. "
             "Groups of thirteen or more pay 20 per cent less and must book nine days ahead with Pascal Wray, extension "
             "231. There is no reduction on the tea room bill."),
    ("head", "The tour"),
    ("text", "A tour takes 70 minutes and covers 214 stairs. You begin on the pinning floor, where a Great Bittern's "
             "cylinder receives its 9,400 pins, go on to the comb forge, and end in the tuning room. Please whisper there; "
             "a tuner loses about four minutes of work for every interruption. Tours in French are given on the first "
             "Saturday of the month."),
    ("head", "Getting here"),
    ("text", "Bus 38 stops at the mill gate every 25 minutes. From Wexcombe station it is a walk of 1.8 kilometres along "
             "the leat. Cyclists find a stand with a pump beside the wheelhouse. The nearest place to charge an electric "
             "car is behind the town library."),
    ("head", "Things to know"),
    ("text", "Photographs are welcome everywhere but in the design office. Large bags stay in the cloakroom, which costs "
             "NT$30 and takes nothing longer than 90 centimetres. Hearing aids with a telecoil can be switched to the "
             "tuning room's loop on channel 6. A wheelchair is lent free of charge; ask for Ines at the ticket desk. Only "
             "the shop, the tea room and the museum can be reached without stairs."),
    ("head", "Workshops for visitors"),
    ("table", [["Workshop", "Length", "Age", "Price", "Held on"],
               ["Pin your own tune", "6 hours", "from 12", "NT$3,200", "second Saturday"],
               ["A comb of seven teeth", "2 hours", "from 9", "NT$1,100", "every Thursday"],
               ["Paper-strip organ", "45 minutes", "from 5", "NT$380", "daily at 11:30"]]),
    ("text", "Workshops are paid when you book. You get the whole sum back up to five days before, and half of it up to "
             "the evening before."),
]  # fmt: skip

RULES: list[tuple[str, Any]] = [
    ("title", "Workshop Rules at Alder Mill"),
    ("text", "These rules hold for everyone who works at a bench. Henrike Fenn approves changes; Desmond Achebe-Lund, the "
             "workshop steward, keeps this copy and answers questions on extension 218."),
    ("head", "1. The working day"),
    ("text", "The bell rings at 7:50 and the benches open at 8:00. Work ends at 16:30, on Fridays at 14:45. The lunch "
             "break is 40 minutes. Tuners stop for ten minutes in every hour, and nobody may talk to them during the other "
             "fifty. Flexible hours have to be agreed two weeks ahead."),
    ("head", "2. Grades and training"),
    ("table", [["Grade", "Work", "Hourly pay", "Training before the next grade"],
               ["B1 apprentice", "cases and packing", "NT$215", "14 months"],
               ["B2 pinner", "cylinders up to 50 teeth", "NT$268", "30 months"],
               ["B3 tuner", "all combs", "NT$340", "an examination by two masters"],
               ["B4 master", "Great Bittern and rebuilds", "NT$455", "none"]]),
    ("text", "An apprentice receives a set of nine files on the first day and pays nothing for it after two years of "
             "service. Whoever leaves earlier returns the set or pays NT$3,800."),
    ("head", "3. At the bench"),
    ("list", ["Wear the leather apron at the forge and cotton sleeves everywhere else.",
              "Lamps over the tuning benches stay at 5,000 kelvin; do not change the tubes yourself.",
              "Count your pins before and after. A difference of more than three is written in the grey book.",
              "Clean the bench with spirit, never with water.",
              "Radios are allowed on the packing floor only."]),
    ("head", "4. Safety"),
    ("text", "The forge may be lit by B3 and B4 only, and never by one person alone. Burns go under cold water for 20 "
             "minutes, then to the first-aider Ruth Calloway in room 12. Mainsprings are opened inside the steel cage; a "
             "24 mm spring holds enough force to break a finger. Every accident is reported on form A-2 within 24 hours."),
    ("head", "5. Leave and absence"),
    ("text", "Everyone has 24 days of leave and one more for every four years of service, up to 30. The summer closing in "
             "August takes eight of them. If you are ill, call the steward before 7:30. From the fourth day we need a "
             "doctor's note."),
    ("head", "6. Quality"),
    ("text", "Each box is heard twice: once by its tuner, and a day later by somebody else. A box with more than two "
             "faults goes back to the bench. Three returns in one month lead to a talk with the steward, not to a cut in "
             "pay. Finished boxes rest for 48 hours at 22 °C before they are packed."),
    ("head", "7. Suggestions"),
    ("text", "Ideas go into the wooden owl by the clock. The owl is emptied on the last Friday of the month, and an idea "
             "that is used earns NT$2,500."),
]  # fmt: skip

PRICES = [
    ["2026 年訂製價目表"],
    ["款式", "中文名", "音數", "曲數", "售價", "交貨", "上市日"],
    ["Wren", "雲雀", 18, 1, 2480, "9 個工作天", datetime(2019, 5, 4)],
    ["Linnet", "紅雀", 30, 1, 5900, "9 個工作天", datetime(2014, 9, 20)],
    ["Nightjar", "夜鷹", 50, 3, 14600, "7 週", datetime(2008, 3, 1)],
    ["Great Bittern", "大麻鷺", 72, 6, 38000, "5 個月", datetime(1997, 11, 15)],
]
EXTRAS = [
    ["加購項目", "適用款式", "費用", "工期", "備註"],
    ["自訂曲目編曲", "紅雀以上", 3300, "12 天", "可修改兩次"],
    ["加長刻字（每字）", "全部", 20, "2 天", "前 12 字免費"],
    ["螺鈿鑲嵌", "夜鷹、大麻鷺", 6800, "25 天", "由莊芷晴製作"],
    ["音梳鍍金", "大麻鷺", 9500, "18 天", "音色較柔"],
    ["玻璃內蓋", "夜鷹", 870, "12 天", "依實物裁切"],
    ["急件", "雲雀、紅雀", 600, "3 天內出貨", "十二月不受理"],
    ["禮盒與緞帶", "全部", 180, "當天", "緞帶有墨綠、酒紅兩色"],
]

SLIDES: list[dict[str, Any]] = [
    {"title": "新進人員訓練", "lines": ["雀弦工房 2026 年版", "講師：工房主任羅以澄"],
     "notes": "開場先請大家聽一次大麻鷺，不要急著說話。"},
    {"title": "第一週做什麼", "lines": ["第一天領圍裙、九支一組的銼刀和置物櫃鑰匙", "前三天只聽不做，每天聽滿二十個音樂盒",
     "第四天起跟著一位師傅，師徒名單貼在茶室門口", "週五下午三點和主任談十五分鐘"],
     "notes": "銼刀服務滿兩年就不用還，提早離職要還，或賠 3,800 元。"},
    {"title": "職級與薪資", "table": [["職級", "工作內容", "時薪", "升級條件"], ["學徒", "木盒與包裝", "195 元", "滿十四個月"],
     ["植針師", "五十音以下的滾筒", "240 元", "滿三十個月"], ["調音師", "所有音梳", "310 元", "兩位師傅考核"],
     ["主匠", "大麻鷺與重修", "420 元", "無"]],
     "notes": "薪水每月 7 日入帳，遇假日提前。"},
    {"title": "上下班與請假", "lines": ["早上八點二十分打卡，週五提早到下午三點下班", "午休五十分鐘，調音師每小時要停十分鐘",
     "病假當天早上七點五十分前打給領班杜允恩，分機 305", "第四天起要附診斷證明", "年假十四天起，每滿三年多一天"],
     "notes": "颱風假照雲林縣政府公告，工資照給。"},
    {"title": "安全守則", "lines": ["爐子只有調音師以上可以點，而且一定要兩個人在場", "燙傷先沖冷水二十分鐘，再找急救員沈宥蓁",
     "拆發條一定要在鐵籠裡", "意外當天填 A-2 單，交給領班"],
     "notes": "去年只發生兩件，都是沒戴袖套。"},
    {"title": "品管", "lines": ["每個音樂盒聽兩次，第二次隔一天由別人聽", "超過兩個毛病就退回工作台",
     "完成後在攝氏二十四度放四十八小時才能包裝"],
     "notes": "被退三次只是約談，不扣薪水。"},
]  # fmt: skip


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
    for kind, content in GUIDE:
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
    for kind, content in RULES:
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
    for row in PRICES:
        first.append(row)
    first.merge_cells("A1:G1")
    for row in first.iter_rows(min_row=3):
        row[4].number_format = '"NT$"#,##0'
        row[6].number_format = "yyyy/m/d"
    second = book.create_sheet("加購")
    for row in EXTRAS:
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
    for content in SLIDES:
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
