"""Every export is opened again by a reader of that format; every import says what it could not use."""

from __future__ import annotations

import json

import pytest
import yaml

from finetune.formats import REGISTRY, export
from finetune.formats.afs import MINIMUM, notes
from finetune.formats.reading import read_rows
from finetune.pairs import check, expectations
from finetune.pairs.build import refresh
from finetune.pairs.importing import import_dataset
from finetune.pairs.splits import held_out
from memory.errors import BadDataset, DocgraftError
from retrieval.units import units


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_an_export_holds_every_kept_row_and_no_dropped_one(dataset, tmp_path, name):
    done = export(dataset, name, tmp_path / name)
    assert done.rows == {s: dataset.card.counts[s] for s in ("train", "dev", "test") if dataset.card.counts[s]}
    assert all((tmp_path / name / file).is_file() for file in done.files)
    assert done.tokens > 1000


@pytest.mark.parametrize("name", ["alpaca", "alpaca-jsonl", "sharegpt", "chatml", "openai", "mistral", "afs"])
def test_an_export_is_read_back_by_our_own_reader(dataset, tmp_path, name):
    done = export(dataset, name, tmp_path)
    read = read_rows(tmp_path / done.files[0])
    assert len(read.pairs) == read.rows == done.rows["train"]
    if name.startswith("alpaca"):
        wanted = {(p.instruction, p.input, p.output, p.history) for p in dataset.pairs("train")}
        assert {(p.instruction, p.input, p.output, p.history) for p in read.pairs} == wanted


