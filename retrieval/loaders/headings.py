"""Which lines of plain text are headings, and how deep: underlined, framed, in capitals, numbered, a title. Pure."""

from __future__ import annotations

import re

from retrieval.loaders.marks import QUESTION, Mark, key_value, mark, shouting, titular, width
from retrieval.loaders.reading import Line, Reading
from retrieval.records import Block

_UNDERLINE = re.compile(r"([=\-~^\"#*+])\1{2,}|─{3,}|━{3,}|═{3,}")
_FRAMED = re.compile(
    r"(?P<left>[=*#~─━═◆■【\-]{2,}|[【◎]|#{1,6}(?=\s))\s*(?P<words>.*?\w.*?)\s*(?:[=*#~─━═◆■】\-]{1,}|$)"
)
_NUMBERED = {"part", "chapter", "section", "article", "annex", "formal", "han", "han_paren", "stem", "dotted"}
_NUMBERED |= {"number", "roman", "letter"}
_ARTICLE = re.compile(
    r"(?P<head>第[^\s條条]{1,10}[條条](?:之[一二三四五六七八九十\d]+)?\s*(?:[（(][^（()）]{1,30}[)）])?)[\s\u3000]+\S"
)


def heading(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """The heading that line `index` is, as one block, and the line to go on with; None when it is none."""
    line = reading.lines[index]
    return (
        _underlined(reading, index)
        or _framed(reading, index)
        or _title(reading, index)
        or _numbered(reading, index)
        or _article(reading, line)
        or _shouted(reading, index)
    )


def _underlined(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    line = reading.lines[index]
    under = reading.lines[index + 1].text if index + 1 < len(reading.lines) else ""
    if not _UNDERLINE.fullmatch(under) or not titular(line.text, 120):
        return None
    above = reading.lines[index - 1].text if index else ""
    if above and not _UNDERLINE.fullmatch(above):
        return None
    if not 0.4 * width(line.text) <= width(under) <= 120:
        return None
    return [_block(line, reading.level(f"underline {under[0]}"))], index + 2


def _framed(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """`== HIRE ==`, `*** Rules ***`, `【注意事項】`, `# Title`."""
    line = reading.lines[index]
    match = _FRAMED.fullmatch(line.text)
    if not match or not titular(match["words"], 80):
        return None
    closed = line.text[-1] in "=*#~─━═◆■】-" or match["left"].startswith(("#", "◎"))
    if not closed or (line.text.startswith("--") and not line.text.endswith("--")):
        return None
    style = match["left"] if match["left"].startswith("#") else match["left"][0]
    level = min(reading.level(f"frame {style}"), 6)
    start, end = line.start + match.start("words"), line.start + match.end("words")
    return [Block(kind="heading", start=start, end=end, level=level)], index + 1


def _title(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    """The first line of the text, when it stands alone or in capitals."""
    line = reading.lines[index]
    following = reading.following(index)
    if reading.before(index) or not following or not titular(line.text, 100) or mark(line.text):
        return None
    if QUESTION.match(line.text) or _one_of_several_keys(line, following):
        return None
    if not (reading.blank(index + 1) or shouting(line.text) or _short_above_a_sentence(line, following)):
        return None
    return [_block(line, reading.level("title"))], index + 1


def _one_of_several_keys(line: Line, following: Line) -> bool:
    return key_value(line.text) is not None and key_value(following.text) is not None


def _short_above_a_sentence(line: Line, following: Line) -> bool:
    return following.text.endswith((".", "。", "!", "！")) and 2 * width(line.text) < max(width(following.text), 80)


def _numbered(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    line = reading.lines[index]
    here = mark(line.text)
    if not here or here.style not in _NUMBERED or not titular(line.text) or line.indent > 3:
        return None
    if here.style in ("letter", "roman", "stem", "number", "han_paren") and not _own_paragraph(reading, index):
        return None
    following = reading.following(index)
    if not following or not _leads_text(reading, line, here, following):
        return None
    return [_block(line, _depth(reading, here))], index + 1


def _own_paragraph(reading: Reading, index: int) -> bool:
    """Whether nothing stands right above the line."""
    return reading.blank(index - 1) or bool(_UNDERLINE.fullmatch(reading.lines[index - 1].text))


def _leads_text(reading: Reading, line: Line, here: Mark, following: Line) -> bool:
    """Whether a numbered line has text of its own under it, rather than the next item."""
    after = mark(following.text)
    if after and after.style == here.style and (here.style != "dotted" or after.depth <= here.depth):
        return False
    before = reading.before(line.number)
    if before and (earlier := mark(before.text)) and earlier.style == here.style and here.style != "dotted":
        return shouting(line.text)
    if reading.blank(line.number + 1):
        return True
    end = reading.paragraph_end(line.number + 1, until=lambda later: _same(later, here))
    body = reading.size(line.number + 1, end)
    touching = end < len(reading.lines) and reading.lines[end].text and _same(reading.lines[end], here)
    return not touching or (width(line.text) <= 40 and body >= 1.5 * len(line.text) and following.indent <= line.indent)


def _same(line: Line, here: Mark) -> bool:
    other = mark(line.text)
    return other is not None and other.style == here.style


def _depth(reading: Reading, here: Mark) -> int:
    """Dotted numbers nest by their parts, below plain numbers where there are any."""
    if here.style != "dotted":
        return reading.level(here.style)
    base = reading.level("number") if "number" in reading.styles else reading.level("dotted") - (here.depth > 1)
    return max(base, 1) + here.depth - 1


def _article(reading: Reading, line: Line) -> tuple[list[Block], int] | None:
    """「第三條　會員…」: the number heads the text on its own line."""
    match = _ARTICLE.match(line.text)
    if not match or line.indent > 4:
        return None
    end = line.start + len(match["head"].rstrip())
    level = reading.level("article")
    rest = reading.paragraph_end(line.number + 1, until=lambda later: mark(later.text) is not None)
    start = line.start + match.end() - 1
    return [
        Block(kind="heading", start=line.start, end=end, level=min(level, 6)),
        Block(kind="paragraph", start=start, end=reading.lines[rest - 1].end),
    ], rest


def _shouted(reading: Reading, index: int) -> tuple[list[Block], int] | None:
    line = reading.lines[index]
    following = reading.following(index)
    if not following or not shouting(line.text) or not titular(line.text, 80) or _one_of_several_keys(line, following):
        return None
    if not _own_paragraph(reading, index):
        return None
    after = mark(line.text)
    return [_block(line, reading.level(f"capitals {after.style}" if after else "capitals"))], index + 1


def _block(line: Line, level: int) -> Block:
    return Block(kind="heading", start=line.start, end=line.end, level=min(level, 6))
