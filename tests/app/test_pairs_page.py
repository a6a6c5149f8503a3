"""The pairs page: one button builds, the review changes the disk and counts it, files go out and come in."""

from __future__ import annotations

import json

import pytest

from finetune.pairs.review import Review
from tests.app.test_knowledge_page import settled
from tests.pairs.conftest import DORM, HANDBOOK


@pytest.fixture
def documents(wiring, tmp_path):
    """A knowledge base with an English and a Chinese handbook."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "handbook.md").write_text(HANDBOOK, encoding="utf-8")
    (folder / "宿舍.md").write_text(DORM, encoding="utf-8")
    wiring.library("default").add([folder])
    return folder


@pytest.fixture
def built(wiring, documents):
    """Its dataset."""
    from finetune.pairs import preset
    from finetune.pairs.build import build

    return build(wiring.library("default"), wiring.search("default"), preset("quick"))


def tab(test, name):
    test.segmented_control(key="pairs-tab").set_value(name).run()
    assert not test.exception
    return test


def table(test):
    return next(frame.value for frame in test.dataframe if "Question" in frame.value)


def test_without_documents_the_page_says_where_to_begin(page):
    test = page("pairs")
    assert not test.exception and test.button(key="go-knowledge") and "build" not in [b.key for b in test.button]


def test_one_button_builds_once_however_often_it_is_pressed(page, wiring, documents):
    test = page("pairs")
    test.segmented_control(key="pairs-effort").set_value("quick").run()
    test.button(key="build").click().run()
    settled(test)
    for _ in range(3):
        test.run()
    (made,) = wiring.datasets("default")
    assert made.card.counts["train"] > 20
    assert any(f"{made.card.counts['train']:,}" == metric.value for metric in test.metric)
    assert any("Training rows: " in c.value and "from memory" in c.value for c in test.caption)


def test_a_paused_build_is_offered_to_go_on_and_ends_as_one_dataset(page, wiring, documents):
    from finetune.pairs import preset
    from finetune.pairs.build import build, waiting

    answers = iter([False] * 9)
    library, search = wiring.library("default"), wiring.search("default")
    assert build(library, search, preset("quick"), stop=lambda: next(answers, True)) is None
    (name,) = waiting(wiring.folder("default"))
    test = page("pairs")
    test.button(key=f"resume-{name}").click().run()
    settled(test)
    assert [made.id for made in wiring.datasets("default")] == [name] and not waiting(wiring.folder("default"))


def test_filters_show_what_the_disk_holds(page, wiring, built):
    test = tab(page("pairs"), "review")
    counts = Review(built.folder, wiring.library("default")).counts()
    assert any(f"{sum(counts['status'].values())} pairs" == c.value for c in test.caption)
    test.selectbox(key="filter-status-en").set_value("dropped").run()
    assert any(f"{counts['status']['dropped']} pairs" == c.value for c in test.caption)
    test.selectbox(key="filter-status-en").set_value("").run()
    test.text_input(key="filter-text").set_value("creamery").run()
    found = table(test)
    assert len(found) and all(
        "creamery" in f"{q} {a}".lower() for q, a in zip(found["Question"], found["Answer"], strict=True)
    )


def test_the_check_says_that_few_facts_are_better_retrieved_and_speaks_chinese(page, built, monkeypatch):
    test = tab(page("pairs"), "check")
    for _ in range(20):
        if test.warning or test.success:
            break
        test.run()
    assert test.warning or test.success
    monkeypatch.setenv("DOCGRAFT_LANGUAGE", "zh-TW")
    test = tab(page("pairs"), "check")
    assert any("項事實" in m.value for m in test.markdown) and not test.exception


def test_an_export_is_prepared_and_an_import_becomes_a_dataset_once(page, wiring, built):
    test = tab(page("pairs"), "exchange")
    test.selectbox(key="export-format-en").set_value("openai").run()
    test.button(key="export-prepare").click().run()
    assert not test.exception and test.get("download_button")
    rows = [{"instruction": "When was the old creamery bought?", "input": "", "output": "1986"}]
    test.file_uploader(key="import-0").upload("mine.json", json.dumps(rows).encode()).run()
    test.button(key="import-button").click().run()
    for _ in range(3):
        test.run()
    assert not test.exception and len(wiring.datasets("default")) == 2
    assert wiring.datasets("default")[0].card.settings["imported"]


def test_a_wrong_file_is_refused_with_its_row_and_leaves_no_dataset(page, wiring, built):
    test = tab(page("pairs"), "exchange")
    rows = [{"instruction": "When?", "output": 42}]
    test.file_uploader(key="import-0").upload("bad.json", json.dumps(rows).encode()).run()
    test.button(key="import-button").click().run()
    assert "output" in test.error[0].value and len(wiring.datasets("default")) == 1


def test_the_counts_follow_the_disk_when_a_pair_is_added_or_taken_back_elsewhere(wiring, page, built):
    library = wiring.library("default")
    section = next(s for s in library.sections() if "creamery" in s.text)
    test = tab(page("pairs"), "review")
    before = len(list(built.pairs(dropped=True)))
    work = Review(built.folder, library)
    work.add("Which vet took the old creamery over, back in 1986?", "Dr Alba Thirkettle", section_id=section.id)
    test.run()
    assert any(c.value == f"{before + 1} pairs" for c in test.caption)
    assert work.undo() == "add"
    test.run()
    assert any(c.value == f"{before} pairs" for c in test.caption)


def test_a_pair_of_ones_own_is_refused_with_its_reason_or_kept_and_the_form_is_empty_again(wiring, page, built):
    section = next(s for s in wiring.library("default").sections() if "creamery" in s.text)
    test = page("pairs")
    test.session_state["add-pair"] = True
    test = tab(test, "review")
    for answer, refused in (("ninety-nine yaks", True), ("Dr Alba Thirkettle", False)):
        test.selectbox(key="add-section").set_value(section.id)
        test.text_input(key="add-question").set_value("Which vet took the old creamery over, back in 1986?")
        test.text_input(key="add-answer").set_value(answer)
        test.button(key="add-pair-button").click().run()
        assert [e.value for e in test.error if "does not hold" in e.value] if refused else not test.error
        assert test.text_input(key="add-answer").value == (answer if refused else "")
    assert Review(built.folder, wiring.library("default")).counts()["status"]["edited"] == 1


def test_outdated_pairs_are_counted_and_only_what_changed_is_made_again(page, wiring, built, documents):
    changed = HANDBOOK.replace("50 minutes", "55 minutes")
    (documents / "handbook.md").write_text(changed, encoding="utf-8")
    wiring.library("default").add([documents])
    test = page("pairs")
    assert any("outdated" in m.value for m in test.markdown)
    test.button(key="renew").click().run()
    settled(test)
    newest = wiring.datasets("default")[0]
    assert newest.id != built.id and "55 minutes" in json.dumps([p.model_dump() for p in newest.pairs()])
