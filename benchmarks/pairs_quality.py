"""How good the pairs are: evidence, mutations, coverage of an exam, nearness to how people ask, leaks, prose, speed.

    python -m benchmarks.pairs_quality exam FOLDER [--questions FILE] [--home DIR] [--hashing] [--meaning]
    python -m benchmarks.pairs_quality prose DRCD.json [--paragraphs 500]
    python -m benchmarks.pairs_quality speed FOLDER [--sections 1000,3000,10000]
    python -m benchmarks.pairs_quality read FOLDER [--count 40]

FOLDER holds documents and a questions.jsonl; the questions are only marked against, never used in building. Each
command prints one JSON document; docs/BENCHMARKS.md has what they said. `read` prints random pairs for the eye.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from finetune.datasets import Dataset
from finetune.pairs import PairSettings, filters
from finetune.pairs.build import build
from finetune.pairs.facts import facts
from finetune.pairs.filters import squeezed
from finetune.pairs.leaks import report
from finetune.pairs.wording import askable
from finetune.records import Pair
from memory.workspace import Workspace
from retrieval.chunking import units
from retrieval.embedders import Embedder, load
from retrieval.library import Library
from retrieval.records import Section, Upload
from retrieval.search import Search
from retrieval.sections import sections as cut

TEMPLATES = frozenset({"plain", "true_false", "reversed"})
"""Families that are templates alone: the baseline that rewording is measured against."""
CLOSED = frozenset({"closed_book", "reversed", "list", "comparison", "follow_up", "two_sections"})


def opened(folder: Path, home: Path, embedder: Embedder) -> Library:
    """A knowledge base with the documents of a folder."""
    library = Library(Workspace(home).base("pairs"), embedder)
    library.add([f for f in sorted(folder.iterdir()) if f.name not in {"questions.jsonl", "README.md", "check.py"}])
    return library


def exam(arguments: argparse.Namespace) -> dict[str, Any]:
    """Evidence, mutations, coverage, naturalness and leaks on one knowledge base."""
    embedder = load("hashing:384" if arguments.hashing else "e5")
    home = arguments.home or Path(tempfile.mkdtemp())
    measuring = load("e5")
    library = opened(arguments.folder, home, embedder)
    started = time.perf_counter()
    made = build(library, Search(library, embedder), PairSettings())
    assert made is not None
    seconds = time.perf_counter() - started
    kept = list(made.pairs())
    questions = arguments.questions or arguments.folder / "questions.jsonl"
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {
        "kept": len(kept),
        "seconds": round(seconds, 1),
        "kept_per_second": round(len(kept) / seconds, 1),
        "counts": made.card.counts,
        "shares": made.card.settings["shares"],
        "dropped": made.card.dropped,
        "sections": made.card.coverage["total"],
        "evidence": evidence(library, kept),
        "mutations": mutations(library, kept),
        "coverage": covered(made, rows, library.sections()),
        "naturalness": naturalness(made, rows, library.sections(), measuring),
        "leaks": report(made.folder, embedder=measuring if arguments.meaning else None),
    }


def evidence(library: Library, kept: list[Pair]) -> dict[str, Any]:
    """How many kept pairs with a quote stand at their offsets."""
    texts = {d.id: library.document(d.id).text for d in library.documents()}
    quoted = [p for p in kept if p.quote]
    right = sum(texts[p.document_id][p.start : p.end] == p.quote for p in quoted)
    without = Counter(p.kind for p in kept if not p.quote)
    return {"with_quote": len(quoted), "at_their_offsets": right, "without_quote": dict(without)}


def mutations(library: Library, kept: list[Pair], count: int = 1000) -> dict[str, Any]:
    """1,000 pairs with a changed number, name or unit: how many a filter catches."""
    rng = random.Random(1)
    texts = {s.id: s.text for s in library.sections()}
    pool = [p for p in kept if p.kind in {"closed_book", "reversed", "list"} and p.quote]
    tried: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    missed: list[str] = []
    for pair in rng.sample(pool, min(len(pool), 4 * count)):
        for kind, changed in changes(pair.output, rng):
            if sum(tried.values()) >= count:
                break
            tried[kind] += 1
            reason = filters.reason(pair.model_copy(update={"output": changed}), texts[pair.section_id])
            caught[kind] += bool(reason)
            if not reason:
                missed.append(f"{pair.output} → {changed}")
    total = sum(tried.values())
    return {
        "tried": dict(tried),
        "caught": dict(caught),
        "share": round(sum(caught.values()) / max(1, total), 4),
        "missed": missed[:10],
    }


UNITS = {
    "minutes": "hours",
    "days": "weeks",
    "hours": "minutes",
    "£": "$",
    "元": "美元",
    "分鐘": "小時",
    "天": "個月",
    "km": "m",
}


def changes(answer: str, rng: random.Random) -> list[tuple[str, str]]:
    """The answer with one number, one name or one unit changed, whichever it has."""
    found = []
    number = re.search(r"\d+", answer)
    if number:
        other = str(int(number[0]) + rng.choice([1, 3, 10, 70]))
        found.append(("number", answer[: number.start()] + other + answer[number.end() :]))
    name = re.search(r"\b[A-Z][a-z]{2,}\b|[\u4e00-\u9fff]{2,3}", answer)
    if name and not number:
        other = rng.choice(["Zelmira", "Quorn", "Bexfold"] if name[0].isascii() else ["鑫淼", "犇驫"])
        found.append(("name", answer[: name.start()] + other + answer[name.end() :]))
    unit = next((u for u in UNITS if u in answer), None)
    if unit:
        found.append(("unit", answer.replace(unit, UNITS[unit], 1)))
    return found


def places(row: dict[str, Any], sections: list[Section]) -> list[str]:
    """Ids of the sections that a question of the exam is about."""
    named = [squeezed(part.split(">")[-1]) for part in re.split(r" \+ |; ", row["section"])]
    own = [s for s in sections if s.document == row["document"]]
    if row.get("evidence"):
        found = [s.id for s in own if any(squeezed(e) in squeezed(s.text) for e in row["evidence"])]
        return found or [s.id for s in own]
    found = [s.id for s in own if any(n in squeezed(f"{s.heading} {s.text}") for n in named)]
    return found or [s.id for s in own]


def golds(row: dict[str, Any]) -> list[str]:
    """The answer and its variants, folded."""
    return [g for g in (squeezed(a) for a in [row["answer"], *row["accept"]]) if g]


def holding(made: Dataset) -> dict[str, list[Pair]]:
    """Section id → its closed-book training pairs."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for pair in made.pairs("train"):
        if pair.kind in CLOSED:
            found[pair.section_id].append(pair)
    return found


