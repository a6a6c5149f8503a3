"""Whatever is said about a run can be told in Chinese, with the same values, and is kept in English."""

from __future__ import annotations

from string import Formatter

import pytest

from app.text import Text, strings
from finetune.notices import TEXTS, Failed, notice


def fields(text):
    return {(name, spec) for _, name, spec, _ in Formatter().parse(text) if name}


def test_every_notice_has_a_chinese_text_with_the_same_values():
    translated = {key.removeprefix("notice.") for key in strings() if key.startswith("notice.")}
    assert translated == set(TEXTS)
    for name, (message, hint) in TEXTS.items():
        assert fields(strings()[f"notice.{name}"]["zh"]) <= fields(message) | fields(hint), name
        assert fields(message) <= fields(strings()[f"notice.{name}"]["zh"]), name


def test_a_notice_is_english_in_the_core_and_speaks_the_pages_language():
    said = notice("few_facts", facts=12)
    assert "Only 12 facts" in said.text
    assert "只有 12 項事實" in Text("zh-TW").notice(said.id, said.values, said.text)
    assert Text("en").notice(said.id, said.values, said.text) == said.text


def test_what_has_no_id_or_came_from_another_version_is_shown_as_it_was_written():
    assert Text("zh-TW").notice("", {}, "KeyError: x") == "KeyError: x"
    assert Text("zh-TW").notice("few_facts", {"other": 1}, "Only few facts.") == "Only few facts."


def test_an_unknown_notice_or_a_missing_value_is_an_error():
    with pytest.raises(KeyError):
        _ = notice("no_such").text
    with pytest.raises(KeyError):
        raise Failed(notice("not_finite_loss"))
