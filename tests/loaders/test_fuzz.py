"""A few of the mutated files of benchmarks/fuzz_loaders.py; the benchmark reads 2,000."""

from __future__ import annotations

import pytest

from benchmarks.fuzz_loaders import broken, mutations, run
from retrieval.records import Block, Parsed, Span
from tests.loaders import files


@pytest.mark.slow
def test_mutated_files_neither_hang_nor_crash_nor_break_the_contract(tmp_path):
    outcomes, failures = run(files.every(), 65, 3, tmp_path)
    assert failures == []
    assert sum(outcomes.values()) == 65
    assert outcomes["read"] > 10
    assert outcomes["damaged"] > 5


def test_mutations_are_the_same_for_the_same_seed():
    seeds = {"a.txt": b"words and more words" * 20, "b.docx": files.docx()}
    assert [d for _, d in mutations(seeds, 10, 5)][0::2] == [d for _, d in mutations(seeds, 10, 5)][0::2]
    assert [d for _, d in mutations(seeds, 10, 5)] != [d for _, d in mutations(seeds, 10, 6)]


def test_a_broken_promise_would_be_noticed():
    def parsed(*blocks):
        return Parsed(name="a", format="txt", text="one two", blocks=blocks)

    assert not broken(parsed(Block(kind="paragraph", start=0, end=7)))
    assert broken(parsed(Block(kind="paragraph", start=0, end=9)))
    assert broken(parsed(Block(kind="paragraph", start=0, end=7), Block(kind="paragraph", start=3, end=7)))
    wrong = Span(start=0, end=3, text="two")
    assert broken(parsed(Block(kind="list", start=0, end=7, rows=((wrong,),))))
