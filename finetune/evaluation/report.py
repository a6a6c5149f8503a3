"""A comparison as one HTML file and as Markdown: verdict first, then arms, buckets and every question.

Knows no models; everything shown comes from the card and the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.evaluation.records import ArmAnswer, ArmSummary, ComparisonCard, Share
from finetune.evaluation.words import report_words, say, short

TEMPLATE = Path(__file__).with_name("report.html.j2")


def html(card: ComparisonCard, answers: Sequence[ArmAnswer], language: str = "en") -> str:
    """One file that opens anywhere: no script, font or image is loaded from elsewhere."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    words = report_words(language)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        card=card,
        words=words,
        bars=[{"label": label(s.arm, language), "arm": s.arm, "share": s.answerable} for s in card.summaries],
        table=_table(card.summaries, words),
        buckets=_buckets(card.summaries),
        questions=_questions(answers, [s.arm for s in card.summaries]),
        label=lambda arm: label(arm, language),
        why=lambda answer: explain(answer, language),
    )


def markdown(card: ComparisonCard, language: str = "en") -> str:
    """The verdict, its reasons and the table of arms."""
    words = report_words(language)
    table = _table(card.summaries, words)
    lines = [f"# {words['title']}: {card.kb}", "", f"**{card.verdict.sentence}**", ""]
    lines += [f"- {text}" for text in (*card.verdict.vetoes, *card.verdict.reasons)]
    lines += ["", "| | " + " | ".join(table["header"]) + " |", "|---|" + "---:|" * len(table["header"])]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in table["rows"]]
    lines += ["", f"{words['tokenizer']}: {card.tokenizer}. {words['caution']}", ""]
    return "\n".join(lines)


def label(arm: str, language: str = "en") -> str:
    """An arm's name as people read it; the name of a further adapter or model stands behind it."""
    kind, _, which = arm.partition("@")
    name = str(report_words(language)["labels"].get(kind, kind))
    return f"{name} · {short(which)}" if which else name


def explain(answer: ArmAnswer, language: str = "en") -> str:
    """Why an answer got its mark, in a few words."""
    marks = answer.marks
    if answer.correct is None:
        code = "why_open"
    elif answer.question.answer is None:
        code = "why_declined" if answer.correct else "why_made_up"
    elif answer.abstained:
        code = "why_abstained"
    elif marks and marks.contradicted:
        code = "why_contradicted"
    else:
        code = "why_right" if answer.correct else "why_wrong"
    notes = [say(language, code)]
    notes += [say(language, "why_unsupported")] if answer.supported is False else []
    notes += [say(language, "why_cut_off")] if answer.cut_off else []
    notes += [f"F1 {marks.f1:.2f}, ROUGE-L {marks.rouge_l:.2f}"] if marks else []
    return " · ".join([*notes, f"{answer.seconds:.1f} s"])


def percent(value: Share) -> str:
    """A share with its interval, or a dash without questions."""
    return f"{value.share:.0%} ({100 * value.low:.0f}–{100 * value.high:.0f}), n = {value.n}" if value.n else "–"


def _table(summaries: Sequence[ArmSummary], words: dict[str, Any]) -> dict[str, Any]:
    columns = {
        "correct": lambda s: percent(s.answerable),
        "declined": lambda s: percent(s.unanswerable),
        "wrongly_declined": lambda s: percent(s.wrongly_abstained),
        "general": lambda s: percent(s.general),
        "f1": lambda s: f"{s.f1:.2f}",
        "rouge": lambda s: f"{s.rouge1:.2f} / {s.rouge2:.2f} / {s.rouge_l:.2f}",
        "similarity": lambda s: "–" if s.similarity is None else f"{s.similarity:.2f}",
        "length": lambda s: f"{s.length:.0f}",
        "seconds": lambda s: f"{s.seconds:.2f}",
        "tokens": lambda s: f"{s.prompt_tokens:.0f} + {s.answer_tokens:.0f}",
    }
    rows = []
    for summary in summaries:
        name = words["labels"].get(summary.arm, summary.arm)
        if summary.failed:
            rows.append((name, [summary.failed, *[""] * (len(columns) - 1)]))
        else:
            rows.append((name, [column(summary) for column in columns.values()]))
    return {"header": [words["columns"][key] for key in columns], "rows": rows}


def _buckets(summaries: Sequence[ArmSummary]) -> list[tuple[str, list[str]]]:
    names = sorted({name for s in summaries for name in s.buckets})
    return [
        (name, [f"{b.share:.0%} ({b.correct}/{b.n})" if (b := s.buckets.get(name)) else "–" for s in summaries])
        for name in names
    ]


def _questions(answers: Sequence[ArmAnswer], arms: Sequence[str]) -> list[dict[str, Any]]:
    """One entry per question with its answers in the order of the arms, and tags to filter by."""
    grouped: dict[str, list[ArmAnswer]] = {}
    for answer in answers:
        grouped.setdefault(answer.question.id, []).append(answer)
    items = []
    for group in grouped.values():
        ordered = sorted(group, key=lambda a: arms.index(a.arm) if a.arm in arms else len(arms))
        items.append({"question": group[0].question, "answers": ordered, "tags": " ".join(_tags(ordered))})
    return items


def _tags(answers: Sequence[ArmAnswer]) -> list[str]:
    right = {a.arm: a.correct for a in answers}
    tags = ["differ"] if len(set(right.values())) > 1 else []
    broke = (right.get("rag") and right.get("both") is False) or (right.get("base") and right.get("tuned") is False)
    tags += ["broke"] if broke else []
    tags += ["gained"] if right.get("both") and right.get("rag") is False else []
    tags += ["none"] if not any(right.values()) else []
    return tags
