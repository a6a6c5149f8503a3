"""API keys: kept privately, found by name, never shown."""

from __future__ import annotations

import logging
import sys

import pytest

from app import keys, settings
from app.settings import Settings
from memory.errors import NotConfigured

CANARY = "sk-TEST-CANARY-000"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_keys_lie_in_a_file_that_only_its_owner_can_read(workspace):
    keys.store(workspace, "OPENAI_API_KEY", CANARY)
    assert workspace.secrets.stat().st_mode & 0o777 == 0o600
    assert keys.find(workspace, "OPENAI_API_KEY") == CANARY


def test_the_environment_wins_over_the_file_and_a_missing_key_says_how_to_set_it(workspace, monkeypatch):
    keys.store(workspace, "A_KEY", "from-file")
    monkeypatch.setenv("A_KEY", "from-environment")
    assert keys.find(workspace, "A_KEY") == "from-environment"
    with pytest.raises(NotConfigured, match="docgraft keys set B_KEY"):
        keys.find(workspace, "B_KEY")


def test_a_key_given_as_a_name_is_refused_without_being_quoted(workspace):
    with pytest.raises(NotConfigured) as error:
        keys.store(workspace, CANARY, "x")
    assert "CANARY" not in str(error.value)


def test_a_broken_secrets_file_is_not_quoted(workspace):
    workspace.root.mkdir(parents=True)
    workspace.secrets.write_text(f"OPENAI_API_KEY = {CANARY}\n", encoding="utf-8")
    with pytest.raises(NotConfigured) as error:
        keys.stored(workspace)
    assert "CANARY" not in str(error.value) and error.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        f"401: incorrect API key provided: {CANARY}.",
        f"GET http://host/v1?api_key={CANARY}&x=1",
        f"Authorization: Bearer {CANARY}",
        f"http://user:{CANARY}@host/",
        "my-own-secret-value is wrong",
    ],
)
def test_known_keys_and_whatever_looks_like_one_are_masked(text):
    shown = keys.mask(text, {"my-own-secret-value"})
    assert "CANARY" not in shown and "my-own-secret" not in shown and keys.MASK in shown


def test_ordinary_text_is_left_alone():
    text = "The key-stone of section 4.2 weighs 12 kg; see http://example.com/a?page=2."
    assert keys.mask(text) == text


def test_logs_are_masked_with_their_tracebacks():
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "key %s", (CANARY,), None)
    try:
        raise ValueError(CANARY)
    except ValueError:
        record.exc_info = sys.exc_info()
    keys.Masked().filter(record)
    assert CANARY not in logging.Formatter().format(record) and "Traceback" in record.exc_text


def test_every_key_that_settings_name_is_known_to_the_mask(workspace, monkeypatch):
    monkeypatch.setenv("ODD_NAME", "plain-looking-value")
    found = Settings(models={"m": settings.Model(api_key_env="ODD_NAME")})
    assert "plain-looking-value" in keys.known(workspace, found)
