"""Refusals, numbers, names and quotes of answers, and citations found without the model's help."""

import pytest

from retrieval.checks import marks, supported_share
from retrieval.citations import cite, strip
from retrieval.packing import EvidencePlan, estimate, evidence
from retrieval.quantities import quantities
from retrieval.refusal import refuses
from tests.hits import hit

OPENING = hit(
    "clinic.md",
    ("Clinic", "Hours"),
    [
        "The desk opens at 08:40 and closes at 5 pm.",
        "Fergus Lanyard takes complaints (extension 16).",
        "Parking is free for fifty minutes.",
    ],
    9.0,
    page=3,
)
PRICES = hit("prices.csv", ("prices",), ["code: CN1; price: £46", "code: VX-2; price: £1,250.50"], 7.0)
CHINESE = hit(
    "須知.md", ("住宿須知",), ["櫃檯下午4點50分關門。", "組長邵允棠，分機6318。", "押金是二十八天的房租。"], 8.0
)


def passages(*hits):
    return evidence(hits, EvidencePlan(), count=estimate).passages


@pytest.mark.parametrize(
    "text",
    [
        "This is not in the documents.",
        "The documents do not mention the price.",
        "I'm sorry, but the passages don't say who it is.",
        "There is no information about pizza in the text.",
        "I don't know.",
        "I cannot find the answer in the provided context.",
        "Not mentioned.",
        "The context doesn't provide this [1].",
        "文件中沒有提到。",
        "很抱歉，我無法從文件中得知押金多少。",
        "文档里没有说明这一点。",
        "資料中並未提及保固期限。",
        "我不知道。",
    ],
)
def test_refusals_are_recognised_in_any_common_wording(text):
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dogs are not allowed on board.",
        "No, the deposit is not refundable.",
        "25 days. The documents do not mention more.",
        "You do not have to book.",
        "It does not include breakfast.",
        "民宿沒有提供早餐。",
        "不行，沒有事先申請就不能停車。",
        "不用，文件由櫃檯保管。",
        "Nothing is charged for the first pet.",
    ],
)
def test_answers_with_a_no_are_not_refusals(text):
    assert not refuses(text)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("5 pm", "17:00"),
        ("6:40 am", "06:40"),
        ("下午4點50分", "16:50"),
        ("三點半", "15:30"),
        ("twenty-one", "21"),
        ("1,250.50", "1250.5"),
        ("二十八", "28"),
        ("一百零五", "105"),
        ("一九五七", "1957"),
        ("５０", "50"),
        ("two hundred and six", "206"),
    ],
)
def test_the_same_quantity_is_recognised_in_other_writing(a, b):
    (left,), (right,) = quantities(a), quantities(b)
    assert left.keys & right.keys


def test_offsets_of_a_quantity_are_those_of_the_text():
    text = "開放時間：　下午４點到 twelve"
    assert [text[q.start : q.end] for q in quantities(text)] == ["下午４點", "twelve"]


@pytest.mark.parametrize(
    "answer",
    [
        "The desk closes at 17:00 [1].",
        "It opens at 8:40.",
        "50 minutes.",
        "Fergus Lanyard, extension 16.",
        "VX-2 costs £1250.50.",
        "1. CN1 costs £46\n2. VX-2 costs £1,250.50",
        "他是邵允棠組長，分機6318。",
        "28天的房租。",
        'It says "Parking is free for fifty minutes."',
    ],
)
def test_what_the_passages_hold_is_not_marked(answer):
    assert marks(answer, passages(OPENING, PRICES, CHINESE)) == ()


@pytest.mark.parametrize(
    ("answer", "text", "reason"),
    [
        ("It closes at 6 pm.", "6 pm", "number"),
        ("Complaints go to Odile Pranter.", "Odile Pranter", "name"),
        ("CN9 costs £46.", "CN9", "name"),
        ("It costs 47 pounds.", "47", "number"),
        ("押金是三十天的房租。", "三十", "number"),
        ('He said "parking costs extra on Sundays".', '"parking costs extra on Sundays"', "quote"),
        ("請找王大明先生。", "王大明", "name"),
        ("It is £46 [7].", "[7]", "citation"),
        ("Parking is free for 50 weeks.", "50", "number"),
        ("押金是二十八年的房租。", "二十八", "number"),
    ],
)
def test_what_no_passage_holds_is_marked_at_its_place(answer, text, reason):
    (mark,) = marks(answer, passages(OPENING, PRICES, CHINESE))
    assert (mark.text, mark.reason) == (text, reason) and answer[mark.start : mark.end] == text


