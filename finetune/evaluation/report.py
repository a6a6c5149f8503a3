"""A comparison as one HTML file and as Markdown: verdict first, then arms, differences, groups, cost, every question.

Knows no models; everything shown comes from the card and the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finetune.evaluation.records import ArmAnswer, ArmSummary, ComparisonCard, Share
from finetune.evaluation.report_words import report_words
from finetune.evaluation.statistics import Difference
from finetune.evaluation.verdict import compared
from finetune.evaluation.words import brief, duration, questions, say, short, signed

TEMPLATE = Path(__file__).with_name("report.html.j2")
KINDS = ("set", "kind", "language", "base")
"""The order of groups of questions."""

SETS = ("", "unseen_wording", "unseen_section", "unanswerable", "trained_wording", "general")
"""The order of questions."""


def html(card: ComparisonCard, answers: Sequence[ArmAnswer], language: str = "en") -> str:
    """One file that opens anywhere: no script, font or image is loaded from elsewhere."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    words = report_words(language)
    whole = [s for s in card.summaries if not s.failed]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        card=card,
        words=words,
        notes=notes(card),
        settings=list(_flat(card.settings)),
        created=card.created[:16].replace("T", " "),
        bars=[{"label": label(s.arm, language), "arm": kind(s.arm), "share": s.answerable} for s in whole],
        failed=[(label(s.arm, language), s.failed) for s in card.summaries if s.failed],
        forest=[_forest(d, language) for d in (*card.differences, *card.further)],
        table=_table(whole, words, language),
        scored=scored(card, language),
        adapters=adapters(card, language),
        groups=groups(whole, words),
        whole=whole,
        cost=costs(card, words, language),
        judge=judge(card, language),
        questions=_questions(answers, [s.arm for s in card.summaries]),
        label=lambda arm: label(arm, language),
        kind=kind,
        why=lambda answer: explain(answer, language),
    )


def markdown(card: ComparisonCard, language: str = "en") -> str:
    """The verdict, its reasons and the table of arms."""
    words = report_words(language)
    colon, table = words["colon"], _table(card.summaries, words, language)
    lines = [f"# {words['title']}{colon}{card.kb}", "", f"**{card.verdict.sentence}**", ""]
    lines += [f"- {text}" for text in (*card.verdict.vetoes, *card.verdict.reasons)]
    lines += ["", "| | " + " | ".join(table["header"]) + " |", "|---|" + "---:|" * len(table["header"])]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in table["rows"]]
    lines += ["", *adapters(card, language)]
    lines += ["", scored(card, language), ""]
    lines += [f"- {name}{colon}{value}" for name, value in costs(card, words, language)]
    lines += ["", *(f"- {text}" for text in judge(card, language))] if card.judge else []
    return "\n".join([*lines, ""])


def scored(card: ComparisonCard, language: str = "en") -> str:
    """What F1 and ROUGE count, and what they are blind to: it stands beside them wherever they are shown."""
    words = report_words(language)
    return f"{words['tokenizer']}{words['colon']}{words['unit'] or card.tokenizer}{words['stop']}{words['caution']}"


def kind(arm: str) -> str:
    """The way of answering of an arm, whatever adapter or model stands behind it."""
    return arm.partition("@")[0]


def label(arm: str, language: str = "en") -> str:
    """An arm's name as people read it; the name of a further adapter or model stands behind it."""
    way, _, which = arm.partition("@")
    name = str(report_words(language)["labels"].get(way, way))
    return f"{name} · {short(which)}" if which else name


