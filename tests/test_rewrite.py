"""Follow-ups made standalone: twenty two-turn dialogues, topic switches, and a model's rewrite under checks."""

import pytest

from memory.errors import BackendFailed
from retrieval.rewrite import dependence, faithful, queries, standalone
from tests.scripted import Scripted

# (question before, answer before, follow-up, what its standalone form must name)
DIALOGUES = [
    ("How much is a berth on the Osprey?", "A berth is 40 euros.", "And on the Heron?", ["berth", "Heron"]),
    ("Who runs the repair shop?", "Nils Aker runs it.", "What's his phone number?", ["Nils Aker", "phone number"]),
    ("When does the night bus N7 leave?", "It leaves at 23:10.", "Does it go on Sundays?", ["N7", "Sundays"]),
    ("What does the Basic plan cost?", "9 dollars a month.", "what about Pro", ["plan", "Pro"]),
    ("How long is the guarantee on the K2?", "Two years.", "and the battery?", ["K2", "battery"]),
    ("Where do I hand in form B-14?", "At desk 3.", "Until what time?", ["B-14", "time"]),
    ("Can I bring my dog?", "Yes, small dogs are welcome.", "How many of them?", ["dog", "How many"]),
    ("Is there a pool?", "Yes, on the roof.", "Ok, and when is that open?", ["pool", "open"]),
    ("Which key opens the shed?", "The green key.", "The other one is for what then?", ["key", "other one"]),
    ("What is the fine for a late book?", "20 cents a day.", "Same for films?", ["fine", "films"]),
    ("機車停車證多少錢？", "機車停車證每學期600元。", "那腳踏車呢？", ["停車證", "腳踏車"]),
    ("誰負責採購？", "採購由林佳蓉負責。", "她的分機是多少？", ["林佳蓉", "分機"]),
    ("游泳池幾點開？", "早上六點開。", "那幾點關？", ["游泳池", "關"]),
    ("T3方案可以用幾個人？", "T3方案最多五個人。", "要多少錢？", ["T3", "多少錢"]),
    ("請病假要附什麼？", "要附診斷證明。", "如果只請半天呢？", ["病假", "半天"]),
    ("健身房在哪裡？", "在地下一樓。", "它週末有開嗎？", ["健身房", "週末"]),
    ("報名表交到哪裡？", "交到教務處。", "最晚什麼時候？", ["報名表", "最晚"]),
    ("A廠的產能是多少？", "A廠每月三千台。", "另外一個廠呢？", ["產能", "另外一個廠"]),
    ("押金什麼時候退？", "退宿後三十天內退還。", "會退到哪裡？", ["押金", "退到哪裡"]),
    ("會議室可以借多久？", "一次最多四小時。", "那要怎麼取消？", ["會議室", "取消"]),
]


@pytest.mark.parametrize(("before", "reply", "follow_up", "named"), DIALOGUES)
def test_a_follow_up_is_searched_as_asked_and_with_what_it_leans_on(before, reply, follow_up, named):
    asked, alone = standalone(follow_up, [("user", before), ("assistant", reply)])
    assert asked == follow_up
    assert all(name in alone for name in named)


@pytest.mark.parametrize(
    "question",
    [
        "What does a birthday party for nine children cost at weekends?",
        "Which documents are needed when somebody applies for parental leave?",
        "Who signs expense claims above 500 euros?",
        "新進員工的試用期要多久才會結束，由誰考核？",
        "請問客服專線在國定假日的服務時間是幾點到幾點？",
    ],
)
def test_a_new_subject_does_not_take_the_old_one_along(question):
    history = [("user", "How much is the parking permit P4?"), ("assistant", "It is 30 euros.")]
    assert standalone(question, history) == [question]


@pytest.mark.parametrize(("question", "queries"), [("宿舍幾點鎖門？", 1), ("那保固多久？", 2), ("Is it free?", 2)])
def test_a_short_question_in_another_language_begins_anew_unless_it_points_back(question, queries):
    asked = "How often must the kettle be descaled?" if question[0] > "z" else "熱水壺的保固多久？"
    assert len(standalone(question, [("user", asked), ("assistant", "40")])) == queries


def test_the_first_question_of_a_conversation_is_searched_as_it_is():
    assert standalone("And the Heron?", []) == ["And the Heron?"]


def test_a_doubtful_follow_up_counts_half():
    asked, alone = queries(
        "My sister will collect the parcel on a Tuesday, does she have to show her passport there?",
        [("user", "Where are parcels kept?"), ("assistant", "At the gate.")],
    )
    assert (asked.weight, alone.weight) == (1.0, 0.5)


def test_a_chain_of_follow_ups_reaches_back_to_its_subject():
    history = [
        ("user", "How much is a berth on the Osprey?"),
        ("assistant", "40 euros."),
        ("user", "And on the Heron?"),
        ("assistant", "35 euros."),
    ]
    assert "berth on the Osprey" in standalone("And for two nights?", history)[1]


def test_a_refusal_before_is_not_part_of_the_context():
    history = [("user", "Who runs the shop?"), ("assistant", "This is not in the documents.")]
    assert "not in the documents" not in standalone("And his number?", history)[1]


def test_long_messages_are_shortened():
    history = [("user", "word " * 500), ("assistant", "reply " * 500)]
    assert len(standalone("And then?", history)[1]) < 600


@pytest.mark.parametrize(("question", "expected"), [("And its price?", 1.0), ("那個多少錢？", 1.0), ("", 1.0)])
def test_short_and_pointing_questions_lean_on_what_came_before(question, expected):
    assert dependence(question) == expected


HISTORY = [("user", "How much is a berth on the Osprey?"), ("assistant", "A berth is 40 euros.")]


def test_a_models_rewrite_is_used_when_it_keeps_what_was_asked():
    model = Scripted(replies=["Standalone question: How much is a berth on the Heron for 2 nights?"])
    assert standalone("And on the Heron for 2 nights?", HISTORY, model) == [
        "And on the Heron for 2 nights?",
        "How much is a berth on the Heron for 2 nights?",
    ]


@pytest.mark.parametrize(
    "reply",
    [
        "How much is a berth on the Heron?",  # lost the number
        "How much is a berth on the Heron for 2 nights in cabin C9?",  # brought in a cabin
        "How much is a berth on the Heron for 2 nights? " * 9,  # an essay
        "蒼鷺號住 2 晚多少錢？",  # another language
        "How much does Captain Brigid ask for 2 nights?",  # brought in a person
        "",
    ],
)
def test_a_models_rewrite_that_changes_the_question_is_not_used(reply):
    found = standalone("And on the Heron for 2 nights?", HISTORY, Scripted(replies=[reply]))
    assert found[1].startswith("How much is a berth on the Osprey?") and found[1].endswith("for 2 nights?")


def test_a_model_that_fails_leaves_it_to_the_rules():
    assert "Osprey" in standalone("And on the Heron?", HISTORY, Scripted(replies=[BackendFailed("down")]))[1]
    assert "Osprey" in standalone("And on the Heron?", HISTORY, Scripted(replies=[ConnectionError("down")]))[1]


def test_a_standalone_question_costs_no_model_call():
    model = Scripted(replies=["x"])
    standalone("Which documents are needed for parental leave?", HISTORY, model)
    assert model.asked == []


def test_a_quotation_must_survive_a_rewrite():
    assert not faithful("What does it mean?", 'What does "cold start" mean then?', [])
    assert faithful('What does "cold start" mean for the K2?', 'What does "cold start" mean then?', ["the K2"])
