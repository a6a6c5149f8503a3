"""Names of WordprocessingML (ECMA-376 part 1, chapter 17)."""

from __future__ import annotations

from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"


def tag(element: Any) -> str:
    """The local name of a Word element, `m:name` for mathematics, `mc:name` for alternatives; else empty."""
    name = element.tag
    if not isinstance(name, str):
        return ""
    for space, prefix in ((_W, ""), (_STRICT, ""), (_MATH, "m:"), (_MC, "mc:")):
        if name.startswith(space):
            return prefix + name[len(space) :]
    return name.rpartition("}")[2] if name.endswith(("txbx", "textbox")) else ""


def child(element: Any, *path: str) -> Any | None:
    """The first child along a path of local names."""
    for name in path:
        element = next((e for e in element if tag(e) == name), None) if element is not None else None
    return element


def value(element: Any, *path: str, name: str = "val") -> str | None:
    """An attribute of the element at a path; None when either is missing."""
    found = child(element, *path) if path else element
    if found is None:
        return None
    return found.get(_W + name) or found.get(_STRICT + name) or found.get(name)


def on(element: Any, *path: str) -> bool:
    """Whether a toggle (bold, vanish, …) is set at a path."""
    found = child(element, *path)
    return found is not None and (value(found) or "true") not in ("0", "false", "off", "none")


def number(text: str | None, default: int = 0) -> int:
    """A whole number in an attribute."""
    try:
        return int(float(text)) if text else default
    except ValueError:
        return default
