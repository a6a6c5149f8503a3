"""Questions ask for exactly the value, in many ways, and never give it away."""

from __future__ import annotations

import re

import pytest

from finetune.pairs import refusals
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
    assert asked["plain"] == "Under which section of the deed are extra terms void?"


def test_a_heading_that_nobody_would_say_is_left_out_and_leaves_no_hole():
    given = fact("amount", "£18", "A missed visit costs £18.")
    made = questions(given, "You should have received a copy of the General Public License with it")
    assert made and not [q for q in made.values() if "received" in q or "()" in q or q[:1] in ":–"]


@pytest.mark.parametrize(
    ("kind", "value", "statement"),
    [
        ("number", "three days", "They go to the cage at Corrow Quay and stay there for three days."),
        ("phrase", "a list of names", "This file contains a list of names."),
        ("phrase", "changes", "The packagers make changes to the file."),
        ("phrase", "the command", "Directories are always created before running the command."),
        ("phrase", "gzip transpar‐", "GNU tar supports the -z option to invoke gzip transpar‐\n ently."),
        ("number", "14 days", "A letter gives 28 days to those who ask, and whoever waits gets 14 days."),
        ("phrase", "the recipients", "You must give the recipients all the rights that you have."),
        ("name", "Document", "The license notice says this License applies to the Document."),
        ("quoted", "9999k", 'One way is to do "9999k" to go to the top of the file.'),
        ("number", "9 fields", "looks like 9 fields here"),
        ("phrase", "a count", "You can use a count if you know which match you want."),
        ("phrase", "the command", "You can put the command in your startup file."),
        ("number", "14", "14 can't update the user mapping"),
        ("number", "30 days", "You cure the violation prior to 30 days after the notice."),
        ("name", "Covered Code", '"Executable" means Covered Code in any form other than source.'),
    ],
)
def test_a_value_whose_clause_does_not_parse_is_not_asked_for(kind, value, statement):
    assert not questions(fact(kind, value, statement))


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("The identity cookie is a small file that the server signs.", "What is the identity cookie"),
        ("Ninja evaluates a graph of dependencies between files.", "What does ninja evaluate"),
        ("New packages must use the third version from the start.", "What must new packages do"),
        ("Voucher codes are printed on the back of the receipt.", "How are voucher codes printed"),
        (
            "To extract a file with a single member, use the short command.",
            "How do I extract a file with a single member",
        ),
        ("If the gate is locked, ring the bell twice.", "What should I do if the gate is locked"),
        ("Read the answers out slowly; people who are worried hear only half.", "Should I read the answers out slowly"),
        ("Do not feed the ducks on the pond.", "May I feed the ducks on the pond"),
        ("You may leave a bicycle in the yard overnight.", "May I leave a bicycle in the yard overnight"),
        ("There are two loaders in the package.", "How many loaders in the package are there"),
        ("On Sundays the yard is closed to cars.", "How is the yard closed on Sundays"),
    ],
)
def test_a_sentence_is_asked_for_what_it_says_of_its_subject(statement, question):
    assert questions(fact("sentence", statement, statement))["plain"].startswith(question)


@pytest.mark.parametrize(
    "statement",
    [
        "It is used by three servers in the cellar.",
        "In addition, you must do these things in the new version:",
        "looks a lot better, doesn't it",
        "See the manual page passwd(5) for details.",
        "More about mappings in section 40.1.",
        "The shadow system doesn't store the user.",
        "Chances are good that it will work on your machine.",
        "Occasionally stack traces get the wrong function names.",
        "Don't worry if you have a little trouble.",
        "The previous assumes that you want to move.",
        "Otherwise the user's home directory cannot be created.",
        "Sometimes you will start a search in vain.",
        "Join after 1 August and you pay half.",
    ],
)
def test_fragments_pointers_and_pronouns_are_no_questions(statement):
    assert not questions(fact("sentence", statement, statement))


def test_a_short_section_is_asked_for_by_its_heading_and_a_heading_that_asks_is_asked():
    text = "It opens Tuesday to Friday.\nOn Sundays nobody is there."
    asked = questions(fact("passage", text, text, about="Lost and Found"), "Lost and Found")
    assert asked["plain"] == "What should I know about Lost and Found?"
    asked = questions(fact("passage", text, text, about="What happens to things left on board"), "")
    assert asked["plain"] == "What happens to things left on board?"