@pytest.mark.parametrize("name", ["alpaca", "alpaca-jsonl", "sharegpt", "chatml", "datasets"])
def test_hugging_face_datasets_loads_the_export(dataset, tmp_path, monkeypatch, name):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    from datasets import load_dataset

    done = export(dataset, name, tmp_path / "out")
    if name == "datasets":
        loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
        assert {k: len(v) for k, v in loaded.items()} == {
            {"dev": "validation"}.get(k, k): v for k, v in done.rows.items()
        }
        assert loaded["train"][0]["messages"][-1]["role"] == "assistant"
        return
    file = str(tmp_path / "out" / done.files[0])
    loaded = load_dataset("json", data_files=file, split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == done.rows["train"]


def test_messages_alternate_and_go_through_a_chat_template(dataset, tmp_path):
    from tests.tiny_model import tokenizer as tiny

    export(dataset, "chatml", tmp_path)
    tokenizer = tiny()
    for row in lines(tmp_path / "train.jsonl")[:50]:
        roles = [m["role"] for m in row["messages"]]
        assert roles[0] == "system" and roles[1:] == ["user", "assistant"] * ((len(roles) - 1) // 2)
        assert all(isinstance(m["content"], str) and m["content"] for m in row["messages"])
        assert row["messages"][-1]["content"] in tokenizer.apply_chat_template(row["messages"], tokenize=False)


def test_sharegpt_turns_are_human_and_gpt(dataset, tmp_path):
    export(dataset, "sharegpt", tmp_path)
    for row in json.loads((tmp_path / "train.json").read_text(encoding="utf-8")):
        assert [t["from"] for t in row["conversations"]][-2:] == ["human", "gpt"]
        assert row["system"]


def test_axolotl_settings_point_at_files_and_train_on_answers_only(dataset, tmp_path):
    export(dataset, "axolotl", tmp_path, base="some/model")
    settings = yaml.safe_load((tmp_path / "axolotl.yaml").read_text(encoding="utf-8"))
    assert settings["base_model"] == "some/model"
    assert settings["train_on_inputs"] is False
    for entry in settings["datasets"] + settings["test_datasets"]:
        assert entry["type"] == "chat_template"
        rows = lines(tmp_path / entry["path"])
        assert all(entry["field_messages"] in row for row in rows)
    assert settings["sample_packing"] is False


def test_llamafactory_finds_its_columns_and_tags(dataset, tmp_path):
    """By LLaMA-Factory's documented schema of dataset_info.json."""
    export(dataset, "llamafactory", tmp_path)
    info = json.loads((tmp_path / "dataset_info.json").read_text(encoding="utf-8"))
    settings = yaml.safe_load((tmp_path / "llamafactory.yaml").read_text(encoding="utf-8"))
    assert settings["dataset"] in info and settings["eval_dataset"] in info
    for entry in info.values():
        for row in json.loads((tmp_path / entry["file_name"]).read_text(encoding="utf-8")):
            turns = row[entry["columns"]["messages"]]
            tags = entry["tags"]
            roles = [turn[tags["role_tag"]] for turn in turns]
            assert roles == [tags["user_tag"], tags["assistant_tag"]] * (len(roles) // 2)
            assert isinstance(row[entry["columns"]["system"]], str)


def test_the_unsloth_script_is_python_and_reads_the_file_beside_it(dataset, tmp_path):
    export(dataset, "unsloth", tmp_path, base='a"b')
    script = (tmp_path / "train_unsloth.py").read_text(encoding="utf-8")
    compile(script, "train_unsloth.py", "exec")
    assert '"train.jsonl"' in script and (tmp_path / "train.jsonl").is_file()


def test_afs_says_how_many_tokens_are_missing(dataset, tmp_path):
    done = export(dataset, "afs", tmp_path)
    assert done.tokens < MINIMUM and f"{MINIMUM:,}" in done.notes[0]
    assert "enough" in notes(MINIMUM)[0]
    assert "as many as AFS recommends" in notes(10_000_000)[0]
    guide = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert done.notes[0] in guide and "Dataset Management" in guide and "[models.afs]" in guide
    assert all(set(row) == {"instruction", "input", "output"} for row in lines(tmp_path / "train.jsonl"))


def test_an_unknown_format_is_refused_with_the_list(dataset, tmp_path):
    with pytest.raises(DocgraftError, match="no export format"):
        export(dataset, "../evil", tmp_path)


# Reading other people's files (B62)


def saved(tmp_path, text, name="rows.json", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


GOOD = {"instruction": "What is the fee?", "input": "", "output": "£3"}


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (GOOD | {"output": 42}, "output", "a number, not text"),
        (GOOD | {"output": ["y"]}, "output", "a list, not text"),
        ({"instruction": "What?"}, "output", "missing"),
        (GOOD | {"output": None}, "output", "empty"),
        (GOOD | {"instruction": "  "}, "instruction", "empty"),
        (GOOD | {"history": "none"}, "history", "not a list"),
        ({"messages": [{"role": "user", "content": "q"}]}, "messages", "alternate"),
        (
            {"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "a"}]},
            "messages[0]",
            "null",
        ),
        ({"conversations": [{"from": "martian", "value": "q"}]}, "conversations[0]", "no known role"),
        ("text", "", "not an object"),
    ],
)
def test_a_wrong_row_is_named_with_its_field(tmp_path, row, field, says):
    path = saved(tmp_path, json.dumps([GOOD, row]))
    with pytest.raises(BadDataset, match=says) as raised:
        read_rows(path)
    assert raised.value.row == 2 and raised.value.field == field
    read = read_rows(path, strict=False)
    assert len(read.pairs) == 1 and read.rows == 2
    assert len([p for p in read.problems if not p.repaired]) == 1
    assert not [p for p in read.pairs if "None" in p.output or "[" in p.output]


def test_a_null_input_is_an_empty_one(tmp_path):
    assert read_rows(saved(tmp_path, json.dumps([GOOD | {"input": None}]))).pairs[0].input == ""


def test_a_trailing_comma_is_called_by_its_name(tmp_path):
    with pytest.raises(BadDataset, match=r"line 3.*comma before the closing bracket"):
        read_rows(saved(tmp_path, '[\n{"instruction": "a", "output": "b"},\n]'))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-8"])
def test_marks_and_encodings_of_the_file_do_not_reach_the_rows(tmp_path, encoding):
    text = json.dumps([GOOD | {"instruction": "費用多少？"}], ensure_ascii=False)
    assert read_rows(saved(tmp_path, text, encoding=encoding)).pairs[0].instruction == "費用多少？"


def test_json_lines_under_the_name_json_are_read_and_a_bad_line_is_named(tmp_path):
    good = json.dumps(GOOD)
    assert len(read_rows(saved(tmp_path, f"{good}\n\n{good}\n")).pairs) == 2
    with pytest.raises(BadDataset, match="not valid JSON") as raised:
        read_rows(saved(tmp_path, f"{good}\n{{broken\n{good}\n"))
    assert raised.value.row == 2


def test_a_field_name_with_a_blank_is_read_and_said(tmp_path):
    read = read_rows(saved(tmp_path, json.dumps([{"instruction ": "What?", "output": "x"}])))
    assert read.pairs[0].instruction == "What?"
    assert read.problems[0].repaired and "'instruction '" in read.problems[0].message


@pytest.mark.parametrize(
    "text", ["question,answer\nWhat?,£3\n", "問題;答案\n多少？;三元\n", "instruction\toutput\nWhat?\tx\n"]
)
def test_tables_with_question_and_answer_are_read(tmp_path, text):
    assert len(read_rows(saved(tmp_path, text, "rows.csv")).pairs) == 1


def test_a_table_without_an_answer_column_is_refused(tmp_path):
    with pytest.raises(BadDataset, match="question and an answer column"):
        read_rows(saved(tmp_path, "a,b\n1,2\n", "rows.csv"))


def test_imported_pairs_get_evidence_where_it_is_and_are_unverified_where_not(library, tmp_path):
    rows = [
        {"instruction": "How dear is a missed visit?", "input": "", "output": "£18"},
        {"instruction": "Who painted the ceiling?", "input": "", "output": "Michelangelo Buonarroti"},
        {"instruction": "How dear is a missed visit", "input": "", "output": "£18"},
    ]
    made, problems = import_dataset(library, saved(tmp_path, json.dumps(rows)))
    found = {p.instruction: p for p in made.pairs(dropped=True)}
    assert not problems
    assert found["How dear is a missed visit?"].quote == "£18"
    text = library.document("handbook.md").text
    pair = found["How dear is a missed visit?"]
    assert text[pair.start : pair.end] == "£18"
    assert found["Who painted the ceiling?"].reason == "unverified"
    assert found["How dear is a missed visit"].reason == "duplicate"
    counts = made.card.counts
    assert counts["train"] + counts["dev"] + counts["test"] + counts["dropped"] + counts["unusable"] == 3


def test_imported_pairs_about_a_held_out_section_never_train_and_no_test_question_does(library, tmp_path):
    held = {s.id for s in library.sections() if held_out(s, 0.1)}
    rows = [
        {"instruction": f"What does line {number} of {section.heading} say?", "input": "", "output": unit.text}
        for section in library.sections()
        for number, unit in enumerate(units(section))
    ]
    made, _ = import_dataset(library, saved(tmp_path, json.dumps(rows)))
    trained = list(made.pairs("train"))
    facts = {p.fact_id for p in trained}
    assert held and trained and not [p for p in trained if p.section_id in held]
    for pair in made.pairs("test"):
        assert pair.test_set == ("unseen_wording" if pair.fact_id in facts else "unseen_section")
    with pytest.raises(BadDataset, match="imported"):
        refresh(library, None, made)


# What to expect


def test_few_facts_are_told_to_use_retrieval_only(library, tmp_path):
    made, _ = import_dataset(library, saved(tmp_path, json.dumps([GOOD | {"output": "£18"}])))
    report = check(made)
    assert not report.recommended
    assert "use retrieval only" in next(f.message for f in report.findings if f.kind == "few_facts")


def test_a_check_counts_from_the_rows(dataset, monkeypatch):
    monkeypatch.setattr(expectations, "FEW", 20)
    report = check(dataset)
    assert report.rows == dataset.card.counts["train"]
    assert report.facts == dataset.card.counts["facts"]
    assert report.facts >= 20 and report.recommended
    assert abs(sum(report.shares.values()) - 1) < 0.01
    assert report.tokens > report.rows


def test_more_facts_than_an_adapter_holds_are_warned_of(dataset, monkeypatch):
    monkeypatch.setattr(expectations, "FEW", 20)
    monkeypatch.setattr(expectations, "MANY", 30)
    assert "many_facts" in {f.kind for f in check(dataset).findings}