def matching(row: dict[str, Any], sections: list[Section], by_section: dict[str, list[Pair]]) -> list[Pair]:
    """Training pairs of the question's section whose answer contains its gold answer; for a list, of its items."""
    wanted = golds(row)
    items = [squeezed(i) for i in re.split(r"[,、;]\s*", row["answer"]) if i.strip()]
    found = []
    for pair in (p for i in places(row, sections) for p in by_section.get(i, ())):
        answer = squeezed(pair.output)
        whole = any(g in answer for g in wanted)
        if whole or (row["kind"] in {"list", "multi_section"} and all(i in answer for i in items)):
            found.append(pair)
    return found


def covered(made: Dataset, rows: list[dict[str, Any]], sections: list[Section]) -> dict[str, Any]:
    """Share of the answerable questions for which a training pair of the same section holds the gold answer."""
    by_section = holding(made)
    asked: Counter[str] = Counter()
    found: Counter[str] = Counter()
    short = 0
    missed = []
    for row in rows:
        if row["answer"] is None:
            continue
        pairs = matching(row, sections, by_section)
        for group in (row["kind"], row["language"], "all"):
            asked[group] += 1
            found[group] += bool(pairs)
        longest = max(map(len, golds(row)))
        short += any(len(squeezed(p.output)) <= 3 * longest + 8 for p in pairs)
        if not pairs:
            missed.append([row["kind"], row["document"], row["section"], row["answer"]])
    shares = {group: [found[group], asked[group], round(found[group] / asked[group], 3)] for group in asked}
    return {"shares": shares, "in_a_short_answer": round(short / max(1, asked["all"]), 3), "missed": missed[:40]}


