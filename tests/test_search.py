"""Search over real sections, units and vectors in memory; and once over the real library."""

import threading

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor

from memory.errors import BackendFailed
from retrieval.background import Background, measure, sample
from retrieval.embedders import load
from retrieval.floor import identifiers, relevance, unknown
from retrieval.fusion import WEIGHTS, dense, lexical, words
from retrieval.kinds import asked, held, match
from retrieval.library import Library
from retrieval.rerank import ModelReranker, rerank
from retrieval.search import Search
from tests.hits import hit
from tests.memory_library import MemoryLibrary
from tests.scripted import Scripted

WARRANTY = """# Warranty of model Q8

Model Q8 is guaranteed for 24 months from the day of purchase. Keep the receipt.

## What is covered

Faults of material are repaired free of charge. Batteries are covered for 6 months.

## How to claim

Call 555-0134 or bring the device to any branch. Repairs take ten working days.
"""
HOLIDAYS = """# Leave

## Annual leave

Everyone has 25 days of annual leave. The leave year begins on 1 April.

## Parental leave

| Parent | Weeks on full pay |
|---|---|
| mother | 22 |
| partner | 9 |

# 請假規定

## 特休

滿一年有七天特休。請假要在三天前向主管提出。
"""


@pytest.fixture(scope="module")
def library() -> MemoryLibrary:
    found = MemoryLibrary(load("hashing"))
    found.add_text("warranty.md", WARRANTY)
    found.add_text("leave.md", HOLIDAYS)
    return found


@pytest.fixture
def search(library) -> Search:
    return Search(library, library.embedder)


@pytest.mark.parametrize(
    ("question", "document", "unit"),
    [
        ("For how many months is Q8 guaranteed?", "warranty.md", "24 months"),
        ("How many days of annual leave are there?", "leave.md", "25 days"),
        ("weeks on full pay for the partner", "leave.md", "partner"),
        ("特休有幾天？", "leave.md", "七天特休"),
        ("特休有几天？", "leave.md", "七天特休"),
    ],
)
def test_the_unit_that_answers_comes_first(search, question, document, unit):
    result = search.search(question)
    assert result.hits[0].document == document and unit in result.hits[0].evidence[0].unit.rendered
    assert result.relevant and result.documents == 2 and result.question == question


def test_hits_and_their_evidence_are_in_order_and_verbatim(search, library):
    hits = search.search("How long are batteries covered?").hits
    assert search.hits("How long are batteries covered?") == hits and search.hits(" ") == ()
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    texts = {d.name: d.text for d in library.documents()}
    for found in hits:
        scores = [e.score for e in found.evidence]
        assert scores == sorted(scores, reverse=True) and found.score == scores[0]
        assert set(found.scores) == {"keyword", "section", "sentence", "bare"}
        for e in found.evidence:
            assert texts[found.document][e.unit.start : e.unit.end] == e.unit.text


def test_a_question_on_nothing_here_is_below_the_floor(search):
    result = search.search("How do I bake a pizza?")
    assert not result.relevant and result.hits, "the closest is still there to look at"


def test_a_model_that_is_not_covered_does_not_borrow_the_term_of_one_that_is(search):
    covered, near_miss = (search.search(f"For how many months is model {m} guaranteed?") for m in ("Q8", "Q9"))
    assert covered.relevant and not near_miss.relevant
    assert near_miss.relevance < covered.relevance / 2


def test_nothing_is_found_in_an_empty_library():
    empty = MemoryLibrary(load("hashing"))
    result = Search(empty, empty.embedder).search("Anything?")
    assert (result.hits, result.relevance, result.documents, result.relevant) == ((), 0.0, 0, False)


@pytest.mark.parametrize("question", ["", "   ", "?", "the of and", "\ud800", "\0", "q" * 5000, "💶💶"])
def test_odd_questions_are_answered_with_something(search, question):
    assert search.search(question).documents == 2


def test_a_follow_up_finds_what_the_bare_question_cannot(search):
    history = [("user", "How many weeks on full pay does the mother have?"), ("assistant", "22 weeks.")]
    result = search.search("And the partner?", history=history)
    assert "partner" in result.hits[0].evidence[0].unit.rendered
    assert result.question.endswith("And the partner?") and "full pay" in result.question


def test_a_new_subject_is_not_pulled_back_to_the_old_one(search):
    history = [("user", "How many weeks on full pay does the mother have?"), ("assistant", "22 weeks.")]
    question = "Which repairs of the Q8 device are free of charge under guarantee?"
    assert search.search(question, history=history).hits == search.search(question).hits


