"""What is drawn on a PDF page beside its text: rulings for tables, backgrounds and pictures for what can be seen."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from typing import Any

from retrieval.loaders.pdf.page import Box, Rule

_THIN = 3.0
_MOST_OBJECTS = 20_000


class Drawing:
    """The page's size, direction, rulings, backgrounds and pictures, in points from its top left corner as seen."""

    def __init__(self, page: Any) -> None:
        from pypdfium2 import raw

        self._raw = raw
        box = raw.FS_RECTF()
        # Unlike the page's own crop and media boxes, this one counts what it inherits.
        raw.FPDF_GetPageBoundingBox(page.raw, box)
        self._left, self._bottom = box.left, min(box.bottom, box.top)
        self._width, self._height = abs(box.right - box.left), abs(box.top - box.bottom)
        self.rotation = int(page.get_rotation())
        """Degrees clockwise that the page is turned before it is shown."""
        self.rules: list[Rule] = []
        self._dark: list[Box] = []
        self._pictures: list[Box] = []
        self.drawn = False
        self._read(page)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as seen."""
        return (self._height, self._width) if self.rotation in (90, 270) else (self._width, self._height)

    @property
    def covered(self) -> float:
        """Share of the page under pictures."""
        return min(sum(b.area for b in self._pictures) / max(self._width * self._height, 1), 1.0)

    def placed(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        """A rectangle of the file as (x0, y0, x1, y1) on the page as seen."""
        corners = [self._turned(left - self._left, top - self._bottom)]
        corners.append(self._turned(right - self._left, bottom - self._bottom))
        (xa, ya), (xb, yb) = corners
        return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)

    def unseen(self, x: float, y: float, *, white: bool, inkless: bool) -> bool:
        """Whether ink of that kind at this place does not show.

        Text without ink over a picture is a scan's text layer, and counts as seen.
        """
        width, height = self.size
        if not (-2 <= x <= width + 2 and -2 <= y <= height + 2):
            return True
        if not (white or inkless):
            return False
        if any(b.holds(x, y) for b in self._pictures):
            return False
        return inkless or not any(b.holds(x, y) for b in self._dark)

    def _turned(self, x: float, y: float) -> tuple[float, float]:
        if self.rotation == 90:
            return y, x
        if self.rotation == 180:
            return self._width - x, y
        if self.rotation == 270:
            return self._height - y, self._width - x
        return x, self._height - y

    def _read(self, page: Any) -> None:
        raw = self._raw
        for number, item in enumerate(page.get_objects(max_depth=1)):
            self.drawn = True
            if number > _MOST_OBJECTS:
                break
            if item.type == raw.FPDF_PAGEOBJ_PATH:
                self._path(item.raw)
            elif item.type in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_SHADING):
                self._pictures.append(self._bounds(item.raw))

    def _bounds(self, handle: Any) -> Box:
        values = [ctypes.c_float() for _ in range(4)]
        self._raw.FPDFPageObj_GetBounds(handle, *values)
        left, bottom, right, top = (v.value for v in values)
        return Box(*self.placed(left, top, right, bottom))

    def _path(self, handle: Any) -> None:
        box = self._bounds(handle)
        if min(box.x1 - box.x0, box.y1 - box.y0) <= _THIN:
            self.rules += _thin(box)
        else:
            self.rules += self._sides(handle)
        if self._filled_dark(handle):
            self._dark.append(box)

    def _filled_dark(self, handle: Any) -> bool:
        raw = self._raw
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(handle, fill, stroke)
        if not fill.value:
            return False
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        raw.FPDFPageObj_GetFillColor(handle, red, green, blue, alpha)
        return min(red.value, green.value, blue.value) < 235 and alpha.value > 30

    def _sides(self, handle: Any) -> Iterator[Rule]:
        """The level and upright sides of a path."""
        points = list(self._points(handle))
        for (start, _), (end, draws) in itertools.pairwise(points):
            x0, y0, x1, y1 = self.placed(*start, *end)
            if draws and (x1 - x0 <= 1 or y1 - y0 <= 1):
                yield from _thin(Box(x0, y0, x1, y1))

    def _points(self, handle: Any) -> Iterator[tuple[tuple[float, float], bool]]:
        """Corners of a path on the page, and whether a straight line leads to each."""
        raw = self._raw
        matrix = raw.FS_MATRIX()
        raw.FPDFPageObj_GetMatrix(handle, matrix)
        x, y = ctypes.c_float(), ctypes.c_float()
        first: tuple[float, float] | None = None
        for index in range(min(raw.FPDFPath_CountSegments(handle), 2000)):
            segment = raw.FPDFPath_GetPathSegment(handle, index)
            raw.FPDFPathSegment_GetPoint(segment, x, y)
            point = (
                matrix.a * x.value + matrix.c * y.value + matrix.e,
                matrix.b * x.value + matrix.d * y.value + matrix.f,
            )
            kind = raw.FPDFPathSegment_GetType(segment)
            first = point if kind == raw.FPDF_SEGMENT_MOVETO else first
            yield point, kind == raw.FPDF_SEGMENT_LINETO
            if first and raw.FPDFPathSegment_GetClose(segment):
                yield first, True


def _thin(box: Box) -> list[Rule]:
    """A rectangle without body as a line; a dot is none."""
    wide, high = box.x1 - box.x0, box.y1 - box.y0
    if max(wide, high) < 4:
        return []
    if wide >= high:
        middle = (box.y0 + box.y1) / 2
        return [Rule(box.x0, middle, box.x1, middle)]
    middle = (box.x0 + box.x1) / 2
    return [Rule(middle, box.y0, middle, box.y1)]
