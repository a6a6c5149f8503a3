"""`docgraft pairs …`: the real commands, their JSON and their exit codes."""

from __future__ import annotations

import json
import sys

import pytest

from tests.pairs.conftest import FILES


@pytest.fixture
def docgraft(home, capsys, monkeypatch):
    """Run a command in this process: (exit code, JSON or text)."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "settings.toml").write_text('[retrieval]\nembedder = "hashing:384"\n', encoding="utf-8")

    def run(*arguments):
        from app.cli import main

        monkeypatch.setattr(sys, "argv", ["docgraft", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
            sys.exit(0)
        out = capsys.readouterr().out
        return ended.value.code or 0, json.loads(out) if "--json" in arguments else out

    return run


def test_pairs_are_built_listed_shown_checked_exported_and_imported(docgraft, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert docgraft("add", folder)[0] == 0

    code, built = docgraft("pairs", "build", "--effort", "quick", "--json")
    assert code == 0 and built["dataset"]["counts"]["train"] > 50
    code, listed = docgraft("pairs", "list", "--json")
    assert [d["id"] for d in listed["datasets"]] == [built["dataset"]["id"]]
    code, shown = docgraft("pairs", "show", "--status", "kept", "-n", 3, "--json")
    assert len(shown["pairs"]) == 3 and shown["total"] > 3
    assert docgraft("pairs", "show", "--status", "wrong")[0] == 1
    code, checked = docgraft("pairs", "check", "--json")
    assert checked["facts"] == built["dataset"]["counts"]["facts"] and "findings" in checked
    code, exported = docgraft("pairs", "export", "alpaca", "--to", tmp_path / "out", "--json")
    assert code == 0 and exported["rows"]["train"] == built["dataset"]["counts"]["train"]
    assert "training rows" in docgraft("pairs", "build", "--refresh")[1]
    code, imported = docgraft("pairs", "import", tmp_path / "out" / "train.json", "--json")
    assert code == 0 and imported["dataset"]["counts"]["rows_in_file"] == exported["rows"]["train"]


def test_what_the_user_can_fix_ends_with_exit_code_one_and_a_hint(docgraft, tmp_path):
    code, said = docgraft("pairs", "check", "--json")
    assert code == 1 and "pairs build" in said["hint"]
    code, said = docgraft("pairs", "build", "--json")
    assert code == 1 and "empty" in said["error"]
    bad = tmp_path / "bad.json"
    bad.write_text('[{"instruction": "a", "output": 42}]', encoding="utf-8")
    code, said = docgraft("pairs", "import", bad, "--json")
    assert code == 1 and "row 1, field 'output'" in said["error"]