def test_what_was_added_a_moment_ago_is_found():
    library = MemoryLibrary(load("hashing"))
    library.add_text("a.md", "# A\n\nThe old boiler stands in room 4.")
    search = Search(library, library.embedder)
    assert "boiler" in search.search("Where is the boiler?").hits[0].section.text
    library.add_text("b.md", "# B\n\nThe heron nests on the chimney.")
    result = search.search("Where does the heron nest?")
    assert "heron" in result.hits[0].section.text and result.documents == 2


def test_a_section_removed_during_a_search_is_left_out(library, monkeypatch):
    gone = Search(library, library.embedder).search("For how many months is Q8 guaranteed?").hits[0].section.id
    there = library.sections_by_id
    monkeypatch.setattr(
        library, "sections_by_id", lambda ids: {i: section for i, section in there(ids).items() if i != gone}
    )
    hits = Search(library, library.embedder).search("For how many months is Q8 guaranteed?").hits
    assert hits and gone not in {h.section.id for h in hits}


def test_the_floor_can_be_set(library):
    assert Search(library, library.embedder, floor=0.0).search("How do I bake a pizza?").relevant
    assert not Search(library, library.embedder, floor=1.0).search("For how many months is Q8 guaranteed?").relevant


def test_many_threads_find_the_same(search):
    expected = search.search("How many days of annual leave are there?").hits
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(search.search("How many days of annual leave are there?").hits))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_the_retriever_works_in_a_langchain_chain(search):
    from langchain_core.runnables import RunnableLambda

    chain = search.retriever(limit=2) | RunnableLambda(lambda documents: [d.metadata["document"] for d in documents])
    assert chain.invoke("For how many months is Q8 guaranteed?")[0] == "warranty.md"
    (first, *_) = search.retriever(limit=2).invoke("For how many months is Q8 guaranteed?")
    assert "24 months" in first.metadata["quote"] and first.metadata["relevance"] > 0.5
    assert search.retriever().invoke("How do I bake a pizza?") == []


# Fusion


def test_words_that_few_units_hold_count_more():
    scores = words(["boat", "fare"], [["boat", "fare"], ["boat", "time"], ["boat", "crew"], ["time"]])
    assert scores[0] > scores[1] == scores[2] > scores[3] == 0.0
    assert words(["x"], []) == []


def test_cosines_are_measured_from_the_background():
    shared = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    background = Background([], np.zeros((0, 3), np.float32), shared, shared)
    question = np.array([1.0, 0.1, 0.0], dtype=np.float32)
    units = np.array([[1.0, 0.1, 0.0], [1.0, 0.0, 0.1]], dtype=np.float32)
    leg = dense(question, units, units, np.array([0, 1]), background)
    assert leg.headed == pytest.approx([1.0, 0.0], abs=1e-5), "plain cosines would be 1.0 and 0.99"
    assert leg.total(WEIGHTS)[0] == pytest.approx(WEIGHTS.headed + WEIGHTS.bare + WEIGHTS.section, rel=1e-4)


def test_the_kind_of_thing_asked_for_is_a_hint():
    assert asked("How much does it cost?") >= {"money"} and "money" in held("It is £46.")
    assert match(asked("Who runs it?"), "Nils Aker runs it.") == 1.0
    assert match(asked("Who runs it?"), "It is closed.") == 0.0
    assert match(asked("Tell me more."), "It is closed.") == 0.5
    price, other = lexical("cost?", ["It is £46.", "It is blue."], "cost?")
    assert price > other


def test_the_shipped_background_is_that_of_the_bundled_embedder():
    embedder = load("e5")
    questions, _ = sample()
    shipped = measure(embedder)
    assert shipped.texts == questions
    assert len(shipped.vectors) == len(questions) >= 40
    fresh = embedder.encode(questions[:2], query=True)
    assert np.abs(shipped.vectors[:2] - fresh).max() < 2e-3, "run benchmarks/background.py"


# Floor


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("warranty of model Q9", ["q9"]),
        ("VF-04 and OV-31000 at 5pm", ["vf-04", "ov-31000"]),
        ("Q9的保固多久", ["q9"]),
        ("the 14kg dog, 2.6m high, 30 min, the 5th, 120cm, 3 days", []),
        ("4-hole nozzle for 32-kilo bags", []),
        ("room 12, 2018, 10:30", []),
    ],
)
def test_identifiers_are_told_from_measures(text, names):
    assert identifiers(text) == names


def test_an_identifier_is_known_in_another_spelling_or_as_a_documents_name():
    found = [hit("VX2 manual.md", ("Model Q-8",), ["It is red."], 5.0)]
    assert unknown("Is the Q8 or VX-2 red?", found) == [] and unknown("Is the Q9 red?", found) == ["q9"]


def test_relevance_grows_with_what_stands_out_of_the_usual():
    values = [relevance("text", [hit("a.md", (), ["text"], score)], 3.0) for score in (1.0, 4.0, 9.0)]
    assert 0 < values[0] < values[1] < values[2] < 1 and relevance("q", [], 3.0) == 0.0


