"""Rows that teach reading: the answer stands in what is shown, or the refusal is the right reply."""

from __future__ import annotations

import random

import pytest

from finetune.models.catalog import CATALOG, READER
from finetune.models.fetch import skill
from finetune.records import Question
from finetune.skills.changes import changes
from finetune.skills.make import HELD_OUT, say
from finetune.skills.reader import Mix, rows
from retrieval.embedders import load
from retrieval.packing import SMALL, estimate
from retrieval.prompts import REFUSAL
from retrieval.search import Search
from tests.memory_library import MemoryLibrary

TEXT = """# Ferry rules

## Dogs

Dogs travel free on the lower deck. A muzzle is lent at the kiosk for £2.

## Bicycles

A bicycle costs £4 each way. Tandems cost £6 and must be booked.

## Tickets

Tickets are valid for 30 days. Lost tickets are not replaced.

## Opening

The kiosk opens at 7.45 and closes at 18.10.
"""
ASKED = [
    Question(id="1", question="What do I pay for my bike?", answer="£4", evidence="A bicycle costs £4 each way."),
    Question(
        id="2", question="How long can I keep a ticket?", answer="30 days", evidence="Tickets are valid for 30 days."
    ),
    Question(id="3", question="Who is the captain?", answer=None),
    Question(
        id="4",
        question="And a tandem?",
        answer="£6",
        evidence="Tandems cost £6 and must be booked.",
        history=(("What does a bicycle cost?", "£4"),),
    ),
    Question(id="5", question="Who paints the hull?", answer="Mr Orr", evidence="Mr Orr paints the hull."),
]


@pytest.fixture(scope="module")
def shelf():
    library = MemoryLibrary(load("hashing"))
    library.add_text("rules.md", TEXT)
    return library, Search(library, library.embedder, floor=0.0)


def made(shelf, **mix):
    library, search = shelf
    return list(rows(library, search, ASKED, plan=SMALL, count=estimate, epochs=8, mix=Mix(**mix)))


def test_the_answer_stands_in_what_is_shown_or_the_reply_is_the_refusal(shelf):
    found = made(shelf, refused=0.4, changed=0.0)
    assert {row.kind for row in found} == {"context", "refusal"}
    answers = {question.question: question.answer for question in ASKED}
    for row in found:
        answer = next((a for q, a in answers.items() if row.instruction.endswith(q)), None)
        if row.kind == "refusal":
            assert row.output == REFUSAL["en"]
            assert answer is None or answer not in row.input, "the evidence holds it"
        else:
            assert answer in row.input and row.output.startswith(answer)
            assert row.output.endswith("]"), "the passage is cited"


def test_a_question_whose_evidence_is_not_there_gives_no_row(shelf):
    assert not [row for row in made(shelf) if "hull" in row.instruction]


def test_follow_ups_are_shown_written_out_as_the_chat_shows_them(shelf):
    found = [row.instruction for row in made(shelf) if row.instruction.endswith("And a tandem?")]
    assert found and all(text.startswith("What does a bicycle cost?") for text in found)


def test_evidence_differs_from_row_to_row_and_is_the_same_every_time(shelf):
    found = [row for row in made(shelf) if row.instruction == ASKED[0].question]
    assert len({row.input for row in found}) > 3
    assert made(shelf) == made(shelf)


def test_several_questions_are_asked_about_the_same_evidence(shelf):
    found = made(shelf, refused=0.0, changed=0.0)
    evidence = {row.input for row in found}
    assert len(found) > 1.5 * len(evidence)
    largest = max(evidence, key=[row.input for row in found].count)
    one = [row for row in found if row.input == largest]
    assert len({row.output for row in one}) > 1


def test_changed_numbers_are_changed_in_evidence_and_answer_alike(shelf):
    found = [row for row in made(shelf, changed=1.0, refused=0.0) if row.instruction == ASKED[0].question]
    answers = {row.output.split(" [")[0] for row in found}
    assert len(answers) > 3
    assert all(
        answer.startswith("£") and answer in row.input for row in found for answer in [row.output.split(" [")[0]]
    )


def test_a_change_leaves_the_question_the_numbers_of_passages_and_all_else_alone():
    text = "[1] Room 12 opens at 9:30 on Monday for £4. Ada Orr has the key. [2] Room 4 is shut."
    answers = ["£4", "9:30", "Ada Orr", "Monday", "2"]
    change = changes(text, answers, ["When does room 12 open on Monday?"], ["Bo Lind"], random.Random(1))
    new = change(text)
    assert new.startswith("[1] Room 12 opens at ") and "on Monday" in new and "[2] Room" in new
    assert "9:30" not in new and "£4" not in new and "Bo Lind has the key" in new
    assert change("Bo told me nothing.") == "Bo told me nothing."


def test_a_ratio_that_is_no_time_stays_as_it_is():
    change = changes("Mix 3:75.", ["3:75"], ["How is it mixed?"], [], random.Random(1))
    assert change("Mix 3:75.") == "Mix 3:75."


def test_whole_sections_are_shown_where_the_mix_says_so(shelf):
    found = [row for row in made(shelf, whole=1.0, refused=0.0) if row.instruction == ASKED[1].question]
    assert all("Lost tickets are not replaced." in row.input for row in found)


def test_the_shipped_reader_is_whole_small_and_of_the_plain_model():
    from finetune.models import adapter_files

    folder = skill(CATALOG[READER].skill)
    files = adapter_files.read(folder)
    assert files.recorded and not files.zero
    assert files.bytes <= 12_000_000
    assert files.base == CATALOG[READER].plain
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert all(name in card for name in HELD_OUT)


def test_progress_is_one_line_with_the_time(capsys):
    say("brewmaster: 150 questions")
    assert capsys.readouterr().out.endswith(" brewmaster: 150 questions\n")