def naturalness(
    made: Dataset, rows: list[dict[str, Any]], sections: list[Section], embedder: Embedder
) -> dict[str, Any]:
    """Mean best cosine between an exam question and the training questions of its fact; templates alone beside."""
    by_section = holding(made)
    texts: dict[str, int] = {}
    wanted: list[tuple[str, list[str], list[str]]] = []
    for row in rows:
        pairs = matching(row, sections, by_section) if row["answer"] is not None else []
        plain = [p.instruction for p in pairs if p.family in TEMPLATES]
        if pairs and plain:
            wanted.append((row["question"], plain, [p.instruction for p in pairs]))
    for question, _, every in wanted:
        for text in [question, *every]:
            texts.setdefault(text, len(texts))
    if not wanted:
        return {}
    vectors = embedder.encode(list(texts), query=True)

    def best(question: str, others: list[str]) -> float:
        return max(float(vectors[texts[question]] @ vectors[texts[o]]) for o in others)

    templates = [best(q, plain) for q, plain, _ in wanted]
    all_forms = [best(q, every) for q, _, every in wanted]
    higher = sum(a > b + 1e-6 for a, b in zip(all_forms, templates, strict=True))
    return {
        "questions": len(wanted),
        "templates_alone": round(sum(templates) / len(wanted), 4),
        "with_rewording": round(sum(all_forms) / len(wanted), 4),
        "nearer_with_rewording": round(higher / len(wanted), 3),
    }


def prose(arguments: argparse.Namespace) -> dict[str, Any]:
    """Human questions on encyclopedic Chinese prose: which gold answers some fact covers, and what that costs."""
    data = json.loads(arguments.file.read_text(encoding="utf-8"))["data"]
    paragraphs = [(a["title"], p) for a in data for p in a["paragraphs"]]
    found: Counter[str] = Counter()
    made: Counter[str] = Counter()
    asked = 0
    started = time.perf_counter()
    for title, paragraph in paragraphs:
        section = _section(title, paragraph["context"])
        every = facts(section, units(section), per_unit=None)
        chosen = facts(section, units(section))
        asked_for = [fact for fact in chosen if askable(fact, title)]
        spans = {
            name: {squeezed(f.value) for f in group if f.kind not in {"sentence", "item", "passage"}}
            for name, group in (("every", every), ("default", chosen), ("asked", asked_for))
        }
        made.update({name: len(values) for name, values in spans.items()})
        for row in paragraph["qas"]:
            asked += 1
            gold = squeezed(row["answers"][0]["text"].strip("「」『』《》“”"))
            for name, values in spans.items():
                found[f"{name} exact"] += gold in values
                found[f"{name} inside a span of at most twice its length"] += any(
                    gold in v and len(v) <= 2 * len(gold) for v in values
                )
            found["digits, quotes and Latin alone"] += bool(re.fullmatch(r"[\d,.年月日%]+|[a-z0-9 .'-]+", gold))
            found["inside a sentence"] += any(gold in squeezed(f.value) for f in every if f.kind == "sentence")
    seconds = time.perf_counter() - started
    return {
        "paragraphs": len(paragraphs),
        "questions": asked,
        "seconds": round(seconds, 1),
        "shares": {name: round(number / asked, 3) for name, number in sorted(found.items())},
        "spans_per_paragraph": {name: round(number / len(paragraphs), 1) for name, number in made.items()},
        "leaks": _prose_leaks(paragraphs[: arguments.paragraphs]) if arguments.paragraphs else {},
    }


def _section(title: str, text: str) -> Section:
    from retrieval.records import Block, Parsed

    parsed = Parsed(
        name=title, format="txt", text=text, blocks=(Block(kind="paragraph", start=0, end=len(text)),), title=title
    )
    made = cut(parsed, f"{title}.txt", title)
    whole = made[0].model_copy(
        update={"text": text, "start": 0, "end": len(text), "blocks": parsed.blocks, "language": "zh-Hant"}
    )
    return whole


