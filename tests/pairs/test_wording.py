"""Questions ask for exactly the value, in many ways, and never give it away."""

from __future__ import annotations

import pytest

from finetune.pairs.facts import facts
from finetune.pairs.filters import stands_in
from finetune.pairs.wording import HELD_OUT, wordings
from finetune.pairs.wording.lexicon import lower, reworded, to_me
from finetune.pairs.wording.verbs import base
from finetune.records import Fact
from retrieval.chunking import units


def fact(kind, value, statement, language="en", **more):
    start = statement.index(value)
    return Fact(
        id="f", section_id="s", kind=kind, about=more.pop("about", "Visits"), start=start, end=start + len(value),
        value=value, statement=statement, statement_start=0, statement_end=len(statement), language=language, **more,
    )  # fmt: skip


def questions(given, topic="Visits"):
    return {w.family: w.question for w in wordings(given, topic)}


@pytest.mark.parametrize(
    ("kind", "value", "statement", "question"),
    [
        ("number", "50 minutes", "Clients may park for 50 minutes under the trees.",
         "How long may clients park under the trees?"),
        ("amount", "£18", "A missed visit costs £18.", "How much does a missed visit cost"),
        ("time", "16:00", "Cancel by 16:00 on the day before.", "By what time should I cancel on the day before?"),
        ("name", "Odile Pranter", "Odile Pranter runs the reception desk.", "Who runs the reception desk"),
        ("date", "1986", "Dr Orrell bought the creamery in 1986.", "When did Dr Orrell buy the creamery"),
        ("time", "22:30", "On weeknights our vet comes out until 22:30.",
         "Until what time does our vet come out on weeknights?"),
    ],
)  # fmt: skip
def test_an_english_sentence_becomes_a_grammatical_question(kind, value, statement, question):
    assert questions(fact(kind, value, statement))["plain"].startswith(question)


@pytest.mark.parametrize(
    ("kind", "value", "statement", "question"),
    [
        ("amount", "300元", "鑰匙押金300元，離宿時退還。", "鑰匙押金多少元？"),
        ("name", "顏麗卿", "招牌由顏麗卿親手畫成。", "招牌由誰親手畫成？"),
        ("time", "晚上9點", "訪客須在晚上9點前離開。", "訪客須在幾點前離開？"),
    ],
)
def test_a_chinese_question_word_stands_where_the_value_stood(kind, value, statement, question):
    assert questions(fact(kind, value, statement, "zh-Hant"))["plain"] == question


def test_a_person_asks_in_the_first_person():
    assert to_me("May clients park here, and what do you tell us?") == "May I park here, and what do I tell you?"
    asked = questions(fact("number", "50 minutes", "Clients may park for 50 minutes under the trees."))
    assert "may I park" in asked["me"]


def test_a_fact_has_at_least_eight_training_forms_and_both_held_out_ones(library):
    counts = []
    for section in library.sections():
        for given in facts(section, units(section)):
            made = wordings(given, section.heading_path[-1])
            counts.append(len({w.question for w in made if w.family not in HELD_OUT}))
            assert {w.family for w in made} >= set(HELD_OUT) or not made
    assert sorted(counts)[len(counts) // 2] >= 8


def test_no_wording_gives_the_answer_away(library):
    for section in library.sections():
        for given in facts(section, units(section)):
            for wording in wordings(given, section.heading_path[-1]):
                if wording.family not in {"true_false"} and wording.kind == "closed_book" and not wording.answer:
                    shared = given.statement.count(given.value) > 1 or stands_in(given.value, section.heading)
                    assert shared or not stands_in(given.value, wording.question), wording


def test_rewording_touches_neither_numbers_nor_names():
    text = "How much is the fee for 3 guests at Bell Street in 2023?"
    for seed in map(str, range(20)):
        changed = reworded(text, seed, 5)
        assert "3" in changed and "2023" in changed and "Bell Street" in changed


def test_a_name_keeps_its_capital():
    assert lower("Dr Orrell comes") == "Dr Orrell comes"
    assert lower("IT help desk") == "IT help desk"
    assert lower("The gate") == "the gate"


@pytest.mark.parametrize(
    ("verb", "tag", "plain"),
    [("costs", "VBZ", "cost"), ("carries", "VBZ", "carry"), ("watches", "VBZ", "watch"), ("bought", "VBD", "buy"),
     ("opened", "VBD", "open"), ("stopped", "VBD", "stop"), ("moved", "VBD", "move"), ("tried", "VBD", "try")],
)  # fmt: skip
def test_verbs_find_back_to_their_base(verb, tag, plain):
    assert base(verb, tag) == plain


def test_simplified_documents_are_asked_about_in_simplified(fresh):
    library = fresh({"a.md": "# 员工手册\n\n## 请假\n\n员工请假须在三天前提出申请，由经理批准。病假每年15天。\n"})
    for section in library.sections():
        for given in facts(section, units(section)):
            for wording in wordings(given, section.heading_path[-1]):
                assert not set("請問這個說門關於時間") & set(wording.question), wording.question


@pytest.mark.parametrize(
    ("statement", "value", "kind"),
    [
        ("There are 14 dog rooms in the house.", "14 dog", "number"),
        ("Odile looks after reception (extension 11); praise goes to Fergus.", "extension 11", "code"),
        ("A missed visit costs £18, a missed operation £65.", "£65", "amount"),
        ("Dr Alba bought the old creamery at 27 Fennmoor Lane in 1986.", "Fennmoor Lane", "name"),
        ("Wicker baskets stay at home.", "home", "phrase"),
        ("Keep intact all notices stating that this License applies.", "License", "name"),
        ("The tool takes installed Debian packages apart.", "Debian", "name"),
        ("It is used by IMAP, POP, and SMTP servers.", "POP", "name"),
        ("If the Program shows Legal Notices at its start, yours may.", "Legal Notices", "name"),
        ("The exit code is 9 username already in use.", "9 username", "number"),
    ],
)
def test_a_span_that_is_only_a_part_of_what_would_be_asked_is_not_asked_for(statement, value, kind):
    assert not questions(fact(kind, value, statement))


def test_terms_in_capitals_are_nobody_and_numbered_things_are_told_apart():
    asked = questions(fact("name", "Corresponding Source", "The work must carry Corresponding Source with it."))
    assert asked and not [q for q in asked.values() if "who" in q.lower().split()]
    asked = questions(fact("number", "section 10", "Extra terms are void under section 10 of the deed."))
    assert asked["plain"] == "Under which section are extra terms void of the deed?"


def test_a_heading_that_nobody_would_say_is_left_out_and_leaves_no_hole():
    given = fact("amount", "£18", "A missed visit costs £18.")
    made = questions(given, "You should have received a copy of the General Public License with it")
    assert made and not [q for q in made.values() if "received" in q or "()" in q or q[:1] in ":–"]


def test_a_case_with_its_own_verb_is_still_asked_for():
    asked = questions(fact("amount", "£65", "A missed visit costs £18, and a missed operation costs £65."))
    assert "missed operation" in asked["plain"]


@pytest.mark.parametrize(
    ("statement", "value", "kind"),
    [
        ("冷藏櫃要保持在2到6度。", "2", "number"),
        ("通知品保主任魏士哲。", "魏士哲", "name"),
        ("園區有宏碁、緯創、宇瞻與台灣航電進駐。", "宇瞻", "name"),
        ("RSA 可以被用來簽署及加密。", "加密", "phrase"),
    ],
)
def test_a_chinese_span_that_is_only_a_part_is_not_asked_for(statement, value, kind):
    assert not questions(fact(kind, value, statement, "zh-Hant"))
