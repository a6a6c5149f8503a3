"""What training has seen of the tests: exact questions, near ones by ROUGE-L, and on request by meaning."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.datasets import PAIRS, read_pairs
from finetune.pairs.duplicates import answer_key, key, similarity
from finetune.pairs.splits import fraction
from finetune.records import Pair
from memory.records import digest
from retrieval.tokens import characters

if TYPE_CHECKING:
    from retrieval.embedders import Embedder

NEAR = 0.7
"""ROUGE-L from which two questions are near copies (characters in Chinese, words in English)."""
MEANING = 0.97
"""Cosine from which two questions are listed as the same in meaning."""
SAMPLE = 400
"""Test questions that are compared with every training question; more are sampled by hash."""
_RARE = 6
_LISTED = 20


def report(dataset: Path, *, embedder: Embedder | None = None, sample: int = SAMPLE) -> dict[str, Any]:
    """Counts and examples of leaks from training to test. Reads the rows, never the model.

    `exact`: test questions trained word for word after folding width, case, script and punctuation. `near`: those of a
    sample with ROUGE-L ≥ 0.7 to a training question; a question whose numbers differ is no copy. `answers_seen`: held-
    out sections' answers that some training row also gives (a bucket, not a leak). `meaning`: with an embedder, test
    questions whose nearest training question has a cosine ≥ 0.97, across languages too.
    """
    trained: set[bytes] = set()
    answers: set[bytes] = set()
    index: dict[str, list[int]] = defaultdict(list)
    questions: list[str] = []
    tests: list[Pair] = []
    exact = seen = sections = 0
    for pair in read_pairs(dataset / PAIRS):
        if pair.status != "dropped" and pair.split == "train":
            trained.add(_mark(pair.instruction, pair))
            answers.add(bytes.fromhex(digest(answer_key(pair))))
    for pair in read_pairs(dataset / PAIRS):
        if pair.status == "dropped" or pair.split != "test":
            continue
        exact += _mark(pair.instruction, pair) in trained
        if pair.test_set == "unseen_section":
            sections += 1
            seen += bytes.fromhex(digest(answer_key(pair))) in answers
        if pair.test_set in {"unseen_wording", "unseen_section"}:
            tests.append(pair)
    tests = sorted(tests, key=lambda p: fraction("leak", p.id))[:sample]
    _index(dataset, tests, index, questions)
    near = _near(tests, index, questions)
    found: dict[str, Any] = {
        "exact": exact,
        "near": len(near),
        "near_examples": near[:_LISTED],
        "compared": len(tests),
        "answers_seen": seen,
        "unseen_sections": sections,
        "limit": NEAR,
    }
    if embedder is not None:
        found |= _meaning(tests, questions, embedder)
    return found


def _mark(question: str, pair: Pair) -> bytes:
    return bytes.fromhex(digest(key(question), *(t for turn in pair.history for t in turn)))


def _index(dataset: Path, tests: list[Pair], index: dict[str, list[int]], questions: list[str]) -> None:
    """Training questions that share a telling token with a test question, by token."""
    wanted = {token for pair in tests for token in characters(pair.instruction)}
    for pair in read_pairs(dataset / PAIRS):
        if pair.status == "dropped" or pair.split != "train" or pair.input or pair.history:
            continue
        place = len(questions)
        questions.append(pair.instruction)
        for token in set(characters(pair.instruction)) & wanted:
            index[token].append(place)


def _near(tests: list[Pair], index: dict[str, list[int]], questions: list[str]) -> list[dict[str, Any]]:
    found = []
    for pair in tests:
        mine = characters(pair.instruction)
        numbers = [t for t in mine if t[0].isdigit()]
        rare = sorted(set(mine), key=lambda t: len(index[t]))[:_RARE]
        shared = Counter(place for token in rare for place in index[token][:2000])
        best, which = 0.0, -1
        for place, _ in shared.most_common(60):
            other = characters(questions[place])
            if [t for t in other if t[0].isdigit()] == numbers and (score := similarity(mine, other)) > best:
                best, which = score, place
        if best >= NEAR:
            found.append(
                {"test": pair.instruction, "train": questions[which], "rouge_l": round(best, 3), "set": pair.test_set}
            )
    return sorted(found, key=lambda entry: -float(str(entry["rouge_l"])))


def _meaning(tests: list[Pair], questions: list[str], embedder: Embedder) -> dict[str, Any]:
    """Nearest training question by cosine, over at most 2,000 of them."""
    import numpy as np

    pool = sorted(questions, key=lambda q: fraction("pool", q))[:2000]
    if not tests or not pool:
        return {"meaning": 0, "meaning_examples": [], "meaning_compared": 0}
    asked = embedder.encode([p.instruction for p in tests], query=True)
    known = embedder.encode(pool, query=True)
    scores = asked @ known.T
    best = np.argmax(scores, axis=1)
    found = [
        {"test": pair.instruction, "train": pool[int(b)], "cosine": round(float(scores[i, b]), 3), "set": pair.test_set}
        for i, (pair, b) in enumerate(zip(tests, best, strict=True))
        if scores[i, b] >= MEANING
    ]
    found.sort(key=lambda entry: -float(str(entry["cosine"])))
    return {"meaning": len(found), "meaning_examples": found[:_LISTED], "meaning_compared": len(pool)}
