"""Traditional and Simplified Chinese: an answer in the script of its question. Knows no model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from memory.han import is_han
from retrieval.records import Language

if TYPE_CHECKING:
    from opencc import OpenCC


def drift(text: str, language: Language) -> float:
    """Share of the Han characters that only the other script has; 0 for languages without a script to keep."""
    han = [c for c in text if is_han(c)]
    if language not in {"zh-Hant", "zh-Hans"} or not han:
        return 0.0
    return sum(_foreign(c, language) for c in han) / len(han)


def in_script(text: str, language: Language) -> str:
    """`text` in the script of `language`, with Taiwan's words for Traditional; unchanged when it already is.

    A text that is Traditional already is left alone: converting it again would change words that were right.
    """
    if not drift(text, language):
        return text
    converted = _converter("s2twp" if language == "zh-Hant" else "t2s").convert(text)
    # 台 is how most people in Taiwan write 臺: kept where it was written.
    return converted.replace("臺", "台") if "臺" not in text else converted


@lru_cache(maxsize=20_000)
def _foreign(character: str, language: Language) -> bool:
    """Whether OpenCC would change the character and the script's old national standard lacks it.

    Both tests: Big5 has 后, 里 and 台, which stand in Traditional text for themselves.
    """
    config, codec = ("s2t", "big5") if language == "zh-Hant" else ("t2s", "gb2312")
    if _converter(config).convert(character) == character:
        return False
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return True
    return False


@lru_cache(maxsize=3)
def _converter(config: str) -> OpenCC:
    from opencc import OpenCC

    return OpenCC(config)
