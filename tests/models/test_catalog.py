"""The catalog: what is in it, how a name is found, what is warned about, what is recommended."""

from __future__ import annotations

from finetune.models.catalog import CATALOG, EMBEDDED, PLAIN, entry_for, find, folder_warnings, recommend
from tests.tiny_model import tiny_model

GIB = 1 << 30


def test_every_entry_says_what_a_person_must_know():
    for name, entry in CATALOG.items():
        assert entry.name == name
        assert entry.licence and entry.parameters > 1e8 and entry.context >= 2048 and entry.languages
        assert entry.id.count("/") == 1 or entry.skill
        assert entry.sources


def test_the_embedded_model_stands_first_and_is_open():
    assert next(iter(CATALOG)) == EMBEDDED
    entry = CATALOG[EMBEDDED]
    assert (entry.licence, entry.gated, entry.instruct) == ("Apache-2.0", False, True)


def test_a_model_is_found_by_name_hub_id_or_the_last_part_of_it():
    for name in ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"):
        assert find(name) is CATALOG[PLAIN]
    assert find("someone/else") is None


def test_any_other_hub_id_becomes_an_entry_of_which_nothing_is_known(tmp_path):
    entry = entry_for("someone/else")
    assert (entry.id, entry.licence, entry.parameters) == ("someone/else", "", 0)
    assert entry.sources[0].location == "someone/else"
    assert entry_for(str(tmp_path)).sources == ()


def test_gated_and_base_models_and_those_with_own_code_are_explained():
    assert "accept" in " ".join(CATALOG["llama-3.2-1b"].warnings)
    assert "never runs" in " ".join(CATALOG["breeze-2-3b"].warnings)
    base = CATALOG["qwen3-0.6b"].model_copy(update={"instruct": False})
    assert "base model" in " ".join(base.warnings)
    assert CATALOG["qwen3-0.6b"].warnings == ()


def test_recommended_models_fit_the_memory_and_read_every_language():
    found = recommend(["en", "zh-Hant"], 16 * GIB)
    assert found and found[0].name == "qwen3-1.7b"
    for entry in found:
        assert entry.memory() <= 16 * GIB
        assert {"en", "zh-Hant"} <= set(entry.languages)
        assert not entry.own_code


def test_open_models_are_recommended_before_gated_ones():
    found = recommend(["en"], 24 * GIB, most=9)
    gates = [entry.gated for entry in found]
    assert gates == sorted(gates)


def test_where_nothing_fits_nothing_is_recommended():
    assert recommend(["zh-Hant"], GIB) == ()
    assert recommend(["zh-Hant"], 2 * GIB, precision="bfloat16")[0].name == "qwen3-0.6b"


def test_a_folder_without_a_chat_template_is_warned_about_as_a_base_model(tmp_path):
    assert folder_warnings(tiny_model(tmp_path / "chat")) == ()
    (warning,) = folder_warnings(tiny_model(tmp_path / "base", template=None))
    assert "base model" in warning
