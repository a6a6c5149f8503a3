"""Settings: from where they come, what is refused, what is written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from app import doctor, settings
from app.settings import Settings
from app.text import Text, strings
from finetune.evaluation.words import duration
from finetune.models import devices
from memory.errors import NotConfigured
from memory.workspace import Workspace

ROOT = Path(__file__).parents[2]
FLOORS = ("app", "finetune", "retrieval", "memory")
LIBRARY = ROOT / "retrieval/library"


def test_without_a_file_everything_has_a_default_that_needs_no_key_and_no_network(workspace):
    found = settings.load(workspace, {})
    assert found == Settings()
    assert found.model.provider == "local" and not found.model.api_key_env
    assert found.server.address == "127.0.0.1" and not found.server.login


def test_the_environment_overrides_the_file_which_overrides_the_default(workspace):
    settings.save(workspace, {"model.name": "from-file", "server.port": 8600})
    found = settings.load(workspace, {"DOCGRAFT_MODEL__NAME": "from-environment"})
    assert (found.model.name, found.server.port) == ("from-environment", 8600)


def test_the_environment_reaches_further_models_lists_and_booleans(workspace):
    found = settings.load(
        workspace,
        {
            "DOCGRAFT_MODELS__STUB__NAME": "m",
            "DOCGRAFT_SERVER__ADMINS": '["ada"]',
            "DOCGRAFT_SERVER__LOGIN": "true",
            "DOCGRAFT_PRICES__M__INPUT": "1.5",
        },
    )
    assert found.models["stub"].name == "m" and found.server.admins == ("ada",)
    assert found.server.login is True and found.prices["m"].input == 1.5


@pytest.mark.parametrize(
    ("name", "key", "nearest"),
    [
        ("DOCGRAFT_MODEL__NMAE", "model.nmae", "model.name"),
        ("DOCGRAFT_PORT", "port", "server.port"),
        ("DOCGRAFT_RETRIEVAL__CHROMA", "retrieval.chroma", "retrieval.chroma_url"),
        ("DOCGRAFT_LANGAUGE", "langauge", "language"),
    ],
)
def test_an_unknown_key_is_refused_with_its_name_and_the_nearest_valid_one(workspace, name, key, nearest):
    with pytest.raises(NotConfigured) as error:
        settings.load(workspace, {name: "x"})
    assert repr(key) in error.value.message and repr(nearest) in error.value.hint


def test_a_wrong_value_names_the_key_and_the_value(workspace):
    workspace.root.mkdir(parents=True)
    workspace.settings.write_text('[server]\nport = "abc"\n', encoding="utf-8")
    with pytest.raises(NotConfigured, match=r"server\.port.*'abc'"):
        settings.load(workspace, {})


def test_a_table_where_a_single_setting_belongs_is_refused_not_crashed_on(workspace):
    with pytest.raises(NotConfigured, match="language"):
        settings.load(workspace, {"DOCGRAFT_LANGUAGE__X": "1", "DOCGRAFT_LANGUAGE": "en"})


def test_a_file_that_is_not_toml_says_where(workspace):
    workspace.root.mkdir(parents=True)
    workspace.settings.write_text("port = = 1\n", encoding="utf-8")
    with pytest.raises(NotConfigured, match="line 1"):
        settings.load(workspace, {})


def test_a_file_with_a_byte_order_mark_is_read_and_kept(workspace):
    workspace.root.mkdir(parents=True)
    workspace.settings.write_bytes(b'\xef\xbb\xbflanguage = "zh-TW"\n')
    assert settings.load(workspace, {}).language == "zh-TW"
    assert settings.save(workspace, {"server.port": 8600}).language == "zh-TW"


def test_a_home_that_is_no_folder_is_said_to_be_none(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotConfigured, match=r"settings\.toml.*Not a directory") as error:
        settings.load(Workspace(tmp_path / "file"), {})
    assert "DOCGRAFT_HOME" in error.value.hint


def test_a_key_pasted_where_its_name_belongs_is_refused_without_being_quoted(workspace):
    with pytest.raises(NotConfigured) as error:
        settings.save(workspace, {"model.api_key_env": "sk-TEST-CANARY-000"})
    assert "CANARY" not in str(error.value) and not workspace.settings.exists()


def test_saving_keeps_comments_and_other_keys(workspace):
    workspace.root.mkdir(parents=True)
    workspace.settings.write_text('# mine\nlanguage = "zh-TW"\n', encoding="utf-8")
    settings.save(workspace, {"model.name": "other", "models.big.name": "m"})
    settings.save(workspace, {"models.big": None})
    text = workspace.settings.read_text(encoding="utf-8")
    assert "# mine" in text and settings.load(workspace, {}).model.name == "other"
    assert settings.load(workspace, {}).models == {} and settings.load(workspace, {}).language == "zh-TW"


def test_nothing_is_written_when_the_new_value_is_wrong(workspace):
    settings.save(workspace, {"server.port": 8600})
    with pytest.raises(NotConfigured):
        settings.save(workspace, {"server.port": 0})
    assert settings.load(workspace, {}).server.port == 8600


def test_every_setting_has_help_in_english_and_a_label_and_help_in_chinese():
    for key, field in settings.fields():
        assert field.description and field.description.endswith("."), key
        assert set(strings()[f"help.{key}"]) == {"en", "zh", "help"}, key


def test_no_text_lacks_a_language_and_placeholders_agree():
    for key, entry in strings().items():
        if key.startswith("notice."):
            continue  # Their English is what the core says: tests/training/test_notices.py.
        assert entry["en"] and entry["zh"], key
        english, chinese = (set(re.findall(r"{(\w+)}", entry[language])) for language in ("en", "zh"))
        assert chinese <= english if key.startswith("error.") else chinese == english, key


GROUPS = ("error.", "file.", "doctor.")
"""What the program says in English and the page translates by its sentences."""


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [(-1, "0 s", "0 秒"), (75, "75 s", "75 秒"), (90, "2 min", "2 分鐘"), (5399.6, "1.5 h", "1.5 小時")],
)
def test_a_time_is_said_alike_on_the_page_and_in_reports(seconds, en, zh):
    for language, said in (("en", en), ("zh-TW", zh)):
        assert Text(language).duration(seconds) == duration(seconds, language) == said


def test_errors_are_told_in_chinese_and_every_translated_sentence_is_still_said():
    chinese = Text("zh-TW")
    assert chinese.error("The knowledge base 'a' is empty.") == "知識庫 'a' 是空的。"
    assert chinese.error("Something new.") == Text("en").error("Something new.") == "Something new."
    assert chinese.error("Something new. Try again.") == "Something new.請再試一次。"
    sources = "".join(p.read_text(encoding="utf-8") for f in FLOORS for p in (ROOT / f).rglob("*.py"))
    said = re.sub(r'"\s*f?"', "", sources).replace('\\"', '"')
    for key, entry in strings().items():
        if key.startswith(GROUPS):
            assert max(re.split(r"\{\w+\}", entry["en"]), key=len).strip(" ,;:()") in said, key


def spoken(path):
    """The sentences about a file that a module writes itself, 7 for what varies."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        named = {word.arg: word.value for word in node.keywords}
        found = {
            "BadDocument": node.args[1:3],
            "note": [*node.args[2:3], named.get("detail")],
            "Note": [named.get("detail")],
            "FileResult": [named.get("reason")],
        }.get(called, [])
        for text in found:
            if isinstance(text, ast.Constant) and text.value:
                yield str(text.value)
            elif isinstance(text, ast.JoinedStr):
                yield "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in text.values)


