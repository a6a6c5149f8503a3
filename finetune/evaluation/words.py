"""The sentences of a verdict in English and Traditional Chinese (Taiwan). Knows no numbers."""

from __future__ import annotations

_EN = {
    "base": "the plain model",
    "rag": "retrieval",
    "tuned": "the adapter",
    "both": "retrieval with the adapter",
    "both_wins": "Use both: retrieval with the adapter answers {both} right, retrieval alone {rag}, the adapter alone "
    "{tuned}, the plain model {base}.",
    "rag_wins": "Use retrieval: it answers {rag} right, the plain model {base}.",
    "rag_by_upkeep": "Use retrieval: it and the adapter each beat the plain model ({rag} and {tuned} against {base}) "
    "and cannot be told apart, and retrieval follows a changed document at once.",
    "tuned_wins": "Use the adapter: it answers {tuned} right, the plain model {base}.",
    "nothing_helps": "Use the plain model: neither retrieval nor the adapter is better by a margin that matters "
    "({rag} and {tuned} against {base}).",
    "nothing_left": "Use the plain model: every other arm is missing or was vetoed.",
    "undecided": "Cannot tell yet. About {needed} questions would settle it.",
    "undecided_0": "Cannot tell: the differences are too small for any reasonable number of questions.",
    "settled": "{a} against {b}: {difference} points on {n} questions (95 % interval {low} to {high}). Settled.",
    "open": "{a} against {b}: {difference} points on {n} questions (95 % interval {low} to {high}). Not settled; "
    "this many questions can show {smallest} points or more.",
    "memorised": "The adapter knows the wordings it was trained on but not the same facts in other words: it has "
    "memorised, not learned. More wordings per fact help more than more epochs.",
    "abstains": "{arm} declines to answer more than half of the questions that the documents do answer.",
    "both_open": "Whether the adapter adds anything to retrieval is open: about {needed} questions would settle it.",
    "veto_forgetting": "{arm} is out: the adapter forgot general knowledge.",
    "veto_abstention": "{arm} is out: with the adapter, it answers questions that the documents do not answer.",
    "veto_leak": "{arm} is out: test questions stand in the training rows.",
    "veto_verbose": "{arm} is out: it is ahead only because its answers are much longer.",
}
_ZH = {
    "base": "原始模型",
    "rag": "檢索",
    "tuned": "微調",
    "both": "檢索加微調",
    "both_wins": "兩者併用：檢索加微調答對 {both}，只用檢索 {rag}，只用微調 {tuned}，原始模型 {base}。",
    "rag_wins": "使用檢索：答對 {rag}，原始模型 {base}。",
    "rag_by_upkeep": "使用檢索：檢索與微調都勝過原始模型（{rag}、{tuned}，原始模型 {base}），兩者分不出高下，"
    "而檢索能立即跟上文件的更動。",
    "tuned_wins": "使用微調：答對 {tuned}，原始模型 {base}。",
    "nothing_helps": "使用原始模型：檢索與微調都沒有足以影響使用的進步（{rag}、{tuned}，原始模型 {base}）。",
    "nothing_left": "使用原始模型：其他方式都未執行或已被否決。",
    "undecided": "目前無法判定。大約需要 {needed} 題才能分出高下。",
    "undecided_0": "無法判定：差距太小，再多題目也難以分出高下。",
    "settled": "{a}與{b}相比：{n} 題相差 {difference} 個百分點（95% 區間 {low} 到 {high}）。已可判定。",
    "open": "{a}與{b}相比：{n} 題相差 {difference} 個百分點（95% 區間 {low} 到 {high}）。尚未判定；"
    "這麼多題能看出 {smallest} 個百分點以上的差距。",
    "memorised": "微調後的模型只記得訓練時的問法，換句話問同一件事就答不出來：這是死背，不是學會。"
    "與其增加訓練輪數，不如增加每件事實的問法。",
    "abstains": "文件中有答案的題目，{arm}有一半以上拒絕回答。",
    "both_open": "微調能否為檢索加分尚無定論：大約需要 {needed} 題才能判定。",
    "veto_forgetting": "{arm}出局：微調後的模型忘了一般知識。",
    "veto_abstention": "{arm}出局：微調後，文件裡沒有答案的問題它也照答。",
    "veto_leak": "{arm}出局：測驗題出現在訓練資料中。",
    "veto_verbose": "{arm}出局：它領先只是因為答案長得多。",
}


def say(language: str, code: str, **values: object) -> str:
    """The sentence for `code` with its values filled in; `language` "zh…" is Traditional Chinese, others English."""
    table = _ZH if language.startswith("zh") else _EN
    if code == "undecided" and not values.get("needed"):
        code = "undecided_0"
    sentence = table[code].format(**values)
    return sentence[:1].upper() + sentence[1:] if sentence.endswith(".") else sentence
