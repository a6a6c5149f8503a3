import re

from retrieval.chunking import sections, units
from retrieval.records import Block, Parsed, Span


def span(text, part, start=0):
    at = text.index(part, start)
    return Span(start=at, end=at + len(part), text=part)


def block(text, part, kind="paragraph", **fields):
    at = text.index(part)
    return Block(kind=kind, start=at, end=at + len(part), **fields)


def parsed(text, *blocks, title="", name="a.md"):
    return Parsed(name=name, format="md", text=text, blocks=tuple(blocks), title=title)


HANDBOOK = (
    "# Staff Handbook\n\nIntro.\n\n## 1. Time off\n\n### 1.1 Leave\n\nTwenty days.\n\n"
    "### 1.2 Empty\n\n## 2. Pay\n\nMonthly."
)


def handbook():
    levels = {"# Staff Handbook": 1, "## 1. Time off": 2, "### 1.1 Leave": 3, "### 1.2 Empty": 3, "## 2. Pay": 2}
    blocks = [block(HANDBOOK, h, "heading", level=n) for h, n in levels.items()]
    blocks += [block(HANDBOOK, p) for p in ("Intro.", "Twenty days.", "Monthly.")]
    return parsed(HANDBOOK, *sorted(blocks, key=lambda b: b.start), title="Staff Handbook")


def test_a_heading_begins_a_section_and_its_path_names_every_level_once():
    found = sections(handbook(), "a.md", "d")
    assert [(s.heading, s.text) for s in found] == [
        ("Staff Handbook", "Intro."),
        ("Staff Handbook > 1. Time off > 1.1 Leave", "Twenty days."),
        ("Staff Handbook > 1. Time off > 1.2 Empty", "### 1.2 Empty"),
        ("Staff Handbook > 2. Pay", "Monthly."),
    ]
    assert [s.ordinal for s in found] == [0, 1, 2, 3]


def test_section_texts_are_the_stored_text_at_their_offsets():
    for section in sections(handbook(), "a.md", "d"):
        assert section.text == HANDBOOK[section.start : section.end]


def test_ids_depend_on_source_path_and_text_but_not_on_the_document_or_the_place():
    moved = HANDBOOK.replace("Intro.", "A longer introduction.")
    levels = {"# Staff Handbook": 1, "## 2. Pay": 2}
    blocks = [block(moved, h, "heading", level=n) for h, n in levels.items()] + [block(moved, "Monthly.")]
    other = sections(parsed(moved, *sorted(blocks, key=lambda b: b.start), title="Staff Handbook"), "a.md", "new")
    first = sections(handbook(), "a.md", "d")
    assert other[-1].id == first[-1].id and other[-1].start != first[-1].start
    assert sections(handbook(), "b.md", "d")[-1].id != first[-1].id


def test_two_equal_sections_of_a_document_have_different_ids():
    text = "# A\n\nSame.\n\n# A\n\nSame."
    at = text.rindex("# A")
    blocks = (
        Block(kind="heading", start=0, end=3, level=1),
        Block(kind="paragraph", start=5, end=10),
        Block(kind="heading", start=at, end=at + 3, level=1),
        Block(kind="paragraph", start=at + 5, end=at + 10),
    )
    first, second = sections(parsed(text, *blocks), "a.md", "d")
    assert (first.text, first.heading) == (second.text, second.heading) and first.id != second.id


def test_text_without_headings_is_grouped_at_paragraphs():
    paragraphs = [f"Paragraph {i}. " + "word " * 60 for i in range(12)]
    text = "\n\n".join(p.strip() for p in paragraphs)
    found = sections(parsed(text, name="a.txt"), "a.txt", "d")
    assert 3 <= len(found) <= 6
    assert all(s.text.startswith("Paragraph") and len(s.text) < 1500 for s in found)
    assert re.sub(r"\s", "", "".join(s.text for s in found)) == re.sub(r"\s", "", text)
    assert found[0].heading == "a"


