"""How well models read: shown beside them, used for their evidence, said before chatting."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import reading
from app.settings import Settings
from app.text import Text
from app.wiring import Wiring, models
from finetune.models import check, fingerprint
from finetune.models.check import LanguageReading, Reading
from memory.conversations import LOCAL_USER
from retrieval.packing import LARGE, SMALL
from tests.tiny_model import tiny_model


def result(identity, *, en=30, zh=4):
    languages = tuple(
        LanguageReading(language=language, asked=40, right=right, refused=20, wrongly_refused=3)
        for language, right in (("en", en), ("zh-Hant", zh))
    )
    return Reading(
        model="tiny", identity=identity, plan=SMALL, languages=languages, first_token_seconds=0.5,
        tokens_per_second=20, memory=1, seconds=60, checked="",
    )  # fmt: skip


@pytest.fixture
def wiring(tmp_path, workspace):
    folder = tiny_model(tmp_path / "tiny")
    settings = Settings.model_validate({"model": {"name": str(folder)}, "retrieval": {"embedder": "hashing"}})
    return Wiring(settings, workspace)


@pytest.fixture
def checked(wiring):
    """The default model checked: it reads English, not Chinese."""
    name = wiring.settings.model.name
    check.keep(result(fingerprint(Path(name))), wiring.home)
    return name


def test_a_checked_model_shows_its_result_in_the_picker(wiring, checked):
    assert wiring.label(checked).endswith("(EN 30/40 · 中 4/40)")


def test_a_model_that_was_never_checked_shows_none(wiring):
    name = wiring.settings.model.name
    assert wiring.label(name) == name
    assert wiring.reading("no-such/model") is None


def test_evidence_follows_the_reading_check_and_else_the_size(wiring, workspace):
    name = wiring.settings.model.name
    assert wiring.plan(name) == SMALL
    identity = models.identity(wiring.settings, workspace, name)
    check.keep(result(identity, en=36), workspace)
    assert wiring.plan(name) == LARGE
    check.keep(result(identity, en=10), workspace)
    assert wiring.plan(name) == SMALL


def test_a_language_that_the_model_cannot_read_is_said_with_what_reads_it(wiring, checked, tmp_path):
    english, chinese = tmp_path / "opening.md", tmp_path / "規則.md"
    english.write_text("# Opening\n\nThe shop opens at nine.\n", encoding="utf-8")
    chinese.write_text("# 規則\n\n圖書館每天早上九點開門，借書期限為三十天。\n", encoding="utf-8")
    library = wiring.library("default")
    library.add([english])
    assert reading.warning(wiring, "default", LOCAL_USER, checked, Text("en")) == ""
    library.add([chinese])
    said = reading.warning(wiring, "default", LOCAL_USER, checked, Text("en"))
    assert "reads 4 of 40 in Chinese" in said
    assert "30 of 40" not in said
    assert "40 題答對 4 題" in reading.warning(wiring, "default", LOCAL_USER, checked, Text("zh-TW"))
