"""Question files: what is read, and which row and field is wrong when it is not."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from app.text import Text
from finetune.evaluation.marks import tokens
from finetune.evaluation.questions import GENERAL, LONGEST_REFERENCE, from_file, from_pairs, sample, typed
from finetune.records import Pair, Question
from memory.errors import BadDataset


def write(tmp_path, text, name="q.jsonl"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_jsonl_rows_become_questions_with_everything_they_say(tmp_path):
    row = {
        "id": "a",
        "question": "And who ran her?",
        "answer": "Dorrit",
        "accept": ["D."],
        "document": "h.md",
        "section": "1",
        "kind": "follow_up",
        "language": "en",
        "history": [{"role": "user", "content": "Which boat?"}, {"role": "assistant", "content": "Pegg."}],
        "evidence": ["Dorrit ran her."],
    }
    [found] = from_file(write(tmp_path, json.dumps(row)))
    assert found.history == (("Which boat?", "Pegg."),)
    assert found.section_id == "h.md > 1"
    assert found.evidence == "Dorrit ran her."


def test_a_null_answer_is_a_question_that_the_documents_do_not_answer(tmp_path):
    [found] = from_file(write(tmp_path, '{"question": "Pizza?", "answer": null}'))
    assert found.answer is None
    assert found.kind == "unanswerable"


def test_csv_with_semicolons_and_variants_is_read(tmp_path):
    found = from_file(write(tmp_path, "question;answer;accept\nHow long?;16 weeks;16|sixteen\nPizza?;;\n", "q.csv"))
    assert found[0].accept == ("16", "sixteen")
    assert found[1].answer is None


def test_a_table_saved_by_a_chinese_spreadsheet_is_read(tmp_path):
    for encoding in ("cp950", "utf-16"):
        (tmp_path / "q.csv").write_bytes("question,answer\n試用期多長？,三個月\n".encode(encoding))
        assert [(q.question, q.answer) for q in from_file(tmp_path / "q.csv")] == [("試用期多長？", "三個月")]


def test_chinese_questions_get_their_language(tmp_path):
    [found] = from_file(write(tmp_path, '{"question": "試用期多長？", "answer": "三個月"}'))
    assert found.language == "zh-Hant"


def in_chinese(problem):
    """Whether the page can say a problem and what to do in Chinese, whatever the parser of JSON or CSV adds."""
    said = Text("zh-TW")
    return all(re.search(r"[\u4e00-\u9fff]", said.error(text)) for text in (problem.message, problem.hint))


@pytest.mark.parametrize(
    ("text", "row", "field"),
    [
        ('{"question": "a", "answer": "b"}\n{"question": 3, "answer": "b"}', 2, "question"),
        ('{"question": "a"}', 1, "answer"),
        ('{"question": "a", "answer": 42}', 1, "answer"),
        ('{"question": "a", "answer": "b", "history": "c"}', 1, "history"),
        ('{"question": "a", "answer": "b"}\n{oops}', 2, None),
        ('{"question": "a", "answer": "b", "accept": "ok"}', 1, "accept"),
        ("[1]", 1, None),
    ],
)
def test_a_wrong_row_is_named_with_its_field(tmp_path, text, row, field):
    with pytest.raises(BadDataset) as caught:
        from_file(write(tmp_path, text))
    assert (caught.value.row, caught.value.field) == (row, field)
    assert in_chinese(caught.value)


def test_a_csv_without_a_question_column_names_what_it_found(tmp_path):
    with pytest.raises(BadDataset, match="Frage"):
        from_file(write(tmp_path, "Frage,Antwort\na,b\n", "q.csv"))


@pytest.mark.parametrize(
    ("text", "row", "said"),
    [
        ("question\nHow long?\n", 1, "no column `answer`"),
        ("question,answer\nHow long?,16\nHow much?,1,000 euros\n", 3, "more cells"),
        ("question,answer,kind\nWhich, please?,x,\n", 2, "more cells"),
        ('question,answer\n"How long?,16\nHow much?,9\n', 2, "no row of a table"),
        ("question,answer\nHow long?," + "x" * 140_000, 2, "no row of a table"),
    ],
)
def test_a_csv_row_that_would_be_misread_is_refused_by_its_number(tmp_path, text, row, said):
    with pytest.raises(BadDataset, match=said) as caught:
        from_file(write(tmp_path, text, "q.csv"))
    assert caught.value.row == row and in_chinese(caught.value)


def test_a_csv_header_may_be_written_in_any_case_and_empty_columns_and_rows_are_passed_over(tmp_path):
    [found] = from_file(write(tmp_path, "Question , Answer,\nHow long?,16 weeks,\n,,\n", "q.csv"))
    assert (found.question, found.answer) == ("How long?", "16 weeks")


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(BadDataset, match="no questions"):
        from_file(write(tmp_path, "\n"))


def test_two_rows_with_one_id_stay_two_questions(tmp_path):
    found = from_file(write(tmp_path, '{"id": "a", "question": "x", "answer": "1"}\n' * 2))
    assert len({q.id for q in found}) == 2


def test_test_rows_of_a_dataset_are_asked_one_trained_wording_of_each_tested_fact_and_what_people_wrote():
    common = {"output": "b", "section_id": "s"}
    pairs = [
        Pair(id="1", instruction="train?", fact_id="f", **common),
        Pair(id="1b", instruction="train, too?", fact_id="f", **common),
        Pair(id="1c", instruction="another fact?", fact_id="g", **common),
        Pair(id="2", instruction="test?", split="test", test_set="unseen_wording", fact_id="f", **common),
        Pair(id="3", instruction="dropped?", split="test", status="dropped", **common),
        Pair(id="4", instruction="no?", split="test", test_set="unanswerable", **common),
        Pair(id="5", instruction="my own?", fact_id="h", maker="person", **common),
    ]
    found, left_out = from_pairs(p for p in pairs if p.status != "dropped")
    assert left_out == 0
    assert [(q.id, q.answer, q.test_set) for q in found] == [
        ("2", "b", "unseen_wording"),
        ("4", None, "unanswerable"),
        ("1", "b", "trained_wording"),
        ("5", "b", "trained_wording"),
    ]


@pytest.mark.parametrize("length", [LONGEST_REFERENCE, LONGEST_REFERENCE + 1])
@pytest.mark.parametrize("word", ["word ", "字"])
def test_a_fact_that_no_answer_would_repeat_word_for_word_is_not_asked_and_counted(word, length):
    whole = {"output": word * length, "fact_id": "f"}
    pairs = [
        Pair(id="1", instruction="in other words?", split="test", test_set="unseen_wording", **whole),
        Pair(id="2", instruction="as it was trained?", **whole),
        Pair(id="3", instruction="general?", split="test", test_set="general", output=word * length),
    ]
    found, left_out = from_pairs(pairs)
    reached = length <= LONGEST_REFERENCE
    assert [q.id for q in found] == (["1", "3", "2"] if reached else ["3"]) and left_out == (0 if reached else 1)
    variant = pairs[0].model_copy(update={"accept": ("short",)})
    assert [q.id for q in from_pairs([variant])[0]] == ["1"], "a short variant is enough"


def test_no_reference_that_people_wrote_about_the_practice_documents_is_out_of_reach():
    files = sorted((Path(__file__).parents[1] / "benchmarks/practice").glob("*/questions.jsonl"))
    longest = max(len(tokens(q.answer)) for file in files for q in from_file(file) if q.answer)
    assert len(files) == 8 and longest == 21 and longest <= LONGEST_REFERENCE


def test_a_typed_question_may_have_a_reference_or_be_absent_from_the_documents_or_neither():
    assert [(q.kind, q.answer) for q in (typed("Why?"), typed("Why?", "So"), typed("Why?", "x", absent=True))] == [
        ("open", None),
        ("lookup", "So"),
        ("unanswerable", None),
    ]
    assert typed("And?", history=(("Who?", "Ann."),)).id != typed("And?").id


def test_a_sample_keeps_every_test_set():
    sets = ["unseen_wording"] * 200 + ["unseen_section"] * 5 + ["unanswerable"] * 40 + ["general"] * 60
    questions = [Question(id=str(i), question="?", answer="a", test_set=name) for i, name in enumerate(sets)]
    counts = Counter(q.test_set for q in sample(questions, 100))
    assert counts["unseen_section"] == 5 and counts["unseen_wording"] >= 55
    assert counts["general"] == GENERAL and counts.total() == 100 + GENERAL - 15, "they come on top of their share"
    assert counts["unanswerable"] == 15


def test_a_sample_is_stable_and_spread_over_sections():
    questions = [Question(id=str(i), question="?", answer="a", section_id=f"s{i % 5}") for i in range(50)]
    chosen = sample(questions, 10)
    assert chosen == sample(list(questions), 10)
    assert {q.section_id for q in chosen} == {"s0", "s1", "s2", "s3", "s4"}
