"""A chart's saved numbers as a table (DrawingML charts)."""

from __future__ import annotations

from typing import Any


def chart_table(root: Any) -> tuple[str, list[list[str]]]:
    """(title, rows): the categories down, a column per series; its first row names them."""
    series = [e for e in root.iter() if _local(e) == "ser"][:50]
    names = [_text(_part(s, "tx")) or f"Series {n}" for n, s in enumerate(series, 1)]
    categories = _points(_part(series[0], "cat", "xVal")) if series else {}
    columns = [_points(_part(s, "val", "yVal")) for s in series]
    order = sorted(set(categories).union(*columns)) if series else []
    rows = [[categories.get(i, str(i + 1)), *(c.get(i, "") for c in columns)] for i in order[:2000]]
    title = next((e for e in root.iter() if _local(e) == "title"), None)
    return _text(title), [["", *names], *rows] if rows else []


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _part(series: Any, *names: str) -> Any | None:
    return next((e for e in series if _local(e) in names), None)


def _text(element: Any | None) -> str:
    return "" if element is None else " ".join(e.text for e in element.iter() if _local(e) in ("t", "v") and e.text)


def _points(element: Any | None) -> dict[int, str]:
    found: dict[int, str] = {}
    for point in element.iter() if element is not None else ():
        index = point.get("idx") if _local(point) == "pt" else None
        if index and index.isdecimal():
            found.setdefault(int(index), _text(point))
    return found
