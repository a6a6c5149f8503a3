"""PDFium's characters → pieces of lines, without what nobody can see. The only module that talks to PDFium's text."""

from __future__ import annotations

import ctypes
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from retrieval.loaders.pdf.drawing import Drawing
from retrieval.loaders.pdf.page import Page, Piece
from retrieval.sentences import CJK

_BOLD = re.compile(r"(?i)bold|cmbx|black|heavy|semib|demi|[-,]b$|-w[6-9]|黑體|粗")
_MONO = re.compile(r"(?i)courier|mono|consol|cmtt|typewriter|menlo|fixed")
_WIDE = re.compile(f"[{CJK}\u3001-\u303f\uff00-\uffef]")
_SMALLEST = 2.0
"""Points below which letters cannot be read."""
_INVISIBLE_MODE = 3


class _Style(NamedTuple):
    """What all characters of one text object share."""

    size: float
    bold: bool
    mono: bool
    white: bool
    unseen: bool
    """Drawn without ink, or too small to read."""
    angle: int
    """Degrees against the page's own direction, 0 to 359."""


class Glyph(NamedTuple):
    """A character with its place, as the reader sees the page."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    base: float
    style: _Style

    @property
    def turned(self) -> bool:
        """Whether it does not run the page's way."""
        return 2 < self.style.angle < 358


def read(page: Any, number: int, drawing: Drawing) -> Page:
    """The page's text as pieces of lines."""
    found = Page(number, *drawing.size, rules=drawing.rules, images=drawing.covered, drawn=drawing.drawn)
    reader = _Reader(page, drawing)
    run: list[Glyph] = []
    turned: list[Glyph] = []
    pieces: list[Piece] = []
    spaced = blank = False
    for glyph in reader.glyphs():
        if glyph.text == " " or (run and _parts(run[-1], glyph)):
            pieces += _piece(run, spaced=spaced)
            run = []
        if not run:
            spaced, blank = blank, False
        if glyph.text == " ":
            blank = True
            turned += [glyph] if turned else []
        elif glyph.turned:
            turned.append(glyph)
        else:
            run.append(glyph)
    pieces += _piece(run, spaced=spaced)
    found.pieces = pieces
    found.turned = _turned(turned)
    found.hidden, found.unmapped = reader.hidden, reader.unmapped
    return found


def joined(pieces: list[Piece]) -> Piece:
    """Neighbours on one line as one, with a blank between words and none between Chinese characters that touch."""
    text = pieces[0].text
    for left, right in itertools.pairwise(pieces):
        gap = right.x0 - left.x1
        wide = _WIDE.match(text[-1]) and _WIDE.match(right.text[0])
        # A blank that was drawn counts unless the next letter stands on top of it.
        least = 0.35 if wide else -0.2 if right.spaced else 0.08
        text += ("" if gap < least * left.size else " ") + right.text
    biggest = max(pieces, key=lambda p: len(p.text) * p.size)
    letters = sum(len(p.text) for p in pieces)
    bold = sum(len(p.text) for p in pieces if p.bold) > 0.8 * letters
    mono = sum(len(p.text) for p in pieces if p.mono) > 0.8 * letters
    return Piece(
        text,
        pieces[0].x0,
        max(p.x1 for p in pieces),
        min(p.top for p in pieces),
        max(p.bottom for p in pieces),
        biggest.base,
        biggest.size,
        bold,
        mono,
        pieces[0].spaced,
    )


