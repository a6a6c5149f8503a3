"""The sentences of a verdict in English and Traditional Chinese (Taiwan). Knows no numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EN = {
    "base": "the plain model",
    "rag": "retrieval",
    "tuned": "the adapter",
    "both": "retrieval with the adapter",
    "control": "the control adapter",
    "control_both": "retrieval with the control adapter",
    "oracle": "reading the right passage",
    "both_wins": "Use both: retrieval with the adapter answers {mine} right, {others}.",
    "rag_wins": "Use retrieval: it answers {mine} right, {others}.",
    "rag_by_upkeep": "Use retrieval: it and the adapter each beat the plain model ({rag} and {tuned} against {base}); "
    "{asked} cannot tell the two apart, and retrieval follows a changed document at once.",
    "tuned_wins": "Use the adapter: it answers {mine} right, {others}.",
    "nothing_helps": "Use the plain model: nothing that was compared is better by a margin that matters "
    "(the plain model {mine}, {others}).",
    "nothing_left": "Use the plain model: everything else that was compared is out.",
    "nothing_right": "Cannot tell: nothing that was compared answered even one of {asked} right. A stronger model "
    "would tell more.",
    "ahead": "{a} answered more of these right ({share}), by no more than chance allows.",
    "undecided": "Cannot tell yet whether {a} is better than {b}: about {more} ({needed} in all) would settle it.",
    "undecided_0": "Cannot tell: nothing is shown to be better than the plain model, and {asked} can only show "
    "differences of {smallest} or more. More questions show smaller ones.",
    "nobody": "No verdict: none of the four ways of answering has answered.",
    "alone": "No verdict: of the four ways of answering only {a} answered, so there is nothing to compare it with.",
    "no_base": "No verdict: it takes the plain model's answers too to say whether anything is better than it.",
    "lost": "{arms} failed and could not be compared.",
    "failed": "{arm} failed and is not counted: {why}",
    "unmarked": "Nothing to decide by: none of these questions has a reference answer. Compare the answers side by "
    "side, or vote on them blind.",
    "settled": "{a} against {b}: {difference} on {n} (95% interval {low} to {high}). Settled.",
    "open": "{a} against {b}: {difference} on {n} (95% interval {low} to {high}). Not settled; "
    "{n} can show {smallest} or more.",
    "open_among_many": "{a} against {b}: {difference} on {n} (95% interval {low} to {high}). Not settled: the interval "
    "leaves out 0, but not clearly enough for one of several comparisons.",
    "memorised": "The adapter knows the wordings it was trained on but not the same facts in other words: it has "
    "memorised, not learned. More wordings per fact help more than more epochs.",
    "abstains": "{arm} declines to answer more than half of the questions that the documents do answer.",
    "both_open": "Whether the adapter adds anything to retrieval is open: about {needed} in all would settle it.",
    "left_out": "Not asked: {n} of the dataset whose expected answers are so long that no answer would repeat them "
    "word for word.",
    "veto_forgetting": "{arm} is out: the adapter forgot general knowledge (of {n} general questions {lost} lost, "
    "{gained} gained).",
    "veto_abstention": "{arm} is out: with the adapter, it answers questions that the documents do not answer (of {n} "
    "such questions {lost} lost, {gained} gained).",
    "veto_leak": "{arm} is out: test questions stand in the training rows.",
    "veto_cost": "{arm} is out: what it gains does not pay for training again whenever documents change, or for the "
    "time its answers take.",
    "facts": "{a} is {difference} ahead of {b}: it learned facts of these documents, not only a manner of answering.",
    "manners": "{a} is not shown to be better than {b} ({difference}): what it gained may be a manner of answering "
    "rather than facts.",
    "of_control": "an adapter trained the same way on other documents",
    "of_control_both": "retrieval with an adapter trained the same way on other documents",
    "veto_verbose": "{arm} is out: it is ahead only because its answers are much longer.",
    "why_open": "not marked: no reference",
    "why_declined": "rightly declined",
    "why_made_up": "answered what the documents do not say",
    "why_abstained": "declined although the documents answer it",
    "why_contradicted": "holds the reference and a second, contradicting value",
    "why_right": "holds the reference",
    "why_wrong": "does not hold the reference",
    "why_unsupported": "holds something that its evidence does not",
    "why_not_at_hand": "its evidence does not hold the answer",
    "why_cut_off": "cut off at the limit",
}
_ZH = {
    "base": "原始模型",
    "rag": "檢索",
    "tuned": "微調",
    "both": "檢索加微調",
    "control": "對照組微調",
    "control_both": "檢索加對照組微調",
    "oracle": "直接讀原文",
    "both_wins": "兩者併用：檢索加微調答對 {mine}（{others}）。",
    "rag_wins": "使用檢索：答對 {mine}（{others}）。",
    "rag_by_upkeep": "使用檢索：檢索與微調都勝過原始模型（{rag}、{tuned}，原始模型 {base}）；{asked}還分不出"
    "兩者的高下，而檢索能立即跟上文件的更動。",
    "tuned_wins": "使用微調：答對 {mine}（{others}）。",
    "nothing_helps": "使用原始模型：比較過的方式都沒有足以影響使用的進步（原始模型 {mine}、{others}）。",
    "nothing_left": "使用原始模型：比較過的其他方式都已出局。",
    "nothing_right": "無法判定：{asked}中，比較過的方式一題也沒有答對。換用較強的模型才看得出差別。",
    "ahead": "{a}這次答對更多（{share}），但差距仍可能只是偶然。",
    "undecided": "{a}是否勝過{b}，目前無法判定：大約再加 {more}（共 {needed} 題）才能確定。",
    "undecided_0": "無法判定：沒有任何方式確定勝過原始模型，而 {asked}只能看出 {smallest}以上的差距。"
    "題目愈多，能看出的差距愈小。",
    "nobody": "沒有結論：四種回答方式都沒有作答。",
    "alone": "沒有結論：四種回答方式中只有{a}作答，沒有可比較的對象。",
    "no_base": "沒有結論：還需要原始模型的答案，才能知道其他方式是否勝過它。",
    "lost": "（{arms}執行失敗，無法比較。）",
    "failed": "{arm}執行失敗，不列入計算：{why}",
    "unmarked": "沒有可判定的依據：這些題目都沒有標準答案。請並排比較答案，或盲選投票。",
    "settled": "{a}與{b}相比：{n}相差 {difference}（95% 區間 {low} 到 {high}）。已可判定。",
    "open": "{a}與{b}相比：{n}相差 {difference}（95% 區間 {low} 到 {high}）。尚未判定；"
    "這麼多題能看出 {smallest}以上的差距。",
    "open_among_many": "{a}與{b}相比：{n}相差 {difference}（95% 區間 {low} 到 {high}）。尚未判定：區間雖不含 0，"
    "但同時做了好幾項比較，還不夠明確。",
    "memorised": "微調後的模型只記得訓練時的問法，換句話問同一件事就答不出來：這是死背，不是學會。"
    "與其增加訓練輪數，不如增加每件事實的問法。",
    "abstains": "文件中有答案的題目，{arm}有一半以上拒絕回答。",
    "both_open": "微調能否為檢索加分尚無定論：大約需要 {needed}才能判定。",
    "left_out": "資料集另有 {n}沒有拿來問：預期的答案太長，不能指望回答逐字重述。",
    "veto_forgetting": "{arm}出局：微調後的模型忘了一般知識（{n} 題一般問題中，{lost} 題變錯、{gained} 題變對）。",
    "veto_abstention": "{arm}出局：微調後，文件裡沒有答案的問題它也照答（{n} 題中，{lost} 題變錯、{gained} 題變對）。",
    "veto_leak": "{arm}出局：測驗題出現在訓練資料中。",
    "veto_cost": "{arm}出局：進步的幅度抵不過每次文件更動都要重新訓練的成本，或答得太慢。",
    "facts": "{a}比{b}高出 {difference}：它學到了這些文件的內容，而不只是回答的方式。",
    "manners": "看不出{a}勝過{b}（{difference}）：進步的可能是回答的方式，而不是內容。",
    "of_control": "用其他文件、以相同方式訓練的模型",
    "of_control_both": "檢索加上用其他文件、以相同方式訓練的模型",
    "veto_verbose": "{arm}出局：它領先只是因為答案長得多。",
    "why_open": "沒有標準答案，不評分",
    "why_declined": "正確地拒答",
    "why_made_up": "文件沒有寫，卻答了",
    "why_abstained": "文件有答案，卻拒答",
    "why_contradicted": "含標準答案，但又給了矛盾的第二個數值",
    "why_right": "含標準答案",
    "why_wrong": "不含標準答案",
    "why_unsupported": "含有依據中找不到的內容",
    "why_not_at_hand": "給它的依據裡沒有答案",
    "why_cut_off": "因長度上限中斷",
}


def short(name: str) -> str:
    """An adapter's id by its end, which is what differs; any other name as it is."""
    return f"…{name[-6:]}" if re.fullmatch(r"[0-9a-f]{16,}", name) else name


