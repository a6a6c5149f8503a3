"""Traditional and Simplified Chinese: which script a text is in, and one written in the other. Wraps OpenCC."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from memory.han import has_han
from retrieval.tokens import language


def simplified(text: str) -> str:
    """`text` in Simplified characters."""
    return str(_converter("t2s").convert(text))


def traditional(text: str) -> str:
    """`text` in Traditional characters as written in Taiwan."""
    return str(_converter("s2tw").convert(text))


def wrong_script(text: str, wanted: str) -> bool:
    """Whether `text` is plainly in another language or script than `wanted`. Short texts without letters never are."""
    if not any(c.isalpha() for c in text):
        return False
    spoken = language(text)
    if wanted.startswith("zh") and not spoken.startswith("zh"):
        return not has_han(text)
    if wanted == "en" and spoken.startswith("zh"):
        return True
    return wanted.startswith("zh") and spoken != wanted and _differs(text, wanted)


def _differs(text: str, wanted: str) -> bool:
    """Whether writing it in the wanted script would change it."""
    return (simplified(text) if wanted == "zh-Hans" else traditional(text)) != text


@lru_cache(maxsize=4)
def _converter(name: str) -> Any:
    import opencc

    return opencc.OpenCC(name)
