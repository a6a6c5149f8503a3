"""Bytes → text by evidence: byte order marks, validity, and how likely the characters are. Drops no byte unseen."""

from __future__ import annotations

import codecs
import math
import re
from typing import NamedTuple

from memory.errors import BadDocument
from retrieval.loaders.plausible import points
from retrieval.records import Note

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CANDIDATES = ("utf-8", "cp950", "gb18030", "cp1252", "big5hkscs", "cp932", "euc-jp", "cp949")
_PAIRED = {"cp950", "gb18030", "big5hkscs", "cp932", "euc-jp", "cp949"}
"""Those with two bytes to a character."""
_WIDE_CANDIDATES = ("utf-16-le", "utf-16-be")
_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "cp936": "gb18030", "big5": "cp950"}
_ALIASES |= {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8"}
_ALIASES |= {"utf-8-sig": "utf-8", "utf8": "utf-8", "big5-tw": "cp950"}
_NAMES = {
    "utf-8": "UTF-8",
    "cp950": "Big5 (Traditional Chinese)",
    "big5hkscs": "Big5-HKSCS (Traditional Chinese)",
    "gb18030": "GB18030 (Simplified Chinese)",
    "cp1252": "Windows-1252 (Western)",
    "cp932": "Shift JIS (Japanese)",
    "euc-jp": "EUC-JP (Japanese)",
    "cp949": "Windows-949 (Korean)",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16 (big-endian)",
}
_SAMPLE = 24_000
"""Bytes that are weighed where a file has bytes above ASCII."""
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SURE = 1.5
"""Points per two bytes by which the best candidate must lead with two characters of evidence; less with more."""


class Decoded(NamedTuple):
    """A decoded file."""

    text: str
    encoding: str
    """Python's name of the codec."""
    notes: tuple[Note, ...] = ()


class _Guess(NamedTuple):
    codec: str
    score: float
    """Points per two bytes of what is not plain ASCII."""


def decode(data: bytes, *, name: str, encoding: str | None = None, declared: str = "") -> Decoded:
    """The text of a file. `encoding` is the user's word and is followed; `declared` is the file's own and is weighed.

    Bytes that cannot be decoded become U+FFFD and are counted with their lines; a decision without enough evidence
    is said in a note `encoding_guess`. BadDocument when the file is binary, or `encoding` is no encoding.
    """
    if encoding:
        return _decoded(_without_mark(data, canonical(encoding, name)), canonical(encoding, name), ())
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], codec, ())
    if not _HIGH.search(data) and not _CONTROL.search(data):
        return Decoded(data.decode("ascii"), "utf-8")
    guesses = _guesses(data, _known(declared))
    best, second = guesses[0], guesses[1] if len(guesses) > 1 else _Guess("", -9.0)
    if best.codec not in _WIDE_CANDIDATES and len(_CONTROL.findall(data)) > max(8, 0.02 * len(data)):
        raise BadDocument(name, "this is not text: it holds binary data.", kind="unsupported")
    if best.codec == "cp1252" and best.score < 0 and len(_HIGH.findall(data)) <= max(3, len(data) // 500):
        # Stray bytes between plain letters are damage rather than letters nobody uses.
        best, second = _Guess("utf-8", 1.0), _Guess("", -9.0)
    evidence = len(_HIGH.findall(data))
    torn = best.score < 0.4 and len(_tolerant(_sample(data), best.codec)[1]) > 0.01 * evidence
    if evidence >= 8 and (best.score < -1 or torn):
        raise BadDocument(name, "its encoding cannot be told.", "Choose the encoding (--encoding).", kind="encoding")
    lead = (best.score - second.score) * math.sqrt(min(max(evidence, 1), 400) / 4)
    # A few signs in a file that is plain otherwise: nobody writes one Chinese character in an English text.
    plain = best.codec == "utf-8" and evidence < 0.02 * len(data)
    unsure = best.score < 0.4 or (lead < _SURE and not plain)
    return _decoded(data, best.codec, (_guess_note(best, second, data),) if unsure else ())


def canonical(encoding: str, name: str) -> str:
    """The codec's name: GB2312 and GBK are read as GB18030, Big5 as cp950, which hold them. BadDocument otherwise."""
    lower = encoding.strip().lower().replace("_", "-")
    known = _ALIASES.get(lower, lower)
    try:
        found = codecs.lookup(known)
        "".encode(found.name)
    except (LookupError, ValueError) as error:
        hint = "Try utf-8, big5, gb18030, utf-16 or cp1252."
        raise BadDocument(name, f"there is no encoding {encoding!r}.", hint, kind="unsupported") from error
    return _ALIASES.get(found.name.replace("_", "-"), known)


def _known(declared: str) -> str:
    try:
        return canonical(declared, "") if declared.strip() else ""
    except BadDocument:
        return ""


def _without_mark(data: bytes, codec: str) -> bytes:
    for mark, other in _MARKS:
        if data.startswith(mark) and codec.startswith(other[:6]):
            return data[len(mark) :]
    return data


def _guesses(data: bytes, declared: str) -> list[_Guess]:
    """Candidates from best to worst."""
    sample = _sample(data)
    wide = [c for c in _WIDE_CANDIDATES if len(data) % 2 == 0 or len(data) > 1000]
    narrow = list(dict.fromkeys([declared, *_CANDIDATES] if declared else _CANDIDATES))
    if _valid_utf8(sample) and "cp1252" in narrow:
        # Western text that is valid UTF-8 is UTF-8: nobody writes Ã© for é.
        narrow.remove("cp1252")
    found = [_Guess(c, _score(sample, c) + (0.8 if c == declared else 0)) for c in narrow if "16" not in c]
    found += [_Guess(c, _score(data[: _SAMPLE & ~1], c)) for c in wide]
    order = {c: i for i, c in enumerate(narrow)}
    return _without_twins(sorted(found, key=lambda g: (-round(g.score, 6), order.get(g.codec, 9))), sample)


def _valid_utf8(sample: bytes) -> bool:
    """Whether the bytes are UTF-8, but for a character that the end of the sample cuts."""
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(sample) > _SAMPLE and error.start >= len(sample) - 3
    return True


def _without_twins(guesses: list[_Guess], sample: bytes) -> list[_Guess]:
    """Without candidates that read the same text as a better one: they are no rivals."""
    kept: list[_Guess] = []
    texts: set[str] = set()
    for guess in guesses:
        text = sample.decode(guess.codec, "replace")
        if text not in texts:
            kept.append(guess)
        texts.add(text)
    return kept


def _sample(data: bytes) -> bytes:
    """Lines with bytes above ASCII, up to a limit: the others say nothing."""
    if len(data) <= _SAMPLE:
        return data
    lines, size = [], 0
    for line in data.split(b"\n"):
        if _HIGH.search(line):
            lines.append(line)
            size += len(line)
            if size > _SAMPLE:
                break
    return b"\n".join(lines)[: 2 * _SAMPLE]


def _score(sample: bytes, codec: str) -> float:
    """Points per two bytes of evidence; −9 when the bytes do not fit the codec."""
    text, bad = _tolerant(sample, codec)
    if not text:
        return -9.0
    if codec in _WIDE_CANDIDATES:
        plain = sum(c.isascii() and (c.isprintable() or c.isspace()) for c in text)
        return (points(text) + 1.5 * plain) / len(text) - 4.0 * len(bad)
    evidence = len(_HIGH.findall(sample)) or 1
    if codec in _PAIRED:
        # The second byte of a pair may be an ASCII letter.
        evidence = max(evidence, 2 * sum(not c.isascii() for c in text))
    score = 2 * points(text) / evidence
    if codec == "utf-8" and _valid_utf8(sample) and evidence >= 3:
        # Text in another encoding is hardly ever valid UTF-8 by chance; the longer, the less.
        return max(score, 0.5) + min(evidence / 3, 12.0)
    if codec == "utf-8" and _valid_utf8(sample) and score > 1:
        # A single © or é, in a file that is plain otherwise.
        return score + 1.5
    return score - min(8.0 * len(bad) / evidence, 9.0)


def _tolerant(data: bytes, codec: str) -> tuple[str, list[int]]:
    """The text with U+FFFD for bytes that do not fit, and where these are."""
    parts: list[str] = []
    bad: list[int] = []
    at = 0
    while at < len(data):
        try:
            parts.append(data[at:].decode(codec))
            break
        except UnicodeDecodeError as error:
            parts.append(data[at : at + error.start].decode(codec))
            if len(bad) > 20_000:
                parts.append(data[at + error.start :].decode(codec, "replace"))
                break
            end = max(error.end, error.start + 1)
            if codec in _PAIRED:
                # Only the first byte is wrong for sure; the next may begin something of its own.
                end = error.start + 1
            parts.append("\ufffd")
            bad.append(at + error.start)
            at += end
    return "".join(parts), bad


def _decoded(data: bytes, codec: str, notes: tuple[Note, ...]) -> Decoded:
    try:
        return Decoded(data.decode(codec), codec, notes)
    except UnicodeDecodeError:
        text, bad = _tolerant(data, codec)
        return Decoded(text, codec, (*notes, _undecodable(data, bad, codec)))


def _undecodable(data: bytes, bad: list[int], codec: str) -> Note:
    lines = sorted({data.count(b"\n", 0, at) + 1 for at in bad[:200]})
    listed = ", ".join(map(str, lines[:10])) + (" …" if len(lines) > 10 else "")
    what = "1 undecodable byte" if len(bad) == 1 else f"{len(bad):,} undecodable bytes"
    where = f"line {listed}" if len(lines) == 1 else f"lines {listed}"
    return Note(
        kind="undecodable", count=len(bad), detail=f"{what} at {where}, read as {_NAMES.get(codec, codec)}; shown as �."
    )


def _guess_note(best: _Guess, second: _Guess, data: bytes) -> Note:
    other = f"; it could also be {_NAMES.get(second.codec, second.codec)}" if second.score > -1 else ""
    few = "little text to tell from" if len(_HIGH.findall(data)) < 40 else "no clear evidence"
    detail = (
        f"Read as {_NAMES.get(best.codec, best.codec)}, a guess: {few}{other}. Choose the encoding if it looks wrong."
    )
    return Note(kind="encoding_guess", detail=detail)
