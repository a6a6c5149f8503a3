"""What keeps a pair out of a dataset, one reason each. Pure: a pair and the text it came from in, a reason out."""

from __future__ import annotations

import re
from itertools import pairwise

from finetune.pairs.scripts import wrong_script
from finetune.records import Pair
from retrieval.prompts import REFUSAL
from retrieval.sentences import sentences
from retrieval.tokens import characters, fold

REASONS = (
    "format", "self_containment", "grounding", "numbers", "trivial", "language", "instruction", "not_retrievable",
    "duplicate", "conflict", "balance", "leak", "removed",
)  # fmt: skip
"""Every reason a pair may be dropped for; a detail may follow behind a colon."""

_QUOTED = re.compile(r"「[^」]*」|『[^』]*』|《[^》]*》|“[^”]*”|\"[^\"]*\"")
_POINTS_AT_TEXT = re.compile(
    r"\b(?:according to|based on|from|in|as (?:stated|described|mentioned|noted) in|mentioned in|per)\s+"
    r"(?:the|this|these|that)\s+(?:given\s+|above\s+|provided\s+|reference\s+)?"
    r"(?:text|passage|context|excerpt|paragraph|article|source|snippet|reference|material|content)s?\b"
    r"|\b(?:the|this) (?:passage|excerpt|paragraph|snippet|text above|provided (?:text|context))\b"
    r"|\bthe (?:text|article|author) (?:say|state|mention|describe|explain|above|claim)s?\b"
    r"|\b(?:reference|text|passage|document|information|context) (?:provided|given|above)\b"
    r"|\b(?:mentioned|described|stated|discussed) (?:above|earlier|in the text)\b|\bthe above\b"
    r"|(?:根據|根据|依據|依据|依照|按照|如|從|从|在|參照|参照)?(?:上文|上述|前述|前文|本文|文中|文本|原文|這段|这段|此段|該段|该段|"
    r"參考文(?:檔|档|件|獻|献)|参考文(?:檔|档|件|獻|献)|(?:參考|参考)(?:資料|资料|內容|内容)|(?:所)?(?:提供|給定|给定)的(?:文|資料|资料|內容|内容|段落)|"
    r"這篇|这篇|上面的(?:文|內容|内容|段落)|本段|段落中|文章中|文件所述|文檔所述|文档所述)",
    re.IGNORECASE,
)
_LEADING_PRONOUN = re.compile(
    r"^(?:it|they|he|she|this|these|those)\s+(?:is|are|was|were|has|have|can|will|does|do|must|should|may)\b"
    r"|^(?:what|when|where|who|how(?: much| many| long)?|why)\s+(?:is|are|was|were|does|do|did|can|has|have)\s+"
    r"(?:it|they|he|she|this|these|those)\b(?!\s+(?:for|to|with|about|on|like|cost|true|called|possible|when|if|take)\b)(?!.*[(:–,])"
    r"|^(?:它|他|她|牠|該|该|此)(?!們的?家|人)"
    r"|^(?:這個|那個|这个|那个|這|这)(?![，,些次裡里是])",
    re.IGNORECASE,
)
_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:question|instructions?|prompts?|above|previous|rules)\b"
    r"|\b(?:reply|respond|answer)\s+(?:only|just|exactly|with nothing but)\b.{0,60}|\bsystem prompt\b|\bas an ai\b"
    r"|\byou are (?:now )?(?:a|an|the) (?:ai|assistant|language model|chatbot)\b|\bjailbreak\b|\bdo anything now\b"
    r"|(?:忽略|無視|无视|不要理會|忘記|忘记).{0,12}(?:問題|问题|指示|指令|提示|以上|前面|先前|規則|规则)"
    r"|(?:只|僅|仅)(?:能|要|需)?(?:回答|回覆|回复|輸出|输出)|系統提示詞|系统提示词|你(?:現在|现在)?是(?:一個|一个)?(?:AI|助理|助手|語言模型|语言模型)",
    re.IGNORECASE,
)
_CITED = re.compile(r"\s*\[\d{1,3}\]")
_YES_NO = re.compile(r"^(?:Yes|No)[,.:]\s*|^(?:對|对|是|不對|不对|不是)[，,。:：]\s*")
_THINK = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)


