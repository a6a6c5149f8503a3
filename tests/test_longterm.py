"""Long-term memory: what users tell about themselves is known elsewhere, replaced, and really forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from memory.context import prepare
from memory.conversations import Conversations
from memory.database import Database
from memory.errors import DocgraftError
from memory.longterm import LongTerm
from memory.schema import MIGRATIONS


class Home:
    """One database with its two stores."""

    def __init__(self, path):
        self.path = path
        self.database = Database(path, MIGRATIONS)
        self.conversations = Conversations(self.database)
        self.longterm = LongTerm(self.database)

    def say(self, user, conversation_id, text, answer="", **more):
        turn = self.conversations.add_turn(user, conversation_id, "user", text)
        learned = self.longterm.learn(user, turn)
        if answer:
            self.conversations.add_turn(user, conversation_id, "assistant", answer, **more)
        return [memory.text for memory in learned]

    def talk(self, user, *texts):
        conversation_id = self.conversations.create(user).id
        return conversation_id, [self.say(user, conversation_id, text) for text in texts]

    def known(self, user, question):
        return [memory.text for memory in self.longterm.recall(user, question)]

    def stored(self):
        files = [p for p in self.path.parent.iterdir() if not p.name.endswith("-shm")]
        return b"".join(p.read_bytes() for p in files).decode("utf-8", "replace")


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "data" / "docgraft.db")
    yield made
    made.database.close()


def fill(home, user, conversation_id, turns=20):
    for number in range(turns):
        home.say(user, conversation_id, f"How is pump {number} planned for upkeep?", "As the manual says, weekly. " * 4)


@pytest.mark.parametrize(
    ("told", "question", "answer"),
    [
        ("My site is TAINAN-7", "Which site am I at?", "TAINAN-7"),
        ("call me KESTREL", "what is my name?", "KESTREL"),
        ("call me KESTREL", "我叫什麼名字？", "KESTREL"),
        ("I live in Hsinchu", "Where do I live?", "Hsinchu"),
        ("I'm allergic to peanuts.", "What am I allergic to?", "peanuts"),
        ("Remember that the boiler was serviced by Chen on 3 May", "When was the boiler serviced?", "3 May"),
        ("我的站點是 TAINAN-7", "我的站點是哪裡？", "TAINAN-7"),
        ("我叫王小明", "我叫什麼名字？", "王小明"),
        ("請記住鑰匙放在警衛室", "鑰匙放在哪裡？", "警衛室"),
        ("我喜歡烏龍茶", "我喜歡喝什麼茶？", "烏龍茶"),
    ],
)
def test_a_fact_of_turn_one_is_recalled_at_turn_22_and_in_a_new_conversation_after_a_restart(
    home, told, question, answer
):
    conversation_id, [learned] = home.talk("ann", told)
    assert len(learned) == 1
    fill(home, "ann", conversation_id)
    assert [answer in text for text in home.known("ann", question)] == [True]
    home.database.close()
    again = Home(home.path)
    other = again.conversations.create("ann").id
    made = prepare(
        again.conversations, "ann", other, question, count=len, limit=4000, reserve=500, longterm=again.longterm
    )  # fmt: skip
    assert answer in made.memory
    again.database.close()


@pytest.mark.parametrize(
    ("told", "correction", "question", "new", "old"),
    [
        ("My site is TAINAN-7", "Actually it is TAINAN-9", "Which site am I at?", "TAINAN-9", "TAINAN-7"),
        ("My site is TAINAN-7", "my site is now TAINAN-9", "Which site am I at?", "TAINAN-9", "TAINAN-7"),
        ("我的站點是 TAINAN-7", "不是 TAINAN-7，是 TAINAN-9", "我的站點是哪裡？", "TAINAN-9", "TAINAN-7"),
        ("I like tea", "I don't like tea any more", "Do I like tea?", "don't like tea", "I like tea"),
        ("Please always answer in English", "From now on, answer in Chinese", "anything", "Chinese", "English"),
    ],
)
def test_a_newer_value_replaces_the_older_one(home, told, correction, question, new, old):
    _, [_, changed] = home.talk("ann", told, correction)
    assert len(changed) == 1
    assert len(home.longterm.all("ann")) == 1
    [text] = home.known("ann", question)
    assert new in text
    assert old not in text


def test_saying_it_again_changes_nothing(home):
    _, learned = home.talk("ann", "My site is TAINAN-7", "my site is TAINAN-7.")
    assert [len(texts) for texts in learned] == [1, 0]


@pytest.mark.parametrize(
    "question",
    [
        "How do I bake pizza?",
        "What is the return policy for shoes?",
        "What is the name of the pump?",
        "What is my manager's phone number?",
        "What is my favourite food?",
        "Where does Chen live?",
        "What's my blood type?",
        "公司的報銷流程是什麼？",
        "我經理的電話是多少？",
        "",
    ],
)
def test_a_question_about_something_else_recalls_nothing(home, question):
    home.talk("ann", "call me KESTREL", "My site is TAINAN-7", "I live in Hsinchu", "My phone is 0912-345-678")
    home.talk("ann", "I like tea", "我喜歡烏龍茶", "Remember that the boiler was serviced by Lin on 3 May")
    assert home.known("ann", question) == []


def test_wishes_for_every_answer_come_with_every_question_and_before_the_rest(home):
    home.talk("ann", "Please always answer in English.", "My site is TAINAN-7")
    assert home.known("ann", "How do I bake pizza?") == ["Please always answer in English."]
    assert home.known("ann", "Which site am I at?") == ["Please always answer in English.", "My site is TAINAN-7"]
    assert len(home.longterm.recall("ann", "Which site am I at?", 1)) == 1


def test_being_asked_what_is_known_lists_everything(home):
    home.talk("ann", "call me KESTREL", "My site is TAINAN-7")
    assert home.known("ann", "What do you remember about me?") == ["My site is TAINAN-7", "call me KESTREL"]


@pytest.mark.parametrize(
    "text",
    [
        "What is my site?",
        "The deadline is 14 May",
        "my password is hunter2-XY",
        "我的密碼是 ABC-123",
        "my question is about E-4711",
        "my pump is broken",
        "Thanks a lot!",
    ],
)
def test_passing_things_and_secrets_are_not_kept_unasked(home, text):
    assert home.talk("ann", text)[1] == [[]]
    assert home.longterm.all("ann") == []


def test_what_the_assistant_says_is_not_learned(home):
    conversation_id = home.conversations.create("ann").id
    turn = home.conversations.add_turn("ann", conversation_id, "assistant", "My name is Docgraft and I live in Taipei.")
    assert home.longterm.learn("ann", turn) == []


def test_memories_can_be_added_and_edited_by_hand(home):
    memory = home.longterm.remember("ann", "  My site is\nTAINAN-7 ")
    assert (memory.key, memory.text) == ("site", "My site is TAINAN-7")
    assert home.longterm.remember("ann", "my site is TAINAN-7").id == memory.id
    edited = home.longterm.edit("ann", memory.id, "My site is TAINAN-9")
    assert [(m.id, m.text) for m in home.longterm.all("ann")] == [(memory.id, "My site is TAINAN-9")]
    assert edited.created == memory.created
    free = home.longterm.remember("ann", "meetings are boring")
    assert home.longterm.edit("ann", free.id, "My site is HUALIEN-2").text == "My site is HUALIEN-2"
    assert [m.text for m in home.longterm.all("ann")] == ["My site is HUALIEN-2"]
    with pytest.raises(DocgraftError):
        home.longterm.remember("ann", "  ")


def test_another_users_memories_are_answered_like_memories_that_do_not_exist(home):
    home.talk("ann", "my code is LILAC-8")
    home.talk("bob", "hello")
    [mine] = home.longterm.all("ann")
    assert home.known("bob", "what is my code?") == []
    assert home.longterm.all("bob") == []
    for memory_id in (mine.id, "nowhere"):
        for call in (home.longterm.forget, lambda u, i: home.longterm.edit(u, i, "x")):
            with pytest.raises(DocgraftError, match="There is no such memory"):
                call("bob", memory_id)
    home.longterm.forget_all("bob")
    assert home.longterm.all("ann") == [mine]
    anns = home.conversations.all("ann")[0]
    turn = home.conversations.turns("ann", anns.id)[0]
    with pytest.raises(DocgraftError, match="no such conversation"):
        home.longterm.learn("bob", turn)


def test_forgetting_removes_the_fact_from_every_byte_of_every_store(home):
    first, _ = home.talk("ann", "My site is TAINAN-7, please remember it.")
    home.say("ann", first, "Which site am I at?", "Your site is TAINAN-7.", data={
        "learned": [{"text": "My site is TAINAN-7"}], "hits": [{"text": "The pumps of the plant."}]
    })  # fmt: skip
    fill(home, "ann", first)
    made = prepare(home.conversations, "ann", first, "Which site?", count=len, limit=2500, reserve=500)
    assert "TAINAN-7" in made.memory
    second, _ = home.talk("ann", "Is the pump of TAINAN-7 old?")
    vote = home.conversations.turns("ann", first)[2]
    home.conversations.vote("ann", vote.id, 1, "yes, TAINAN-7")
    home.talk("bob", "The paper of TAINAN-70 is late")
    assert home.stored().count("TAINAN-7") > 5

    [memory] = home.longterm.all("ann")
    forgotten = home.longterm.forget("ann", memory.id)

    assert home.stored().replace("TAINAN-70", "").count("TAINAN-7") == 0
    assert (forgotten.memories, forgotten.conversations, forgotten.scrubbed) == (1, 2, True)
    assert forgotten.turns >= 3
    assert home.known("ann", "Which site am I at?") == []
    made = prepare(
        home.conversations, "ann", first, "Which site?", count=len, limit=2500, reserve=500, longterm=home.longterm
    )  # fmt: skip
    assert "TAINAN-7" not in made.memory + str(made.history)
    assert home.conversations.get("ann", first).title == "My site is [forgotten], please remember it."
    assert home.conversations.turns("ann", second)[0].text == "Is the pump of [forgotten] old?"
    assert home.conversations.turns("ann", first)[2].data["hits"] == [{"text": "The pumps of the plant."}]
    assert len(home.conversations.turns("ann", first)) == 43


def test_forgetting_removes_the_values_that_were_corrected_too(home):
    home.talk("ann", "My site is TAINAN-7", "Actually it is TAINAN-9")
    home.longterm.forget("ann", home.longterm.all("ann")[0].id)
    assert "TAINAN-" not in home.stored()


def test_forgetting_a_chinese_fact_leaves_no_character_of_it(home):
    conversation_id, _ = home.talk("ann", "我住在台南市東區，請問保固多久？", "我對花生過敏")
    home.say("ann", conversation_id, "我住哪裡？", "您住在台南市東區。保固三年。")
    [home_fact] = [m for m in home.longterm.all("ann") if m.key == "home"]
    home.longterm.forget("ann", home_fact.id)
    assert "台南市東區" not in home.stored()
    texts = [turn.text for turn in home.conversations.turns("ann", conversation_id)]
    assert texts[0].endswith("請問保固多久？")
    assert texts[1] == "我對花生過敏"
    assert texts[3].endswith("保固三年。")


def test_forgetting_a_common_word_does_not_blank_it_where_it_means_something_else(home):
    first, _ = home.talk("ann", "I like tea")
    home.say("ann", first, "What do I like?", "You like tea.")
    other, _ = home.talk("ann", "How is the tea of the canteen ordered?")
    home.longterm.forget("ann", home.longterm.all("ann")[0].id)
    assert all("tea" not in turn.text for turn in home.conversations.turns("ann", first))
    assert home.conversations.turns("ann", other)[0].text == "How is the tea of the canteen ordered?"


def test_forgetting_everything_leaves_nothing_recalled_and_the_conversations_readable(home):
    conversation_id, _ = home.talk("ann", "call me KESTREL", "my phone is 0912-345-678", "How long is the warranty?")
    home.talk("bob", "call me MERLIN")
    forgotten = home.longterm.forget_all("ann")
    assert forgotten.memories == 2
    assert home.longterm.all("ann") == []
    assert "KESTREL" not in home.stored()
    assert "0912-345-678" not in home.stored()
    assert home.conversations.turns("ann", conversation_id)[2].text == "How long is the warranty?"
    assert home.known("bob", "what is my name?") == ["call me MERLIN"]
    assert home.longterm.forget_all("ann").memories == 0


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ("Forget my site", ["site"]),
        ("Please forget where I live.", ["home"]),
        ("忘記我的名字", ["name"]),
        ("Forget everything you know about me", ["home", "site", "name"]),
        ("請忘掉所有事", ["home", "site", "name"]),
        ("Forget my umbrella", []),
        ("I forget my site", []),
        ("What is my site?", []),
    ],
)
def test_a_message_that_asks_to_forget_means_the_right_memories(home, message, meant):
    home.talk("ann", "call me KESTREL", "My site is TAINAN-7", "I live in Hsinchu")
    assert [memory.key for memory in home.longterm.asked_to_forget("ann", message)] == meant


def test_what_was_forgotten_can_be_told_again(home):
    home.talk("ann", "My site is TAINAN-7")
    home.longterm.forget_all("ann")
    home.talk("ann", "My site is TAINAN-7")
    assert home.known("ann", "Which site am I at?") == ["My site is TAINAN-7"]


def test_deleting_a_user_removes_their_memories(home):
    home.talk("ann", "My site is TAINAN-7")
    home.conversations.delete_user("ann")
    assert "TAINAN-7" not in home.stored()


def test_fifty_users_at_once_remember_only_their_own(home):
    def use(number):
        user = f"user{number}"
        conversation_id, _ = home.talk(user, f"my code is LILAC-{number:03d}", "What is a pump?")
        made = prepare(
            home.conversations, user, conversation_id, "what is my code?", count=len, limit=600, reserve=100,
            longterm=home.longterm,
        )  # fmt: skip
        if number % 10 == 0:
            home.longterm.forget_all(user)
        return user, f"LILAC-{number:03d}", made

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(use, range(50)))
    for number, (user, code, made) in enumerate(results):
        seen = made.memory + str(made.history)
        assert code in seen
        assert seen.count("LILAC-") == seen.count(code)
        assert [m.value for m in home.longterm.all(user)] == ([] if number % 10 == 0 else [code])


def test_learning_costs_little_in_a_long_conversation(home):
    import time

    conversation_id = home.conversations.create("ann").id
    with home.database.begin() as connection:
        from memory import turns

        for number in range(400):
            turns.append(
                connection, conversation_id, role="user" if number % 2 == 0 else "assistant",
                text=f"How is pump P-{number} planned for upkeep? " * 5, state="complete", data={},
            )  # fmt: skip
    start = time.perf_counter()
    home.say("ann", conversation_id, "My site is TAINAN-7")
    assert time.perf_counter() - start < 5, "a loaded machine may be slow; quadratic work would take minutes"
