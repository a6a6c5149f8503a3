"""How well search finds: every leg and the fusion on four data sets, the evidence budget, follow-ups, abstention.

    python -m benchmarks.search_quality DATA [--sets practice,xquad,drcd,lantern-bay] [--home DIR] [--write]

DATA holds practice/, xquad/, drcd/ and lantern-bay/. Everything runs through the real library and the real search.
`--home` keeps the indexes between runs; `--write` appends the tables to docs/BENCHMARKS.md under "## Search".
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.written_out import WRITTEN_OUT
from finetune.evaluation.marks import contains
from memory.workspace import Workspace
from retrieval.candidates import candidates
from retrieval.embedders.e5 import E5
from retrieval.library import Library
from retrieval.packing import EvidencePlan, evidence
from retrieval.records import Hit, SearchResult
from retrieval.rewrite import Query, queries
from retrieval.search import Search

RANKS = (1, 3, 5)
BUDGETS = (400, 800, 1200, 2000)
LEGS = ("section vector", "keyword (BM25)", "sentence + heading", "sentence alone", "rank fusion", "z-scores", "fusion")


class Question(NamedTuple):
    """One question of a data set."""

    id: str
    text: str
    variants: tuple[str, ...]
    """The answer and accepted variants; () when it is not in the documents."""
    items: tuple[str, ...]
    """For a list, or an answer from two places: every item that must stand in the evidence."""
    document: str
    kind: str
    language: str
    history: tuple[tuple[str, str], ...] = ()
    evidence: tuple[str, ...] = ()


class Remembering(E5):
    """The bundled embedder that embeds each question once, however many tables ask for it."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, np.ndarray] = {}

    def encode(self, texts: list[str], *, query: bool = False) -> np.ndarray:
        """As E5."""
        if not query:
            return super().encode(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known.update(zip(missing, super().encode(missing, query=True) if missing else (), strict=True))
        return np.stack([self.known[text] for text in texts])


class Base:
    """One knowledge base with its questions; each is searched once."""

    def __init__(self, name: str, search: Search, questions: list[Question]) -> None:
        self.name = name
        self.search = search
        self.questions = questions
        self._found: dict[tuple[str, tuple[tuple[str, str], ...]], SearchResult] = {}

    def found(self, text: str, history: tuple[tuple[str, str], ...] = ()) -> SearchResult:
        """All hits of a question."""
        key = (text, history)
        if key not in self._found:
            self._found[key] = self.search.search(text, history=history, limit=40)
        return self._found[key]

    @cached_property
    def count(self) -> Callable[[str], int]:
        """The embedder's token counter, each line counted once."""
        return lru_cache(maxsize=100_000)(self.search.embedder.count)


def main() -> None:
    """Run the chosen sets and print (and write) their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default="practice,xquad,drcd,lantern-bay")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Workspace(arguments.home or Path(temporary))
        lines = [line for name in arguments.sets.split(",") for line in report(name, arguments.data, workspace)]
    print("\n".join(lines))
    if arguments.write:
        from benchmarks.machine import append

        append("Search", lines)


def report(name: str, data: Path, workspace: Workspace) -> Iterator[str]:
    """The tables of one data set."""
    bases = list(open_bases(name, data, workspace))
    for base in bases:
        texts = [query.text for q in base.questions for query in queries(q.text, q.history)]
        for start in range(0, len(texts), 256):
            base.search.embedder.encode(texts[start : start + 256], query=True)
    yield from ["", f"### {name}", ""]
    yield from rank_table(bases)
    if name in {"practice", "lantern-bay"}:
        yield from budget_table(bases)
        yield from follow_up_table(bases)
        yield from floor_table(bases)


# Data sets


def open_bases(name: str, data: Path, workspace: Workspace) -> Iterator[Base]:
    """The knowledge bases of a data set, indexed once."""
    if name == "practice":
        for folder in sorted(p for p in (data / "practice").iterdir() if p.is_dir()):
            yield _folder(folder, workspace, f"practice-{folder.name}")
    elif name == "lantern-bay":
        yield _folder(data / "lantern-bay", workspace, "lantern-bay")
    elif name == "xquad":
        yield _squad(data / "xquad" / "xquad.en.json", workspace, "xquad-en")
        yield _squad(data / "xquad" / "xquad.zh.json", workspace, "xquad-zh")
    else:
        yield _squad(data / "drcd" / "DRCD_dev.json", workspace, "drcd-dev")


def _folder(folder: Path, workspace: Workspace, name: str) -> Base:
    files = [f for f in sorted(folder.iterdir()) if f.name not in {"questions.jsonl", "README.md"}]
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines() if line]
    return Base(name, _indexed(files, workspace, name), [_question(row) for row in rows])


def _question(row: dict) -> Question:
    answer = row["answer"]
    items = tuple(i.strip() for i in answer.replace("、", ",").replace(";", ",").split(",")) if answer else ()
    return Question(
        id=row["id"],
        text=row["question"],
        variants=(answer, *row["accept"]) if answer is not None else (),
        items=items if row["kind"] in {"list", "multi_section"} else (),
        document=row.get("document") or "",
        kind=row["kind"],
        language=row["language"],
        history=tuple((turn["role"], turn["content"]) for turn in row.get("history") or ()),
        evidence=tuple(row.get("evidence") or ()),
    )


def _squad(path: Path, workspace: Workspace, name: str) -> Base:
    """Each paragraph a Markdown file under its article's title."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    questions = []
    with tempfile.TemporaryDirectory() as temporary:
        files = []
        for number, (title, paragraph) in enumerate((a["title"], p) for a in articles for p in a["paragraphs"]):
            file = Path(temporary) / f"{number:05d}.md"
            file.write_text(f"# {title}\n\n{paragraph['context']}\n", encoding="utf-8")
            files.append(file)
            for qa in paragraph["qas"]:
                answers = tuple(a["text"] for a in qa["answers"])
                questions.append(Question(str(qa["id"]), qa["question"], answers, (), file.name, "lookup", name))
        return Base(name, _indexed(files, workspace, name), questions)


def _indexed(files: Sequence[Path], workspace: Workspace, name: str) -> Search:
    embedder = Remembering()
    library = Library(workspace.base(name), embedder)
    began = time.perf_counter()
    if len(library.documents()) < len(files):
        results = library.add(files)
        failed = [r for r in results if r.status in {"failed", "skipped"}]
        seconds = time.perf_counter() - began
        print(
            f"{name}: {len(results)} files, {library.statistics.units} units, {seconds:.0f} s, failed {failed}",
            flush=True,
        )
    return Search(library, embedder)


# Ranks


def rank_table(bases: Sequence[Base]) -> Iterator[str]:
    """Share of questions whose gold section stands among the first 1, 3 and 5, for every leg and the fusion."""
    by_language: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for base in bases:
        for question in base.questions:
            if question.variants:
                for leg, order in leg_orders(base, question).items():
                    by_language[question.language][leg].append(_first(order, question))
    for language, legs in by_language.items():
        count = len(legs["fusion"])
        yield f"**{language}**, {count} questions: recall at {', '.join(map(str, RANKS))}"
        yield from ["", "| leg | @1 | @3 | @5 |", "|---|---|---|---|"]
        for leg in LEGS:
            places = np.array(legs[leg])
            yield f"| {leg} | " + " | ".join(f"{(places < rank).mean():.3f}" for rank in RANKS) + " |"
        yield ""


def leg_orders(base: Base, question: Question) -> dict[str, list[Hit]]:
    """Every leg's order of all candidate sections, on the standalone form of the question."""
    search, asked = base.search, queries(question.text, question.history)
    alone = [Query(asked[-1].text, 1.0)]
    vectors = search.embedder.encode([alone[0].text], query=True)
    found = {c.section_id: c for c in candidates(search.library, [alone[0].text], vectors)}
    ranked = search._rank(alone, vectors, found)
    result = base.found(question.text, question.history)
    if ranked is None:
        return {leg: [] for leg in LEGS}
    names = ranked.sections
    best = {
        "section vector": np.array([found[s].cosine[0] for s in names]),
        "keyword (BM25)": np.array([found[s].keyword[0] for s in names]),
        "sentence + heading": np.maximum.reduceat(ranked.legs[0].headed, ranked.first),
        "sentence alone": np.maximum.reduceat(ranked.legs[0].bare, ranked.first),
    }
    best["rank fusion"] = sum(
        1 / (60 + 1 + np.argsort(np.argsort(-best[leg], kind="stable"))) for leg in ("section vector", "keyword (BM25)")
    )
    best["z-scores"] = sum(_z(best[leg]) for leg in ("section vector", "sentence + heading", "sentence alone"))
    known = {hit.section.id: hit for hit in result.hits}
    orders = {
        leg: [known.get(names[i]) or _bare_hit(search, names[i]) for i in np.argsort(-scores, kind="stable")[:12]]
        for leg, scores in best.items()
    }
    return {**orders, "fusion": list(result.hits)}


@lru_cache(maxsize=100_000)
def _bare_hit(search: Search, section_id: str) -> Hit:
    section = search.library.section(section_id)
    return Hit(section=section, document=section.document, chunk_id="", score=0.0)


def _z(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / (scores.std() + 1e-9)


def _first(order: Sequence[Hit], question: Question) -> int:
    """The place of the first section of the right document that holds the answer (or the evidence, if it is given)."""
    for place, hit in enumerate(order):
        if hit.document == question.document and _holds(hit.section.text, question):
            return place
    return 10_000


def _holds(text: str, question: Question) -> bool:
    if question.evidence:
        return any(_squeezed(quote) in _squeezed(text) for quote in question.evidence)
    return not question.language.startswith(("en", "zh-TW")) or stands(text, question)


def _squeezed(text: str) -> str:
    """Without blanks and the marks that tables are drawn with, which every format writes differently."""
    return re.sub(r"[\s|,，;；:：*#\-]+", "", text)


def stands(text: str, question: Question) -> bool:
    """Whether the answer can be read in a text: any variant as whole tokens, or every item of a list."""
    if any(contains(text, variant) for variant in question.variants):
        return True
    return bool(question.items) and all(contains(text, item) for item in question.items)


# Budget


def budget_table(bases: Sequence[Base]) -> Iterator[str]:
    """Share of questions whose answer stands in so many tokens of evidence from the right document."""
    shares: dict[tuple[str, str], list[list[bool]]] = defaultdict(list)
    for base in bases:
        for question in base.questions:
            if question.variants:
                hits = base.found(question.text, question.history).hits
                for form in ("units", "mixed", "sections"):
                    row = [_in_evidence(hits, question, form, budget, base) for budget in BUDGETS]
                    shares[question.language, form].append(row)
    yield "Answer stands in the first tokens of evidence (counted by the embedder), in the right document:"
    yield from ["", f"| language, form | {' | '.join(map(str, BUDGETS))} |", "|---|" + "---|" * len(BUDGETS)]
    for (language, form), rows in sorted(shares.items()):
        yield f"| {language}, {form} | " + " | ".join(f"{share:.3f}" for share in np.mean(rows, axis=0)) + " |"
    yield ""


def _in_evidence(hits: Sequence[Hit], question: Question, form: str, budget: int, base: Base) -> bool:
    plan = EvidencePlan(form=form, budget=budget)
    packed = evidence(hits, plan, count=base.count)
    return stands("\n".join(p.text for p in packed.passages if p.document == question.document), question)


# Follow-ups


def follow_up_table(bases: Sequence[Base]) -> Iterator[str]:
    """Follow-ups as asked after their turn, without it, and written out by hand where that was done."""
    places: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for base in bases:
        for question in base.questions:
            if question.kind != "follow_up":
                continue
            forms = {"with the turn before": (question.text, question.history), "alone": (question.text, ())}
            if question.id in WRITTEN_OUT:
                forms["written out by hand"] = (WRITTEN_OUT[question.id], ())
            for form, (text, history) in forms.items():
                hits = base.found(text, history).hits
                places[question.language][form].append(_first(hits, question))
    yield from ["Follow-ups:", "", "| language, form | n | @1 | @3 | @5 |", "|---|---|---|---|---|"]
    for language, forms in places.items():
        for form, found in forms.items():
            row = " | ".join(f"{(np.array(found) < rank).mean():.3f}" for rank in RANKS)
            yield f"| {language}, {form} | {len(found)} | {row} |"
    yield ""


# Floor


def floor_table(bases: Sequence[Base]) -> Iterator[str]:
    """What each floor leaves out: answerable, unanswerable, and questions about another knowledge base."""
    told: dict[str, list[float]] = defaultdict(list)
    for index, base in enumerate(bases):
        for question in base.questions:
            kind = "answerable" if question.variants else "unanswerable"
            told[kind].append(base.found(question.text, question.history).relevance)
        for other in bases[:index] + bases[index + 1 :]:
            same = [q for q in other.questions if q.language == base.questions[0].language and not q.history]
            told["other subject"] += [base.found(q.text).relevance for q in same[::12]]
    floors = sorted({0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, base.search.floor})
    yield "Share below each floor (retrieval alone; the model's refusals and the checks come on top):"
    yield from ["", f"| questions | n | {' | '.join(f'{f:.2f}' for f in floors)} |", "|---|---|" + "---|" * len(floors)]
    for kind, values in told.items():
        row = " | ".join(f"{(np.array(values) < floor).mean():.3f}" for floor in floors)
        yield f"| {kind} | {len(values)} | {row} |"
    yield ""


if __name__ == "__main__":
    main()
