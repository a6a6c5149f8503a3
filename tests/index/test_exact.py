"""Small libraries are searched exactly; both ways of searching agree on what can be found."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from retrieval.embedders.hashing import Hashing
from tests.index.conftest import by_vector, upload


@pytest.fixture
def both(opened):
    return opened(exact_chunks=1000), opened(exact_chunks=0)


def ask(library, question, limit=10):
    return library.vector_scores(library.embedder.encode([question], query=True)[0], limit)


def test_both_ways_find_the_same_after_every_change(both):
    exact, graph = both

    def agree(question="Door 5 has the code 35."):
        one, other = ask(exact, question, 50), ask(graph, question, 50)
        assert one.keys() == other.keys()
        assert all(other[i] == pytest.approx(score, abs=1e-3) for i, score in one.items())
        return by_vector(exact, question, 1)

    exact.add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(20)])
    assert agree() == ["Door 5 has the code 35."]
    exact.add([upload("5.txt", "Door 5 was bricked up.")])
    assert agree("Door 5 was bricked up") == ["Door 5 was bricked up."] and "35" not in agree()[0]
    graph.remove("7.txt")
    agree("Door 7 has the code 49.")
    graph.add([upload("new.txt", "A new gate opened.")])
    assert agree("new gate opened") == ["A new gate opened."]


def test_scores_are_the_cosines_best_first(both):
    exact, _ = both
    exact.add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(9)])
    scores = ask(exact, "Door 5 has the code 35.", 4)
    vector = exact.embedder.encode(["Door 5 has the code 35."], query=True)[0]
    passages = {
        c.id: exact.embedder.encode([f"{exact.section(c.section_id).heading}\n{c.text}"])[0] for c in exact.chunks()
    }
    assert len(scores) == 4 and list(scores.values()) == sorted(scores.values(), reverse=True)
    assert all(score == pytest.approx(float(passages[i] @ vector), abs=1e-3) for i, score in scores.items())
    assert min(scores.values()) >= sorted((float(p @ vector) for p in passages.values()), reverse=True)[3] - 1e-3


def test_several_questions_at_once_find_what_each_finds_alone(both):
    both[0].add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(9)])
    questions = ["Door 5 has the code 35.", "Door 7", "lamp"]
    for library in both:
        found = library.vector_scores_each(library.embedder.encode(questions, query=True), 9)
        alone = [ask(library, question, 9) for question in questions]
        assert all(one == pytest.approx(other, abs=1e-6) for one, other in zip(found, alone, strict=True))


def test_it_needs_no_vector_store(both, monkeypatch):
    exact, _ = both
    exact.add([upload("a.txt", "The ferry leaves at seven.")])
    monkeypatch.setattr(exact.stores, "ready", lambda target: pytest.fail("the vector store was asked"))
    assert by_vector(exact, "ferry leaves") == ["The ferry leaves at seven."]


def test_past_its_limit_the_vector_store_takes_over(opened):
    library = opened(exact_chunks=3)
    library.add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(3)])
    target = library.generations.usable()
    query = library.embedder.encode(["code"])
    assert library._exact.scores(target, query, 5) is not None
    library.add([upload("3.txt", "Door 3 has the code 21.")])
    assert library._exact.scores(target, query, 5) is None and len(ask(library, "code", 9)) == 4
    library.remove("3.txt")
    assert library._exact.scores(target, query, 5) is not None


def test_only_new_chunks_are_read_again_and_a_reindex_changes_all(opened, monkeypatch):
    library = opened(exact_chunks=1000)
    library.add([upload(f"{i}.txt", f"Door {i} has the code {i * 7}.") for i in range(6)])
    ask(library, "code")
    old = library._exact._shelf.vectors.copy()
    library.add([upload("6.txt", "Door 6 has the code 42.")])
    ask(library, "code")
    assert np.array_equal(library._exact._shelf.vectors[:6], old) and len(library._exact._shelf.ids) == 7
    other = opened(Hashing("64"), exact_chunks=1000)
    assert other.reindex() and by_vector(other, "door 6 code 42", 1) == ["Door 6 has the code 42."]


def test_threads_search_while_documents_come_and_go(opened):
    library = opened(exact_chunks=1000)
    library.add([upload("stays.txt", "The harbour master stays.")])
    failures, done = [], threading.Event()

    def search():
        while not done.is_set():
            if by_vector(library, "the harbour master stays", 1) != ["The harbour master stays."]:
                failures.append("not found")

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(4):
        library.add([upload("changes.txt", f"Version {i} of something else.")])
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