def _prose_leaks(paragraphs: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    by_title: dict[str, list[str]] = defaultdict(list)
    for title, paragraph in paragraphs:
        by_title[title].append(paragraph["context"])
    with tempfile.TemporaryDirectory() as home:
        library = Library(Workspace(Path(home)).base("prose"), load("hashing:384"))
        library.add(
            [Upload(name=f"{n}.txt", data="\n\n".join(texts).encode()) for n, texts in enumerate(by_title.values())]
        )
        made = build(library, None, PairSettings(context=0, most_facts=2000))
        assert made is not None
        found = report(made.folder) | {"kept": sum(made.card.kinds.values())}
        library.close()
    return found


def speed(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Kept pairs a second and memory at growing numbers of sections, without a language model."""
    sources = [
        (path.name, path.read_text(encoding="utf-8"))
        for folder in sorted(arguments.folder.iterdir()) if folder.is_dir()
        for path in sorted(folder.iterdir()) if path.suffix == ".md"
    ]  # fmt: skip
    if not sources:
        raise SystemExit(f"{arguments.folder} has no folders with Markdown documents in them.")
    return [_timed(int(number), sources) for number in arguments.sections.split(",")]


def _timed(wanted: int, sources: list[tuple[str, str]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        library = Library(Workspace(Path(home)).base("speed"), load("hashing:384"))
        copies = 0
        while library.statistics.sections < wanted:
            batch = [
                Upload(name=f"{copies + n}-{name}", data=_varied(text, copies + n).encode())
                for n in range(8)
                for name, text in sources
            ]
            library.add(batch)
            copies += 8
        stages: dict[str, list[float]] = defaultdict(list)
        memory: list[float] = []

        def told(step: Any) -> None:
            stages[step.stage].append(time.perf_counter())
            memory.append(_resident())

        before, started, worked = _resident(), time.perf_counter(), time.process_time()
        made = build(library, Search(library, library.embedder), PairSettings(), progress=told)
        assert made is not None
        seconds = time.perf_counter() - started
        kept = sum(made.card.kinds.values())
        in_pairs = stages["pairs"][-1] - stages["pairs"][0]
        result = {
            "sections": library.statistics.sections,
            "facts": made.card.counts["facts"],
            "kept": kept,
            "seconds": round(seconds, 1),
            "processor_seconds": round(time.process_time() - worked, 1),
            "kept_per_second": round(kept / seconds, 1),
            "kept_per_second_while_making": round(kept / in_pairs, 1),
            "seconds_finding_facts": round(stages["facts"][-1] - stages["facts"][0], 1),
            "memory_before_mb": round(before),
            "memory_most_mb": round(max(memory)),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        library.close()
    return result


def _varied(text: str, seed: int) -> str:
    """A copy whose numbers and headings are its own, so that it states other facts."""
    rng = random.Random(seed)
    text = re.sub(r"\d+", lambda m: str(int(m[0]) + rng.randrange(1, 90)), text)
    return re.sub(r"(?m)^(#+ .*)$", rf"\1 {chr(65 + seed % 26)}{seed}", text)


def _resident() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 1024 / 1024


def read(arguments: argparse.Namespace) -> None:
    """Random kept closed-book training pairs, for a person to judge."""
    with tempfile.TemporaryDirectory() as home:
        library = opened(arguments.folder, Path(home), load("hashing:384"))
        made = build(library, Search(library, library.embedder), PairSettings())
        assert made is not None
        pool = [p for p in made.pairs("train") if p.kind in CLOSED]
        for language in ("en", "zh-Hant"):
            own = [p for p in pool if p.language == language]
            for number, pair in enumerate(random.Random(arguments.seed).sample(own, min(len(own), arguments.count)), 1):
                before = f"[{pair.history[-1][0]} → {pair.history[-1][1]}] " if pair.history else ""
                print(f"{number:>3} {pair.family:<12} {before}{pair.instruction}  ⇒  {pair.output}")
        library.close()


def main() -> None:
    """Parse the command line and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    examining = commands.add_parser("exam")
    examining.add_argument("folder", type=Path)
    examining.add_argument("--questions", type=Path)
    examining.add_argument("--home", type=Path)
    examining.add_argument("--hashing", action="store_true", help="search with the hashing embedder: quicker")
    examining.add_argument("--meaning", action="store_true", help="leaks also by the embedder's cosine")
    reading = commands.add_parser("prose")
    reading.add_argument("file", type=Path)
    reading.add_argument("--paragraphs", type=int, default=500)
    timing = commands.add_parser("speed")
    timing.add_argument("folder", type=Path)
    timing.add_argument("--sections", default="1000,3000,10000")
    looking = commands.add_parser("read")
    looking.add_argument("folder", type=Path)
    looking.add_argument("--count", type=int, default=40)
    looking.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.command == "read":
        read(arguments)
        return
    result = {"exam": exam, "prose": prose, "speed": speed}[arguments.command](arguments)
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
