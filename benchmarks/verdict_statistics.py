"""The statistics behind the verdict on simulated comparisons: intervals that cover, a null that is left alone, speed.

    python -m benchmarks.verdict_statistics [--write]

Simulated as real exams behave: sections of one to ten questions, answers of one section alike (an intra-section
correlation of about 0.2), two arms that agree more often than chance. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np

from finetune.evaluation.statistics import RESAMPLES, compare
from finetune.evaluation.verdict import FAMILY, ArmNumbers, Numbers, decide

ARMS = ("base", "rag", "tuned", "both")
TRIALS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="append to docs/BENCHMARKS.md")
    write = parser.parse_args().write
    lines = [*_coverage(), "", *_null(), "", *_speed()]
    print("\n".join(lines))
    if write:
        from benchmarks.machine import append

        append("Statistics", lines)


def simulated(
    rng: np.random.Generator, sections: int, rates: dict[str, float], *, spread: float = 0.25, shared: float = 0.4
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Right or wrong for every arm, and each question's section.

    A section shifts every arm's chance by the same amount and each arm's by one of its own, so that differences are
    clustered as well; `shared` of the questions are easy or hard for all arms together.
    """
    sizes = rng.integers(1, 11, sections)
    index = np.repeat(np.arange(sections), sizes)
    common, luck = rng.normal(0, spread, sections), rng.random(len(index))
    scores = {}
    for arm, rate in rates.items():
        own = rng.normal(0, spread / 2, sections)
        chance = np.clip(rate + common[index] + own[index], 0.02, 0.98)
        drawn = np.where(rng.random(len(index)) < shared, luck, rng.random(len(index)))
        scores[arm] = (drawn < chance).astype(float)
    return scores, [str(i) for i in index]


def _truth(sections: int, rates: dict[str, float]) -> float:
    """The difference that the simulation really has, clipping included: the mean over very many sections."""
    scores, _ = simulated(np.random.default_rng(99), 200_000, rates)
    return float(scores["a"].mean() - scores["b"].mean())


def _coverage() -> list[str]:
    lines = [
        f"How often the 95 % interval of a difference holds the true one, {TRIALS:,} simulated comparisons each:",
        "",
        "| sections | questions, about | true difference | covered | designed |",
        "|---|---|---|---|---|",
    ]
    for sections in (15, 30, 60, 120):
        for rates in ({"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 0.45}):
            truth, rng, inside = _truth(sections, rates), np.random.default_rng(sections), 0
            for trial in range(TRIALS):
                scores, clusters = simulated(rng, sections, rates)
                [found] = compare(scores, clusters, [("a", "b")], resamples=1000, seed=trial)
                inside += found.low <= truth <= found.high
            lines.append(
                f"| {sections} | {round(5.5 * sections)} | {100 * truth:+.1f} | {inside / TRIALS:.1%} | 93–97 % |"
            )
    return lines


def _null() -> list[str]:
    """Four arms that are equally good: what the whole rule says, and what single pairs say."""
    rng, said, settled = np.random.default_rng(7), Counter[str](), 0
    for trial in range(TRIALS):
        scores, clusters = simulated(rng, 50, dict.fromkeys(ARMS, 0.5))
        differences = compare(scores, clusters, FAMILY, resamples=1000, seed=trial)
        arms = {arm: ArmNumbers(correct=int(s.sum()), answerable=len(s)) for arm, s in scores.items()}
        said[decide(Numbers(arms=arms, differences=tuple(differences))).winner] += 1
        settled += any(d.settled for d in differences)
    wrong = TRIALS - said["undecided"] - said["base"]
    shares = ", ".join(f"{name} {count}" for name, count in said.most_common())
    return [
        f"Four arms that are equally good, {TRIALS:,} comparisons of about 275 questions in 50 sections: a winner",
        f"among them was named in {wrong} ({wrong / TRIALS:.1%}; allowed 5 %), at least one of the six differences was",
        f"called settled in {settled} ({settled / TRIALS:.1%}). Said: {shares}.",
    ]


def _speed() -> list[str]:
    scores, clusters = simulated(np.random.default_rng(1), 55, dict.fromkeys(ARMS, 0.5))
    cut = {arm: s[:300] for arm, s in scores.items()}
    times = []
    for _ in range(5):
        begun, used = time.perf_counter(), time.process_time()
        compare(cut, clusters[:300], FAMILY, resamples=RESAMPLES)
        times.append((time.perf_counter() - begun, time.process_time() - used))
    wall, cpu = min(times)
    return [
        f"{RESAMPLES:,} resamples of {min(300, len(clusters))} questions × 4 arms, six differences, sign-flip tests "
        f"included: {wall:.2f} s on the clock, {cpu:.2f} s of one processor (wanted: 2 s).",
    ]


if __name__ == "__main__":
    main()
