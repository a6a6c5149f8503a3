"""Login: nothing without it, nothing of others with it."""

from __future__ import annotations

import pytest

from memory.accounts import Accounts


@pytest.fixture
def login(monkeypatch, workspace, configured):
    monkeypatch.setenv("DOCGRAFT_SERVER__LOGIN", "true")
    monkeypatch.setenv("DOCGRAFT_SERVER__ADMINS", '["ada"]')
    accounts = Accounts(workspace.accounts)
    for name in ("ada", "bob"):
        accounts.add(name, f"{name}-and-a-long-password")


def enter(page, name, password=None):
    test = page()
    test.text_input(key="login-name").set_value(name)
    test.text_input(key="login-password").set_value(password or f"{name}-and-a-long-password")
    test.button[0].click().run()
    assert not test.exception
    return test


def test_without_logging_in_there_is_only_the_login_page(page, login):
    test = page()
    assert [t.key for t in test.text_input] == ["login-name", "login-password"] and not test.chat_input
    test.query_params["c"] = "anything"
    assert not test.run().chat_input


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", "x"), ("../ada", "x"), ("", "")])
def test_a_wrong_password_and_an_unknown_name_look_the_same(page, login, name, password):
    test = enter(page, name, password or "y")
    assert not test.chat_input and test.error[0].value == "Account or password is wrong."


def test_each_account_has_conversations_and_documents_of_its_own(page, login, wiring, manual):
    wiring.library("default", "ada").add([manual])
    conversation = wiring.conversations().create("ada", title="Secret plan")
    ada, bob = enter(page, "ada"), enter(page, "bob")
    assert any(b.key == f"chat-{conversation.id}" for b in ada.button)
    assert not any(b.key == f"chat-{conversation.id}" for b in bob.button)
    assert any(b.key == "go-knowledge" for b in bob.button), "bob's knowledge base is empty"
    bob.query_params["c"] = conversation.id
    bob.run()
    assert bob.error and "Secret plan" not in str([m.value for m in bob.markdown])


def test_logging_out_leaves_nothing_behind(page, login):
    test = enter(page, "ada")
    test.button(key="log-out").click().run()
    assert not test.chat_input and "user" not in test.session_state


def test_only_administrators_change_settings_and_read_paths_of_the_server(page, login):
    ada, bob = enter(page, "ada"), enter(page, "bob")
    for test, allowed in ((ada, True), (bob, False)):
        test.switch_page("views/settings.py").run()
        assert ("settings" in test.segmented_control(key="settings-tab").options) == allowed or (
            "Settings" in test.segmented_control(key="settings-tab").options
        ) == allowed
        test.switch_page("views/knowledge.py").run()
        assert ("Folder" in test.segmented_control(key="way").options) == allowed
