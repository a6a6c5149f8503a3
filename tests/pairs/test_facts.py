"""Facts of every kind of unit, with offsets that point at what they say."""

from __future__ import annotations

import pytest

from finetune.pairs.facts import facts
from finetune.pairs.spans import spans
from finetune.pairs.tagging import english
from retrieval.chunking import units


def found(library, document):
    return [
        (section, fact)
        for section in library.sections(library.document(document).id)
        for fact in facts(section, units(section))
    ]


@pytest.mark.parametrize("document", ["handbook.md", "宿舍.md", "faq.md"])
def test_every_fact_stands_at_its_offsets(library, document):
    text = library.document(document).text
    for _, fact in found(library, document):
        assert text[fact.start : fact.end] == fact.value
        assert text[fact.statement_start : fact.statement_end] == fact.statement
        assert fact.statement_start <= fact.start < fact.end <= fact.statement_end


def test_values_of_every_kind_become_facts(library):
    values = {(fact.kind, fact.value) for _, fact in found(library, "handbook.md")}
    assert ("number", "50 minutes") in values
    assert ("amount", "£18") in values
    assert ("time", "16:00") in values
    assert ("date", "1986") in values
    assert ("name", "Dr Alba Thirkettle") in values
    assert any(kind == "keyvalue" and value == "01632 960417" for kind, value in values)
    assert any(kind == "list" and "vaccination card" in value for kind, value in values)


def test_a_table_cell_is_a_fact_about_its_row_and_column(library):
    cells = {(f.about, f.attribute, f.value) for _, f in found(library, "handbook.md") if f.kind == "cell"}
    assert ("First consultation", "Price", "£46") in cells
    assert ("Rabies jab", "Takes", "12 minutes") in cells


def test_chinese_prose_gives_amounts_times_names_and_places(library):
    values = {fact.value for _, fact in found(library, "宿舍.md")}
    assert {"300元", "8月29日", "邵允棠", "15分鐘", "晚上9點30分"} <= values
    cells = {(f.about, f.attribute, f.value) for _, f in found(library, "宿舍.md") if f.kind == "cell"}
    assert ("雙人房", "金額", "9,800元") in cells


def test_a_question_of_the_document_is_answered_by_its_answer(library):
    answers = {fact.about: fact.value for _, fact in found(library, "faq.md") if fact.kind in {"qa", "sentence"}}
    assert any("closed box" in value for value in answers.values())


@pytest.mark.parametrize(
    ("sentence", "language", "wanted"),
    [
        ("Boats leave between 14:00 and 15:00 on the first Sunday of the month.", "en",
         {"14:00 and 15:00", "the first Sunday of the month"}),
        ("It costs £7.50 a day, or 4% off from room 202.", "en", {"£7.50 a day", "4% off", "room 202"}),
        ("The allowance grows to 31 days after nine full years.", "en", {"31 days", "nine full years"}),
        ("每月第二個星期二打烊後消毒，費用1,200元，打72折。", "zh-Hant", {"1,200元", "72折"}),
        ("行李以十八公斤為限，聯絡人是分機2615的沈雨棠。", "zh-Hant", {"十八公斤", "分機2615"}),
        ("公司成立于1998年，地址在杭州。", "zh-Hans", {"1998年"}),
    ],
)  # fmt: skip
def test_spans_keep_number_and_unit_together(sentence, language, wanted):
    assert wanted <= {sentence[s.start : s.end] for s in spans(sentence, language)}


@pytest.mark.parametrize(
    ("sentence", "piece"),
    [(".gpg.keygen.algo.rsa_se 通常不是好主意。", "se"), ("The disk writes 300 MB/s at most.", "300 MB"),
     ("See interpreter_Name for it.", "Name"), ("Gregor's desk is there.", "Gregor"), ("Keys open 3–5 doors.", "3")],
)  # fmt: skip
def test_a_piece_of_something_longer_is_no_span(sentence, piece):
    language = "zh-Hant" if "通" in sentence else "en"
    assert piece not in {sentence[s.start : s.end] for s in spans(sentence, language)}


def test_straight_quotation_marks_are_taken_in_pairs():
    sentence = 'Hints: "H" stands for Home, "M" for Middle and "Low" for the rest.'
    assert [sentence[s.start : s.end] for s in spans(sentence, "en") if s.kind == "quoted"] == ["Low"]


@pytest.mark.parametrize(
    ("sentence", "word", "tag"),
    [
        ("A lost key costs £23.", "costs", "VBZ"),
        ("Voucher codes last 11 months.", "last", "VBP"),
        ("The money is sent within nine days.", "sent", "VBN"),
        ("Report visible damage within four days.", "Report", "VB"),
        ("Express costs €14.50 a parcel.", "Express", "NN"),
        ("A parking fine is £55.", "fine", "NN"),
        ("Press the key and `open_file()` reads it.", "`open_file()`", "NNP"),
        ("The repair costs of a machine are high.", "costs", "NNS"),
    ],
)
def test_the_tagger_finds_the_verb_of_a_plain_sentence(sentence, word, tag):
    assert {w.text: w.tag for w in english(sentence)}[word] == tag


def test_a_short_section_of_prose_is_a_fact_as_a_whole(fresh):
    library = fresh(
        {"a.md": "# A\n\n## Lost\n\nIt opens daily.\nNobody is there at night.\n\n## Code\n\nRun:\n\n```\nx\n```\n"}
    )
    passages = [fact.value for _, fact in found(library, "a.md") if fact.kind == "passage"]
    assert passages == ["It opens daily.\nNobody is there at night."]


def test_drawings_give_no_facts_and_english_in_a_chinese_section_is_asked_about_in_english(fresh):
    library = fresh(
        {
            "手冊.md": "# 手冊\n\n## 密碼檔\n\n密碼檔由管理員保管，每日備份一次。\n\n"
            "The password file holds 9 fields in every line.\n\n| ^ V | 33 text | <-- | ___ | 第一行\n"
        }
    )
    made = [fact for _, fact in found(library, "手冊.md")]
    assert not [fact for fact in made if "33" in fact.value]
    assert {fact.language for fact in made if "fields" in fact.statement} == {"en"}
    assert {fact.language for fact in made if "管理員" in fact.statement} == {"zh-Hant"}


def test_may_the_verb_is_no_month():
    sentence = "Clients may park here and may stay."
    assert not [s for s in spans(sentence, "en") if s.kind == "date"]
    assert [s for s in spans("The season ends in May.", "en") if s.kind == "date"]


def test_an_unchanged_section_keeps_its_fact_ids_when_another_is_added(fresh):
    one = fresh({"a.md": "# A\n\n## One\n\nThe gate closes at 19:30.\n"})
    two = fresh({"a.md": "# A\n\n## Nought\n\nThe lamp is green.\n\n## One\n\nThe gate closes at 19:30.\n"})
    ids = [{fact.id for _, fact in found(lib, "a.md") if "gate" in fact.statement} for lib in (one, two)]
    assert ids[0] and ids[0] == ids[1]