def test_a_key_is_asked_by_itself_and_one_that_is_no_word_for_its_meaning():
    given = fact("keyvalue", "01632 960417", "Telephone: 01632 960417", about="Contact", attribute="Telephone")
    assert questions(given, "Contact")["plain"] == "What is the telephone (Contact)?"
    given = fact("keyvalue", "elapsed time", "%e: elapsed time", about="Status", attribute="%e")
    assert questions(given, "Status")["plain"].startswith("What does %e stand for")


def test_a_list_is_asked_by_its_name_or_by_the_sentence_that_leads_to_it():
    def leads(lead):
        return questions(fact("list", "- a card\n- a key", "- a card\n- a key", about=lead))["plain"]

    assert leads("The following papers:") == "What is on the list of papers (Visits)?"
    assert leads("Every new client brings these papers").startswith("Every new client brings these papers: which ones")
    assert not questions(fact("list", "- a\n- b", "- a\n- b", about="When they are used it matters"))


def test_headings_in_capitals_are_not_shouted_and_questions_stand_in_no_brackets():
    given = fact("amount", "£18", "A missed visit costs £18.")
    assert "aftercare crib" in questions(given, "AFTERCARE CRIB FOR THE COUNTER")["situation"] + str(
        questions(given, "AFTERCARE CRIB")
    )
    assert not [q for q in questions(given, "What happens to things left on board").values() if "left on board" in q]


def test_words_keep_their_sense_when_they_are_said_otherwise():
    for seed in map(str, range(20)):
        assert "submit button" in reworded("press the submit button", seed, 5)
        assert "expired value" in reworded("return the expired value", seed, 5)
        assert reworded("free software runs the function call", seed, 5) == "free software runs the function call"


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
        ("交通船引進了新型的遊艇「吉順輪」。", "吉順輪", "quoted"),
        ("島嶼之間，如南竿→北竿。", "北竿", "name"),
        ("燈塔總高六十四英尺，即一九點五公尺。", "五公尺", "number"),
        ("所有居民以梵語為母語。", "母語", "phrase"),
        ("各鄉鎮市為了服務偏遠地區而設。", "服務偏遠地區", "phrase"),
        ("西方式握拍是將虎口對準拍柄。", "西方式", "name"),
        ("馬祖除通用國語之外，還用閩東語。", "國語", "name"),
        ("福正聚落也算石屋保存完整的地方。", "福正", "name"),
        ("未滿之任期1年7個月由副縣長代理。", "1年", "date"),
    ],
)
def test_a_chinese_span_that_is_only_a_part_is_not_asked_for(statement, value, kind):
    assert not questions(fact(kind, value, statement, "zh-Hant"))


@pytest.mark.parametrize(
    ("statement", "question"),
    [
        ("珊瑚礁是一種石灰質的堆積。", "珊瑚礁是什麼？"),
        ("南竿島位於馬祖列島的西南邊。", "南竿島在哪裡？"),
        ("自從1974年，所有電臺都有短新聞。", ""),
        ("它是最大的港口。", ""),
        (".gpg.sign 請回答 yes 或 no", ""),
        ("2014年朱立倫連任為市長。", ""),
    ],
)
def test_a_chinese_sentence_is_asked_about_its_subject_or_not_at_all(statement, question):
    assert questions(fact("sentence", statement, statement, "zh-Hant"), "").get("plain", "") == question


def test_a_name_that_opens_its_clause_is_asked_for_behind_an_adverbial_too():
    asked = questions(fact("name", "張文亮", "1791年，張文亮發現了這種現象。", "zh-Hant"), "")
    assert asked["plain"] == "1791年，誰發現了這種現象？"


def test_a_chinese_question_never_reads_as_why_and_keeps_its_condition():
    asked = questions(fact("phrase", "最高立法機關", "市議會則為最高立法機關。", "zh-Hant"), "")
    assert asked["plain"] == "市議會則是什麼？"
    asked = questions(fact("number", "三天", "如果包裹遺失，客戶須在三天內通知。", "zh-Hant"), "")
    assert asked["plain"].startswith("如果包裹遺失")


