"""Comparing by command: arms, questions, JSON, what is refused, and going on after a stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUESTIONS = [
    {"id": "w", "question": "How long is the warranty of the kettle?", "answer": "18 months"},
    {"id": "d", "question": "How often must the kettle be descaled?", "answer": "every 40 days", "accept": ["40 days"]},
    {"id": "u", "question": "Who painted the ceiling of the lobby?", "answer": None},
]


@pytest.fixture
def asked(tmp_path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS), encoding="utf-8")
    return path


@pytest.fixture
def reader(stub):
    """A model that reads what it is given, and without documents makes something up."""

    def reply(messages):
        said = str(messages[-1]["content"])
        if "<documents>" not in said:
            return "I think it is a week."
        question = said.rsplit("Question:", 1)[-1]
        return "18 months [1]." if "warranty" in question else "Every 40 days [1]."

    stub.script = reply
    return stub


@pytest.fixture
def added(cli, manual):
    cli("add", manual)
    return cli


def test_retrieval_that_reads_beats_a_model_that_guesses(added, asked, reader):
    found = added("compare", "--questions", asked, "--json").json
    assert set(found["arms"]) == {"base", "rag"}
    assert found["arms"]["rag"]["correct"] == 2 and found["arms"]["base"]["correct"] == 0
    assert found["arms"]["rag"]["unanswerable"]["n"] == 1
    assert {(c["a"], c["b"]) for c in found["comparisons"]} == {("rag", "base")}
    assert found["verdict"]["winner"] in ("rag", "undecided") and found["verdict"]["sentence"]
    rows = [json.loads(row) for row in Path(found["answers"]).read_text(encoding="utf-8").splitlines()]
    assert {(r["arm"], r["question"]["id"]) for r in rows} == {(a, q) for a in ("base", "rag") for q in "wdu"}
    assert "<html" in Path(found["report"]).read_text(encoding="utf-8")


def test_two_runs_of_one_comparison_give_the_same_answers(added, asked, reader):
    texts = []
    for _ in range(2):
        found = added("compare", "--questions", asked, "--json").json
        rows = [json.loads(row) for row in Path(found["answers"]).read_text(encoding="utf-8").splitlines()]
        texts.append(sorted((r["arm"], r["question"]["id"], r["text"], r["correct"]) for r in rows))
    assert texts[0] == texts[1]


def test_the_verdict_comes_first_in_words(added, asked, reader):
    ended = added("compare", "--questions", asked, "--language", "zh-TW")
    assert ended.code == 0 and "report.html" in ended.out and any("\u4e00" <= c <= "\u9fff" for c in ended.out)


def test_a_question_typed_in_is_answered_on_the_terminal_and_claims_no_share(added, reader):
    ended = added("compare", "--ask", "How long is the warranty of the kettle?", "--language", "en")
    assert ended.code == 0 and "  Retrieval: " in ended.out and "  Model alone: " in ended.out
    assert "0%" not in ended.out and "–" in ended.out


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--arms", "base,both"], "adapter"),
        (["--arms", "base,magic"], "magic"),
        (["--arms", "base,control"], "other documents"),
        (["--adapter", "nope"], "nope"),
    ],
)
def test_an_arm_that_cannot_be_is_refused_by_name(added, asked, options, word):
    ended = added("compare", "--questions", asked, *options)
    assert ended.code == 1 and word in ended.err and "Traceback" not in ended.err


def test_without_questions_it_says_where_they_come_from(added):
    ended = added("compare")
    assert ended.code == 1 and "--questions" in ended.err


def test_a_wrong_row_is_named_with_row_and_field(added, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"question": "ok?", "answer": "yes"}\n{"answer": "no question"}\n', encoding="utf-8")
    ended = added("compare", "--questions", path)
    assert ended.code == 1 and "row 2" in ended.err and "question" in ended.err


def test_the_oracle_reads_the_passage_that_the_question_names(added, tmp_path, reader):
    path = tmp_path / "q.jsonl"
    row = QUESTIONS[0] | {"evidence": "The Northwind kettle has a warranty of 18 months."}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = added("compare", "--questions", path, "--arms", "rag,oracle", "--json").json
    assert found["arms"]["oracle"]["correct"] == 1
