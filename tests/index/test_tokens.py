import time

import pytest

from retrieval.tokens import characters, fold, language, sentences, tokens


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("報銷", "报销"),
        ("臺北車站", "台北车站"),
        ("ＡＢＣ　１２３", "abc 123"),
        ("Café", "cafe\u0301".upper()),
        ("e‑mail", "E-Mail"),
        ("don’t", "don't"),
    ],
)
def test_scripts_widths_cases_and_kinds_of_quotes_fold_together(typed, written):
    assert fold(typed) == fold(written)


@pytest.mark.parametrize("identifier", ["gen-itgc", "SKU-12B", "1.2.3", "anna.b@example.com", "v2.0_final", "10.0.0.1"])
def test_identifiers_are_kept_whole(identifier):
    assert identifier.lower() in tokens(f"重跑{identifier}後，see {identifier}.")


def test_identifiers_are_found_by_their_parts_and_without_their_hyphen():
    assert {"gen", "itgc", "genitgc"} <= set(tokens("gen-itgc"))
    assert set(tokens("time-sheet")) & set(tokens("timesheet"))
    assert set(tokens("time-sheet")) & set(tokens("time sheets"))


def test_english_words_are_stemmed_and_stop_words_left_out():
    assert tokens("What are the charges for the cages?") == tokens("charge, cage")
    assert tokens("Who is that?") == []


def test_chinese_gives_characters_and_bigrams():
    assert tokens("財務部") == ["财", "务", "部", "财务", "务部"]
    assert "的" not in tokens("你的財務部")


def test_thousands_separators_do_not_part_a_number():
    assert tokens("1,200,000 and 1200000") == ["1200000", "1200000"]
    assert tokens("3.80") == ["3.80"]


def test_characters_leave_nothing_out_and_stem_nothing():
    assert characters("The 3 charges, 保固3年。") == ["the", "3", "charges", "保", "固", "3", "年"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How long is the warranty?", "en"),
        ("Résumé guide for café staff who want to read", "en"),
        ("保固多久？", "zh-Hant"),
        ("這份守則由船務室編寫", "zh-Hant"),
        ("皇后在台灣干預后冠", "zh-Hant"),
        ("这份守则由船务室编写", "zh-Hans"),
        ("請重跑 gen-itgc 這個 job", "zh-Hant"),
        ("これは日本語の文章です", "other"),
        ("이것은 한국어입니다", "other"),
        ("Der schöne Fuchs läuft über die große Straße zur Küche", "other"),
        ("", "other"),
        ("42", "other"),
    ],
)
def test_the_language_is_told_by_its_script(text, expected):
    assert language(text) == expected


def _split(text):
    return [text[a:b] for a, b in sentences(text)]


def test_english_sentences_keep_abbreviations_numbers_and_quotes_together():
    text = (
        "Dr. Smith paid £3.80 for No. 5. He left at 5 p.m. on Friday. J. K. Low stayed. "
        '"Really?" she said. Use .NET, e.g. version 1.2.3. See https://a.b/c?d=e. Done!'
    )
    assert _split(text) == [
        "Dr. Smith paid £3.80 for No. 5.",
        "He left at 5 p.m. on Friday.",
        "J. K. Low stayed.",
        '"Really?" she said.',
        "Use .NET, e.g. version 1.2.3.",
        "See https://a.b/c?d=e.",
        "Done!",
    ]


def test_chinese_sentences_end_at_their_stops_with_the_quotes_they_close():
    assert _split("他說：「好。」然後走了。真的嗎？！是；對…\n\n下一段沒有句號") == [
        "他說：「好。」",
        "然後走了。",
        "真的嗎？！",
        "是；",
        "對…",
        "下一段沒有句號",
    ]


def test_no_sentence_begins_with_a_stop_and_none_is_empty():
    for text in ["。開頭", "。。。", "一。。二", "a.. b", " \n\n 。\n\n", "？！？"]:
        for start, end in sentences(text):
            assert text[start:end].strip("。？！；. \n")
            assert text[start] not in "。？！；"


def test_list_numbers_are_no_sentences():
    assert _split("1. Ask the purser. 2. Wait.") == ["1. Ask the purser.", "2. Wait."]


def test_tokens_and_sentences_are_fast_enough_for_a_library():
    text = "The captain's time-sheet is due on Friday at 17:30. 這份守則由船務室編寫，每年九月檢討一次。\n\n" * 4000
    tokens(text[:1000])
    megabytes = len(text.encode()) / 1e6
    for work in (tokens, sentences, language):
        start = time.process_time()
        work(text)
        assert time.process_time() - start < megabytes * 2, work.__name__