def test_whatever_is_said_about_a_file_has_its_chinese_sentence():
    chinese, modules = Text("zh-TW"), [*(ROOT / "retrieval/loaders").rglob("*.py"), *LIBRARY.glob("*.py")]
    said = [sentence for path in modules for sentence in spoken(path)]
    assert len(said) > 80
    assert [s for s in said if chinese.told(s, "file") == s and s.strip("7. ")] == []
    assert chinese.told("2 of 5 pages have text; pages 2, 3, 4 look scanned.", "file") == (
        "5 頁中有 2 頁有文字；第 2, 3, 4 頁看起來是掃描影像。"
    )
    assert (
        chinese.told(
            "the PDF is password-protected. Give the password when adding it (--password), or save it without one.",
            "file",
        )
        == "PDF 有密碼保護。請在加入時填寫密碼，或另存為沒有密碼的檔案。"
    )
    assert "第 3 行有 1 個無法解碼的位元組" in chinese.told(
        "1 undecodable byte at line 3, read as UTF-8; shown as �.", "file"
    )


def four_bits():
    """What the doctor says of 4-bit training on a CPU with and without bitsandbytes, and on an Apple GPU."""
    with pytest.MonkeyPatch.context() as patch:
        for found in (object(), None):
            patch.setattr("importlib.util.find_spec", lambda name, found=found: found)
            yield doctor.four_bit(devices._cpu())
        yield doctor.four_bit(devices._mps())


def test_where_four_bits_cannot_work_nothing_is_asked_to_be_installed():
    there, missing, apple = four_bits()
    assert there.health == "ok" and missing.fix.startswith("pip install")
    assert apple.health == "optional" and "Apple" in apple.found and not apple.fix


def test_the_doctor_speaks_chinese_on_the_page(wiring):
    chinese, same = Text("zh-TW"), {"Python", "SQLite", "PyTorch", "Tesseract"}
    looks = (doctor.python, doctor.sqlite, doctor.packages, doctor.extras, four_bits)
    found = [check for look in looks for check in look()]
    found += [*doctor.machine(wiring), *doctor.models(wiring)]
    for check in found:
        assert check.name in same or chinese.told(check.name, "doctor") != check.name, check.name
        assert chinese.told(check.found, "doctor") != check.found, check.found
        command = check.fix.startswith(("pip ", "docgraft ", "chmod "))
        assert not check.fix or command or chinese.told(check.fix, "doctor") != check.fix, check.fix
    assert chinese.told("2.13.0 on CPU: AMD EPYC, 14.3 of 23.5 GiB free, float32", "doctor") == (
        "2.13.0，CPU: AMD EPYC，23.5 GiB 中有 14.3 GiB 可用，float32"
    )
