"""The real commands: their JSON, their text, their exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.cli import main
from app.text import Text
from tests.stub_llm import Reply
from tests.tiny_model import tiny_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def added(cli, manual):
    assert cli("add", manual).code == 0
    return cli


def test_adding_says_what_became_of_every_file(cli, manual, tmp_path):
    bad = tmp_path / "broken.pdf"
    bad.write_bytes(b"%PDF-1.4 broken")
    ended = cli("add", manual, bad, "--json")
    assert ended.code == 0
    rows = {row["name"]: row for row in ended.json["documents"]}
    assert rows["kettle.md"]["status"] == "added" and rows["kettle.md"]["chunks"] >= 2
    assert rows["broken.pdf"]["status"] in ("failed", "skipped") and rows["broken.pdf"]["reason"]


def test_adding_twice_changes_nothing(added, manual):
    assert added("add", manual, "--json").json["documents"][0]["status"] == "unchanged"
    assert len(added("docs", "--json").json["documents"]) == 1


def test_adding_nothing_useful_fails(cli, tmp_path):
    ended = cli("add", tmp_path / "missing.txt", "--json")
    assert ended.code == 1 and ended.json


def test_knowledge_bases_are_apart(added, tmp_path):
    (tmp_path / "lamp.md").write_text("# Lamp\n\nThe lamp burns 900 hours.\n", encoding="utf-8")
    assert added("add", tmp_path / "lamp.md", "--kb", "other").code == 0
    assert [d["name"] for d in added("docs", "--kb", "other", "--json").json["documents"]] == ["lamp.md"]
    assert "lamp.md" not in added("docs", "--json").out
    assert added("docs", "--kb", "../evil", "--json").code == 1


@pytest.mark.parametrize("command", [["ask", "What?"], ["docs"], ["pairs", "list"], ["tune", "--plan"]])
def test_a_slip_in_the_name_of_a_knowledge_base_makes_no_empty_one(added, workspace, command):
    before = workspace.base_names()
    ended = added(*command, "--kb", "lmaps", "--json")
    assert ended.code == 1 and "lmaps" in ended.json["error"] and "default" in ended.json["error"]
    assert "docgraft add" in ended.json["hint"] and workspace.base_names() == before


def test_search_finds_the_section(added):
    hits = added("search", "warranty of the kettle", "-k", "1", "--json").json["hits"]
    assert len(hits) == 1 and hits[0]["document"] == "kettle.md" and "Warranty" in hits[0]["section"]
    assert set(hits[0]) >= {"document", "section", "score", "text"}


def test_ask_answers_with_citations_that_stand_in_the_document(added, manual):
    found = added("ask", "How long is the warranty of the kettle?", "--json").json
    assert found["answer"].startswith("The warranty is 18 months") and found["arm"] == "rag" and not found["abstained"]
    text = manual.read_text(encoding="utf-8")
    assert found["citations"] and all(cited["quote"] in text for cited in found["citations"])
    assert set(found) >= {"hits", "seconds", "first_token_seconds"}


def test_ask_in_words_shows_answer_and_source(added):
    ended = added("ask", "How long is the warranty of the kettle?")
    assert ended.code == 0 and "18 months" in ended.out and "kettle.md" in ended.out


def test_an_answer_of_several_sentences_is_not_said_twice_for_its_numbers(added, stub):
    stub.script = ["The warranty is 18 months. Descale it every 40 days."]
    told = added("ask", "How long is the warranty of the kettle, and when is it descaled?").out
    assert told.count("Descale it every 40 days.") == 1 and "[1] kettle.md" in told and "[2] kettle.md" in told


def test_ask_of_an_empty_knowledge_base_abstains(cli):
    found = cli("ask", "How long is the warranty?", "--json").json
    assert found["abstained"] and found["citations"] == []


def test_ask_without_documents_is_the_base_arm(added, stub):
    stub.script = ["From the weights."]
    found = added("ask", "Who are you?", "--no-documents", "--json").json
    assert (found["arm"], found["answer"], found["hits"]) == ("base", "From the weights.", [])


def test_an_empty_question_is_a_usage_error(added, stub):
    assert added("ask", "  ").code == 2 and not stub.requests


def test_an_unknown_model_names_those_there_are(added):
    ended = added("ask", "hello", "--model", "nope")
    assert ended.code == 1 and "stub" in ended.err and "Traceback" not in ended.err


def test_a_server_that_refuses_the_key_is_one_line_and_a_hint_without_the_key(added, stub, monkeypatch):
    monkeypatch.setenv("STUB_KEY", "sk-TEST-CANARY-000")
    monkeypatch.setenv("DOCGRAFT_MODEL__API_KEY_ENV", "STUB_KEY")
    stub.script = [Reply(status=401, error="Incorrect API key provided: sk-TEST-CANARY-000")]
    ended = added("ask", "How long is the warranty of the kettle?", "--json")
    assert ended.code == 1 and ended.json["error"]
    assert "CANARY" not in ended.out + ended.err and "Traceback" not in ended.err


def test_chat_keeps_the_conversation_and_goes_on_with_it(added, monkeypatch, stub):
    monkeypatch.setattr(sys, "stdin", io.StringIO("How long is the warranty of the kettle?\n\n"))
    first = added("chat", "--json").json
    assert first["turns"][0]["answer"].startswith("The warranty")
    monkeypatch.setattr(sys, "stdin", io.StringIO("And descaling?\n"))
    second = added("chat", "--resume", first["conversation"], "--json").json
    assert second["conversation"] == first["conversation"]


def test_memory_is_listed_and_forgotten(added, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("My name is Kestrel.\n"))
    added("chat", "--no-documents", "--json")
    memories = added("memory", "list", "--json").json["memories"]
    assert any("Kestrel" in memory["text"] for memory in memories)
    assert added("memory", "forget", memories[0]["id"]).code == 0
    assert added("memory", "list", "--json").json["memories"] == []
    assert added("memory", "forget", "no-such-id").code == 1
    assert added("memory", "forget").code == 2


def test_removing_by_name_by_id_and_by_its_beginning(added, manual):
    identifier = added("docs", "--json").json["documents"][0]["id"]
    assert added("remove", "kettle.md", "--json").json["name"] == "kettle.md"
    assert added("search", "warranty", "--json").json["hits"] == []
    added("add", manual)
    assert added("remove", identifier[:8]).code == 0
    assert added("remove", "kettle.md").code == 1


def test_reindex_says_how_much_it_did(added):
    found = added("reindex", "--json").json
    assert found["done"] is True and found["chunks"] >= 2


def test_models_list_names_the_default_and_the_catalog(cli):
    found = cli("models", "list", "--json").json
    assert found["models"][0]["name"] == "stub" and len(found["catalog"]) >= 5
    told = cli("models", "list").out
    assert "Fits here" in told and "on a server" in told


def test_a_newer_reader_is_told_by_list_and_doctor_with_the_line_that_fetches_it(cli, configured, monkeypatch):
    from finetune.models import fetch
    from finetune.models.catalog import EMBEDDED
    from memory.workspace import Workspace, write_json

    monkeypatch.setenv("DOCGRAFT_MODEL__PROVIDER", "local")
    monkeypatch.setenv("DOCGRAFT_MODEL__NAME", EMBEDDED)
    folder = tiny_model(Workspace(configured).model(EMBEDDED))
    old = fetch.Manifest(
        name=EMBEDDED, id="", source="", licence="", fingerprint="", files={}, fetched="", versions={}, skill="older"
    )
    write_json(folder / fetch.MANIFEST, old.model_dump())
    line = f"docgraft models fetch {EMBEDDED}"
    assert line in cli("models", "list").out
    assert line in cli("ask", "How long?").err
    (chat,) = [c for c in cli("doctor", "--quick", "--json").json["checks"] if c["name"] == "Chat model"]
    assert chat["fix"] == line and chat["health"] == "optional"
    told = Text("zh-TW").told(chat["found"], "doctor")
    assert told.endswith("；這版 Docgraft 附有較新的版本）")


def test_doctor_knows_what_is_there_and_what_is_not(added):
    ended = added("doctor", "--json")
    checks = {check["name"]: check for check in ended.json["checks"]}
    assert checks["SQLite"]["health"] == "ok" and checks["Knowledge base default"]["health"] == "ok"
    assert all(check["fix"] for check in checks.values() if check["health"] == "problem")
    assert ended.code == (0 if ended.json["ok"] else 1)


def test_the_page_is_not_opened_to_the_network_without_a_login(cli, monkeypatch):
    monkeypatch.setenv("DOCGRAFT_SERVER__ADDRESS", "0.0.0.0")
    ended = cli("ui", "--headless")
    assert ended.code == 1 and "login" in ended.err


def test_keys_are_kept_and_never_shown(cli, monkeypatch, workspace):
    monkeypatch.setattr(sys, "stdin", io.StringIO("sk-TEST-CANARY-000\n"))
    assert cli("keys", "set", "OPENAI_API_KEY", "--json").json == {"kept": "OPENAI_API_KEY"}
    ended = cli("keys", "list", "--json")
    assert ended.json == {"keys": ["OPENAI_API_KEY"]} and "CANARY" not in ended.out
    assert cli("keys", "remove", "OPENAI_API_KEY").code == 0
    assert cli("keys", "remove", "OPENAI_API_KEY").code == 1


def test_accounts_are_added_listed_and_removed(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long enough password\n"))
    assert cli("accounts", "add", "ada").code == 0
    assert cli("accounts", "list", "--json").json == {"accounts": ["ada"]}
    assert cli("accounts", "remove", "ada").code == 1  # Nobody is there to be asked.
    assert cli("accounts", "remove", "ada", "--yes", "--json").json == {"removed": "ada"}
    assert cli("accounts", "remove", "ada", "--yes").code == 1


def test_a_document_cannot_drive_the_terminal(cli, tmp_path):
    path = tmp_path / "evil.txt"
    path.write_text("The code is \x1b]0;owned\x07\x1b[31mred\x1b[0m and 42.\n", encoding="utf-8")
    cli("add", path)
    ended = cli("search", "code")
    assert "\x1b" not in ended.out and "\x07" not in ended.out


def test_a_terminal_of_another_encoding_shows_what_it_can(cli, manual_zh, monkeypatch):
    cli("add", manual_zh)
    for options, shown in (([], "\\u54e1\\u5de5"), (["--json"], json.dumps("員工手冊.md"))):
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "argv", ["docgraft", "docs", *options])
        with suppress(SystemExit):
            main()
        out.flush()
        assert shown in out.buffer.getvalue().decode("ascii")


def test_wrong_usage_exits_with_two(cli):
    assert cli("search").code == 2
    assert cli("no-such-command").code == 2


def test_a_wrong_setting_is_one_line_and_a_hint(cli, monkeypatch):
    monkeypatch.setenv("DOCGRAFT_MODEL__NMAE", "x")
    ended = cli("docs")
    assert ended.code == 1 and "model.name" in ended.err and "Traceback" not in ended.err


def test_ctrl_c_ends_without_a_traceback(configured, manual):
    # A process in the background starts with the interrupt ignored; a terminal's does not.
    code = "import signal, os; signal.signal(signal.SIGINT, signal.default_int_handler); from app import cli\n"
    code += "cli.app = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
    code += "cli.main()"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 130 and "Traceback" not in ended.stderr


def test_a_weak_model_that_declines_still_shows_the_passage_that_says_it(added, stub):
    stub.script = ["This is not in the documents."]
    ended = added("ask", "How long is the warranty of the kettle?")
    assert ended.code == 0 and "18 months" in ended.out