class _Reader:
    """The characters of one page in drawing order."""

    def __init__(self, page: Any, drawing: Drawing) -> None:
        from pypdfium2 import raw

        self._raw = raw
        self._text = page.get_textpage()
        self._drawing = drawing
        self._styles: dict[int, _Style] = {}
        self.hidden = 0
        self.unmapped = 0

    def glyphs(self) -> Iterator[Glyph]:
        """Seen characters; blanks as one blank, whoever put them there."""
        raw, text = self._raw, self._text.raw
        box, x, y = raw.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
        high = ""
        for index in range(raw.FPDFText_CountChars(text)):
            code = raw.FPDFText_GetUnicode(text, index)
            if 0xD800 <= code < 0xDC00:
                high = chr(code)
                continue
            character = _character(high, code)
            high = ""
            if raw.FPDFText_IsGenerated(text, index) or character.isspace():
                yield Glyph(" ", 0, 0, 0, 0, 0, _BLANK)
                continue
            raw.FPDFText_GetLooseCharBox(text, index, box)
            raw.FPDFText_GetCharOrigin(text, index, x, y)
            glyph = self._glyph(index, character, box, (x.value, y.value))
            if glyph:
                yield glyph

    def _glyph(self, index: int, character: str, box: Any, origin: tuple[float, float]) -> Glyph | None:
        style = self._style(index)
        x0, top, x1, bottom = self._drawing.placed(box.left, box.top, box.right, box.bottom)
        _, base, _, _ = self._drawing.placed(*origin, *origin)
        if self._drawing.unseen((x0 + x1) / 2, (top + bottom) / 2, white=style.white, inkless=style.unseen):
            self.hidden += 1
            return None
        if self._raw.FPDFText_HasUnicodeMapError(self._text.raw, index) == 1:
            self.unmapped += 1
        return Glyph(character, x0, x1, top, bottom, base, style)

    def _style(self, index: int) -> _Style:
        """The style of the text object that a character belongs to, asked once per object."""
        raw, text = self._raw, self._text.raw
        handle = raw.FPDFText_GetTextObject(text, index)
        key = ctypes.cast(handle, ctypes.c_void_p).value or -index - 1
        if key not in self._styles:
            self._styles[key] = self._ask_style(index, handle)
        return self._styles[key]

    def _ask_style(self, index: int, handle: Any) -> _Style:
        raw, text = self._raw, self._text.raw
        matrix = raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(text, index, matrix)
        scale = math.hypot(matrix.c, matrix.d) or 1.0
        size = raw.FPDFText_GetFontSize(text, index) * scale
        buffer, flags = ctypes.create_string_buffer(256), ctypes.c_int()
        raw.FPDFText_GetFontInfo(text, index, buffer, 256, flags)
        name = buffer.value.decode("utf-8", "replace")
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        known = raw.FPDFText_GetFillColor(text, index, red, green, blue, alpha)
        mode = raw.FPDFTextObj_GetTextRenderMode(handle) if handle else 0
        white = bool(known) and min(red.value, green.value, blue.value) >= 250
        inkless = mode == _INVISIBLE_MODE or (bool(known) and alpha.value == 0)
        bold = raw.FPDFText_GetFontWeight(text, index) >= 600 or bool(_BOLD.search(name))
        angle = math.degrees(raw.FPDFText_GetCharAngle(text, index)) - self._drawing.rotation
        unseen = inkless or 0 < size < _SMALLEST
        mono = bool(flags.value & 1) or bool(_MONO.search(name))
        return _Style(size, bold, mono, white and mode in (0, 4), unseen, round(angle) % 360)


_BLANK = _Style(0, False, False, False, False, 0)


def _character(high: str, code: int) -> str:
    if high and 0xDC00 <= code < 0xE000:
        return (high + chr(code)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # PDFium marks a hyphen at a line's end so.
    return "-" if code in (0x02, 0xFFFE) else chr(code) if code < 0x110000 else "\ufffd"


def _parts(last: Glyph, glyph: Glyph) -> bool:
    """Whether a glyph does not go on where the last one ended."""
    size = max(last.style.size, glyph.style.size, 1)
    gap = glyph.x0 - last.x1
    return (
        abs(glyph.base - last.base) > 0.15 * size
        or not -1.2 * size < gap < 0.25 * size
        or abs(glyph.style.size - last.style.size) > 0.5
        or glyph.style.bold != last.style.bold
        or glyph.turned
    )


def _piece(run: list[Glyph], *, spaced: bool) -> list[Piece]:
    if not run:
        return []
    return [
        Piece(
            "".join(g.text for g in run),
            min(g.x0 for g in run),
            max(g.x1 for g in run),
            min(g.top for g in run),
            max(g.bottom for g in run),
            run[0].base,
            run[0].style.size,
            run[0].style.bold,
            run[0].style.mono and not _WIDE.search("".join(g.text for g in run)),
            spaced,
        )
    ]


def _turned(glyphs: list[Glyph]) -> list[str]:
    """Turned text by its direction."""
    found: list[str] = []
    angle: int | None = None
    for glyph in glyphs:
        if glyph.text != " " and glyph.style.angle != angle:
            found.append("")
            angle = glyph.style.angle
        found[-1] += glyph.text
    return [" ".join(t.split()) for t in found if t.strip()]
