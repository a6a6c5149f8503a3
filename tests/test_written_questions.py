"""Documents with questions written in: what is asked stands apart from what is read, and faults are named by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.skills import written
from memory.errors import BadDataset

TEXT = """# Bike library
## Deposits
A cargo bike costs £40 to take out, any other bike £15.
The money comes back within six days, the key's £15 at once.
? I fancy the one with the big box, how much do I leave => £40
? and for a folding one => £15 || fifteen pounds @ any other bike
? Is my passport all right instead => -
"""


def file(tmp_path, text):
    path = tmp_path / "bikes.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_questions_are_no_part_of_the_document_and_know_the_line_that_answers(tmp_path):
    document, questions = written.parse(file(tmp_path, TEXT))
    assert "?" not in document and document.count("\n") == 4
    first, second, absent = questions
    assert (first.answer, first.evidence) == ("£40", "A cargo bike costs £40 to take out, any other bike £15.")
    assert second.accept == ("fifteen pounds",) and second.evidence == first.evidence
    assert absent.answer is None and absent.kind == "unanswerable"
    assert len({q.id for q in questions}) == 3 and len({q.section_id for q in questions}) == 1


def test_every_fault_is_named_by_its_line(tmp_path):
    text = TEXT + "? how much in all => £55\n? and for a folding one => £15\n? no answer\n"
    with pytest.raises(BadDataset) as caught:
        written.parse(file(tmp_path, text))
    said = str(caught.value)
    assert "line 8: no line" in said and "line 9: 2 lines" in said and "line 10: a question is written" in said


def test_a_number_is_not_found_inside_another(tmp_path):
    with pytest.raises(BadDataset, match="no line"):
        written.parse(file(tmp_path, "## Water\nOne wash takes 9.4 l.\n? how much does it swallow => 4 l\n"))


def test_every_written_document_is_right_and_none_is_both_taught_and_unread():
    taught, unread = (
        {path.stem: written.parse(path)[1] for path in sorted(Path(f"benchmarks/{name}").glob("*-*.md"))}
        for name in ("written", "unread")
    )
    assert len(taught) > 100 and len(unread) > 100 and not set(taught) & set(unread)
    for questions in (*taught.values(), *unread.values()):
        assert len(questions) > 40 and any(q.answer is None for q in questions)


def test_the_command_says_what_is_wrong(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["written", str(file(tmp_path, TEXT))])
    assert written.main() == 0
    assert "3 questions, 1 without an answer" in capsys.readouterr().out
