"""The knowledge page: adding happens once, results are told, removing removes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from memory.workspace import write_json
from tests.app.conftest import MANUAL


def settled(test, seconds=120.0):
    """Run the page until no job is running."""
    end = time.monotonic() + seconds
    while any(str(b.key).startswith("stop-") for b in test.button) and time.monotonic() < end:
        time.sleep(0.05)
        test.run()
    assert not test.exception
    return test


def upload(test, *files):
    uploader = next(u for u in test.file_uploader if str(u.key).startswith("upload-"))
    for name, data in files:
        uploader.upload(name, data)
    test.run()
    test.button(key="add-upload").click().run()
    return settled(test)


def names(wiring):
    return [d.name for d in wiring.library("default").documents()]


def everything(folder: Path):
    return {p for p in folder.rglob("*") if p.is_file()}


def test_an_upload_is_added_once_however_often_the_page_reruns(page, wiring):
    test = upload(page("knowledge"), ("kettle.md", MANUAL.encode()))
    for _ in range(5):
        test.run()
    assert names(wiring) == ["kettle.md"]
    assert any("1 added" in m.value for m in test.markdown)


def test_a_removed_document_does_not_come_back_on_the_next_rerun(page, wiring):
    test = upload(page("knowledge"), ("kettle.md", MANUAL.encode()))
    (document,) = wiring.library("default").documents()
    assert any("kettle" in expander.label for expander in test.expander)
    wiring.library("default").remove(document.id)
    for _ in range(3):
        test.run()
    assert not test.exception and names(wiring) == []


@pytest.mark.parametrize(
    "name", ["../../out.txt", "/tmp/abs-docgraft.txt", "..\\..\\out.txt", "a%2f..%2fout.txt", "x\x00.txt", "CON.txt"]
)
def test_an_uploads_name_is_only_ever_shown(page, wiring, tmp_path, name):
    before = everything(tmp_path)
    upload(page("knowledge"), (name, b"The gate opens at nine.\n"))
    new = everything(tmp_path) - before
    assert all(path.is_relative_to(wiring.home.root) for path in new)
    assert not Path("/tmp/abs-docgraft.txt").exists() and not any("out.txt" in path.name for path in new)


def test_a_folder_is_read_from_disk(page, wiring, manual):
    test = page("knowledge")
    test.segmented_control(key="way").set_value("folder").run()
    test.text_input(key="folder").set_value(str(manual.parent)).run()
    test.button(key="add-folder").click().run()
    settled(test)
    assert "kettle.md" in [Path(n).name for n in names(wiring)]


def test_removing_says_which_pairs_and_adapters_still_know_it(page, wiring, manual):
    library = wiring.library("default")
    library.add([manual])
    document = library.documents()[0]
    write_json(library.folder.datasets / "d-123456" / "card.json", {"id": "d-123456"})
    (library.folder.datasets / "d-123456" / "pairs.jsonl").write_text(json.dumps({"document_id": document.id}) + "\n")
    write_json(library.folder.runs / "r1" / "adapter" / "adapter.json", {"id": "r1", "dataset": "d-123456"})
    test = page("knowledge")
    test.session_state[f"document-{document.id}"] = True
    test.run()
    test.button(key=f"remove-sure-{document.id}").click().run()
    (told,) = (w.value for w in test.warning)
    assert "dataset 123456 (pairs: 1); adapter r1" in told.replace("\\", "")


def test_an_address_of_the_private_network_is_refused_with_a_reason(page, wiring):
    test = page("knowledge")
    test.segmented_control(key="way").set_value("web").run()
    test.text_input(key="web").set_value("http://127.0.0.1:9/secret").run()
    test.button(key="add-web").click().run()
    settled(test)
    assert names(wiring) == [] and (test.error or test.dataframe)


def test_the_upload_limit_is_stated_beside_the_uploader(page, monkeypatch):
    monkeypatch.setenv("DOCGRAFT_SERVER__UPLOAD_MB", "7")
    test = page("knowledge")
    assert "7 MB" in test.file_uploader[0].label and "path" in test.file_uploader[0].help


def test_a_name_that_is_a_path_cannot_be_a_knowledge_base(page, wiring, tmp_path):
    test = page("knowledge")
    before = everything(tmp_path)
    test.selectbox(key="base-picker-default").set_value("＋").run()
    test.text_input(key="new-base-name").set_value("../../evil")
    next(b for b in test.button if b.label == "Create").click().run()
    assert test.error and not test.exception
    assert {p for p in everything(tmp_path) - before if "evil" in str(p)} == set()


def test_a_new_knowledge_base_is_made_and_looked_at(page, wiring):
    test = page("knowledge")
    test.selectbox(key="base-picker-default").set_value("＋").run()
    test.text_input(key="new-base-name").set_value("handbooks")
    next(b for b in test.button if b.label == "Create").click().run()
    assert test.selectbox(key="base-picker-handbooks").value == "handbooks"


def test_a_trial_search_shows_what_a_question_would_find(page, wiring, manual):
    wiring.library("default").add([manual])
    test = page("knowledge")
    test.text_input(key="trial-question").set_value("warranty of the kettle").run()
    assert not test.exception and any("relevance" in c.value for c in test.caption)


def test_reindexing_is_a_job_with_a_result(page, wiring, manual):
    wiring.library("default").add([manual])
    test = page("knowledge")
    test.button(key="reindex").click().run()
    settled(test)
    assert any("rebuilt" in s.value for s in test.success)


def test_every_section_can_be_looked_at_though_headings_repeat(page, wiring, tmp_path):
    (tmp_path / "rules.md").write_text("# Rules\n\n## Fees\n\nFive euros.\n\n## Fees\n\nNine euros.\n", "utf-8")
    wiring.library("default").add([tmp_path / "rules.md"])
    (document,) = wiring.library("default").documents()
    test = page("knowledge")
    test.session_state[f"document-{document.id}"] = True
    test.run()
    box = test.selectbox(key=f"section-{document.id}")
    assert len(set(box.options)) == len(box.options)
    assert "Nine euros" in " ".join(h.proto.body for h in box.set_value(len(box.options) - 1).run().get("html"))