def reason(pair: Pair, evidence: str) -> str:
    """Why the pair may not be kept, "" when it may. `evidence` is the text its output has to stand in."""
    if pair.kind == "replay":
        return _format(pair)
    return (
        _format(pair)
        or self_containment(pair)
        or _language(pair)
        or ("instruction" if _gives_orders(pair, evidence) else "")
        or grounding(pair, evidence)
        or _trivial(pair)
    )


def speaks_to_a_model(text: str) -> bool:
    """Whether a text gives orders to whoever reads it by machine; it is never made into pairs."""
    return bool(_TO_A_MODEL.search(text))


def _gives_orders(pair: Pair, evidence: str) -> bool:
    """Of rule-made pairs the statement was looked at when it became a fact."""
    quote = pair.quote if pair.maker == "rules" else _around(pair.quote, evidence)
    return speaks_to_a_model(f"{quote}\n{pair.output}")


def _around(quote: str, evidence: str) -> str:
    """The sentences that the quote lies in: an order must not be quoted in halves."""
    place = evidence.find(quote) if quote else -1
    if place < 0:
        return quote
    touched = [(a, b) for a, b in sentences(evidence) if a < place + len(quote) and place < b]
    return evidence[touched[0][0] : touched[-1][1]] if touched else quote


def points_at_its_text(text: str) -> bool:
    """Whether it says "the passage", 上文 and the like outside quotation marks: useless once the text is gone."""
    return bool(_POINTS_AT_TEXT.search(_QUOTED.sub("", text)))


def self_containment(pair: Pair) -> str:
    """Whether question and answer can be understood alone; a follow-up may lean on its history."""
    if points_at_its_text(pair.instruction) or (pair.maker != "rules" and points_at_its_text(pair.output)):
        return "self_containment: points at a text"
    if not pair.history and _LEADING_PRONOUN.search(pair.instruction.strip()):
        return "self_containment: a pronoun without its noun"
    return ""


def grounding(pair: Pair, evidence: str) -> str:
    """Whether the output stands in the evidence: verbatim, or word by word with every number and name."""
    if pair.kind == "refusal":
        return "" if pair.output in REFUSAL.values() else "grounding: not the refusal"
    if pair.quote and pair.quote not in evidence:
        return "grounding: the quote is not in the document"
    if not pair.quote and pair.section_id and pair.maker != "imported":
        return "grounding: nothing in the document says so"
    answer = said(pair.output)
    if pair.maker == "rules":
        return "" if _by_rule(pair, answer, evidence) else "grounding: not what the document says"
    if stands_in(answer, evidence):
        return ""
    missing = unsupported(answer, evidence)
    if missing:
        return f"numbers: {', '.join(missing[:3])}"
    return "" if containment(answer, evidence) >= 0.6 else "grounding: too little of it stands in the document"


def _by_rule(pair: Pair, answer: str, evidence: str) -> bool:
    """Whether a rule-made answer is exactly its value; a row's name or a list, part by part, in its statement."""
    if pair.kind in {"reversed", "comparison", "list", "two_sections"}:
        held = evidence if pair.kind == "two_sections" else pair.quote
        return all(stands_in(part, held) for part in re.split(r"[;；,，]\s*", answer) if part.strip())
    return squeezed(answer) == squeezed(pair.quote)


def said(output: str) -> str:
    """The answer without citation numbers and without a yes or no in front."""
    return _YES_NO.sub("", _CITED.sub("", output)).strip()


def stands_in(part: str, whole: str) -> bool:
    """Whether `part` stands in `whole` after folding width, case, script and blanks, at token boundaries."""
    needle, text = squeezed(part), squeezed(whole)
    if not needle:
        return False
    place = text.find(needle)
    while place >= 0:
        if _bounded(text, place, place + len(needle)):
            return True
        place = text.find(needle, place + 1)
    return False