def test_the_number_of_a_heading_supports_no_claim():
    section = hit("handbook.md", ("Handbook", "1. The boxes"), ["One drop of oil is enough."], 9.0)
    (mark,) = marks("The guarantee is 1 year.", passages(section))
    assert mark.text == "1"


def test_a_bare_number_of_a_table_supports_it_with_a_unit():
    row = hit("grades.csv", ("grades",), ["Grade: G3; Probation in weeks: 16"], 9.0)
    assert marks("16 weeks", passages(row)) == ()


def test_what_the_question_said_is_not_marked():
    assert marks("Rex may stay 3 nights.", passages(OPENING), "Can Rex stay 3 nights?") == ()


def test_the_supported_share_counts_claims():
    shown = passages(OPENING)
    assert supported_share("Closes at 17:00.", shown) == 1.0
    assert supported_share("Closes at 19:15.", shown) == 0.0
    assert 0 < supported_share("Opens 8:40, closes 19:15.", shown) < 1
    assert supported_share("Yes, it does.", shown) == 1.0


def test_a_number_of_the_model_becomes_a_citation_with_a_verbatim_quote_and_page():
    cited = cite("It closes at 5 pm [1].", passages(OPENING, PRICES), "When does it close?")
    (citation,) = cited.citations
    assert cited.text == "It closes at 5 pm [1]."
    assert citation.quote == OPENING.section.text[citation.start : citation.end] == OPENING.evidence[0].unit.text
    assert (citation.document, citation.page, citation.section) == ("clinic.md", 3, "Clinic > Hours")


def test_a_number_that_points_to_a_passage_about_something_else_is_put_right():
    cited = cite("It closes at 5 pm [2].", passages(OPENING, PRICES), "When does it close?")
    assert cited.text == "It closes at 5 pm. [1]" and [c.number for c in cited.citations] == [1]
    nowhere = cite("It closes at 9 pm [2].", passages(OPENING, PRICES), "When does it close?")
    assert nowhere.text == "It closes at 9 pm [2].", "what no passage holds is left to the checks of numbers"


def test_an_answer_without_numbers_is_given_its_source():
    cited = cite("Fergus Lanyard.\nParking: 50 minutes", passages(PRICES, OPENING), "Who takes complaints?")
    assert cited.text == "Fergus Lanyard. [2]\nParking: 50 minutes [2]"
    assert [c.quote for c in cited.citations] == [
        "Fergus Lanyard takes complaints (extension 16).",
        "Parking is free for fifty minutes.",
    ]


def test_a_chinese_answer_is_given_its_source():
    cited = cite("邵允棠", passages(OPENING, CHINESE), "組長是誰？")
    assert cited.text == "邵允棠 [2]" and cited.citations[0].quote == "組長邵允棠，分機6318。"


def test_between_equal_passages_the_one_the_question_is_about_is_cited():
    a, b = (
        hit("a.md", ("Dogs",), ["Dogs stay for 25 euros."], 5.0),
        hit("b.md", ("Cats",), ["Cats stay for 25 euros."], 9.0),
    )
    assert cite("25 euros", passages(b, a), "What does a dog pay?").citations[0].document == "a.md"


def test_an_unsupported_answer_cites_nothing():
    cited = cite("Bananas are yellow.", passages(OPENING), "What colour are bananas?")
    assert cited.citations == () and cited.text == "Bananas are yellow." and cited.support < 0.4


def test_a_number_without_a_passage_cites_nothing():
    cited = cite("Yes [9].", passages(OPENING), "q")
    assert (cited.text, cited.citations) == ("Yes.", ())


def test_stripping_takes_numbers_out():
    assert strip("It is 5 pm [1]. And free [2][3].") == "It is 5 pm. And free."
