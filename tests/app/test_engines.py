"""Engines by the commands and on the page: listing, installing into an environment of their own, trying, removing."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

import pytest

from finetune.engines.environments import Environment, own_packages
from tests.app.test_train_page import ready, tiny, trainable  # noqa: F401 - fixtures
from tests.stub_uv import put_uv


def test_the_list_says_for_every_engine_whether_it_can_train_and_what_is_missing(cli, configured):
    found = {one["name"]: one for one in json.loads(cli("engines", "list", "--json").out)["engines"]}
    assert found["trl"]["ready"] and found["rehearsal"]["ready"]
    for name in ("axolotl", "llamafactory"):
        assert not found[name]["ready"] and f"docgraft engines install {name}" in found[name]["hint"]
    assert "axolotl is not installed" in " ".join(cli("engines", "list").out.split())


def test_an_engine_is_installed_beside_and_not_into_our_own_environment(cli, configured, tmp_path, monkeypatch):
    put_uv(tmp_path / "bin", monkeypatch)
    before = own_packages()
    done = json.loads(cli("engines", "install", "llamafactory", "--json").out)
    assert done["own_untouched"] and own_packages() == before and done["installed"]["tool"] == "uv"
    assert "torchaudio does not load" in done["installed"]["notes"][0]
    place = configured / "engines" / "llamafactory"
    assert (place / "lib/python3.11/site-packages/torchaudio/__init__.py").is_file()
    assert "llamafactory==0.9.5" in (configured / "engines" / "llamafactory.log").read_text()
    listed = {one["name"]: one for one in json.loads(cli("engines", "list", "--json").out)["engines"]}
    assert listed["llamafactory"]["installed"] and listed["llamafactory"]["version"] == "0.9.5"
    assert json.loads(cli("engines", "remove", "llamafactory", "--yes", "--json").out) == {"removed": "llamafactory"}
    assert not place.exists()


def test_an_installation_that_fails_counts_for_nothing_and_says_why(cli, configured, tmp_path, monkeypatch):
    put_uv(tmp_path / "bin", monkeypatch, broken=True)
    failed = cli("engines", "install", "axolotl", "--yes")
    assert failed.code == 1 and "No solution found" in failed.err and "axolotl.log" in failed.err
    listed = {one["name"]: one for one in json.loads(cli("engines", "list", "--json").out)["engines"]}
    assert "half installed" in listed["axolotl"]["reason"]


def test_a_disk_that_is_too_full_is_said_before_anything_is_written(cli, configured, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("U", "total used free")(10, 9, 10**9))
    full = cli("engines", "install", "axolotl", "--yes")
    assert full.code == 1 and "1.0 GB are free" in full.err and not (configured / "engines").exists()


def test_installing_can_be_stopped(workspace, tmp_path, monkeypatch):
    from memory.errors import DocgraftError

    put_uv(tmp_path / "bin", monkeypatch)
    with pytest.raises(DocgraftError, match="was stopped"):
        Environment(workspace, "axolotl").install(stop=lambda: True)
    assert Environment(workspace, "axolotl").fault()


def test_nobody_is_taken_to_agree_and_unknown_engines_are_named(cli, configured):
    assert "Nobody is there to answer" in cli("engines", "install", "axolotl").err
    assert "trl, unsloth" in cli("engines", "install", "nothing", "--yes").err
    assert "needs no environment" in cli("engines", "install", "trl", "--yes").err


def test_check_trains_for_real_and_says_what_is_missing_where_it_cannot(cli, configured):
    works = json.loads(cli("engines", "check", "rehearsal", "--json").out)["check"]
    assert works["works"] and works["steps"] == 2 and works["effect"] > 0
    missing = cli("engines", "check", "axolotl")
    assert missing.code == 1 and "docgraft engines install axolotl" in missing.err
    assert not json.loads(cli("engines", "check", "unsloth", "--json").out)["check"]["works"]


def test_a_run_is_written_out_by_the_command(cli, trainable, tmp_path):  # noqa: F811
    out = tmp_path / "recipe"
    done = cli("train", "start", "--engine", "axolotl", "--set", "bits=32", "--export", str(out), "--json")
    written = json.loads(done.out)["export"]
    assert written["rows"] == 16 and (out / "axolotl.yaml").is_file() and not trainable.all()
    again = cli("train", "start", "--engine", "trl", "--export", str(out))
    assert again.code == 1 and "not empty" in again.err


def test_the_page_says_which_engines_are_ready_and_installs_one(page, trainable, tmp_path, monkeypatch):  # noqa: F811
    put_uv(tmp_path / "bin", monkeypatch)
    test = page("train")
    ready(test)
    offered = test.table[0].value
    names = [text.split("**")[1] for text in offered["Engine"]]
    assert names[:4] == ["rehearsal", "trl", "unsloth", "axolotl"] and "USD" in [*offered["Takes"]][-1]
    assert any("axolotl is not installed" in text for text in offered["Engine"])
    picker = test.selectbox(key="train-engine-en")
    assert "trl · ready" in picker.options and "axolotl · not ready" in picker.options
    picker.select("axolotl").run()
    ready(test)
    assert any("axolotl is not installed" in one.value for one in test.caption)
    test.button(key="install-axolotl").click().run()
    for _ in range(100):
        if "axolotl · ready" in test.selectbox(key="train-engine-en").options:
            break
        ready(test)
        test.run()
    assert "axolotl · ready" in test.selectbox(key="train-engine-en").options
