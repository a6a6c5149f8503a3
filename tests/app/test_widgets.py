"""Pieces that several pages share."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def offer():
    from app import state
    from app.widgets import picked, picker

    words = {"en": {"a": "One", "b": "Two"}, "zh-TW": {"a": "一", "b": "二"}}[state.language()]
    before = picked("choice")
    chosen = picker("Choice", ["a", "b"], key="choice", format_func=words.__getitem__)
    assert before in (None, chosen)


def test_a_choice_outlives_a_change_of_language(configured):
    test = AppTest.from_function(offer, default_timeout=120).run()
    test.selectbox[0].set_value("b").run()
    for language, shown in (("zh-TW", ["一", "二"]), ("en", ["One", "Two"])):
        test.session_state["language"] = language
        for _ in range(2):
            test.run()
            assert not test.exception
            assert test.selectbox[0].value == "b" and test.selectbox[0].options == shown