def test_a_question_without_a_single_shared_word_counts_less():
    found = [hit("a.md", ("Heating",), ["The boiler is warm."], 4.0)]
    near, far = relevance("Is the boiler cold?", found, 3.0), relevance("Who won?", found, 3.0)
    assert far < near / 2 and relevance("heating?", found, 3.0) == near


# Reranking


class Backwards(BaseDocumentCompressor):
    """Keeps the last two, last first."""

    def compress_documents(self, documents, query, callbacks=None):
        kept = [Document(page_content=d.page_content, metadata=d.metadata) for d in documents[-2:][::-1]]
        for place, document in enumerate(kept):
            document.metadata["relevance_score"] = 1.0 - place
        return kept


class Failing(BaseDocumentCompressor):
    def compress_documents(self, documents, query, callbacks=None):
        raise ConnectionError("connection refused")


HITS = [hit(f"{n}.md", (), [f"text {n}"], 9.0 - n) for n in range(4)]


def test_a_reranker_changes_the_order_and_loses_nothing():
    found = rerank(HITS, "q", Backwards())
    assert [h.document for h in found] == ["3.md", "2.md", "0.md", "1.md"]
    assert [h.score for h in found] == [h.score for h in HITS]
    assert found[0].scores["rerank"] == 1.0 and found[0].evidence[0].score == HITS[0].evidence[0].score


def test_a_reranker_that_fails_is_a_failed_backend():
    with pytest.raises(BackendFailed, match="refused"):
        rerank(HITS, "q", Failing())


def test_a_search_uses_the_reranker_it_is_given(library):
    plain = Search(library, library.embedder).search("For how many months is Q8 guaranteed?")
    turned = Search(library, library.embedder, reranker=Backwards()).search("For how many months is Q8 guaranteed?")
    assert turned.hits[0] != plain.hits[0] and {h.section.id for h in turned.hits} == {h.section.id for h in plain.hits}
    assert turned.relevance == plain.relevance


@pytest.mark.parametrize(
    ("reply", "order"), [("3, 1", [2, 0, 1, 3]), ("none of them", [0, 1, 2, 3]), ("[9] [2] 2", [1, 0, 2, 3])]
)
def test_a_chat_model_can_rerank_and_nonsense_leaves_the_order(reply, order):
    found = rerank(HITS, "q", ModelReranker(model=Scripted(replies=[reply])))
    assert [h.document for h in found] == [f"{n}.md" for n in order]


# The real library


def test_the_real_library_serves_the_same_search(workspace, tmp_path, library):
    for name, text in (("warranty.md", WARRANTY), ("leave.md", HOLIDAYS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    real = Library(workspace.base("kb"), load("hashing"))
    real.add([tmp_path / "warranty.md", tmp_path / "leave.md"])
    search = Search(real, real.embedder)
    for question in ("For how many months is Q8 guaranteed?", "特休有幾天？"):
        there = search.search(question)
        here = Search(library, library.embedder).search(question)
        assert [h.section.text for h in there.hits][:2] == [h.section.text for h in here.hits][:2]
        assert there.relevant and there.hits[0].score == pytest.approx(here.hits[0].score, abs=0.5)
    real.remove("warranty.md")
    assert all(h.document == "leave.md" for h in search.search("For how many months is Q8 guaranteed?").hits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "relevant"),
    [
        ("How do I bake pizza?", False),
        ("怎麼烤披薩？", False),
        ("What is the capital of France?", False),
        ("What is the warranty of model Q9?", False),
        ("Q9的保固多久？", False),
        ("What is the warranty of model Q8?", True),
        ("how long is my thing guaranteed", True),
        ("Q8的保固多久？", True),
        ("where do i phone", True),
    ],
)
def test_the_bundled_embedder_tells_what_a_warranty_covers(question, relevant):
    library = MemoryLibrary(load("e5"))
    library.add_text("warranty.md", WARRANTY)
    assert Search(library, library.embedder).search(question).relevant == relevant


def test_a_question_in_peoples_words_is_turned_towards_the_line_that_answers_it_and_other_embedders_are_left_alone():
    embedder = load("e5")
    background = measure(embedder)
    lines = embedder.encode(
        ["Smoking, also electric: £80.", "A trip home at night costs £12.", "Parking tickets: you pay."]
    )
    asked = embedder.encode(["I had a vape in the car, how much trouble?"], query=True)
    turned, plain = (
        b.questions(asked) @ background.passages(lines).T for b in (background, background._replace(aim=None))
    )
    assert turned[0, 0] - turned[0, 1:].max() > plain[0, 0] - plain[0, 1:].max()
    assert np.allclose(np.linalg.norm(background.questions(asked), axis=1), 1)
    assert measure(load("hashing")).aim is None
