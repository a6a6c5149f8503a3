import random

import pytest

from retrieval.chunking import chunks, passage, sections
from retrieval.embedders import load
from retrieval.records import Block, Parsed, Span

STOPS = "。？！；"


def count(text):
    """A tokenizer of one's own: two characters a token, two special ones."""
    return len(text) // 2 + 2


def document(text, *blocks, title="T"):
    return Parsed(name="a.txt", format="txt", text=text, blocks=tuple(blocks), title=title)


def joined(text, found):
    return "".join(text[c.start : c.end] for c in found)


def sentences_200():
    rng = random.Random(5)
    return "".join(f"第{i}條{'船員必須注意安全' * rng.randint(2, 5)}{STOPS[i % 4]}" for i in range(200))


@pytest.mark.parametrize("embedder", ["hashing", "e5"])
def test_chinese_without_blanks_is_cut_at_stops_within_the_limit(embedder):
    text, tokenizer = sentences_200(), load(embedder)
    limit = 200
    found = [c for s in sections(document(text), "a.txt", "d") for c in chunks(s, tokenizer.count, limit)]
    assert len(found) > 5
    assert all(tokenizer.count(passage("T", c.text)) == c.tokens <= limit for c in found)
    assert all(c.text[-1] in STOPS for c in found)
    assert not any(c.text[0] in STOPS for c in found)
    assert joined(text, found) == text == "".join(c.text for c in found)


def test_chinese_without_any_stop_still_fits():
    text = "測試" * 3000
    found = [c for s in sections(document(text), "a.txt", "d") for c in chunks(s, count, 200)]
    assert all(c.tokens <= 200 for c in found) and joined(text, found) == text


def test_chunks_tile_any_text_and_never_pass_the_limit():
    rng = random.Random(1)
    alphabet = ["word ", "船", "。", "\n\n", "3.5 ", "?", "，", "a" * 40, "（", "”", "\n", "1. ", "| x | y |\n", "😀"]
    for _ in range(60):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 400)))
        limit = rng.choice([12, 30, 100, 400])
        for section in sections(document(text), "a.txt", "d"):
            found = chunks(section, count, limit)
            assert joined(text, found) == section.text
            assert all(c.tokens <= limit for c in found)
            assert [c.ordinal for c in found] == list(range(len(found)))


def test_a_section_that_fits_is_one_chunk():
    (section,) = sections(document("Short. Very short."), "a.txt", "d")
    (chunk,) = chunks(section, count, 100)
    assert (chunk.text, chunk.tokens) == (section.text, count("T\nShort. Very short."))


def test_a_continued_table_repeats_its_header():
    lines = [f"| G{i} | {i} weeks |" for i in range(60)]
    text = "# T\n## Grades\n| Grade | Notice |\n|---|---|\n" + "\n".join(lines)
    rows = []
    for i, line in enumerate(lines):
        at = text.index(line)
        grade, notice = f"G{i}", f"{i} weeks"
        rows.append(
            (
                Span(start=at + 2, end=at + 2 + len(grade), text=grade),
                Span(start=at + 5 + len(grade), end=at + 5 + len(grade) + len(notice), text=notice),
            )
        )
    blocks = (
        Block(kind="heading", start=0, end=3, level=1),
        Block(kind="heading", start=4, end=13, level=2),
        Block(kind="table", start=14, end=len(text), header=("Grade", "Notice"), rows=tuple(rows)),
    )
    (section,) = sections(document(text, *blocks), "a.md", "d")
    found = chunks(section, count, 150)
    assert len(found) > 3
    assert all(c.text.startswith("| Grade | Notice |\n") for c in found)
    assert all(c.text.rstrip().endswith("weeks |") and c.tokens <= 150 for c in found)
    assert joined(text, found) == section.text


def test_rows_parted_from_their_header_get_their_column_names():
    text = "code,price\n" + "\n".join(f"CODE-{i},{i}" for i in range(300))
    rows = []
    at = len("code,price\n")
    for i in range(300):
        code = f"CODE-{i}"
        end = at + len(code)
        rows.append((Span(start=at, end=end, text=code), Span(start=end + 1, end=end + 1 + len(str(i)), text=str(i))))
        at = end + len(str(i)) + 2
    table = Block(kind="table", start=0, end=len(text), header=("code", "price"), rows=tuple(rows))
    found = sections(document(text, table), "a.csv", "d")
    first, second = (chunks(s, count, 2000)[0].text for s in found[:2])
    assert first.startswith("code,price\n") and second.startswith("code | price\n")


def test_a_heading_longer_than_the_limit_leaves_room_for_the_text():
    text = "# " + "a very long heading " * 100 + "\n\nThe body."
    end = text.index("\n")
    blocks = (Block(kind="heading", start=0, end=end, level=1), Block(kind="paragraph", start=end + 2, end=len(text)))
    (section,) = sections(document(text, *blocks, title=""), "a.md", "d")
    (chunk,) = chunks(section, count, 64)
    assert chunk.text == "The body." and chunk.tokens <= 64


def test_chunks_are_of_about_equal_size():
    text = " ".join(f"Sentence number {i} is here." for i in range(30))
    (section,) = sections(document(text), "a.txt", "d")
    sizes = [c.tokens for c in chunks(section, count, 300)]
    assert len(sizes) == 2 and max(sizes) - min(sizes) < 60