def adapters(card: ComparisonCard, language: str = "en") -> list[str]:
    """What the adapter of each way of answering is called, where the way's own name does not say it."""
    ways: dict[str, list[str]] = {}
    for arm in card.arms:
        if arm.called and "@" not in arm.name:
            ways.setdefault(arm.called, []).append(label(arm.name, language))
    colon = report_words(language)["colon"]
    return [f"{' / '.join(names)}{colon}{called}" for called, names in ways.items()]


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
    notes += [say(language, "why_not_at_hand")] if answer.at_hand is False and not answer.correct else []
    notes += [say(language, "why_unsupported")] if answer.supported is False else []
    notes += [say(language, "why_cut_off")] if answer.cut_off else []
    notes += [f"F1 {marks.f1:.2f}, ROUGE-L {marks.rouge_l:.2f}"] if marks else []
    return " · ".join([*notes, brief(answer.seconds, language)])


def percent(value: Share) -> str:
    """A share with its interval, or a dash without questions."""
    return f"{value.share:.0%} ({100 * value.low:.0f}–{100 * value.high:.0f}), n = {value.n}" if value.n else "–"


def notes(card: ComparisonCard) -> list[str]:
    """The reasons beside the comparisons, which are drawn."""
    drawn = {compared(d, card.language) for d in (*card.differences, *card.further)}
    return [reason for reason in card.verdict.reasons if reason not in drawn]


