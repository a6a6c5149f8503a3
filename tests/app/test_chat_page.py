"""The chat page in AppTest: from app/main.py, by widget keys, on an empty home."""

from __future__ import annotations

import time

import pytest

from tests.app.conftest import MAIN
from tests.stub_llm import Reply


@pytest.fixture
def filled(wiring, manual):
    wiring.library("default").add([manual])
    return wiring


def settled(test, seconds=120.0):
    """Run the page until no answer is being written any more, as a browser's polling would."""
    end = time.monotonic() + seconds
    while test.chat_input(key="question").disabled and time.monotonic() < end:
        time.sleep(0.05)
        test.run()
    assert not test.exception
    return test


def ask(test, question):
    test.chat_input(key="question").set_value(question).run()
    return settled(test)


def turns(wiring, user="local"):
    conversations = wiring.conversations()
    return [t for c in conversations.all(user) for t in conversations.turns(user, c.id)]


def shown(test):
    return " ".join(str(m.value) for m in [*test.markdown, *test.caption])


def test_an_empty_knowledge_base_invites_to_add_documents(page):
    test = page()
    assert not test.exception
    assert test.button(key="go-knowledge") and not test.chat_input(key="question").disabled


def test_an_answer_appears_with_its_source_and_is_kept(page, filled):
    test = ask(page(), "How long is the warranty of the kettle?")
    assert "18 months" in shown(test)
    assert any("kettle.md" in expander.label for expander in test.expander)
    assert [t.role for t in turns(filled)] == ["user", "assistant"]


def test_clicking_around_neither_repeats_nor_loses_messages(page, filled, stub):
    test = ask(page(), "How long is the warranty of the kettle?")
    for _ in range(5):
        test.run()
    test.text_input(key="find-chat").set_value("warranty").run()
    ask(test, "How often must it be descaled?")
    assert [t.role for t in turns(filled)] == ["user", "assistant"] * 2


def test_the_name_is_remembered_over_clicks_pages_and_a_reload(page, filled, stub):
    stub.script = lambda messages: "You are KESTREL." if "KESTREL" in str(messages) else "I do not know."
    test = page()
    test.toggle[0].set_value(False).run()
    ask(test, "call me KESTREL")
    test.run()
    assert "You are KESTREL" in shown(ask(test, "what is my name?"))
    conversation = test.query_params["c"]
    test.switch_page("views/knowledge.py").run()
    test.switch_page("views/chat.py").run()
    reloaded = page(c=conversation[0] if isinstance(conversation, list) else conversation)
    assert "call me KESTREL" in shown(reloaded) and "You are KESTREL" in shown(reloaded)


def test_two_sessions_write_into_conversations_of_their_own(page, filled, stub):
    stub.script = lambda messages: "It is LILAC-8." if "LILAC-8" in str(messages[1:]) else "I do not know."
    first, second = page(), page()
    first.toggle[0].set_value(False).run()
    ask(first, "the code of the gate is LILAC-8")
    second.toggle[0].set_value(False).run()
    ask(second, "which code opens the gate?")
    assert "I do not know" in shown(second) and "LILAC-8" not in " ".join(m.value for m in second.main.markdown)
    assert len(filled.conversations().all("local")) == 2
    assert first.query_params["c"] != second.query_params["c"]


def test_stop_keeps_the_part_that_was_said_and_marks_it(page, filled, stub):
    stub.script = [Reply(" ".join(f"w{n}" for n in range(500)), delay=0.02)]
    test = page()
    test.toggle[0].set_value(False).run()
    test.chat_input(key="question").set_value("a long story").run()
    time.sleep(0.5)
    test.run()
    begun = time.monotonic()
    test.button(key="stop").click().run()
    settled(test)
    assert time.monotonic() - begun < 3
    assert turns(filled)[1].state == "stopped" and turns(filled)[1].text.startswith("w0")
    stub.script = ["Quick."]
    assert "Quick." in shown(ask(test, "and now?"))


def test_a_question_can_be_edited_and_asked_again(page, filled, stub):
    test = ask(page(), "How long is the waranty of the ketle?")
    question = turns(filled)[0]
    test.button(key=f"edit-button-{question.id}").click().run()
    test.text_area(key=f"edited-{question.id}").set_value("How long is the warranty of the kettle?")
    next(b for b in test.button if b.label == "Ask again").click().run()
    settled(test)
    assert [t.text for t in turns(filled) if t.role == "user"] == ["How long is the warranty of the kettle?"]