def say(language: str, code: str, **values: object) -> str:
    """The sentence for `code` with its values filled in; `language` "zh…" is Traditional Chinese, others English."""
    table = _ZH if language.startswith("zh") else _EN
    if "@" in code:
        kind, _, which = code.partition("@")
        return f"{table[kind]}（{short(which)}）" if table is _ZH else f"{table[kind]} ({short(which)})"
    sentence = table[code].format(**values)
    return sentence[:1].upper() + sentence[1:] if sentence.endswith(".") else sentence


def points(difference: float, language: str, *, sign: bool = True) -> str:
    """A difference between two shares in percentage points."""
    figure = signed(difference)
    figure = figure if sign else figure.lstrip("+-")
    return f"{figure} 個百分點" if language.startswith("zh") else _many(figure, round(100 * difference), "point")


def signed(difference: float) -> str:
    """A difference between two shares in percentage points, with its sign unless it is none."""
    number = round(100 * difference)
    return f"{number:+d}" if number else "0"


def questions(n: int, language: str, *, more: bool = False) -> str:
    """So many questions. `more`: beyond those that were asked, which Chinese says elsewhere."""
    return f"{n:,} 題" if language.startswith("zh") else _many(f"{n:,}", n, "more question" if more else "question")


def listed(names: Sequence[str], language: str) -> str:
    """Names in a row, as a sentence lists them."""
    if language.startswith("zh"):
        return "、".join(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def joined(first: str, second: str, language: str) -> str:
    """Two sentences, one after the other."""
    return f"{first}{second}" if language.startswith("zh") else f"{first} {second}"


def brief(seconds: float, language: str = "en", *, places: int = 1) -> str:
    """The few seconds of an answer."""
    return f"{seconds:.{places}f} {'秒' if language.startswith('zh') else 's'}"


def _many(figure: str, number: int, noun: str) -> str:
    return f"{figure} {noun}" if abs(number) == 1 else f"{figure} {noun}s"


def duration(seconds: float, language: str = "en") -> str:
    """Seconds, minutes or hours, whichever a person would say."""
    second, minute, hour = ("秒", "分鐘", "小時") if language.startswith("zh") else ("s", "min", "h")
    if (seconds := max(0, round(seconds))) < 90:
        return f"{seconds} {second}"
    return f"{seconds / 60:.0f} {minute}" if seconds < 5400 else f"{seconds / 3600:.1f} {hour}"
