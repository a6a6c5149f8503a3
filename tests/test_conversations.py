"""Conversations: what is kept comes back, what is deleted is gone, and nobody sees another's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from memory.conversations import Choices, Conversations
from memory.database import Database
from memory.errors import DocgraftError
from memory.records import Record
from memory.schema import MIGRATIONS
from memory.transcripts import title_of


class Cited(Record):
    number: int
    document: str
    section: str
    page: int | None
    quote: str


CITED = Cited(number=1, document="保固.pdf", section="保固 > 期限", page=3, quote="保固三年")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "docgraft.db"


def opened(path):
    return Conversations(Database(path, MIGRATIONS))


@pytest.fixture
def conversations(path):
    made = opened(path)
    yield made
    made.database.close()


def talk(conversations, user="ann", *texts):
    conversation = conversations.create(user)
    for number, text in enumerate(texts):
        conversations.add_turn(user, conversation.id, "user" if number % 2 == 0 else "assistant", text)
    return conversation.id


def texts(conversations, user, conversation_id):
    return [t.text for t in conversations.turns(user, conversation_id)]


def stored(path):
    return b"".join(p.read_bytes() for p in path.parent.iterdir() if not p.name.endswith("-shm"))


def test_everything_of_a_conversation_reopens_after_a_restart(conversations, path):
    made = conversations.create("ann", choices=Choices(kb="manuals", model="tiny", adapter="a1", mode="both"))
    conversations.add_turn("ann", made.id, "user", "保固多久？")
    answer = conversations.add_turn(
        "ann", made.id, "assistant", "三年 [1]", sources=[CITED], data={"seconds": 1.5, "問": "保固"}, state="cut_off"
    )
    conversations.vote("ann", answer.id, -1, "太短")
    conversations.database.close()

    again = opened(path)
    assert again.get("ann", made.id).choices == Choices(kb="manuals", model="tiny", adapter="a1", mode="both")
    question, reply = again.turns("ann", made.id)
    assert (question.role, question.text, question.ordinal) == ("user", "保固多久？", 0)
    assert Cited.model_validate(reply.sources[0]) == CITED
    assert (reply.state, reply.data, reply.vote, reply.comment) == (
        "cut_off",
        {"seconds": 1.5, "問": "保固"},
        -1,
        "太短",
    )
    again.database.close()


def test_the_first_question_gives_the_title_until_the_user_names_it(conversations):
    conversation_id = talk(
        conversations, "ann", "How long is the warranty of the Q8 pump, and who pays for it then?", "x"
    )
    assert conversations.get("ann", conversation_id).title == "How long is the warranty of the Q8 pump, and…"
    conversations.add_turn("ann", conversation_id, "user", "And the Q9?")
    assert conversations.get("ann", conversation_id).title.startswith("How long")
    conversations.rename("ann", conversation_id, "  Pumps  ")
    first = conversations.turns("ann", conversation_id)[0]
    conversations.edit("ann", first.id, "Another question")
    assert conversations.get("ann", conversation_id).title == "Pumps"


@pytest.mark.parametrize(
    ("question", "title"),
    [
        (
            "請問這份文件裡的保固期限是多久，還有誰要負責運費與檢修的費用呢？",
            "請問這份文件裡的保固期限是多久，還有誰要負責運費…",
        ),
        ("\n```\n# **Big** question\nmore", "Big question"),
        ("???", ""),
        ("x" * 200, "x" * 48 + "…"),
    ],
)
def test_titles_are_short_plain_and_cut_at_a_word(question, title):
    assert title_of(question) == title


def test_the_list_is_newest_first_and_counts_turns(conversations):
    first, second = talk(conversations, "ann", "one"), talk(conversations, "ann", "two", "answer")
    assert [(c.id, c.turns) for c in conversations.all("ann")] == [(second, 2), (first, 1)]
    conversations.add_turn("ann", first, "assistant", "late answer")
    assert [c.id for c in conversations.all("ann", limit=1)] == [first]


def test_search_finds_chinese_substrings_width_case_and_titles_and_takes_nothing_for_a_pattern(conversations):
    a = talk(conversations, "ann", "本公司的報銷流程由財務部審核", "100% sure about ＴＡＩＮＡＮ-7")
    b = talk(conversations, "ann", "unrelated")
    conversations.rename("ann", b, "財務報告")
    assert [(f.conversation.id, bool(f.turn_id)) for f in conversations.search("ann", "財務")] == [
        (b, False),
        (a, False),
        (a, True),
    ]
    assert conversations.search("ann", "tainan-7")[0].excerpt == "100% sure about ＴＡＩＮＡＮ-7"
    assert [f.excerpt for f in conversations.search("ann", "0%")] == ["100% sure about ＴＡＩＮＡＮ-7"]
    assert conversations.search("ann", "1_0%") == []
    assert conversations.search("ann", "  ") == []
    assert len(conversations.search("ann", "報", limit=2)) == 2


def test_search_takes_the_callers_folding(conversations):
    talk(conversations, "ann", "x", "台北報銷")
    assert conversations.search("ann", "臺北") == []
    assert len(conversations.search("ann", "臺北", fold=lambda t: t.replace("臺", "台"))) == 1


def test_a_found_place_is_shown_with_its_surroundings(conversations):
    talk(conversations, "ann", "hello", "ﬁ" * 100 + "needle" + "y" * 100)
    [found] = conversations.search("ann", "NEEDLE")
    assert found.excerpt == "…" + "ﬁ" * 40 + "needle" + "y" * 40 + "…"


def test_deleting_removes_turns_sources_votes_and_summary_from_the_files_bytes(conversations, path):
    kept = talk(conversations, "ann", "KEPT-WORDS")
    gone = talk(conversations, "ann", "GONE-QUESTION 刪除我", "GONE-ANSWER")
    last = conversations.add_turn(
        "ann", gone, "assistant", "y", sources=[{"quote": "GONE-SOURCE"}], data={"k": "GONE-DATA"}
    )
    conversations.vote("ann", last.id, 1, "GONE-COMMENT")
    assert all(word.encode() in stored(path) for word in ("GONE-QUESTION", "刪除我", "GONE-SOURCE", "GONE-COMMENT"))
    conversations.delete("ann", gone)
    assert b"GONE-" not in stored(path)
    assert "刪除我".encode() not in stored(path)
    assert texts(conversations, "ann", kept) == ["KEPT-WORDS"]
    with pytest.raises(DocgraftError, match="no such conversation"):
        conversations.turns("ann", gone)


def test_deleting_a_user_leaves_the_others(conversations, path):
    talk(conversations, "ann", "ANN-1")
    bob = talk(conversations, "bob", "BOB-1")
    conversations.delete_user("ann")
    assert conversations.all("ann") == []
    assert texts(conversations, "bob", bob) == ["BOB-1"]
    assert b"ANN-1" not in stored(path)


def test_editing_a_question_removes_what_came_after_it(conversations):
    conversation_id = talk(conversations, "ann", "q1", "a1", "q2", "a2", "q3", "a3")
    second = conversations.turns("ann", conversation_id)[2]
    assert conversations.edit("ann", second.id, "q2 better").text == "q2 better"
    assert texts(conversations, "ann", conversation_id) == ["q1", "a1", "q2 better"]
    assert conversations.add_turn("ann", conversation_id, "assistant", "a2 better").ordinal == 3
    with pytest.raises(DocgraftError, match="Only a question"):
        conversations.edit("ann", conversations.turns("ann", conversation_id)[1].id, "x")


def test_truncating_says_how_many_turns_went(conversations):
    conversation_id = talk(conversations, "ann", "q1", "a1", "q2", "a2")
    other = talk(conversations, "ann", "elsewhere")
    assert conversations.truncate("ann", conversation_id, conversations.turns("ann", conversation_id)[1].id) == 2
    with pytest.raises(DocgraftError, match="no such turn"):
        conversations.truncate("ann", conversation_id, conversations.turns("ann", other)[0].id)
    assert conversations.truncate("ann", conversation_id, None) == 2


def test_a_streamed_answer_grows_and_its_end_is_marked(conversations, path):
    conversation_id = talk(conversations, "ann", "q")
    turn = conversations.add_turn("ann", conversation_id, "assistant", "", state="partial")
    conversations.amend_turn("ann", turn.id, "half an ans")
    conversations.database.close()
    crashed = opened(path).turns("ann", conversation_id)[1]
    assert (crashed.text, crashed.state) == ("half an ans", "partial")
    ended = conversations.amend_turn("ann", turn.id, "half", sources=[CITED], data={"x": 1}, state="stopped")
    assert (ended.text, ended.state, ended.sources, ended.data) == ("half", "stopped", (CITED.model_dump(),), {"x": 1})
    assert conversations.amend_turn("ann", turn.id, "half.").sources == ended.sources


def test_votes_change_and_can_be_taken_back(conversations):
    conversation_id = talk(conversations, "ann", "q", "a")
    turn = conversations.turns("ann", conversation_id)[1]
    for value in (1, -1, 0):
        conversations.vote("ann", turn.id, value)
        assert conversations.turns("ann", conversation_id)[1].vote == value
    with pytest.raises(DocgraftError, match="1, -1 or 0"):
        conversations.vote("ann", turn.id, 5)


def test_exports_hold_everything(conversations):
    conversation_id = talk(conversations, "ann", "保固多久？")
    answer = conversations.add_turn("ann", conversation_id, "assistant", "三年 [1]", sources=[CITED], state="stopped")
    conversations.vote("ann", answer.id, 1, "good")
    assert conversations.export("ann", conversation_id).split("\n\n", 2)[2] == (
        "## You\n\n保固多久？\n\n## Docgraft (stopped by you)\n\n三年 [1]\n\n"
        "> [1] 保固.pdf > 保固 > 期限, p. 3: “保固三年”\n\n👍: good\n"
    )
    exported = json.loads(conversations.export("ann", conversation_id, "json"))
    assert exported["conversation"]["title"] == "保固多久？"
    assert exported["turns"][1]["sources"] == [CITED.model_dump()]
    assert exported["turns"][1]["vote"] == 1


def test_text_that_is_not_valid_unicode_is_kept_with_visible_marks(conversations):
    conversation_id = talk(conversations, "ann", "a\ud800b\x00c 😀", "fine")
    assert texts(conversations, "ann", conversation_id)[0] == "a\ufffdb\ufffdc 😀"


def forbidden(conversations, mine, turn):
    """Every call that takes an id."""
    return {
        "get": lambda u: conversations.get(u, mine),
        "rename": lambda u: conversations.rename(u, mine, "x"),
        "choose": lambda u: conversations.choose(u, mine, adapter="stolen"),
        "delete": lambda u: conversations.delete(u, mine),
        "export": lambda u: conversations.export(u, mine, "json"),
        "turns": lambda u: conversations.turns(u, mine),
        "add_turn": lambda u: conversations.add_turn(u, mine, "user", "x"),
        "amend_turn": lambda u: conversations.amend_turn(u, turn, "x"),
        "truncate": lambda u: conversations.truncate(u, mine, None),
        "edit": lambda u: conversations.edit(u, turn, "x"),
        "vote": lambda u: conversations.vote(u, turn, 1),
        "history": lambda u: conversations.history(u, mine),
    }


def test_another_users_ids_are_answered_like_ids_that_do_not_exist(conversations):
    mine = talk(conversations, "ann", "my code is LILAC-8", "noted")
    turn = conversations.turns("ann", mine)[0].id
    before = conversations.export("ann", mine, "json")
    talk(conversations, "bob", "hello")
    theirs = forbidden(conversations, mine, turn)
    nowhere = forbidden(conversations, "no-such-id", "no-such-id")
    for name, call in theirs.items():
        with pytest.raises(DocgraftError) as caught:
            call("bob")
        with pytest.raises(DocgraftError) as expected:
            nowhere[name]("bob")
        assert str(caught.value) == str(expected.value), name
    assert conversations.search("bob", "LILAC") == []
    assert conversations.export("ann", mine, "json") == before


def test_every_public_call_is_among_those_tried_by_another_user(conversations):
    without_ids = {"create", "all", "search", "delete_user"}
    public = {n for n in dir(Conversations) if not n.startswith("_")}
    assert public - without_ids == set(forbidden(conversations, "", ""))


def test_the_choices_of_one_user_or_conversation_do_not_leak_into_another(conversations):
    a, b = talk(conversations, "ann", "x"), talk(conversations, "bob", "x")
    other = talk(conversations, "ann", "y")
    conversations.choose("ann", a, model="big", adapter="a1", mode="both")
    conversations.choose("ann", a, kb="manuals")
    assert conversations.get("ann", a).choices == Choices(kb="manuals", model="big", adapter="a1", mode="both")
    assert conversations.get("bob", b).choices == conversations.get("ann", other).choices == Choices()


def test_a_user_without_a_name_is_refused(conversations):
    with pytest.raises(DocgraftError, match="needs a name"):
        conversations.create(" ")


def test_fifty_users_at_once_lose_nothing_and_see_nothing_of_each_other(conversations):
    def use(number):
        user, code = f"user{number}", f"CODE-{number:03d}"
        conversation_id = talk(conversations, user, f"my code is {code}")
        for turn in range(6):
            conversations.add_turn(user, conversation_id, "assistant" if turn % 2 == 0 else "user", f"{code} {turn}")
        answer = conversations.turns(user, conversation_id)[1]
        conversations.vote(user, answer.id, 1)
        conversations.choose(user, conversation_id, adapter=code)
        return user, code, conversation_id, len(conversations.search(user, "CODE-"))

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(use, range(50)))
    for user, code, conversation_id, found in results:
        assert [c.id for c in conversations.all(user)] == [conversation_id]
        kept = conversations.turns(user, conversation_id)
        assert [t.ordinal for t in kept] == list(range(7))
        assert [t.text for t in kept] == [f"my code is {code}", *[f"{code} {n}" for n in range(6)]]
        assert kept[1].vote == 1
        assert conversations.get(user, conversation_id).choices.adapter == code
        assert found == 8


def test_many_threads_in_one_conversation_keep_every_turn_once(conversations):
    conversation_id = talk(conversations, "ann", "start")
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: conversations.add_turn("ann", conversation_id, "user", str(n)), range(60)))
    kept = conversations.turns("ann", conversation_id)
    assert [t.ordinal for t in kept] == list(range(61))
    assert sorted(int(t.text) for t in kept[1:]) == list(range(60))


def test_the_history_speaks_langchain(conversations, path):
    conversation_id = talk(conversations, "ann", "hi", "hello")
    history = conversations.history("ann", conversation_id)
    history.add_messages([HumanMessage("my site is TAINAN-7"), AIMessage([{"type": "text", "text": "noted"}])])
    conversations.database.close()
    messages = opened(path).history("ann", conversation_id).messages
    assert [(m.type, m.content) for m in messages] == [
        ("human", "hi"),
        ("ai", "hello"),
        ("human", "my site is TAINAN-7"),
        ("ai", "noted"),
    ]
    with pytest.raises(DocgraftError, match="'system'"):
        history.add_messages([HumanMessage("kept?"), SystemMessage("no")])
    assert len(history.messages) == 4
    history.clear()
    assert history.messages == []
    assert conversations.get("ann", conversation_id).turns == 0