def _bounded(text: str, start: int, end: int) -> bool:
    """Whether no number or Latin word is cut at either end."""
    return not _joined(text[max(start - 1, 0) : start + 1], start > 0) and not _joined(
        text[end - 1 : end + 1], end < len(text)
    )


def _joined(pair: str, inside: bool) -> bool:
    if not inside or len(pair) < 2:
        return False
    both = pair[0] + pair[1]
    return (both.isdigit()) or (both.isascii() and both.isalpha())


def squeezed(text: str) -> str:
    """Folded, thousands separators gone, blanks kept only between Latin letters or digits."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", fold(text))
    text = re.sub(r"\s+", " ", text).strip(" .。,，;；")
    return re.sub(r"(?<![a-z0-9]) | (?![a-z0-9])", "", text)


_NUMBERS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "half": "½",
}  # fmt: skip
_HARD = re.compile(r"\d+(?:[.:/]\d+)*|[A-Za-z][\w'’.+@-]*|[\u3400-\u9fff]+")
_UNIT = re.compile(
    r"[$£€¥]\s*\d[\d.,]*|(\d|[零一二兩两三四五六七八九十百千萬万億亿半])\s*([\u3400-\u9fff]|[a-z%°£$€]+)"
)


def unsupported(answer: str, evidence: str) -> list[str]:
    """Numbers, numbers with their unit, and names of the answer that the evidence does not hold."""
    mine, theirs = _spelled(answer), _spelled(evidence)
    held = set(_HARD.findall(theirs))
    missing = [t for t in _HARD.findall(mine) if t[0].isdigit() and t not in held]
    missing += [m[0] for m in _UNIT.finditer(mine) if re.sub(r"\s", "", m[0]) not in re.sub(r"\s", "", theirs)]
    names = re.findall(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'’-]+", answer) + re.findall(
        r"\b[A-Z]{2,}\w*|\b\w*\d\w*[A-Za-z]\w*", answer
    )
    missing += [name for name in names if fold(name) not in theirs]
    for match in _QUOTED.finditer(answer):
        if squeezed(match[0][1:-1]) not in squeezed(evidence):
            missing.append(match[0])
    return list(dict.fromkeys(missing))


def _spelled(text: str) -> str:
    text = re.sub(r"(?<=\d),(?=\d{3})", "", fold(text))
    return re.sub(r"[a-z]+", lambda m: _NUMBERS.get(m[0], m[0]), text)


def containment(answer: str, evidence: str) -> float:
    """Share of the answer's character bigrams (Chinese) or words (English) that stand in the evidence."""
    mine, theirs = characters(answer), characters(evidence)
    if len(mine) < 2:
        return float(set(mine) <= set(theirs)) if mine else 0.0
    if all(len(t) == 1 for t in mine):
        pairs = set(pairwise(theirs))
        return sum(p in pairs for p in pairwise(mine)) / (len(mine) - 1)
    return sum(t in set(theirs) for t in mine) / len(mine)


def _format(pair: Pair) -> str:
    question, answer = pair.instruction.strip(), pair.output.strip()
    if not question or not answer:
        return "format: empty"
    size = len(characters(question))
    if size < 2 or len(question) > 400 or size > (120 if pair.language.startswith("zh") else 60):
        return "format: length of the question"
    if len(answer) > 1500:
        return "format: length of the answer"
    if pair.maker != "rules" and (_THINK.search(answer) or _THINK.search(question)) and not _THINK.search(pair.quote):
        return "format: reasoning in the text"
    if answer.lower() in {"none", "null", "nan", "n/a", "[]", "{}"}:
        return "format: no answer"
    return ""


def _language(pair: Pair) -> str:
    if wrong_script(pair.instruction, pair.language):
        return f"language: the question is not {pair.language}"
    if pair.maker != "rules" and pair.kind != "refusal" and wrong_script(pair.output, pair.language):
        return f"language: the answer is not {pair.language}"
    return ""


def _trivial(pair: Pair) -> str:
    if pair.family == "true_false" or pair.kind in {"refusal", "context", "comparison"}:
        return ""
    return "trivial" if stands_in(said(pair.output), pair.instruction) else ""
