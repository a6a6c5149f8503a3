import pytest

from memory import sqlite
from memory.database import Database
from memory.errors import NotConfigured
from retrieval import keyword as module
from retrieval.keyword import Keyword
from retrieval.tokens import tokens

TEXTS = [
    "本公司的報銷流程由財務部審核",
    "重跑gen-itgc後請通知值班人員",
    "The captain's time sheet is due on Friday",
    "Part SKU-12B costs 3.80, part SKU-13B costs 4.10",
    'Write to anna@example.com, don\'t "quote" * NEAR( anything',
]


@pytest.fixture
def index(tmp_path):
    database = Database(tmp_path / "k.db", ())
    found = Keyword("keyword_1")
    with database.begin() as connection:
        found.create(connection)
        found.add(connection, Keyword.prepared((i + 1, "Manual > 手冊", text) for i, text in enumerate(TEXTS)))
    yield database, found
    database.close()


def ask(index, question, limit=10):
    database, found = index
    with database.read() as connection:
        return found.scores(connection, tokens(question), limit)


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("報銷流程", 1),
        ("财务部", 1),
        ("誰審核報銷？", 1),
        ("gen-itgc", 2),
        ("time sheets", 3),
        ("sku-12b", 4),
        ("anna@example.com", 5),
        ('"quote" NEAR(', 5),
    ],
)
def test_chinese_identifiers_and_marks_are_found(index, question, row):
    assert ask(index, question)[0][0] == row


def test_the_heading_path_is_searched_too(index):
    assert len(ask(index, "手冊")) == len(TEXTS)


def test_nothing_found_is_an_empty_list(index):
    assert ask(index, "zeppelin 飛船") == [] == ask(index, "") == ask(index, "the of")


def test_removed_rows_are_not_found_and_their_words_leave_the_bytes(index, tmp_path):
    database, found = index
    with database.begin() as connection:
        found.remove(connection, [4])
        found.rewrite(connection)
        assert found.numbers(connection) == {1, 2, 3, 5} and found.sound(connection)
    assert ask(index, "SKU-12B") == []
    assert database.scrub()
    assert b"sku-12b" not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


def test_leaving_out_common_tokens_scores_as_fts5_does(tmp_path, monkeypatch):
    database, found = Database(tmp_path / "k.db", ()), Keyword("keyword_2")
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "common", "usual"]
    texts = [
        " ".join(w for j, w in enumerate(words[:6]) if i >> j & 1) + " common usual" * (i % 3 + 1) for i in range(64)
    ]
    with database.begin() as connection:
        found.create(connection)
        found.add(connection, Keyword.prepared((i + 1, "", text) for i, text in enumerate(texts)))
        query = tokens("alpha beta gamma common usual")
        exact = dict(found.scores(connection, query, 64))
        monkeypatch.setattr(module, "POSTINGS", 40)
        pruned = found.scores(connection, query, 64)
    database.close()
    assert 0 < len(pruned) < len(exact) == 64
    assert all(score == pytest.approx(exact[number], rel=1e-6) for number, score in pruned)


@pytest.mark.parametrize("remembered", [0, 1_000_000])
@pytest.mark.parametrize("query", [["part", "3.80", "4.10", "手", "gen-itgc", "nowhere"], ["manual"]])
def test_scores_and_order_are_those_of_fts5_for_all_tokens_at_once(index, monkeypatch, remembered, query):
    monkeypatch.setattr(module, "REMEMBERED", remembered)
    database, found = index
    with database.read() as connection:
        sql = "SELECT rowid, -rank FROM keyword_1 WHERE keyword_1 MATCH ? ORDER BY rank LIMIT 4"
        match = " OR ".join(f'"{token}"' for token in query)
        expected = [tuple(row) for row in connection.exec_driver_sql(sql, (match,))]
        assert found.scores(connection, query, 4) == expected == found.scores(connection, query, 4)
    assert len(expected) == 4


def test_a_python_without_fts5_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_probe", lambda statement: False)
    database = Database(tmp_path / "k.db", ())
    with pytest.raises(NotConfigured, match="FTS5"), database.begin() as connection:
        Keyword("keyword_1").create(connection)
    database.close()


def test_table_names_are_checked():
    with pytest.raises(ValueError, match="not a table name"):
        Keyword("k; DROP TABLE documents")