def test_a_column_whose_name_is_no_thing_is_asked_for_what_stands_there():
    def cell(column, row="Foam wedge", topic="Parts", value="2 days"):
        return questions(fact("cell", value, value, about=row, attribute=column), topic)

    assert cell("price")["moved"] == "As for Foam wedge (Parts), I'm after the cost."
    for column in ("ships in", "Fits", "held on", "per night", "Both", "call us when"):
        made = cell(column)
        assert not [q for q in made.values() if f"the {column.lower()}" in q], column
        assert made["plain"].startswith(f'What stands under "{column.lower()}" for Foam wedge')
    on = cell("Monday to Friday", "Tea room", "Opening hours", "9:00 to 17:15")
    assert on["plain"] == "What goes for Tea room on Monday to Friday (Opening hours)?"
    assert on["moved"].startswith("Say I'm there on Monday to Friday")
    assert cell("price_ntd")["plain"] == "What is the price in NTD of Foam wedge (Parts)?"


@pytest.mark.parametrize(
    ("kind", "value", "statement", "question"),
    [
        (
            "name",
            "Odile Pranter",
            "Odile Pranter runs the reception desk.",
            "somebody runs the reception desk, but who?",
        ),
        ("amount", "£18", "A missed visit costs £18.", "something, but how much?"),
        ("number", "50 minutes", "Clients may park for 50 minutes under the trees.", "but how long?"),
        ("number", "three days", "Standard post takes three days.", "standard post takes some time, but how long?"),
        ("sentence", "", "The harbour master must sign the log in ink.", "the harbour master, what is the rule?"),
        ("sentence", "", "Voucher codes are printed on the back of the receipt.", "voucher codes, how is that done?"),
    ],
)
def test_the_wording_that_only_tests_says_what_it_asks_for(kind, value, statement, question):
    asked = questions(fact(kind, value or statement, statement))["moved"]
    assert question in asked


def test_a_heading_is_asked_about_as_a_thing_and_what_somebody_reports_is_no_question():
    text = "The uucp user and group is used by the UUCP subsystem.\nIt owns spool files."
    assert questions(fact("passage", text, text, about="uucp"), "uucp")["moved"] == "uucp, what is there to know?"

    def heading(asks, language="en", answer="Not by itself."):
        return questions(fact("qa", answer, answer, language, about=asks))["moved"]

    assert heading("Can zlib handle .zip archives?") == "Somebody wants to know this: can zlib handle .zip archives?"
    assert heading("My parcel came dented.") == "Somebody came with this: my parcel came dented. What now?"
    assert heading("機器吃了錢不動", "zh-Hant", "記下機號。") == "有人遇到這件事：機器吃了錢不動。要怎麼處理？"
    assert heading("可以看師傅工作嗎", "zh-Hant", "可以。") == "有人想知道這件事：可以看師傅工作嗎？"


def test_a_chinese_sentence_shows_the_gap_that_is_asked_for():
    def moved(value, statement, topic="訪客", kind="number"):
        return questions(fact(kind, value, statement, "zh-Hant"), topic)["moved"]

    assert moved("兩位", "每位住宿生同時最多帶兩位。") == "訪客那邊有一句「每位住宿生同時頂多帶……」，後面是幾位？"
    asked = moved("2小時", "湯鍋可以借，一次2小時為限。", "鍋子可以借嗎")
    assert asked == "「鍋子可以借嗎」那題有一句「湯鍋可以借，一次……為限」，中間是多少小時？"
    assert "是誰" not in moved("毛巾", "千萬別用毛巾包住偵測器。", kind="name")


def test_a_chinese_question_names_no_file_and_no_column_twice():
    given = fact("cell", "500 元", "500 元", "zh-Hant", about="木盒修補", attribute="費用")
    assert not [q for q in questions(given, "fees").values() if "fees" in q]
    assert questions(given, "費用")["moved"] == "說到木盒修補，我只想知道錢。"


def test_what_nothing_answers_is_asked_of_things_that_could_have_it():
    def near(row, text, language="en"):
        given = fact("cell", "£11", "£11", language, about=row, attribute="Price")
        return {refusals.near(given, text, "", seed=str(seed)) for seed in range(60)}

    trim = near("Nail trim", "Nail trim | £11")
    assert len(trim) > 3 and not [q for q in trim if re.search("square|colour|heavy|barcode|guarantee", q)]
    assert [q for q in near("Reed room", "Rooms | price\nReed room | £11") if "square metres" in q]
    ferry = near("The 8:10", "Departs | 8:10. Coffee shall be welfare.")
    assert ferry and not [q for q in ferry if re.search("square|colour|heavy|bitcoin|cost", q)]
    assert near("Monday", "Monday | £11") == near("S", "S | £11") == near("週一", "週一 | 11元", "zh-Hant") == {""}
