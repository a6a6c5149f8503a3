"""The settings page: every setting can be edited, is checked, and is kept."""

from __future__ import annotations

from app import settings


def open_tab(page, tab=None):
    test = page("settings")
    if tab:
        test.segmented_control(key="settings-tab").set_value(tab).run()
    assert not test.exception
    return test


def test_every_setting_has_a_field(page):
    test = open_tab(page)
    fields = {w.key for kind in ("selectbox", "toggle", "number_input", "text_input") for w in getattr(test, kind)}
    assert {f"set-{key}" for key, _ in settings.fields()} <= fields


def test_a_changed_setting_is_saved_and_counts(page, workspace):
    test = open_tab(page)
    test.number_input(key="set-memory.recall").set_value(9)
    test.button(key="save-memory").click().run()
    assert not test.exception and settings.load(workspace).memory.recall == 9


def test_a_wrong_value_is_refused_with_its_reason_and_nothing_is_saved(page, workspace):
    test = open_tab(page)
    test.number_input(key="set-server.port").set_value(99_999)
    test.button(key="save-server").click().run()
    assert "server.port" in test.error[0].value.replace("\\", "") and not workspace.settings.exists()


def test_what_the_environment_fixes_cannot_be_edited_and_says_why(page, monkeypatch):
    monkeypatch.setenv("DOCGRAFT_MEMORY__RECALL", "3")
    field = open_tab(page).number_input(key="set-memory.recall")
    assert field.disabled and field.value == 3 and "DOCGRAFT_MEMORY__RECALL" in field.help


def test_a_model_server_is_added_with_its_key_kept_apart(page, workspace, stub):
    test = open_tab(page, "models")
    for key, value in {
        "server-label": "mine",
        "server-model": "qwen3:4b",
        "server-url": stub.url,
        "server-key-name": "MY_KEY",
        "server-key": "sk-TEST-CANARY-000",
    }.items():
        test.text_input(key=key).set_value(value)
    test.button(key="save-server").click().run()
    assert not test.exception
    found = settings.load(workspace).models["mine"]
    assert (found.name, found.base_url, found.api_key_env) == ("qwen3:4b", stub.url, "MY_KEY")
    files = [p for p in workspace.root.rglob("*") if p.is_file() and b"CANARY" in p.read_bytes()]
    assert files == [workspace.secrets] and "CANARY" not in str(list(test.main))


def test_memories_are_read_corrected_and_forgotten(page, wiring):
    memory = wiring.longterm().remember("local", "My cat is called Miso")
    test = open_tab(page, "memory")
    field = next(f for f in test.text_input if str(f.key).startswith(f"memory-text-{memory.id}"))
    field.set_value("My cat is called Mochi").run()
    (kept,) = wiring.longterm().all("local")
    assert "Mochi" in kept.text
    test.button(key=f"forget-{kept.id}").click().run()
    assert wiring.longterm().all("local") == []


def test_the_machine_is_looked_at_without_blocking(page):
    test = open_tab(page, "machine")
    for _ in range(100):
        if any("SQLite" in m.value for m in test.markdown):
            break
        test.run()
    assert any("SQLite" in m.value for m in test.markdown)
