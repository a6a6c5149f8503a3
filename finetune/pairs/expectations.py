"""What fine-tuning with a dataset can and cannot be expected to do, from its numbers alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from finetune.datasets import Dataset
from finetune.pairs.coverage import TARGET
from finetune.pairs.leaks import report
from memory.records import Record
from retrieval.packing import estimate

if TYPE_CHECKING:
    from retrieval.embedders import Embedder

FEW, MANY = 50, 3000
"""Facts below which retrieval alone is the answer, and above which one small adapter is known to lose some."""
FORMS = 5
"""Wordings per fact below which facts are memorised rather than learned."""


class Finding(Record):
    """One thing worth knowing before training."""

    kind: str
    """few_facts, many_facts, few_forms, coverage, leaks, refusals, no_tests, unverified, shortfalls, skewed, good."""
    level: str
    """stop, warning or note."""
    message: str
    hint: str = ""


class Check(Record):
    """The report of `pairs check`."""

    dataset: str
    facts: int
    rows: int
    """Training rows."""
    rows_per_fact: float
    tokens: int
    """Of the training rows, estimated high, without the tokenizer of the model to be trained."""
    counts: dict[str, int]
    shares: dict[str, float]
    """Kind → share of the training rows."""
    languages: dict[str, int]
    leaks: dict[str, Any]
    findings: tuple[Finding, ...]
    recommended: bool
    """False when retrieval alone is the better choice."""


def check(dataset: Dataset, *, embedder: Embedder | None = None) -> Check:
    """Count a dataset anew from its rows and say what to expect. With an embedder, leaks are also sought by meaning."""
    facts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    tokens = rows = unverified = 0
    for pair in dataset.pairs():
        unverified += pair.reason.startswith("unverified")
        if pair.split == "test":
            tests[pair.test_set or "other"] += 1
        if pair.split != "train":
            continue
        rows += 1
        kinds[pair.kind] += 1
        languages[pair.language] += 1
        tokens += estimate(f"{pair.instruction}\n{pair.input}\n{pair.output}") + sum(
            estimate(a + b) for a, b in pair.history
        )
        if pair.fact_id and pair.kind not in {"context", "refusal"}:
            facts[pair.fact_id] += 1
    leaks = report(dataset.folder, embedder=embedder)
    forms = sum(facts.values()) / len(facts) if facts else 0.0
    shares = {kind: round(number / rows, 4) for kind, number in kinds.most_common()} if rows else {}
    findings = [
        *_about_facts(len(facts), forms),
        *_about_tests(tests, leaks),
        *_about_the_build(dataset, shares, unverified),
    ]
    return Check(
        dataset=dataset.id,
        facts=len(facts),
        rows=rows,
        rows_per_fact=round(forms, 2),
        tokens=tokens,
        counts=dict(dataset.card.counts),
        shares=shares,
        languages=dict(languages),
        leaks=leaks,
        findings=tuple(findings),
        recommended=not any(finding.level == "stop" for finding in findings),
    )


def _about_facts(facts: int, forms: float) -> list[Finding]:
    found = []
    if facts < FEW:
        found.append(
            Finding(
                kind="few_facts",
                level="stop",
                message=f"{facts} facts: use retrieval only. Below {FEW} an adapter learns little but a manner.",
                hint="Add documents, or stay with retrieval: it answers from all of them at once.",
            )
        )
    elif facts > MANY:
        found.append(
            Finding(
                kind="many_facts",
                level="warning",
                message=f"{facts} facts on one adapter: above {MANY} some are known to be lost.",
                hint="Raise the rank, train longer, or split the knowledge base.",
            )
        )
    else:
        found.append(
            Finding(
                kind="good",
                level="note",
                message=f"{facts} facts in {forms:.1f} wordings each. Expect trained facts in new words to be answered "
                "better than by the base model, and worse than with retrieval.",
            )
        )
    if facts and forms < FORMS:
        found.append(
            Finding(
                kind="few_forms",
                level="warning",
                message=f"{forms:.1f} wordings per fact: below {FORMS} a model repeats sentences.",
                hint="Build with more forms.",
            )
        )
    return found


def _about_tests(tests: Counter[str], leaks: dict[str, Any]) -> list[Finding]:
    found = []
    if leaks["exact"]:
        found.append(
            Finding(kind="leaks", level="stop", message=f"{leaks['exact']} test questions are trained word for word.",
                    hint="Drop them in the review; scores on such a test mean nothing.")
        )  # fmt: skip
    if leaks["near"]:
        found.append(
            Finding(kind="leaks", level="note", message=f"{leaks['near']} of {leaks['compared']} test questions "
                    f"resemble a training question (ROUGE-L ≥ {leaks['limit']}); the report lists them.")
        )  # fmt: skip
    for name, least in (("unseen_wording", 30), ("unseen_section", 10), ("unanswerable", 10)):
        if tests[name] < least:
            found.append(
                Finding(kind="no_tests", level="note", message=f"Only {tests[name]} test questions of the kind {name}: "
                        "differences there cannot be told from chance.")
            )  # fmt: skip
    return found


def _about_the_build(dataset: Dataset, shares: dict[str, float], unverified: int) -> list[Finding]:
    found = []
    total = dataset.card.coverage.get("total", {})
    if total and total["share"] < TARGET:
        found.append(
            Finding(kind="coverage", level="warning", message=f"{total['with_facts']} of {total['with_text']} sections "
                    "with text gave facts; the others will not be learned.")
        )  # fmt: skip
    if not shares.get("refusal") and shares:
        found.append(
            Finding(kind="refusals", level="warning", message="No row teaches to refuse.",
                    hint="Build with a search, so that rows show evidence.")
        )  # fmt: skip
    if unverified:
        found.append(
            Finding(kind="unverified", level="warning", message=f"{unverified} imported pairs stand in no document.",
                    hint="Look at them in the review: filter by reason.")
        )  # fmt: skip
    short = dataset.card.settings.get("shortfalls", [])
    if short:
        found.append(
            Finding(kind="shortfalls", level="note", message=f"The model gave too few pairs for {len(short)} sections.",
                    hint="Ask again with: docgraft pairs build --refresh")
        )  # fmt: skip
    return found