def test_each_question_and_answer_is_a_section_under_its_question():
    text = "Crib\n\nQ: Dogs?\nA: On a lead.\n\nQ: Drones?\nA: No."
    pairs = tuple((span(text, q), span(text, a)) for q, a in (("Dogs?", "On a lead."), ("Drones?", "No.")))
    blocks = (
        Block(kind="paragraph", start=0, end=4),
        Block(kind="qa", start=6, end=len(text), rows=pairs),
    )
    found = sections(parsed(text, *blocks, title="Passengers"), "faq.txt", "d")
    assert [s.heading for s in found] == ["Passengers", "Passengers > Dogs?", "Passengers > Drones?"]
    assert found[1].text == "Q: Dogs?\nA: On a lead."
    assert [u.rendered for u in units(found[2])] == ["Drones? No."]


def table(rows):
    text = "code,price\n" + "\n".join(f"{code},{price}" for code, price in rows)
    cells, at = [], len("code,price\n")
    for code, price in rows:
        middle = at + len(code) + 1
        cells.append(
            (Span(start=at, end=at + len(code), text=code), Span(start=middle, end=middle + len(price), text=price))
        )
        at = middle + len(price) + 1
    return parsed(
        text, Block(kind="table", start=0, end=len(text), header=("code", "price"), rows=tuple(cells)), name="fares.csv"
    )


def test_a_long_table_is_grouped_by_rows_and_every_row_keeps_its_column_names():
    source = table([(f"CODE-{i:04d}", f"{i}.50") for i in range(400)])
    found = sections(source, "fares.csv", "d")
    assert len(found) > 3
    rendered = [u.rendered for s in found for u in units(s)]
    assert rendered == [f"code: CODE-{i:04d}; price: {i}.50" for i in range(400)]
    assert all(s.text == source.text[s.start : s.end] for s in found)


def test_a_very_large_section_under_one_heading_is_parted():
    body = "\n\n".join(f"Rule {i} says that nobody may run on deck number {i}." for i in range(400))
    text = f"# Title\n\n## Rules\n\n{body}"
    at = text.index("Rule 0")
    blocks = [block(text, "# Title", "heading", level=1), block(text, "## Rules", "heading", level=2)]
    blocks += [Block(kind="paragraph", start=at + m.start(), end=at + m.end()) for m in re.finditer(r"[^\n]+", body)]
    found = sections(parsed(text, *blocks), "a.md", "d")
    assert len(found) > 10 and {s.heading for s in found} == {"Title > Rules"}


def test_units_render_rows_items_and_pairs_with_what_they_belong_to():
    text = "Bring:\n- a lamp\n- a rope\n\n| Grade | Notice |\n|---|---|\n| G1 | 1 week |\n| G2 |  |\n\n"
    text += "Colour: blue\n\nStop. Go."
    lead = span(text, "Bring:")
    start = text.index("| Grade")
    empty = text.index("|  |") + 1
    blocks = (
        Block(kind="list", start=7, end=24, rows=((span(text, "a lamp"),), (span(text, "a rope"),)), lead=lead),
        Block(
            kind="table",
            start=start,
            end=text.index("\n\nColour"),
            header=("Grade", "Notice"),
            rows=(
                (span(text, "G1"), span(text, "1 week")),
                (span(text, "G2"), Span(start=empty, end=empty, text="")),
            ),
        ),
        block(text, "Colour: blue", "keyvalue", rows=((span(text, "Colour"), span(text, "blue")),)),
        block(text, "Stop. Go."),
    )
    (section,) = sections(parsed(text, *blocks, title="T"), "a.md", "d")
    found = units(section)
    assert [(u.kind, u.rendered) for u in found] == [
        ("item", "Bring: a lamp"),
        ("item", "Bring: a rope"),
        ("row", "Grade: G1; Notice: 1 week"),
        ("row", "Grade: G2"),
        ("keyvalue", "Colour: blue"),
        ("sentence", "Stop."),
        ("sentence", "Go."),
    ]
    assert all(u.text == text[u.start : u.end] for u in found)


def test_a_sentence_without_end_is_cut_at_clauses():
    text = "，".join("船員不得擅離職守" for _ in range(300))
    (section, *_) = sections(parsed(text), "a.txt", "d")
    found = units(section)
    assert len(found) > 5 and all(len(u.text) <= 310 for u in found)
    assert "".join(u.text for u in found) == section.text


def test_megabytes_without_a_stop_take_no_time():
    text = "測" * 300_000
    found = [u for s in sections(parsed(text), "a.txt", "d") for u in units(s)]
    assert sum(len(u.text) for u in found) == len(text)
