"""The command that compares ways of answering on the same questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import DEFAULT, USER, AsJson, Kb, console, line, progress, show_json, table, wiring
from memory.errors import BadDataset, DocgraftError

if TYPE_CHECKING:
    from app.comparing import Wish
    from app.wiring import Wiring
    from finetune.evaluation.comparison import Step
    from finetune.evaluation.records import ComparisonCard, JudgeReport, Share
    from finetune.records import Question

FEW = 3
"""Questions whose answers are printed as well: who asks one wants to read what was said."""


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command(rich_help_panel="Comparing")(compare)


def compare(
    *,
    kb: Kb = DEFAULT,
    as_json: AsJson = False,
    arms: Annotated[
        str, typer.Option(help="base, rag, tuned, both, oracle, control, control_both; by what there is.")
    ] = "",
    questions: Annotated[
        Path | None, typer.Option(help="JSONL or CSV of your own; else the dataset's test sets.")
    ] = None,
    ask: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A question typed in; may be repeated.")] = None,
    from_chat: Annotated[int, typer.Option(min=0, help="The newest so many questions asked in the chat.")] = 0,
    dataset: Annotated[str, typer.Option(metavar="ID", help="Dataset; the newest when left out.")] = "",
    model: Annotated[str, typer.Option(help="Model; the default when left out.")] = "",
    models: Annotated[str, typer.Option(metavar="A,B", help="Further models to compare with.")] = "",
    adapters: Annotated[
        str, typer.Option("--adapters", "--adapter", metavar="A,B", help="Adapters, the first is the one to judge.")
    ] = "",
    control: Annotated[str, typer.Option(metavar="KB/ID", help="An adapter trained on other documents.")] = "",
    judge: Annotated[str, typer.Option(help="Model that judges pairs of answers; the setting's when left out.")] = "",
    repeat: Annotated[str, typer.Option(metavar="ID", help="Ask a finished comparison again.")] = "",
    most: Annotated[int, typer.Option(min=0, help="At most so many questions; 0: all.")] = 120,
    language: Annotated[str, typer.Option(help="Of verdict and report: en or zh-TW.")] = "",
) -> None:
    """Compare ways of answering on the same questions, and say what the numbers support. Resumes after anything."""
    from app import comparing

    objects = wiring()
    spoken = "zh-Hant" if (language or objects.settings.language).startswith("zh") else "en"
    first, *further = [*_names(adapters), ""] if adapters else [""]
    wish = comparing.Wish(
        arms=_names(arms),
        model=model,
        adapter=first,
        adapters=tuple(name for name in further if name),
        models=_names(models),
        control=control,
        dataset=dataset,
        questions=_questions(objects, kb, questions, ask or [], from_chat),
        most=most,
        judge=judge,
        language=spoken,
    )
    if repeat:
        wish = comparing.again(objects, USER, kb, repeat, spoken)
    card = _run(objects, kb, wish)
    folder = objects.folder(kb).comparison(card.id)
    repetition = _agreement(objects, kb, card)
    if as_json:
        show_json(comparing.summary(card, folder) | ({"repeats": repetition} if repetition else {}))
        return
    print_card(card, folder)
    if repetition:
        line(f"repeats   {repetition['of']}: {repetition['same']} of {repetition['total']} answers are the same")
        if repetition["changed"]:
            line(f"          changed since: {', '.join(repetition['changed'])}")


def _run(objects: Wiring, kb: str, wish: Wish) -> ComparisonCard:
    from app import comparing

    try:
        with progress("Comparing") as told:

            def show(step: Step) -> None:
                told(step.done, step.total, step.arm)

            card = comparing.compare(objects, USER, kb, wish, progress=show)
    except KeyboardInterrupt:
        console().print("Stopped. The same command goes on from here.")
        raise
    if card is None:
        raise DocgraftError("The comparison was stopped.", "The same command goes on from here.")
    return card


def _questions(
    objects: Wiring, kb: str, file: Path | None, typed_in: list[str], from_chat: int
) -> tuple[Question, ...]:
    """The user's own questions from everywhere they were given; none: the dataset's are asked."""
    from app import comparing
    from finetune.evaluation.questions import from_file, typed

    found = from_file(file) if file else []
    found += [typed(text) for text in typed_in if text.strip()]
    if from_chat:
        asked = comparing.from_conversations(objects, USER, kb, from_chat)
        if not asked:
            raise BadDataset(f"Nothing was asked about {kb!r} in the chat yet.", "Ask something, or give a file.")
        found += asked
    return tuple({question.id: question for question in found}.values())


def _agreement(objects: Wiring, kb: str, card: ComparisonCard) -> dict | None:
    from app import comparing
    from finetune.evaluation.kept import Comparison

    if not card.repeats:
        return None
    folder = objects.folder(kb)
    now, then = (Comparison(folder.comparison(name)) for name in (card.id, card.repeats))
    return comparing.agreement(now, then).model_dump(mode="json")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def print_card(card: ComparisonCard, folder: Path) -> None:
    """Verdict first, then the arms, then where the rest is."""
    from finetune.evaluation.report import adapters, label

    line(card.verdict.sentence)
    for reason in (*card.verdict.vetoes, *card.verdict.reasons):
        line(f"  - {reason}")
    line()
    if card.questions <= FEW:
        _print_answers(folder, card.language)
    rows = [
        [label(s.arm, card.language), "failed", "", "", "", ""]
        if s.failed
        else [
            label(s.arm, card.language),
            f"{s.answerable.share:.0%} ({100 * s.answerable.low:.0f}–{100 * s.answerable.high:.0f})"
            if s.answerable.n
            else "–",
            _of(s.answerable),
            _of(s.unanswerable),
            _of(s.wrongly_abstained),
            f"{s.seconds:.2f} s",
        ]
        for s in card.summaries
    ]
    table(["Arm", "Right", "of", "Declined rightly", "wrongly", "Each"], rows)
    for told in adapters(card, card.language):
        line(told)
    if card.judge:
        line(f"\njudge     {judge_line(card.judge)}")
    line(f"\nreport    {folder / 'report.html'}")
    line(f"answers   {folder / 'marked.jsonl'}")
    line(f"again     docgraft compare --repeat {card.id}" + ("" if card.kb == DEFAULT else f" --kb {card.kb}"))


def _of(share: Share) -> str:
    return f"{share.correct}/{share.n}" if share.n else "–"


def _print_answers(folder: Path, language: str) -> None:
    """What was answered, arm by arm, under each question."""
    from finetune.evaluation.kept import Comparison
    from finetune.evaluation.report import label

    asked = ""
    for answer in sorted(Comparison(folder).answers(), key=lambda a: a.question.id):
        if answer.question.id != asked:
            asked = answer.question.id
            line(answer.question.question)
        line(f"  {label(answer.arm, language)}: {answer.text}")
    line()


def judge_line(report: JudgeReport) -> str:
    """What the judge says, or why it is not listened to, in one line."""
    measured = report.calibration
    if report.failed:
        return f"{measured.judge} could not be asked: {report.failed}"
    trust = f"{measured.right} of {measured.planted} planted pairs right, {measured.consistent} the same both ways"
    if not measured.usable:
        return f"{measured.judge} is not good enough to be used: {trust}"
    pairs = "; ".join(f"{p.a} {p.a_wins}, {p.b} {p.b_wins}, ties {p.ties}" for p in report.pairs)
    return f"{measured.judge}: {pairs} ({trust})"