def _flat(settings: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names with their values."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif value not in ("", None):
            yield before + name, str(value)


def _forest(found: Difference, language: str) -> dict[str, Any]:
    """One line of the differences: where the point and the interval lie between -100 and 100."""
    words = report_words(language)
    more = found.needed - found.n if found.needed else 0
    still = words["more"].format(n=questions(more, language, more=True)) if more else words["open"]
    return {
        "label": f"{label(found.a, language)} − {label(found.b, language)}",
        "settled": found.settled,
        "arm": kind(found.a) if found.settled and found.difference > 0 else kind(found.b) if found.settled else "",
        "low": 100 * found.low,
        "high": 100 * found.high,
        "point": 100 * found.difference,
        "said": f"{signed(found.difference)} ({signed(found.low)} … {signed(found.high)}), n = {found.n}",
        "note": words["settled"] if found.settled else still,
    }


def _table(summaries: Sequence[ArmSummary], words: dict[str, Any], language: str) -> dict[str, Any]:
    """Every mark in a row, a column for each arm."""
    cells = {
        "correct": lambda s: percent(s.answerable),
        "declined": lambda s: percent(s.unanswerable),
        "wrongly_declined": lambda s: percent(s.wrongly_abstained),
        "general": lambda s: percent(s.general),
        "at_hand": lambda s: percent(s.at_hand) if s.at_hand else "–",
        "supported": lambda s: percent(s.supported) if s.supported else "–",
        "exact": lambda s: f"{s.exact:.0%}",
        "f1": lambda s: f"{s.f1:.2f} / {s.f1_characters:.2f}",
        "rouge": lambda s: f"{s.rouge1:.2f} / {s.rouge2:.2f} / {s.rouge_l:.2f}",
        "similarity": lambda s: "–" if s.similarity is None else f"{s.similarity:.2f}",
        "length": lambda s: f"{s.length:.0f}",
        "seconds": lambda s: f"{s.seconds:.2f}",
        "tokens": lambda s: f"{s.prompt_tokens:.0f} + {s.answer_tokens:.0f}",
        "memory": lambda s: f"{s.memory / 1e9:.1f} GB" if s.memory else "–",
        "drift": lambda s: str(s.drift),
        "cut_off": lambda s: str(s.cut_off),
    }
    rows = [(words["marked"][key], ["" if s.failed else cell(s) for s in summaries]) for key, cell in cells.items()]
    # Why an arm failed stands in its first cell.
    rows[0] = (rows[0][0], [s.failed or shown for s, shown in zip(summaries, rows[0][1], strict=True)])
    return {"header": [label(s.arm, language) for s in summaries], "rows": rows}


def groups(summaries: Sequence[ArmSummary], words: dict[str, Any]) -> list[dict[str, Any]]:
    """Groups of questions with every arm's share, those that tell seen from unseen first."""
    names = {name for s in summaries for name in s.buckets}
    ordered = sorted(names, key=lambda n: (KINDS.index(n.split(": ")[0]) if n.split(": ")[0] in KINDS else 9, n))
    return [{"label": group(name, words), "cells": [s.buckets.get(name) for s in summaries]} for name in ordered]


def group(name: str, words: dict[str, Any]) -> str:
    """The name of a group of questions as people read it."""
    family, _, value = name.partition(": ")
    return str(words["groups"].get(family, {}).get(value, value))


def costs(card: ComparisonCard, words: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """What each way costs, as (name, value) lines."""
    cost, names = card.economics, words["costs"]
    lines = [(names["training"], duration(cost.training_seconds, language))] if cost.training_seconds else []
    lines.append((names["each"], _each(cost.answer_seconds, lambda v: brief(v, language, places=2), language)))
    if cost.answer_tokens:
        lines.append((names["tokens"], _each(cost.answer_tokens, lambda v: f"{v:,.0f}", language)))
    if cost.money_per_answer:
        told = _each(cost.money_per_answer, lambda v: f"{1000 * v:.3g}", language)
        lines.append((names["money"], f"{told} {cost.currency}".strip()))
    lines.append((names["refresh"], _each(cost.refresh_seconds, lambda v: duration(v, language), language)))
    if cost.training_seconds:
        earned = words["questions_unit"].format(n=f"{cost.break_even:,}") if cost.break_even else words["never"]
        lines.append((names["break_even"], earned))
    return lines


def judge(card: ComparisonCard, language: str) -> list[str]:
    """What the judge says and how far it can be trusted, or why it is not listened to, in sentences."""
    report, words = card.judge, report_words(language)["judge_said"]
    if report is None:
        return []
    measured = report.calibration
    if report.failed:
        return [words["failed"].format(name=measured.judge, why=report.failed)]
    lines = [words["trust"].format(name=measured.judge, **measured.model_dump(exclude={"judge"}))]
    if measured.votes:
        lines.append(words["votes"].format(agreed=measured.votes_agreed, votes=measured.votes))
    if not measured.usable:
        lines.append(words["unused"])
    for pair in report.pairs:
        counts = pair.model_dump(include={"a_wins", "b_wins", "ties"})
        names = {"a": label(pair.a, language), "b": label(pair.b, language)}
        lines.append(words["pair"].format(**names, **counts, p=f"{pair.p:.3f}"))
    return lines


def _each(values: dict[str, float], shown: Any, language: str) -> str:
    comma = "、" if language.startswith("zh") else ", "
    return comma.join(f"{label(arm, language)} {shown(value)}" for arm, value in values.items()) or "–"


def _questions(answers: Sequence[ArmAnswer], arms: Sequence[str]) -> list[dict[str, Any]]:
    """One entry per question with its answers in the order of the arms, and tags to filter by; what decides first."""
    grouped: dict[str, list[ArmAnswer]] = {}
    for answer in answers:
        grouped.setdefault(answer.question.id, []).append(answer)
    items = []
    for group_ in grouped.values():
        ordered = sorted(group_, key=lambda a: arms.index(a.arm) if a.arm in arms else len(arms))
        items.append({"question": group_[0].question, "answers": ordered, "tags": " ".join(_tags(ordered))})
    return sorted(items, key=lambda item: SETS.index(s) if (s := item["question"].test_set) in SETS else 0)


def _tags(answers: Sequence[ArmAnswer]) -> list[str]:
    right = {a.arm: a.correct for a in answers}
    tags = ["differ"] if len(set(right.values())) > 1 else []
    broke = (right.get("rag") and right.get("both") is False) or (right.get("base") and right.get("tuned") is False)
    tags += ["broke"] if broke else []
    gained = (right.get("both") and right.get("rag") is False) or (right.get("tuned") and right.get("base") is False)
    tags += ["gained"] if gained else []
    tags += ["none"] if not any(right.values()) else []
    return tags
