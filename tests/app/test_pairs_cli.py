"""docgraft pairs: build, pause and go on, list, show, check, export, import."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.app.test_pairs_page import documents

__all__ = ["documents"]


@pytest.fixture
def made(cli, documents):
    """A dataset's id."""
    return cli("pairs", "build", "--effort", "quick", "--json").json["dataset"]["id"]


def test_a_build_is_listed_shown_and_checked(cli, made):
    assert [d["id"] for d in cli("pairs", "list", "--json").json["datasets"]] == [made]
    shown = cli("pairs", "show", "-n", "3", "--status", "kept", "--json").json
    assert len(shown["pairs"]) == 3 < shown["total"] and {p["status"] for p in shown["pairs"]} == {"kept"}
    report = cli("pairs", "check", "--json").json
    assert report["facts"] and report["rows"] and report["findings"]
    assert cli("pairs", "show", "--status", "odd").code == 1


def test_ctrl_c_pauses_and_resume_ends_the_same_dataset(cli, documents, monkeypatch):
    from finetune.pairs import work

    real = work.Work.append

    def pressed(self, *arguments, **counts):
        os.kill(os.getpid(), signal.SIGINT)
        monkeypatch.setattr(work.Work, "append", real)
        return real(self, *arguments, **counts)

    monkeypatch.setattr(work.Work, "append", pressed)
    before = signal.getsignal(signal.SIGINT)
    ended = cli("pairs", "build", "--effort", "quick", "--json")
    assert ended.code == 130 and ended.json["paused"] in ended.err and signal.getsignal(signal.SIGINT) == before
    assert cli("pairs", "list", "--json").json == {"datasets": [], "unfinished": [ended.json["paused"]]}
    again = cli("pairs", "build", "--resume", ended.json["paused"], "--json")
    assert again.code == 0 and again.json["dataset"]["id"] == ended.json["paused"]


def test_an_export_is_imported_again(cli, made, tmp_path):
    done = cli("pairs", "export", "alpaca", "--out", tmp_path / "out", "--json").json
    assert done["rows"] and all((tmp_path / "out" / name).is_file() for name in done["files"])
    file = next(tmp_path / "out" / name for name in done["files"] if "train" in name)
    taken = cli("pairs", "import", file, "--json")
    assert taken.code == 0 and taken.json["dataset"]["id"] != made
    assert cli("pairs", "export", "nonsense").code == 1


def test_a_wrong_row_is_named_and_can_be_left_out(cli, made, tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(
        json.dumps([{"instruction": "a?", "output": 42}, {"instruction": "When is noon?", "output": "12:00"}])
    )
    assert cli("pairs", "import", path).code == 1
    assert cli("pairs", "import", path, "--skip-bad", "--json").json["problems"][0]["row"] == 1


def test_without_documents_a_build_says_how_to_add_some(cli):
    ended = cli("pairs", "build")
    assert ended.code == 1 and "docgraft add" in ended.err
