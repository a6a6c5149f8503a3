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


def called_alike():
    from app.widgets import apart, picker

    names = ["run-aaaaaa", "run-bbbbbb", "run-cccccc"]
    picker("Adapter", names, key="one", format_func=apart(names, lambda name: "same" if name < "run-c" else "other"))


def test_two_options_of_the_same_words_can_both_be_picked(configured):
    test = AppTest.from_function(called_alike, default_timeout=120).run()
    assert test.selectbox[0].options == ["same · aaaaaa", "same · bbbbbb", "other"]
    for name in ("run-bbbbbb", "run-aaaaaa"):
        assert test.selectbox[0].set_value(name).run().selectbox[0].value == name