def test_a_thumb_is_kept_and_can_be_taken_back(page, filled):
    test = ask(page(), "How long is the warranty of the kettle?")
    answer = turns(filled)[1]
    test.feedback(key=f"vote-{answer.id}").set_value(1).run()
    assert turns(filled)[1].vote == 1
    test.feedback(key=f"vote-{answer.id}").set_value(0).run()
    assert turns(filled)[1].vote == -1
    test.feedback(key=f"vote-{answer.id}").set_value(None).run()
    assert turns(filled)[1].vote == 0


def test_conversations_are_renamed_found_and_deleted(page, filled):
    test = ask(page(), "How long is the warranty of the kettle?")
    (conversation,) = filled.conversations().all("local")
    test.text_input(key=f"title-{conversation.id}").set_value("Kettle matters")
    next(b for b in test.button if b.label == "Rename").click().run()
    assert filled.conversations().all("local")[0].title == "Kettle matters"
    test.text_input(key="find-chat").set_value("descaling nonsense").run()
    assert not [b for b in test.button if b.key == f"chat-{conversation.id}"]
    test.text_input(key="find-chat").set_value("warranty").run()
    assert test.button(key=f"chat-{conversation.id}")
    test.button(key=f"delete-{conversation.id}").click().run()
    test.button(key=f"delete-sure-{conversation.id}").click().run()
    assert filled.conversations().all("local") == []


def test_what_is_not_in_the_documents_is_said_to_be_not_there(page, filled, stub):
    stub.script = ["This is not in the documents."]
    ask(page(), "Who won the chess championship of 1972?")
    answer = turns(filled)[1]
    assert answer.data["answer"]["abstained"] and not answer.sources


def test_an_error_of_the_model_is_shown_and_the_question_is_not_lost(page, filled, stub):
    stub.script = [Reply(status=500)]
    test = ask(page(), "How long is the warranty of the kettle?")
    assert test.error and turns(filled)[0].text == "How long is the warranty of the kettle?"


def test_a_source_of_a_removed_document_says_so(page, filled):
    test = ask(page(), "How long is the warranty of the kettle?")
    filled.library("default").remove("kettle.md")
    assert not test.run().exception


def test_the_page_speaks_chinese_at_once(page, filled):
    test = page()
    test.segmented_control(key="language-switch").set_value("zh-TW").run()
    assert not test.exception and test.button(key="new-chat").label == "新對話"
    again = page(lang=test.query_params["lang"])
    assert again.button(key="new-chat").label == "新對話", "after a reload or a restart too"
    assert again.segmented_control(key="language-switch").value == "zh-TW"
    assert page(lang="tlh").button(key="new-chat").label == "New chat"


def test_documents_cannot_put_pictures_or_markup_on_the_page(page, filled, stub):
    stub.script = ["![x](http://evil.example/p.png) <img src=http://evil.example/q.png> 18 months warranty kettle [1]"]
    test = ask(page(), "How long is the warranty of the kettle?")
    assert "](http://evil" not in shown(test).replace("\\", "") or "![" not in shown(test)
    assert "<img" not in shown(test)


def test_another_ones_conversation_is_not_there(page, filled):
    other = filled.conversations().create("ada")
    test = page(c=other.id)
    assert test.error and not test.exception


def test_wrong_settings_are_explained_on_the_page(page, monkeypatch):
    monkeypatch.setenv("DOCGRAFT_MODEL__NMAE", "x")
    test = page()
    assert not test.exception and "model.name" in test.error[0].value


def test_main_is_what_the_command_serves():
    from app import serve

    assert f'st.App(Path(__file__).with_name("{MAIN.name}")' in serve.ENTRY.read_text(encoding="utf-8")


def test_without_a_pick_the_page_opens_the_knowledge_base_that_has_documents(page, wiring, manual):
    wiring.library("demo").add([manual])
    test = page()
    assert any(str(b.key).startswith("suggestion-") for b in test.button)
    assert next(s for s in test.selectbox if str(s.key).startswith("kb-")).value == "demo"


def test_one_passage_cited_for_two_quotes_opens_twice(page, filled):
    test = ask(page(), "How long is the warranty of the kettle?")
    answer = turns(filled)[1]
    filled.conversations().amend_turn("local", answer.id, answer.text, sources=[*answer.sources, *answer.sources])
    test.run()
    assert not test.exception
    assert sum("kettle.md" in expander.label for expander in test.expander) == 2 * len(answer.sources)
